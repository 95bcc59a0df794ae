"""What goes over the pipe arrives as it was sent, and what cannot be sent is said, never lost."""

from __future__ import annotations

import pytest

from engine.errors import DecodeScopeError
from engine.host.frames import frame
from engine.session import schema
from engine.session.schema import CeilingsMeasured, Mark, ModelReady, Refused, RequestArrived


def test_text_that_is_no_unicode_is_escaped_and_nothing_else_changes() -> None:
    arrived = RequestArrived(0, "a\ud800b", [1, 2], ["a", "\udfff"], "{}", 5)
    events = [Mark(1, "user", "é"), arrived, ModelReady({"model": "\ud83d"}, {"k\udc00": "no"})]
    assert schema.decode(frame(list(events))) == [
        Mark(1, "user", "é"),
        RequestArrived(0, "a\\ud800b", [1, 2], ["a", "\\udfff"], "{}", 5),
        ModelReady({"model": "\\ud83d"}, {"k\\udc00": "no"}),
    ]


def test_an_answer_that_cannot_be_sent_refuses_its_command() -> None:
    ready = ModelReady({"model": 2**70}, {})  # type: ignore[dict-item]
    ceilings = CeilingsMeasured("", {"threads": 1j})  # type: ignore[dict-item]
    first, second, last = schema.decode(frame([ready, ceilings, Mark(0, "user", "")]))
    assert isinstance(first, Refused)
    assert isinstance(second, Refused)
    assert (first.command, second.command) == ("Load", "MeasureCeilings")
    assert "The engine's ModelReady cannot be sent" in first.message
    assert last == Mark(0, "user", "")


def test_an_event_of_a_run_that_cannot_be_sent_is_an_error_that_names_it() -> None:
    with pytest.raises(DecodeScopeError, match="The engine's Mark cannot be sent"):
        frame([Mark(2**70, "user", "")])
