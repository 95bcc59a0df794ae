"""The parser of event streams: the standard's forms, in every cut, and the bounds of what it keeps."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ServerError
from engine.serving.probe.streaming import EventParser, decode_event
from tests.engine.serving.recorded_exchange import RECORDED, recorded


def events(*pieces: bytes, most_bytes: int = 2**20) -> list[bytes]:
    parser = EventParser(most_bytes)
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_ends_a_line(end: bytes) -> None:
    text = end.join([b"data: one", b"", b": a comment", b"data:two", b"data: more", b"", b"data", b"", b""])
    assert events(text + (b"x" if end == b"\r" else b"")) == [b"one", b"two\nmore", b""]


def test_a_line_end_of_two_bytes_may_come_in_two_pieces() -> None:
    assert events(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [b"a\nb"]


def test_other_fields_and_empty_events_are_no_data() -> None:
    assert events(b"event: x\nid: 7\nretry: 1\n\n\n\ndatabase: no\n\ndata: yes\n\n") == [b"yes"]


def test_a_byte_order_mark_is_left_out() -> None:
    assert events(b"\xef\xbb", b"\xbfdata: one\n\n") == [b"one"]


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1), min_size=1, max_size=5),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_the_events_do_not_depend_on_how_the_bytes_are_cut(texts: list[str], end: bytes, cuts: list[int]) -> None:
    whole = b"".join(b"data: " + text.encode() + end + end for text in texts) + b":" + end
    at = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[first:last] for first, last in pairwise(at)]
    assert events(*pieces) == [text.encode() for text in texts]


def test_a_line_without_an_end_is_refused_before_it_is_large() -> None:
    parser = EventParser(most_bytes=1000)
    for _ in range(100):
        parser.feed(b"x" * 10)
    with pytest.raises(ServerError, match="more than"):
        parser.feed(b"x")


def test_an_event_of_many_lines_is_refused_before_it_is_large() -> None:
    with pytest.raises(ServerError, match="more than"):
        events(*[b"data: x\n"] * 1000, most_bytes=1000)


def test_a_large_event_in_one_piece_is_refused() -> None:
    with pytest.raises(ServerError, match="more than 1 KiB"):
        events(b"data: " + b"x" * 2000 + b"\n\n", most_bytes=1024)


@pytest.mark.parametrize(
    ("text", "within"),
    [
        (b"", False),
        (b"data: {}\n\n", False),
        (b"data: {}\n", True),
        (b"data: {", True),
        (b"data: [DONE]", False),
        (b"data: [DONE]\n", False),
        (b"data: [DO", True),
    ],
)
def test_a_stream_that_ends_within_an_event_is_told_from_one_that_does_not(text: bytes, within: bool) -> None:
    parser = EventParser()
    parser.feed(text)
    assert parser.is_within_event is within


def test_the_events_of_a_recorded_stream_are_its_json() -> None:
    for path in RECORDED.glob("*-all.txt"):
        exchange = recorded(path.stem)
        listed = [json.loads(line[6:]) for line in exchange.answer.decode().split("\n") if line.startswith("data: {")]
        told = [decode_event(event)[0] for event in events(exchange.answer) if event != b"[DONE]"]
        assert [one.id for one in told] == [one["id"] for one in listed]
        ids = [one.choices[0].token_ids if one.choices else None for one in told]
        assert ids == [one["choices"][0].get("token_ids") if one["choices"] else None for one in listed]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no json",
        b"[1]",
        b"7",
        b'{"choices": 7}',
        b'{"choices": [{"token_ids": ["a"]}]}',
        b'{"choices": [{"text": 7}]}',
        b'{"usage": {"completion_tokens": 1.5}}',
        b'{"usage": {"completion_tokens": NaN}}',
        b'{"x":' + b"[" * 100_000,
        b'{"id": "half',
        b'{"id": "\\ud800"}',
    ],
)
def test_what_is_no_event_of_tokens_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(ServerError, match=r"^[^\n]{1,300}\.$"):
        decode_event(data)


def test_bytes_that_are_not_utf_8_are_shown_as_such() -> None:
    event, broken = decode_event(b'{"choices": [{"text": "a\xff\xfeb"}]}')
    assert broken
    assert event.choices is not None
    assert event.choices[0].text == "a\ufffd\ufffdb"
