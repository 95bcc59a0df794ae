"""Times of requests that a server had already when it was attached to: what is known counts from when they came, and
what is not known is no figure.
"""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.figures.first_tokens import first_token
from engine.figures.metrics import summarise
from engine.figures.request_table import RequestTable
from engine.figures.request_times import latency_s, tpot_s, ttft_s, waited_s
from engine.figures.streams import StreamSeries
from engine.session import schema
from engine.session.file import open_session
from engine.session.store import Session
from engine.session.writer import SessionWriter
from tests.engine.figures.served import MS, recorded

BEFORE_MS = 700
RAN, WAITED = 0, 1
"""The requests of `recorded`: the first was generating when the server was attached to, the second one waited."""


def known_before() -> list[Any]:
    """What a recorder tells of two requests that the server had for 700 ms when the recording began."""
    return [
        replace(event, arrived_ns=0, before_ns=BEFORE_MS * MS, begun_before=int(event.id == RAN))
        if isinstance(event, schema.RequestArrived)
        else event
        for event in recorded()
    ]


@pytest.fixture
def session() -> Session:
    found = Session()
    found.apply(known_before())
    return found


def test_what_is_known_counts_from_when_the_request_came(session: Session) -> None:
    request = session.requests[WAITED]
    assert request.scheduled_ns is not None
    assert request.first_token_ns is not None
    assert waited_s(session, request) == pytest.approx((request.scheduled_ns / MS + BEFORE_MS) / 1e3)
    assert ttft_s(session, request) == pytest.approx((request.first_token_ns / MS + BEFORE_MS) / 1e3)
    last_ns = int(session.tokens["emitted_ns"][request.token_rows[-1]])
    assert latency_s(session, request) == pytest.approx((last_ns / MS + BEFORE_MS) / 1e3)


def test_the_first_token_of_the_recording_is_not_that_of_a_request_that_ran_before(session: Session) -> None:
    request = session.requests[RAN]
    assert waited_s(session, request) is None
    assert ttft_s(session, request) is None
    assert first_token(session, RAN) is None
    assert latency_s(session, request) is not None
    first, last = (int(session.tokens["emitted_ns"][request.token_rows[at]]) for at in (0, -1))
    assert tpot_s(session, request) == pytest.approx((last - first) / 1e9 / (len(request.token_rows) - 1))


def test_all_figures_say_the_same(session: Session) -> None:
    table = RequestTable(session)
    table.update()
    told = {one.id: one for one in summarise(session).requests}
    for row, number in enumerate(table.ids.tolist()):
        request = session.requests[number]
        for name, of_one in {"waited_s": waited_s, "ttft_s": ttft_s, "latency_s": latency_s, "tpot_s": tpot_s}.items():
            expected, shown = of_one(session, request), table.values(name)[row]
            assert getattr(told[number], name) == expected, name
            assert math.isnan(shown) if expected is None else shown == pytest.approx(expected), name
    assert table.values("arrived_s").tolist() == [-BEFORE_MS / 1e3] * 2
    streams = StreamSeries(session)
    streams.update()
    assert streams.figures().ttft.p50_s == pytest.approx(ttft_s(session, session.requests[WAITED]))


def test_a_file_keeps_it_and_one_of_an_earlier_version_means_that_all_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "known.dscope"
    with SessionWriter(path) as writer:
        writer.append(known_before())
    kept = open_session(path).requests[RAN]
    assert (kept.before_ns, kept.begun_before) == (BEFORE_MS * MS, True)
    db = sqlite3.connect(path)
    for name in ("before_ns", "begun_before"):
        db.execute(f"ALTER TABLE requests DROP COLUMN {name}")
    db.close()
    old = open_session(path).requests[RAN]
    assert (old.before_ns, old.begun_before) == (0, False)
