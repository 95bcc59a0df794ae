"""What the rows of the Requests panel say of a request that a server had before it was attached to."""

from __future__ import annotations

from app.look.units import NOT_APPLICABLE
from app.models.request_rows import RequestRows
from engine.figures.request_table import RequestTable
from engine.session.store import Session
from tests.engine.figures.test_request_times import RAN, WAITED, known_before


def test_times_that_are_not_known_say_why_and_others_count_from_before_the_recording() -> None:
    session = Session()
    session.apply(known_before())
    rows = RequestRows(RequestTable(session))
    rows.update()
    for name in ("waited_s", "ttft_s"):
        assert rows.text(RAN, name) == NOT_APPLICABLE
        assert rows.tip(RAN, name).startswith("It ran before the recording began")
        assert rows.text(WAITED, name) != NOT_APPLICABLE
        assert rows.tip(WAITED, name) == ""
    assert rows.text(RAN, "arrived_s") == "-700\u2009ms"
    assert rows.text(RAN, "latency_s") != NOT_APPLICABLE
