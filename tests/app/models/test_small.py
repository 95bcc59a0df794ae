"""Axis view, ticks, pooling and the KV formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.axis_view import AxisView
from app.models.kv_memory import LLAMA_7B, LLAMA_7B_POSITIONS, LivePositions, kv_switch
from app.models.pooling import envelope, thin
from app.models.ticks import binary_ticks, round_ticks, short_number
from engine.session import schema
from engine.session.kv_shape import kv_shape_of
from tests.app.panels.sessions import busy_run, decode_run


def view(first: float = 0.0, last: float = 100.0) -> AxisView:
    made = AxisView(shortest=1.0)
    made.advance(first, last)
    return made


def test_zoom_holds_the_point_under_the_pointer() -> None:
    axis = view()
    share = (30 - axis.lo) / axis.span
    axis.zoom(0.5, 30.0)
    assert axis.span == pytest.approx(51.0)
    assert (30 - axis.lo) / axis.span == pytest.approx(share)


def test_following_keeps_the_span_and_the_newest_until_it_is_panned() -> None:
    axis = view()
    axis.follow(20.0)
    axis.advance(0.0, 200.0)
    assert (axis.span, axis.mode) == (pytest.approx(20.0), "follow")
    assert axis.lo < 200.0 <= axis.hi
    axis.pan(-5.0)
    lo = axis.lo
    axis.advance(0.0, 400.0)
    assert (axis.mode, axis.lo) == ("free", lo)


def test_panning_cannot_lose_the_data_and_zooming_out_fits() -> None:
    axis = view()
    axis.zoom(0.1, 50.0)
    axis.pan(1e9)
    assert axis.lo < 100.0
    axis.zoom(1e9, 50.0)
    assert (axis.mode, axis.lo) == ("fit", 0.0)
    assert axis.hi >= 100.0


def test_the_view_never_shows_what_lies_before_the_data_or_far_beyond_them() -> None:
    axis = view()
    axis.zoom(0.2, 50.0)
    span = axis.span
    axis.pan(-1e9)
    assert (axis.lo, axis.span) == (0.0, pytest.approx(span))
    axis.pan(1e9)
    assert (axis.hi, axis.span) == (pytest.approx(100.0 + axis.margin * span), pytest.approx(span))
    axis.show(-20.0, 30.0)
    assert (axis.lo, axis.hi) == (0.0, 50.0)
    axis.reveal(1.0, 2.0)
    assert axis.lo == 0.0
    axis.zoom(0.5, 0.0)
    axis.zoom(1.5, axis.hi)
    assert axis.lo == 0.0


def test_ticks_are_round() -> None:
    assert round_ticks(3.0, 21.0, 4) == [5.0, 10.0, 15.0, 20.0]
    assert round_ticks(0.0, 3.0, 10, smallest=1.0) == [0.0, 1.0, 2.0, 3.0]
    assert binary_ticks(577 * 1024, 5) == [0.0, 131072.0, 262144.0, 393216.0, 524288.0]
    assert [short_number(text) for text in ("2.40 k", "1.00 GiB", "100", "0.0500 s")] == [
        "2.4 k", "1 GiB", "100", "0.05 s",
    ]  # fmt: skip


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=400), st.integers(1, 50))
def test_an_envelope_keeps_the_extremes_and_the_order(values: list[int], bins: int) -> None:
    at, pooled = envelope(np.array(values, np.int64), bins)
    assert pooled.max() == max(values)
    assert pooled.min() == min(values)
    assert len(pooled) <= max(2 * bins, len(values)) and (np.diff(at) >= 0).all()  # noqa: PT018
    assert len(pooled) <= 2 * bins or len(pooled) == len(values)


def test_thinning_keeps_the_ends() -> None:
    kept = thin(100_000, 500)
    assert (kept[0], kept[-1]) == (0, 99_999)
    assert len(kept) <= 500
    assert thin(3, 500).tolist() == [0, 1, 2]


def test_llama_7b_at_2048_positions_in_half_precision_takes_one_gibibyte() -> None:
    assert LLAMA_7B.total_bytes(LLAMA_7B_POSITIONS) == 2**30
    assert LLAMA_7B.layer_bytes(LLAMA_7B_POSITIONS) * LLAMA_7B.layers == 2**30


def test_live_positions_leave_out_what_was_rejected_and_padding() -> None:
    live = LivePositions(busy_run().session)
    assert [live.at(step) for step in range(3)] == [3, 6, 8]
    assert live.at(99) == 0


def test_a_request_with_several_rows_in_a_step_lives_once() -> None:
    session = decode_run(2, "paged").session
    live = LivePositions(session)
    before, step = live.update().tolist(), len(session.steps)
    first, end = before[-1], before[-1] + 4
    session.apply(
        [
            schema.Work(step, 0, 0, first, first, first + 2, 0, first),
            schema.Work(step, 0, 0, first + 2, first + 2, end, 0, 0),
        ]
    )
    session.apply([schema.Step(step, 0, "mixed", 10**9, 10**9 + 1, *([0] * 15), "sdpa", b"", b"")])
    assert live.update().tolist() == [*before, end]


def test_the_switch_in_force_is_that_of_the_step() -> None:
    session = decode_run(8, "none", switch_at=4).session
    assert [kv_switch(session, step) for step in (0, 3, 4, 7)] == ["none", "none", "contiguous", "contiguous"]
    assert kv_shape_of(session.model_config) is not None
    assert kv_shape_of({}) is None
