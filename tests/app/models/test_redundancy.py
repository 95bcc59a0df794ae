"""Which positions were computed when: the map and the totals, as T(T+1)/2 and its parts say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import redundancy
from app.models.redundancy import BIT, ClassMap
from engine.figures.metrics import summarise
from engine.figures.running_totals import RunningTotals
from engine.session.store import Session
from tests.app.panels.sessions import Recorder, busy_run, decode_run
from tests.engine.figures.test_comparison import taught


def totals_of(session: Session) -> RunningTotals:
    totals = RunningTotals(session)
    totals.update()
    return totals


def brute_force(session: Session, step: int, position: int) -> int:
    """The flags of one step and position, straight from the definition of Work."""
    flags = 0
    work = session.work
    for row in np.flatnonzero(work["step_id"] == step):
        first, new_from, end = (int(work[name][row]) for name in ("first", "new_from", "end"))
        kept = end - int(work["rejected"][row])
        if work["request_id"][row] < 0:
            flags |= BIT["padding"] if first <= position < end else 0
            continue
        flags |= BIT["recomputed"] if first <= position < new_from else 0
        flags |= BIT["new"] if new_from <= position < kept else 0
        flags |= BIT["rejected"] if kept <= position < end else 0
        flags |= BIT["reused"] if first - int(work["reused"][row]) <= position < first else 0
    return int(flags)


def test_without_a_cache_64_tokens_compute_2080_positions() -> None:
    totals = totals_of(decode_run(64, "none").session)
    assert [int(totals[name][-1]) for name in ("computed", "new", "recomputed")] == [2080, 64, 2016]
    assert int(totals["without_cache"][-1]) == 64 * 65 // 2
    assert int(totals["with_cache"][-1]) == 64


def test_with_a_cache_64_tokens_compute_64_positions() -> None:
    totals = totals_of(decode_run(64, "contiguous").session)
    assert [int(totals[name][-1]) for name in ("computed", "new", "recomputed")] == [64, 64, 0]
    assert int(totals["reused"][-1]) == 2016
    assert int(totals["without_cache"][-1]) == 2080  # the theory is about the text, whatever was switched on


def test_theory_begins_at_the_length_of_the_prompt() -> None:
    recorder = Recorder()
    recorder.request(0, list("abcd"))
    recorder.step([(0, 0, 0, 4, 0, 0)], [(0, "e", "target")])
    recorder.step([(0, 0, 4, 5, 0, 0)], [(0, "f", "target")])
    recorder.step([(0, 0, 5, 6, 0, 0)], [(0, "g", "target")])
    totals = totals_of(recorder.session)
    assert totals["without_cache"].tolist() == [4, 9, 15] == totals["computed"].tolist()
    assert totals["with_cache"].tolist() == [4, 5, 6]


def test_a_teacher_forced_pass_is_no_part_of_the_totals_of_the_generation() -> None:
    session = taught()
    totals, positions = totals_of(session), summarise(session).positions
    assert {name: int(totals[name][-1]) for name in positions} == positions


def test_totals_grow_as_they_would_at_once() -> None:
    recorder = decode_run(10, "none")
    growing = totals_of(recorder.session)
    for step in range(10, 20):
        recorder.step([(0, step, step, step + 1, 0, step)], [(0, "x", "target")])
        growing.update()
    whole = totals_of(recorder.session)
    for name in whole.columns:
        assert growing[name].tolist() == whole[name].tolist()
    assert growing.between("computed", 10, 19) == 10
    assert growing.between("computed", 0, 9) == 55


def test_every_cell_has_the_class_that_its_work_says() -> None:
    session = busy_run().session
    shown = ClassMap(session)
    shown.update()
    assert shown.positions == 6
    for step in range(3):
        for position in range(6):
            assert int(shown.cells[step, position]) == brute_force(session, step, position), (step, position)


def test_one_request_alone_leaves_padding_and_the_others_out() -> None:
    shown = ClassMap(busy_run().session, request=2)
    shown.update()
    assert np.argwhere(shown.cells == BIT["new"]).tolist() == [[2, 0], [2, 1]]
    assert np.count_nonzero(shown.cells) == 2


def test_a_range_of_steps_begins_and_ends_where_it_says() -> None:
    shown = ClassMap(decode_run(20, "none").session, (5, 8))
    shown.update()
    assert (shown.first_step, shown.end_step, shown.positions) == (5, 9, 9)
    assert shown.cells.shape == (4, 9)
    assert shown.cells[0].tolist() == [BIT["recomputed"]] * 5 + [BIT["new"]] + [0] * 3


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.sampled_from(["none", "contiguous"]))
def test_a_pooled_map_holds_every_class_of_its_cells(batches: list[int], kv: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redundancy, "MOST_COLUMNS", 8)
        patch.setattr(redundancy, "MOST_ROWS", 4)
        recorder = Recorder()
        recorder.request(0, ["<s>"])
        shown = ClassMap(recorder.session)
        for batch in batches:
            for _ in range(batch):
                t = len(recorder.session.steps)
                recorder.step([(0, 0 if kv == "none" else t, t, t + 1, 0, 0 if kv == "none" else t)])
            shown.update()
        total = sum(batches)
        assert shown.cells.shape[0] <= 8
        assert shown.cells.shape[1] <= 4
        expected = np.zeros_like(shown.cells)
        for step in range(total):
            for position in range(total):
                cell = step // shown.step_pool, position // shown.position_pool
                expected[cell] |= brute_force(recorder.session, step, position)
        assert shown.cells.tolist() == expected.tolist()
        assert shown.pooled == (total > 4)
