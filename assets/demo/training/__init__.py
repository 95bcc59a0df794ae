"""How the demo pair was trained: tokenizer, corpus, decoder, loss, optimiser, training, distillation, evaluation."""
