"""`bytes_moved` of the steps of real runs: stored weights, looked-up rows, K and V, of the model and of its draft."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.core.settings import RequestSpec, RunSpec, Sampling, SwitchChange, Switches
from engine.decode.draft import DraftProposer
from engine.figures.phase_cost import phase_costs
from engine.graphs.device import PlainDevice
from engine.host.model_facts import model_meta
from engine.session.schema import PHASES, SessionStarted, Step, Work
from engine.session.store import STEP_KINDS
from kernels.cpu import library
from tests.engine.drive import drive, session_of
from tests.engine.model.checkpoints import save_checkpoint
from tests.engine.model.forward import load

EVEN = {"hidden_size": 96, "intermediate_size": 64, "head_dim": 16}
PROMPTS = ("t3 t4 t5 t6 t7", "t8", "t9 t10 t11 t12 t13 t14 t15 t16 t17", "t3 t4", "t20 t21")
streams = pytest.mark.skipif(library.unavailable() is not None, reason=f"no C kernels: {library.unavailable()}")


def requests_of(*counts: int, temperature: float = 0.0) -> tuple[RequestSpec, ...]:
    sampling = Sampling(temperature=temperature)
    return tuple(
        RequestSpec(prompt, count, ignore_eos=True, sampling=sampling)
        for prompt, count in zip(PROMPTS, counts, strict=False)
    )


def stored_bytes(folder: Path) -> tuple[int, int]:
    """(matrices, vectors) of a checkpoint, as its file holds them."""
    tensors = load_file(folder / "model.safetensors").values()
    matrices, vectors = (sum(one.nbytes for one in tensors if one.dim() == dim) for dim in (2, 1))
    return matrices, vectors


def spans_of(events: list[Any], step: int) -> list[tuple[int, int]]:
    return [(work.first, work.end) for work in events if isinstance(work, Work) and work.step_id == step]


@streams
@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("kv", ["none", "contiguous", "paged"])
@pytest.mark.parametrize("batching", ["single", "static", "continuous"])
def test_a_step_of_bfloat16_weights_in_float32_moves_what_is_stored(
    kv: str, batching: str, graphs: bool, tmp_path: Path
) -> None:
    folder = save_checkpoint(tmp_path, "llama-tied", EVEN, torch.bfloat16)
    model = load(folder)
    matrices, vectors = stored_bytes(folder)
    weights = matrices + 2 * vectors  # norms are widened
    position = 4 * 2 * model.config.kv_heads * model.config.head_dim  # of one layer
    switches = Switches().changed(kv=kv, batching=batching, graphs=graphs, max_batch=3, block_size=4)
    events = drive(model, RunSpec(requests_of(12, 5, 8), switches), graph_device=PlainDevice())
    steps = [event for event in events if isinstance(event, Step)]
    launches = {step.launch for step in steps}
    assert launches == ({"eager", "graph", "twin"} if graphs and kv != "none" else {"eager"})
    for step in steps:
        spans = spans_of(events, step.id)
        computed = sum(end - first for first, end in spans)
        assert computed == step.positions_computed
        attended = sum(end for _, end in spans)
        kept = model.config.layers * position * (attended + computed)
        assert step.bytes_moved == weights + computed * 2 * model.config.hidden + kept


@streams
def test_a_teacher_forced_pass_moves_what_is_stored(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, "llama-tied", EVEN, torch.bfloat16)
    model = load(folder)
    events = drive(model, RunSpec(requests_of(9), teacher_pass=True))
    step = next(event for event in events if isinstance(event, Step) and event.kind == "teacher")
    matrices, vectors = stored_bytes(folder)
    known = len(PROMPTS[0].split()) + 9 - 1
    position = 4 * model.config.layers * 2 * model.config.kv_heads * model.config.head_dim
    assert step.positions_computed == known
    assert step.bytes_moved == matrices + 2 * vectors + known * 2 * model.config.hidden + 2 * known * position


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize(
    ("kv", "batching", "graphs"),
    [*product(("none", "contiguous", "paged"), ("single", "static", "continuous"), (False, True))],
)
def test_a_draft_moves_what_its_own_passes_read(
    kv: str, batching: str, graphs: bool, temperature: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The draft is stored in bfloat16; the phase `draft` of a session is what its passes were counted as."""
    model = load(save_checkpoint(tmp_path / "target", "llama-biases", EVEN))
    draft = load(save_checkpoint(tmp_path / "draft", "llama-tied", EVEN, torch.bfloat16))
    spent: list[int] = []
    held = draft.decoder.weight_bytes
    position = 2 * 4 * draft.config.layers * draft.config.kv_heads * draft.config.head_dim
    forward, take = type(draft.decoder).forward, DraftProposer.take_cost
    passes: list[int] = []

    def watched(decoder: Any, batch: Any, *rest: Any, **named: Any) -> torch.Tensor:
        if decoder is draft.decoder:
            rows = decoder.embedding[batch.token_ids].nbytes
            passes.append(held + rows + position * sum(2 * span.end - span.first for span in batch.spans))
        return forward(decoder, batch, *rest, **named)

    def taken(proposer: DraftProposer) -> tuple[int, int]:
        cost = take(proposer)
        assert cost[1] == sum(passes)
        passes.clear()
        spent.append(cost[1])
        return cost

    monkeypatch.setattr(type(draft.decoder), "forward", watched)
    monkeypatch.setattr(DraftProposer, "take_cost", taken)
    switches = Switches().changed(kv=kv, batching=batching, graphs=graphs, speculate="draft", k=3, max_batch=3)
    run = RunSpec(requests_of(12, 5, 8, temperature=temperature), switches, teacher_pass=True)
    events = drive(model, run, draft=draft, graph_device=PlainDevice())
    session = session_of([SessionStarted(model_meta(model, draft)), *events])
    costs = phase_costs(session)
    assert costs is not None
    assert sum(spent) > 0
    for table, column in zip(costs, ("flops", "bytes_moved"), strict=True):
        np.testing.assert_array_equal(table.sum(axis=1), session.steps[column][:])
    generating = session.steps["kind"][:] != STEP_KINDS.index("teacher")
    drafted = costs[1][:, PHASES.index("draft")]
    assert drafted[generating].tolist() == spent
    assert not drafted[~generating].any()


@pytest.mark.parametrize("kind", ["llama-biases", "gemma3", "gpt2", "qwen3", "mistral-window"])
@pytest.mark.parametrize("graphs", [False, True])
def test_the_phases_of_a_session_sum_to_what_its_steps_moved(kind: str, graphs: bool, tmp_path: Path) -> None:
    model = load(save_checkpoint(tmp_path, kind, None, torch.bfloat16))
    changes = (SwitchChange(4, {"kv": "none"}), SwitchChange(7, {"kv": "paged", "speculate": "ngram"}))
    switches = Switches(batching="continuous", max_batch=3, graphs=graphs)
    run = RunSpec(requests_of(12, 5, 8, 9), switches, switch_at=changes, teacher_pass=True)
    session = session_of([SessionStarted(model_meta(model)), *drive(model, run, graph_device=PlainDevice())])
    costs = phase_costs(session)
    assert costs is not None
    for table, column in zip(costs, ("flops", "bytes_moved"), strict=True):
        np.testing.assert_array_equal(table.sum(axis=1), session.steps[column][:])
    assert not costs[1][:, PHASES.index("draft")].any()
