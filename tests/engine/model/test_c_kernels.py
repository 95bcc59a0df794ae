"""Every family, all of it through the C kernels, and all of it without them, is what transformers computes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.core.batch import Batch
from engine.model.linear import StreamedLinear
from kernels.cpu import library
from tests.engine.attentions import PASSES
from tests.engine.model.checkpoints import (
    KINDS,
    VOCAB,
    reference_greedy,
    reference_logits,
    reference_model,
    save_checkpoint,
)
from tests.engine.model.forward import cache_of, greedy, load, run

UNEVEN = {"hidden_size": 84, "intermediate_size": 71, "head_dim": 16, "initializer_range": 0.3 * 0.5**0.5}
"""Sizes that no vector divides (GPT-2: ffn = 4 · hidden), the gain as at half the width."""
PROMPT = torch.randint(3, VOCAB, (30,), generator=torch.Generator().manual_seed(7)).tolist()
streams = pytest.mark.skipif(library.unavailable() is not None, reason=f"no C kernels: {library.unavailable()}")


@pytest.fixture(params=[pytest.param(True, marks=streams, id="C"), pytest.param(False, id="PyTorch")])
def c_kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With them, or as on a machine without a compiler."""
    if not request.param:
        monkeypatch.setattr(library, "unavailable", lambda: "There is no C compiler.")
    return bool(request.param)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_family_is_what_transformers_computes(kind: str, c_kernels: bool, tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, kind, UNEVEN)
    model, reference = load(folder), reference_model(folder)
    forms = [type(part) for layer in model.decoder.layers for part in layer.linears]
    assert forms.count(StreamedLinear) == (len(forms) if c_kernels else 0)
    logits = run(model, cache_of(model, "paged"), "sdpa", Batch.of([(0, 0, PROMPT)], list(range(30))))
    assert float((logits - reference_logits(reference, PROMPT)).abs().max()) < 1e-4
    theirs = reference_greedy(reference, PROMPT[:5], 32)
    for kv in ("none", "contiguous"):
        for attention in PASSES if c_kernels else ("sdpa",):
            assert greedy(model, cache_of(model, kv), attention, PROMPT[:5], 32) == theirs


@streams
def test_float32_runs_on_weights_stored_as_bfloat16_exactly(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, "llama", UNEVEN, torch.bfloat16)
    model, reference = load(folder), reference_model(folder)
    assert model.weight_bytes < 3 * model.config.parameters
    logits = run(model, cache_of(model, "contiguous"), "sdpa", Batch.of([(0, 0, PROMPT)], list(range(30))))
    assert float((logits - reference_logits(reference, PROMPT)).abs().max()) < 1e-4
