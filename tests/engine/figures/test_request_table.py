"""The table of requests: the same figures whole and grown batch by batch, and the same as request by request."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.figures.acceptance import acceptance_by_request
from engine.figures.first_tokens import first_token
from engine.figures.metrics import summarise
from engine.figures.preemptions import Preemption
from engine.figures.request_table import MEASURES, RequestTable, percentiles_of, request_times
from engine.figures.slot_runs import SlotRuns
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.sessions import busy_run
from tests.engine.figures.chunks import chunked
from tests.engine.figures.test_pauses import MS, held
from tests.engine.session.synthetic import synthetic_events


def table_of(session: Session) -> RequestTable:
    table = RequestTable(session)
    assert table.update()
    return table


def same(one: RequestTable, other: RequestTable) -> bool:
    names = ("arrived_s", *MEASURES)
    equal = all(np.array_equal(one.values(name), other.values(name), equal_nan=True) for name in names)
    return equal and one.ids.tolist() == other.ids.tolist()


@pytest.mark.parametrize("batch", [1, 7, 50])
def test_it_grows_as_if_it_had_been_read_whole(batch: int) -> None:
    events = [one for part in synthetic_events(60, requests=5) for one in part]
    session = Session()
    grown = RequestTable(session)
    for first in range(0, len(events), batch):
        session.apply(events[first : first + batch])
        grown.update()
    assert len(grown) == len(session.requests) > 0
    assert same(grown, table_of(session))


def test_it_says_what_metrics_and_first_tokens_say() -> None:
    session = busy_run().session
    table, told = table_of(session), {one.id: one for one in summarise(session).requests}
    for row, request in enumerate(table.ids.tolist()):
        figures, first = told[request], first_token(session, request)
        for name in ("ttft_s", "tpot_s", "latency_s", "waited_s", "prompt_tokens", "reused", "preempted", "arrived_s"):
            shown, expected = table.values(name)[row], getattr(figures, name)
            assert (shown == pytest.approx(expected)) if expected is not None else math.isnan(shown), name
        assert table.values("tokens")[row] == len(figures.token_ids)
        assert first is not None
        assert table.values("reused")[row] == first.reused
        accepted = acceptance_by_request(session).get(request)
        if accepted is not None:
            assert table.values("acceptance_rate")[row] == accepted["rate"]
            assert table.values("acceptance_length")[row] == accepted["length"]


def test_a_request_that_has_done_nothing_has_no_figures() -> None:
    session = Session()
    session.apply([schema.RequestArrived(4, "x", [1], ["x"], "{}", 5 * MS)])
    table = table_of(session)
    assert table.values("arrived_s").tolist() == [0.005]
    assert [name for name in MEASURES if not np.isnan(table.values(name)[0])] == [
        "prompt_tokens",
        "tokens",
        "preempted",
    ]
    assert (table.count("reused", 0), table.count("preempted", 0)) == (None, 0)
    assert not table.update()


def test_pauses_are_left_out() -> None:
    table = table_of(held())
    assert table.values("ttft_s").tolist() == [0.009]
    assert table.values("latency_s").tolist() == pytest.approx([0.027])


def test_a_range_has_the_requests_that_its_steps_worked_for() -> None:
    session = busy_run().session
    table = table_of(session)
    assert table.within(None).tolist() == [0, 1, 2]
    assert table.within((0, 1)).tolist() == [0, 1]
    assert table.within((2, 2)).tolist() == [0, 2]
    assert request_times(session, (2, 2))["requests"] == 2
    assert request_times(session, (2, 900))["requests"] == 2


def test_percentiles_are_numpys() -> None:
    values = np.array([3.0, np.nan, 1.0, 2.0, 10.0])
    found = percentiles_of(values)
    assert list(found.values()) == [*np.nanpercentile(values, (50, 90, 99)).tolist(), 10.0]
    assert set(percentiles_of(np.array([np.nan])).values()) == {None}


def test_preemptions_are_counted_by_request() -> None:
    session = Session()
    rows = [
        (0, 0, 0, 1, 0), (0, 1, 0, 1, 0), (1, 0, 1, 2, 1), (1, 1, 1, 2, 1), (2, 0, 2, 3, 2), (3, 1, 0, 3, 0),
    ]  # (step, request, first, end, reused); request 1 is left out of step 2 and begins again  # fmt: skip
    session.apply([schema.RequestArrived(one, "x", [1], ["x"], "{}", 0) for one in (0, 1)])
    session.apply([schema.Work(step, one, one, first, first, end, 0, again) for step, one, first, end, again in rows])
    session.apply(
        [
            schema.Step(
                n, 0, "decode", n * MS, (n + 1) * MS, -1, 2, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 2, 0, "", b"", b""
            )
            for n in range(4)
        ]
    )
    runs = SlotRuns(session)
    runs.update()
    assert runs.preemptions == [Preemption(1, 1, 1, 3)]
    assert table_of(session).values("preempted").tolist() == [0, 1]


def test_what_only_steps_tell_is_not_told_by_a_server_without_them() -> None:
    session = chunked()
    table = table_of(session)
    for name in ("reused", "preempted", "acceptance_rate", "acceptance_length"):
        assert not table.told(name)
        assert np.isnan(table.values(name)).all()
    assert summarise(session).requests[0].preempted is None
    assert table.values("tokens").tolist() == [7, 3, 0]
    assert [table.reasons[one] for one in table.number("reason").tolist()] == ["length", "eos", "cancelled"]
