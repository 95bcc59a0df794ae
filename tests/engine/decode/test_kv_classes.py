"""What a step says of the KV cache, by class, against an account of who held what that is kept beside the engine.

Used are positions of requests that had not ended before the step, in every layer; held is what those have; kept what
only requests have that wait for their static batch to end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.settings import LoadSpec, RequestSpec, RunSpec, SwitchChange, Switches
from engine.decode.engine import Engine
from engine.figures import metrics
from engine.figures.kv_blocks import BlockHistory
from engine.graphs.device import PlainDevice
from engine.model.loader import LoadedModel, load_model
from engine.session.schema import AnyEvent, KvBlock, RequestArrived, RequestFinished, Step, Token, Work
from tests.engine.drive import drive, session_of
from tests.engine.model.checkpoints import save_checkpoint

PROMPTS = ("the cat sits", "the cat sits on the mat", "x", "the cat sits on the roof", "the cat")
LENGTHS = (20, 9, 14, 6, 17)
BLOCK = 4


def requests_of(*lengths: int, prompts: tuple[str, ...] = PROMPTS) -> tuple[RequestSpec, ...]:
    return tuple(
        RequestSpec(prompts[index % len(prompts)], length, ignore_eos=True) for index, length in enumerate(lengths)
    )


@dataclass(frozen=True, slots=True)
class Held:
    """Positions or blocks after a step, from the events alone."""

    alive: dict[int, int]
    """Positions of each request that had not ended before the step and was computed."""
    ended: set[int]
    blocks: dict[int, dict[int, int]]
    """Of each block that is held, its holders and which block of theirs it is."""
    lengths: dict[int, int]


def account(events: list[AnyEvent]) -> list[Held]:
    """Who held what at the end of each step."""
    steps = [event for event in events if isinstance(event, Step)]
    lengths: dict[int, int] = {}
    last_step: dict[int, int] = {}
    tables: dict[int, list[int]] = {}
    finished = {event.id for event in events if isinstance(event, RequestFinished)}
    for event in events:
        if isinstance(event, Token):
            last_step[event.request_id] = max(last_step.get(event.request_id, 0), event.step_id)
    work = [event for event in events if isinstance(event, Work) and event.request_id >= 0]
    changes = [event for event in events if isinstance(event, KvBlock)]
    found = []
    for step in steps:
        for row in work:
            if row.step_id == step.id:
                lengths[row.request_id] = row.end - row.rejected
        while changes and (changes[0].step_id, changes[0].t_ns) <= (step.id, step.end_ns):
            change = changes.pop(0)
            table = tables.setdefault(change.request_id, [])
            if change.event in ("allocate", "share"):
                table.append(change.block)
            elif change.event == "free":
                table.remove(change.block)
        ended = {request for request in finished if last_step.get(request, 0) < step.id}
        worked = {row.request_id for row in work if row.step_id == step.id and row.request_id not in ended}
        blocks: dict[int, dict[int, int]] = {}
        for request, table in tables.items():
            for index, block in enumerate(table):
                blocks.setdefault(block, {})[request] = index
        found.append(Held({one: lengths[one] for one in worked}, ended, blocks, dict(lengths)))
    return found


def check(model: LoadedModel, events: list[AnyEvent], kv: str, sharing: bool = False) -> list[Step]:
    """Every step's classes against the account; also layer by layer."""
    position = model.config.kv_bytes_per_position(model.dtype.itemsize)
    steps = [event for event in events if isinstance(event, Step)]
    session = session_of(events)
    formula = metrics.cached_positions(session) * position
    for step, held, predicted in zip(steps, account(events), formula.tolist(), strict=True):
        layers = np.frombuffer(step.kv_layers, np.int64).reshape(-1, 2)
        assert layers[:, 0].tolist() == [step.kv_used_bytes // model.config.layers] * model.config.layers
        assert layers.sum(0).tolist() == [step.kv_used_bytes, step.kv_reserved_bytes]
        if kv == "none":
            assert (step.kv_used_bytes, step.kv_held_bytes, step.kv_kept_bytes) == (0, 0, 0)
            continue
        alive = sum(held.alive.values()) * position
        if kv == "paged":
            fills = [
                max(min(max(held.lengths[one] - index * BLOCK, 0), BLOCK) for one, index in own.items())
                for own in (
                    {one: index for one, index in holders.items() if one not in held.ended}
                    for holders in held.blocks.values()
                )
                if own
            ]
            assert step.kv_used_bytes == sum(fills) * position
            assert step.kv_held_bytes == len(fills) * BLOCK * position
            assert step.kv_kept_bytes == (len(held.blocks) - len(fills)) * BLOCK * position
        if not sharing:
            assert step.kv_used_bytes == alive == predicted
        else:
            assert step.kv_used_bytes <= alive == predicted
        assert step.kv_used_bytes <= step.kv_held_bytes
        classes = step.kv_held_bytes + step.kv_kept_bytes + step.kv_evictable_bytes
        assert classes <= step.kv_reserved_bytes
    return steps


@pytest.mark.parametrize(
    ("kv", "batching"), tuple(product(("none", "contiguous", "paged"), ("static", "continuous", "single")))
)
@pytest.mark.parametrize("graphs", [False, True])
def test_used_is_the_formula_for_those_alive(tiny_model: LoadedModel, kv: Any, batching: Any, graphs: bool) -> None:
    switches = Switches(kv=kv, batching=batching, max_batch=3, block_size=BLOCK, graphs=graphs)
    run = RunSpec(requests_of(*LENGTHS, prompts=("ab", "cd", "ef", "gh", "ij")), switches)
    check(tiny_model, drive(tiny_model, run, graph_device=PlainDevice()), kv)


@pytest.mark.parametrize(("batching", "speculate"), tuple(product(("static", "continuous"), ("off", "ngram", "draft"))))
def test_what_is_shared_counts_once(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, batching: Any, speculate: Any
) -> None:
    switches = Switches(kv="paged", batching=batching, speculate=speculate, k=3, max_batch=3, block_size=BLOCK)
    events = drive(tiny_model, RunSpec(requests_of(*LENGTHS), switches), draft=tiny_draft)
    shared = sum(isinstance(event, KvBlock) and event.event == "share" for event in events)
    assert shared > 0
    check(tiny_model, events, "paged", sharing=True)


@pytest.mark.parametrize("graphs", [False, True])
def test_a_static_batch_keeps_what_its_finished_members_had(tiny_model: LoadedModel, graphs: bool) -> None:
    """Four requests of 20, 10, 24 and 7 tokens: used 27 KiB where 73 had been said is the formula for who goes on."""
    switches = Switches(kv="contiguous", batching="static", graphs=graphs, block_size=1)
    lengths = (20, 10, 24, 7)
    events = drive(tiny_model, RunSpec(requests_of(*lengths, prompts=("",)), switches), graph_device=PlainDevice())
    steps = check(tiny_model, events, "contiguous")
    position = tiny_model.config.kv_bytes_per_position(4)
    assert len(steps) == 24
    for step in steps:
        alive = [length for length in lengths if length > step.id]
        ended = [length for length in lengths if length <= step.id]
        assert step.kv_used_bytes == len(alive) * (step.id + 1) * position
        assert step.kv_held_bytes == sum(1 + length for length in alive) * position
        assert step.kv_kept_bytes == sum(1 + length for length in ended) * position
        null = position if graphs else 0
        free = step.kv_reserved_bytes - step.kv_held_bytes - step.kv_kept_bytes
        assert free >= null
        assert graphs or free == 0


def test_memory_too_small_for_all_and_a_flip_on_the_way(tiny_model: LoadedModel) -> None:
    position = tiny_model.config.kv_bytes_per_position(4)
    switches = Switches(
        kv="paged", batching="continuous", max_batch=4, block_size=BLOCK, kv_memory=12 * BLOCK * position
    )
    flip = (SwitchChange(25, {"kv_memory": 16 * BLOCK * position}), SwitchChange(40, {"batching": "static"}))
    events = drive(tiny_model, RunSpec(requests_of(*LENGTHS, 12, 8), switches, switch_at=flip))
    steps = check(tiny_model, events, "paged", sharing=True)
    assert sum(step.positions_recomputed for step in steps) > 0


def test_what_is_cancelled_is_gone(tiny_model: LoadedModel) -> None:
    def cancel(engine: Engine, call: int) -> None:
        if call == 8:
            engine.cancel()
            engine.add(requests_of(5, 9))

    switches = Switches(kv="paged", batching="static", block_size=BLOCK)
    events = drive(tiny_model, RunSpec(requests_of(20, 5, 30), switches), cancel)
    steps = [event for event in events if isinstance(event, Step)]
    position = tiny_model.config.kv_bytes_per_position(4)
    assert steps[7].kv_kept_bytes > 0
    assert steps[8].kv_kept_bytes == 0
    prompts = [len(event.prompt_token_ids) for event in events if isinstance(event, RequestArrived)][-2:]
    assert steps[8].kv_used_bytes <= sum(prompts) * position


@pytest.mark.parametrize("kind", ["mistral-window", "gemma3"])
@pytest.mark.parametrize(("kv", "batching"), tuple(product(("contiguous", "paged"), ("static", "continuous"))))
def test_layers_with_a_sliding_window_hold_every_position(
    tmp_path: Path, load: Callable[[Path], LoadedModel], kind: str, kv: Any, batching: Any
) -> None:
    model = load(save_checkpoint(tmp_path / kind, kind))
    switches = Switches(kv=kv, batching=batching, max_batch=2, block_size=BLOCK)
    prompts = ("t5 t6 t7", "t8 t9", "t11")
    check(model, drive(model, RunSpec(requests_of(18, 5, 9, prompts=prompts), switches)), kv)


@pytest.fixture
def load() -> Callable[[Path], LoadedModel]:
    return lambda folder: load_model(LoadSpec(str(folder), device="cpu", dtype="float32"), lambda stage, fraction: None)


def test_the_block_map_and_the_bytes_tell_of_one_moment(tiny_model: LoadedModel) -> None:
    """Blocks by class, after every step, are the bytes by class; in a static batch those that are kept too."""
    position = tiny_model.config.kv_bytes_per_position(4)
    for batching in ("static", "continuous"):
        switches = Switches(kv="paged", batching=batching, max_batch=3, block_size=BLOCK)  # type: ignore[arg-type]
        events = drive(tiny_model, RunSpec(requests_of(*LENGTHS, 3, 11), switches))
        session = session_of(events)
        session.meta["model_config"] = (
            f'{{"layers": {tiny_model.config.layers}, "kv_heads": {tiny_model.config.kv_heads},'
            f' "head_dim": {tiny_model.config.head_dim}, "itemsize": 4}}'
        )
        history = BlockHistory(session)
        history.update()
        kept = 0
        for step in range(len(session.steps)):
            state, table = history.at(step), session.steps
            free, evictable, held, shared = state.counts()
            size = BLOCK * position
            assert (held + shared) * size == table["kv_held_bytes"][step]
            assert state.kept * size == table["kv_kept_bytes"][step]
            assert evictable * size == table["kv_evictable_bytes"][step]
            assert (free + evictable + held + shared + state.kept) * size == table["kv_reserved_bytes"][step]
            assert int(state.fill[state.held].sum()) * position == table["kv_used_bytes"][step]
            kept += state.kept
        assert (kept > 0) == (batching == "static")
