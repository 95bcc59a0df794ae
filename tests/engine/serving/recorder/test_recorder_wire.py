"""The recorder's messages: whole and in pieces, and bytes that are none."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decodescope_recorder import messages
from decodescope_recorder.facts import hello
from engine.serving.recorder import recorder_wire
from engine.serving.recorder.recorder_wire import HEAD, LARGEST_BYTES, AnyMessage, Frames, Hello, RecorderError, Refused

RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*.frames"))


def framed(body: bytes) -> bytes:
    return HEAD.pack(len(body)) + body


def decoded(data: bytes) -> list[AnyMessage]:
    return list(Frames().feed(data))


def refusal(data: bytes) -> str:
    """The sentence with which bytes are refused, "" where they are not."""
    try:
        decoded(data)
    except RecorderError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_a_real_vllm_sent_is_read_whole_and_byte_by_byte(path: Path) -> None:
    data = path.read_bytes()
    whole = decoded(data)
    frames = Frames()
    pieces = [message for byte in data for message in frames.feed(bytes([byte]))]
    assert isinstance(whole[0], Hello)
    assert whole[0].facts.vllm_version == "0.32.0"
    assert whole == pieces
    assert frames.empty


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_frame_that_is_cut_off_is_no_message(path: Path) -> None:
    data = path.read_bytes()
    frames = Frames()
    assert len(list(frames.feed(data[:-1]))) == len(decoded(data)) - 1
    assert not frames.empty


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_damaged_bytes_raise_our_error_and_no_other(path: Path) -> None:
    data = path.read_bytes()
    draw = random.Random(13)
    refused = []
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(draw.randrange(1, 6)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        refused.append(refusal(bytes(damaged)))
    assert sum(map(bool, refused)) > 100
    assert all(sentence.startswith("The recorder ") and len(sentence) < 400 for sentence in refused if sentence)


@given(st.binary(max_size=200))
def test_no_bytes_raise_another_error(body: bytes) -> None:
    assert refusal(framed(body)) is not None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x90", b"\xc0", b"\x91" * 100_000, msgspec.msgpack.encode(["nothing", 1]),
        msgspec.msgpack.encode(["pong", 1, -1, 0]), msgspec.msgpack.encode(["pong", 1, 2**63, 0]),
        msgspec.msgpack.encode(["refused", "x" * 10_000]), msgspec.msgpack.encode(["output", -2, 0, 0, [], {}, []]),
        msgspec.msgpack.encode(["step", 1]), msgspec.msgpack.encode({"step": 1}),
        msgspec.msgpack.encode(["samples", 0, 0, [["a", 1.0]] * 1000]), b"\xdd\xff\xff\xff\xff",
        msgspec.msgpack.encode(["freed", 0, "x" * 2000, 0]), msgspec.msgpack.encode(["off", "\u202e"]) + b"\xc0",
    ],
)  # fmt: skip
def test_a_message_out_of_bounds_is_refused(body: bytes) -> None:
    with pytest.raises(RecorderError, match="sent what is none of its messages"):
        decoded(framed(body))


def test_a_frame_of_more_than_the_limit_is_refused_before_it_comes() -> None:
    with pytest.raises(RecorderError, match=f"a message of {LARGEST_BYTES + 1} bytes"):
        decoded(struct.pack(">I", LARGEST_BYTES + 1))


def test_messages_before_the_bad_one_are_told() -> None:
    messages = Frames().feed(framed(msgspec.msgpack.encode(("refused", "no."))) + framed(b"\xc1"))
    assert next(messages) == Refused("no.")
    with pytest.raises(RecorderError):
        next(messages)


def test_the_recorder_speaks_this_protocol() -> None:
    assert messages.PROTOCOL == recorder_wire.PROTOCOL
    assert messages.LARGEST_BYTES == recorder_wire.LARGEST_BYTES
    body = msgspec.msgpack.encode(hello("scheduler", {"layers": 2, "new fact": 1}))
    (told,) = decoded(framed(body))
    assert isinstance(told, Hello)
    assert told.facts.layers == 2
