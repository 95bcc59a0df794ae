"""The training program: the same seed gives the same weights, interrupted or not; losses equal PyTorch's own."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional

from assets.demo.training.checkpoint import export, load_decoder
from assets.demo.training.corpus import Batches, Corpus
from assets.demo.training.decoder import Decoder, Shape
from assets.demo.training.evaluate import greedy_acceptance
from assets.demo.training.generate import continue_texts
from assets.demo.training.loop import Settings
from assets.demo.training.loss import cross_entropy, distillation
from assets.demo.training.tokenizer import load_tokenizer, train_tokenizer
from assets.demo.training.train import train

SHAPE = Shape(300, 32, 48, 2, 4, 2, 8, 64)
SETTINGS = Settings(
    seed=3, steps=6, batch=64, length=16, long_length=32, long_share=0.34, warmup=2, dropout=0.1, save_every=100
)


def corpus() -> Corpus:
    draw = torch.Generator().manual_seed(0)
    stories = [torch.cat((torch.zeros(1, dtype=torch.int64), torch.randint(1, 300, (90,), generator=draw)))]
    return Corpus(stories * 8, stories)


def weights(model: Decoder) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    runs = [
        weights(train(SHAPE, settings, corpus(), tmp_path / name))
        for name, settings in (
            ("a", SETTINGS),
            ("b", SETTINGS),
            ("c", Settings(**{**vars(SETTINGS), "seed": 4})),
        )
    ]
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])
    assert not all(torch.equal(runs[0][name], runs[2][name]) for name in runs[0])


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = weights(train(SHAPE, SETTINGS, corpus(), tmp_path / "whole"))
    train(SHAPE, SETTINGS, corpus(), tmp_path / "parts", stop_at=3)
    resumed = weights(train(SHAPE, SETTINGS, corpus(), tmp_path / "parts"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_every_token_of_an_epoch_is_a_label_once_and_labels_follow_inputs() -> None:
    batches = Batches(corpus().train, 16, 2, seed=1)
    tokens, labels = batches(0)
    assert tokens.shape == labels.shape == (2, 16)
    assert torch.equal(tokens[:, 1:], labels[:, :-1])


def test_the_loss_and_its_gradients_are_those_of_pytorch() -> None:
    draw = torch.Generator().manual_seed(1)
    hidden = torch.randn(700, 24, generator=draw, requires_grad=True)
    table = torch.randn(50, 24, generator=draw, requires_grad=True)
    labels = torch.randint(50, (700,), generator=draw)
    ours = cross_entropy(hidden, table, labels)
    found = torch.autograd.grad(ours, (hidden, table))
    theirs = functional.cross_entropy(hidden @ table.t(), labels)
    wanted = torch.autograd.grad(theirs, (hidden, table))
    torch.testing.assert_close(ours, theirs)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_distillation_without_sharpness_is_cross_entropy_against_the_teachers_distribution() -> None:
    draw = torch.Generator().manual_seed(2)
    hidden = torch.randn(60, 8, generator=draw, requires_grad=True)
    table = torch.randn(40, 8, generator=draw, requires_grad=True)
    teacher = torch.randn(60, 12, generator=draw), torch.randn(40, 12, generator=draw)
    ours = distillation(hidden, table, teacher, 0.0)
    found = torch.autograd.grad(ours, (hidden, table))
    theirs = functional.cross_entropy(hidden @ table.t(), torch.softmax(teacher[0] @ teacher[1].t(), -1))
    wanted = torch.autograd.grad(theirs, (hidden, table))
    torch.testing.assert_close(ours, theirs)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_an_exported_model_is_the_same_model_in_transformers(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    train_tokenizer(["a king and a queen"] * 3, 300, 64, tmp_path)
    torch.manual_seed(5)
    export(tmp_path / "model", Decoder(SHAPE), tmp_path)
    ours = load_decoder(tmp_path / "model", torch.float32)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32).eval()
    ids = torch.randint(300, (2, 20), generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        torch.testing.assert_close(ours(ids) @ ours.embedding.t(), theirs(ids).logits, atol=1e-4, rtol=1e-4)
    assert load_tokenizer(tmp_path / "model").token_to_id("<|endoftext|>") == 0


def test_acceptance_counts_a_draft_that_is_the_target_as_always_right() -> None:
    torch.manual_seed(7)
    model = Decoder(SHAPE, dtype=torch.float32).eval()
    texts, _ = continue_texts(model, torch.tensor([[0, 5, 9]]), 17, 0.0)
    result = greedy_acceptance(model, texts, 3, 4)
    assert result.rate == 1.0
    assert (result.drafts, result.drafted, result.length) == (4, 14, 4.5)  # windows of 4, 4, 4 and the 2 that are left
