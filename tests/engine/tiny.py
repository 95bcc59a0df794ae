"""Tiny random Llama checkpoints with a byte tokenizer, made by transformers, for tests of the whole engine."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM

BOS, EOS = 256, 257
VOCAB = 260


def save_tiny_llama(
    folder: Path, *, layers: int = 2, hidden: int = 32, seed: int = 0, max_positions: int = 256, vocab: int = VOCAB
) -> Path:
    """A Llama of `layers` layers with 4 query and 2 KV heads, random weights wide enough that text varies."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocab, hidden_size=hidden, intermediate_size=3 * hidden, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=max_positions, bos_token_id=BOS,
        eos_token_id=EOS, tie_word_embeddings=True, initializer_range=0.3,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    byte_level = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {**{char: index for index, char in enumerate(byte_level)}, "<s>": BOS, "</s>": EOS}
    tokenizer = Tokenizer(models.BPE(words, []))
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", BOS)])
    tokenizer.save(str(folder / "tokenizer.json"))
    facts = {"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(facts))
    return folder


def greedy_tokens(folder: Path, prompt_ids: list[int], count: int) -> list[int]:
    """What transformers generates greedily in float32, end-of-text ignored."""
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config.eos_token_id = None
    out = model.generate(
        torch.tensor([prompt_ids]), attention_mask=torch.ones(1, len(prompt_ids), dtype=torch.int64),
        max_new_tokens=count, do_sample=False, pad_token_id=0,
    )  # fmt: skip
    tokens: list[int] = out[0, len(prompt_ids) :].tolist()
    return tokens


def disturb(source: Path, folder: Path, amount: float) -> None:
    """Save a copy of a checkpoint whose weights have noise of `amount` added."""
    model = LlamaForCausalLM.from_pretrained(source, dtype=torch.float32)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(amount * torch.randn_like(weight))
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((source / name).read_bytes())
