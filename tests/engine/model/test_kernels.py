"""The decoder with this project's kernels for norms, rotation, cache writes and SwiGLU, in Triton's interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.core.batch import Batch
from engine.core.settings import Observation, RequestSpec, RunSpec, Switches
from engine.figures import metrics
from engine.model.loader import LoadedModel
from tests.engine.drive import drive, session_of, tokens_of
from tests.engine.model.checkpoints import KINDS, VOCAB, save_checkpoint
from tests.engine.model.forward import cache_of, greedy, load, run

PROMPT = torch.randint(3, VOCAB, (9,), generator=torch.Generator().manual_seed(11)).tolist()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_family_says_the_same_with_them(kind: str, tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, kind)
    plain, fused = load(folder), load(folder, kernels=True)
    batch = Batch.of([(0, 0, PROMPT)], list(range(len(PROMPT))))
    for kv in ("contiguous", "paged"):
        true = run(plain, cache_of(plain, kv), "reference", batch)
        assert torch.allclose(run(fused, cache_of(fused, kv), "reference", batch), true, atol=1e-5, rtol=1e-4)
    tokens = greedy(plain, cache_of(plain, "paged"), "reference", PROMPT, 4)
    assert greedy(fused, cache_of(fused, "paged"), "triton", PROMPT, 4) == tokens


@pytest.mark.parametrize("batching", ["static", "continuous"])
def test_batches_with_padding_and_shared_prefixes_too(tmp_path: Path, tiny_model: LoadedModel, batching: Any) -> None:
    fused = load(tiny_model.path, kernels=True)
    requests = tuple(RequestSpec("abcabcabc" + "xyz"[i], 2 + 2 * i, ignore_eos=True) for i in range(3))
    spec = RunSpec(requests, Switches(kv="paged", batching=batching, block_size=4, max_batch=2, graphs=False))
    assert tokens_of(drive(fused, spec)) == tokens_of(drive(tiny_model, spec))


def test_one_launch_that_rotates_and_writes_is_timed_as_the_write(tiny_model: LoadedModel) -> None:
    fused = load(tiny_model.path, kernels=True)
    request = (RequestSpec("ab", 3, ignore_eos=True),)
    for kv, rotates in (("paged", False), ("contiguous", True)):
        spec = RunSpec(request, Switches(kv=kv, graphs=False), Observation("phase"))  # type: ignore[arg-type]
        phases = metrics.summarise(session_of(drive(fused, spec))).phases_s
        assert (phases["rope"] > 0, phases["kv_write"] > 0) == (rotates, True)
