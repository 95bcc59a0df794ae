"""The compiled step: what it computes is what the pass operation by operation computes, and its times add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.core.batch import Batch, Span
from engine.core.kv_cache import KVCache, commit_batch
from engine.core.positions import PADDING_REQUEST
from engine.core.sampling import Sampling
from engine.core.settings import Observation, Probe, RequestSpec, RunSpec, SwitchChange, Switches
from engine.core.timing import NoTimer
from engine.graphs.compiled import CompiledForward, unavailable
from engine.measure.host_timer import HostTimer
from engine.model.loader import LoadedModel
from engine.session.schema import PHASES, AttentionRow, Mark, Step
from kernels.cpu import library
from tests.engine.drive import drive, tokens_of
from tests.engine.model import forward
from tests.engine.model.checkpoints import KINDS, VOCAB, reference_logits, reference_model, save_checkpoint
from tests.engine.model.forward import load

pytestmark = pytest.mark.skipif(library.unavailable() is not None, reason=f"no C kernels: {library.unavailable()}")

TEXTS = {
    owner: torch.randint(3, VOCAB, (60,), generator=torch.Generator().manual_seed(owner)).tolist() for owner in range(4)
}
INSIDE = ("embed", "norm", "qkv", "rope", "kv_write", "attention", "attn_out", "ffn", "lm_head")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def cache_of(model: LoadedModel, kv: str) -> KVCache:
    switches = Switches(kv=kv, block_size=4, batching="continuous", max_batch=8)  # type: ignore[arg-type]
    cache = make_cache(switches, model.config, model.device, model.dtype)
    for owner in TEXTS:
        cache.admit(owner, 64)
    return cache


def batches(kv: str) -> list[Batch]:
    """Prompts of several requests, then steps that mix decode, drafts, prompts and padding."""
    if kv == "none":
        steps = [[(0, 0, 30)], [(0, 0, 31), (1, 0, 3)], [(2, 0, 1), (PADDING_REQUEST, 0, 5), (1, 0, 9)]]
    else:
        steps = [
            [(0, 0, 20), (1, 0, 3)],
            [(0, 20, 1), (1, 3, 1)],
            [(0, 21, 4), (2, 0, 17), (1, 4, 1), (PADDING_REQUEST, 0, 6)],
            [(2, 17, 1)],
            [(0, 25, 1), (1, 5, 1), (2, 18, 1), (3, 0, 1), (PADDING_REQUEST, 0, 1), (PADDING_REQUEST, 0, 1)],
            [(0, 24, 3), (3, 1, 40)],
        ]  # fmt: skip
    return [
        Batch.of(
            [(owner, first, TEXTS.get(owner, TEXTS[0])[first : first + count]) for owner, first, count in parts],
            list(range(sum(count for _, _, count in parts))),
        )
        for parts in steps
    ]


def run(model: LoadedModel, kv: str, attention: str) -> list[Tensor]:
    """The logits of each batch; `attention` "compiled" is the compiled step."""
    cache = cache_of(model, kv)
    compiled = CompiledForward(model.decoder) if attention == "compiled" else None
    back_end = make_attention("reference" if compiled else attention, model.config)
    logits = []
    for batch in batches(kv):
        view = cache.begin(batch)
        if compiled is not None:
            logits.append(compiled(batch, view, NoTimer()))
        else:
            logits.append(model.decoder.forward(batch, view, back_end, NoTimer()))
        commit_batch(cache, batch)
    return logits


@pytest.mark.parametrize("kv", ["none", "contiguous", "paged"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_logits_are_those_of_the_pass_operation_by_operation(kind: str, kv: str, tmp_path: Path) -> None:
    """Padding rows too: they attend to each other."""
    model = load(save_checkpoint(tmp_path, kind))
    assert unavailable(model.decoder) is None
    for ours, theirs in zip(run(model, kv, "compiled"), run(model, kv, "reference"), strict=True):
        assert float((ours - theirs).abs().max()) < 2e-4
        assert (ours.argmax(-1) == theirs.argmax(-1)).all()


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma3-linear-rope"])
def test_threads_and_neighbours_change_no_bit(kind: str, tmp_path: Path) -> None:
    model = load(save_checkpoint(tmp_path, kind))
    torch.set_num_threads(1)
    alone = run(model, "paged", "compiled")
    for threads in (2, 5):
        torch.set_num_threads(threads)
        for one, more in zip(alone, run(model, "paged", "compiled"), strict=True):
            assert torch.equal(one, more)
    cache, compiled = cache_of(model, "contiguous"), CompiledForward(model.decoder)
    batch = Batch.of([(0, 0, TEXTS[0][:20])], list(range(20)))
    assert torch.equal(compiled(batch, cache.begin(batch), NoTimer()), alone[0][:20])


def test_bfloat16_is_nearer_to_float32_than_operation_by_operation(tmp_path: Path) -> None:
    """Sums, norms and the residual stream stay float32."""
    folder = save_checkpoint(tmp_path, "llama", dtype=torch.bfloat16)
    model, reference = load(folder, "bfloat16"), reference_model(folder)
    ids = TEXTS[0][:20]
    batch = Batch.of([(0, 0, ids)], list(range(20)))
    theirs = reference_logits(reference, ids)
    compiled = CompiledForward(model.decoder)(batch, cache_of(model, "paged").begin(batch), NoTimer())
    eager = forward.run(model, cache_of(model, "paged"), "sdpa", batch)
    error, their_error = (float((one - theirs).abs().mean()) for one in (compiled, eager))
    assert error < their_error
    assert their_error < 0.2


def test_half_precision_runs_operation_by_operation_and_says_why(tmp_path: Path) -> None:
    model = load(save_checkpoint(tmp_path, "llama"), "float16")
    assert unavailable(model.decoder) == "it was not written for float16 activations"


# --- in a run -----------------------------------------------------------------------------------------------------


def launches(events: Sequence[object]) -> list[str]:
    return [event.launch for event in events if isinstance(event, Step)]


def spec(switches: Switches, *changes: SwitchChange, **observed: object) -> RunSpec:
    requests = tuple(RequestSpec(text, 16, ignore_eos=True) for text in ("one", "a second one", "three"))
    return RunSpec(requests, switches, Observation(**observed), tuple(changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("speculate", ["off", "ngram", "draft"])
@pytest.mark.parametrize("batching", ["single", "static", "continuous"])
@pytest.mark.parametrize("kv", ["none", "contiguous", "paged"])
def test_tokens_are_those_operation_by_operation(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, kv: str, batching: str, speculate: str
) -> None:
    base = Switches(kv=kv, batching=batching, speculate=speculate, max_batch=3)  # type: ignore[arg-type]
    compiled = drive(tiny_model, spec(base), draft=tiny_draft)
    eager = drive(tiny_model, spec(base.changed(graphs=False, attention="reference")), draft=tiny_draft)
    assert set(launches(compiled)) == {"compiled"}
    assert set(launches(eager)) == {"eager"}
    assert tokens_of(compiled) == tokens_of(eager)


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_it_is_flipped_while_a_run_goes_on(tiny_model: LoadedModel, temperature: float) -> None:
    """The cache stays: a step after a flip computes no position again."""
    changes = [SwitchChange(step, {"graphs": step % 2 == 0}) for step in range(3, 12)]
    request = RequestSpec("one", 16, ignore_eos=True, sampling=Sampling(temperature))
    events = drive(tiny_model, RunSpec((request,), Switches(kv="paged"), switch_at=tuple(changes)))
    plain = drive(tiny_model, RunSpec((request,), Switches(kv="paged", graphs=False)))
    assert tokens_of(events) == tokens_of(plain)
    ran = launches(events)
    assert [ran[change.step] for change in changes] == [
        "compiled" if change.changes["graphs"] else "eager" for change in changes
    ]
    assert all(event.positions_recomputed == 0 for event in events if isinstance(event, Step))


def test_with_another_attention_it_waits_and_replaces_nothing(tiny_model: LoadedModel) -> None:
    changes = SwitchChange(4, {"attention": "sdpa"}), SwitchChange(8, {"attention": "native"})
    events = drive(tiny_model, RunSpec((RequestSpec("one", 12, ignore_eos=True),), Switches(), switch_at=changes))
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.launch for step in steps] == ["compiled"] * 4 + ["eager"] * 4 + ["compiled"] * 4
    assert [step.attention_kernel.partition(":")[0] for step in steps] == ["native"] * 4 + ["sdpa"] * 4 + ["native"] * 4


@pytest.mark.parametrize("kv", ["none", "contiguous", "paged"])
def test_attention_is_recorded_as_operation_by_operation(tiny_model: LoadedModel, kv: str) -> None:
    rows = []
    for graphs in (True, False):
        switches = Switches(kv=kv, graphs=graphs, batching="static", max_batch=3)  # type: ignore[arg-type]
        events = drive(tiny_model, spec(switches, probe=Probe(1, None)))
        assert set(launches(events)) == {"compiled" if graphs else "eager"}
        found = [event for event in events if isinstance(event, AttentionRow)]
        rows.append({(row.request_id, row.head, row.position): np.frombuffer(row.probs, np.float16) for row in found})
    assert rows[0].keys() == rows[1].keys()
    assert len(rows[0]) > 4 * 16
    assert all(np.abs(probs.astype(float) - rows[1][key]).max() < 2e-3 for key, probs in rows[0].items())


@pytest.mark.parametrize("graphs", [True, False])
def test_a_teacher_forced_pass_runs_as_the_steps_do(tiny_model: LoadedModel, graphs: bool) -> None:
    """Otherwise a comparison with the steps would compare two ways to launch a pass, too."""
    request = RequestSpec("one", 12, ignore_eos=True)
    events = drive(tiny_model, RunSpec((request,), Switches(graphs=graphs), teacher_pass=True))
    steps = [event for event in events if isinstance(event, Step)]
    assert steps[-1].kind == "teacher"
    assert steps[-1].attention_kernel == "native:prefill"
    assert {step.launch for step in steps} == {"compiled" if graphs else "eager"}
    assert [event.label for event in events if isinstance(event, Mark) and event.kind == "teacher"] == [
        "request 0: 12 of 12 tokens agree"
    ]


# --- its times ----------------------------------------------------------------------------------------------------


def phases_of(step: Step) -> NDArray[np.float32]:
    return np.frombuffer(step.phases, np.float32).reshape(-1, len(PHASES))


@pytest.mark.parametrize("detail", ["phase", "layer"])
def test_the_phases_are_those_of_a_step_that_is_not_compiled(tiny_model: LoadedModel, detail: str) -> None:
    """The same phases in the same rows, and together the step's time."""
    seen = {}
    for graphs in (True, False):
        events = drive(tiny_model, spec(Switches(graphs=graphs, attention="native"), detail=detail))
        steps = [event for event in events if isinstance(event, Step)]
        tables = [phases_of(step) for step in steps]
        for step, table in zip(steps, tables, strict=True):
            assert abs(table.sum() * 1e3 / (step.end_ns - step.start_ns) - 1) < 0.03
            assert (table >= 0).all()
        whole = np.sum(tables, axis=0)
        seen[graphs] = {(row, PHASES[phase]) for row, phase in zip(*np.nonzero(whole), strict=True)}
    assert seen[True] == seen[False]


def test_what_is_timed_inside_is_no_longer_than_the_call(tiny_model: LoadedModel) -> None:
    timer, compiled = HostTimer(tiny_model.config.layers, by_layer=True), CompiledForward(tiny_model.decoder)
    cache = make_cache(Switches(), tiny_model.config, tiny_model.device, tiny_model.dtype)
    cache.admit(0, 40)
    batch = Batch.of([(0, 0, list(range(3, 33)))])
    timer.begin()
    compiled(batch, cache.begin(batch), timer)
    first = timer.spent_us()
    assert {PHASES[phase] for phase in np.nonzero(first.sum(0))[0]} == {"prepare", *INSIDE}
    timer.begin()
    assert timer.spent_us().sum() == 0.0


def test_spans_keep_their_rows() -> None:
    """The batches above hold each row once, as the native call wants them."""
    for kv in ("none", "paged"):
        for batch in batches(kv):
            ends = [(span.row, span.row + span.length) for span in batch.spans]
            assert all(end == start for (_, end), (start, _) in pairwise(ends))
            assert isinstance(batch.spans[0], Span)
