"""The back ends that read K and V where the cache keeps them give the tokens of `reference`, whatever they meet.

Those are this project's kernels: Triton's, in the interpreter, and C.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.attention.build import make_attention
from engine.attention.reference import reference_attention
from engine.cache.build import make_cache
from engine.core.batch import Batch, Span
from engine.core.kv_cache import commit_batch
from engine.core.positions import PADDING_REQUEST
from engine.core.settings import Observation, Probe, RequestSpec, RunSpec, SwitchChange, Switches
from engine.model.config import ModelConfig
from engine.model.loader import LoadedModel
from engine.session.schema import AttentionRow
from tests.engine.attention.stepping import CACHES, PROMPT, TEXTS, attended, kernels_of
from tests.engine.attentions import NATIVE
from tests.engine.drive import drive, tokens_of
from tests.engine.model.checkpoints import KINDS, save_checkpoint
from tests.engine.model.forward import cache_of, greedy, load

back_ends = pytest.mark.parametrize("name", ["triton", *NATIVE])


@pytest.mark.parametrize("kind", sorted(KINDS))
@back_ends
def test_every_family_says_what_it_says_by_the_reference(name: str, kind: str, tmp_path: Path) -> None:
    model = load(save_checkpoint(tmp_path, kind))
    plain = greedy(model, cache_of(model, "none"), "reference", PROMPT, 3)
    for kv in CACHES:
        assert greedy(model, cache_of(model, kv, block_size=4), name, PROMPT, 3) == plain


@pytest.mark.parametrize("speculate", ["off", "draft", "ngram"])
@pytest.mark.parametrize("batching", ["single", "static", "continuous"])
@pytest.mark.parametrize("kv", CACHES)
@back_ends
def test_every_combination_says_what_the_reference_says(
    name: Any, tiny_model: LoadedModel, tiny_draft: LoadedModel, kv: Any, batching: Any, speculate: Any
) -> None:
    requests = tuple(RequestSpec(text, 2 + 2 * index, ignore_eos=True) for index, text in enumerate(TEXTS))
    switches = Switches(kv=kv, attention=name, batching=batching, speculate=speculate, k=2, max_batch=2)
    events = drive(tiny_model, RunSpec(requests, switches), draft=tiny_draft)
    plain = drive(tiny_model, RunSpec(requests, Switches(attention="reference")))
    assert tokens_of(events) == tokens_of(plain)
    ran = set(kernels_of(events))
    assert ran <= {f"{name}:prefill", f"{name}:decode", f"{name}:prefill+decode"}
    assert f"{name}:decode" in ran or kv == "none"


@pytest.mark.parametrize("seed", range(3))
@back_ends
def test_flipping_to_it_and_away_changes_no_token(
    name: Any, tiny_model: LoadedModel, tiny_draft: LoadedModel, seed: int
) -> None:
    rng = random.Random(seed)
    flips: dict[str, tuple[Any, ...]] = {
        "kv": CACHES, "attention": (name, "sdpa"), "speculate": ("off", "ngram", "draft"),
        "batching": ("single", "static", "continuous"), "block_size": (1, 4, 16),
    }  # fmt: skip
    requests = tuple(RequestSpec(text, rng.randint(5, 12), ignore_eos=True) for text in TEXTS)
    names = rng.choices(list(flips), k=6)
    changes = tuple(SwitchChange(rng.randint(0, 16), {name: rng.choice(flips[name])}) for name in names)
    run = RunSpec(requests, Switches(attention=name, batching="continuous", k=3), switch_at=changes)
    events = drive(tiny_model, run, draft=tiny_draft)
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(requests)))


@back_ends
def test_each_step_records_the_kernels_that_ran(name: Any, tiny_model: LoadedModel) -> None:
    one = RunSpec((RequestSpec("abc", 3, ignore_eos=True),), Switches(attention=name))
    assert kernels_of(drive(tiny_model, one)) == [f"{name}:prefill", f"{name}:decode", f"{name}:decode"]
    mixed = attended(name, "paged", ([(0, 0, [1, 2, 3])], [(1, 0, [1, 2]), (0, 3, [1])]))
    assert mixed.kernel == f"{name}:prefill+decode"


@pytest.mark.parametrize("kv", CACHES)
@back_ends
def test_padding_between_requests_and_windows_change_nothing(name: str, kv: Any) -> None:
    torch.manual_seed(0)
    config = ModelConfig("x", 2, 48, 6, 2, 8, 8, 50, 128, sliding_window=5, window_layers=(1,))
    cache = make_cache(Switches(kv=kv, block_size=4), config, torch.device("cpu"), torch.float32)
    attention = make_attention(name, config)
    cache.admit(0, 30)
    cache.admit(1, 17)
    steps = [
        [(0, 0, [1] * 9), (PADDING_REQUEST, 0, [0] * 3), (1, 0, [1] * 6)],
        [(0, 9, [1] * 3), (PADDING_REQUEST, 0, [0]), (1, 6, [1])],
        [(1, 7, [1] * 2), (PADDING_REQUEST, 0, [0] * 2), (0, 12, [1])],
    ]
    known: dict[int, list[torch.Tensor]] = {0: [], 1: []}  # by request: K and V of both layers, [2, 2, n, 2, 8]
    for parts in steps if kv != "none" else steps[:1]:
        batch = Batch.of(parts)
        kv = cache.begin(batch)
        both = torch.randn(2, 2, batch.token_ids.shape[0], 2, 8)
        q = torch.randn(batch.token_ids.shape[0], 6, 8)
        for span in batch.spans:
            if span.request_id >= 0:
                known[span.request_id].append(both[:, :, span.rows])
        for layer in range(2):
            kv.write(layer, both[layer, 0], both[layer, 1])
            out = attention(q, kv, layer, batch)
            assert bool(out.isfinite().all())
            for span in batch.spans:
                if span.request_id >= 0:
                    k, v = torch.cat(known[span.request_id], 2)[layer].transpose(1, 2)
                    true = reference_attention(q[span.rows], k, v, config.window(layer))
                    assert torch.allclose(out[span.rows], true, atol=1e-5)
        commit_batch(cache, batch)


@pytest.mark.parametrize(("kv", "head"), [("none", 2), ("contiguous", 2), ("paged", None)])
@back_ends
def test_the_probes_rows_are_those_that_the_reference_has(
    name: Any, tiny_model: LoadedModel, kv: Any, head: int | None
) -> None:
    def rows_of(attention: Any) -> dict[tuple[int, int, int], list[float]]:
        requests = tuple(RequestSpec(text, 3, ignore_eos=True) for text in TEXTS)
        switches = Switches(kv=kv, attention=attention, batching="static", block_size=4)
        events = drive(tiny_model, RunSpec(requests, switches, Observation("step", Probe(1, head))))
        rows = [event for event in events if isinstance(event, AttentionRow)]
        return {(r.request_id, r.head, r.position): np.frombuffer(r.probs, np.float16).tolist() for r in rows}

    mine, theirs = rows_of(name), rows_of("reference")
    assert mine.keys() == theirs.keys()
    assert len(mine) == (1 if head is not None else 4) * sum(len(text) + 3 for text in TEXTS)
    for key, row in mine.items():
        assert row == pytest.approx(theirs[key], abs=1e-3)


@back_ends
def test_a_cache_that_no_kernel_can_read_is_an_error_and_not_taken_for_none(name: str) -> None:
    class Elsewhere:
        def write(self, layer: int, k: torch.Tensor, v: torch.Tensor) -> None:
            pass

        def slot_mapping(self, layer: int) -> None:
            pass

        def keys_values(self, layer: int, span: Span) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.zeros(2, span.end, 8), torch.zeros(2, span.end, 8)

    batch = Batch.of([(0, 0, [1, 2])])
    with pytest.raises(TypeError, match="cannot read K and V from Elsewhere"):
        make_attention(name)(torch.randn(2, 4, 8), Elsewhere(), 0, batch)
