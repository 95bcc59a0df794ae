"""Traces and session files of traces that were damaged or made to do harm: a sentence, or a session that opens."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine.errors import InputError, SessionFileError
from engine.figures.kernels import trace_figures
from engine.importing.import_trace import import_trace
from engine.importing.json_events import boundaries
from engine.session.file import open_session
from engine.session.reader import SessionFile
from tests.engine.importing.made import MadeTrace, serving_trace

HARMFUL = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"-1", b"1e999", b"9" * 400, b"\xff", b"\x00", b'\\"',
    b'"ts": -5e15', b'"dur": 1e30', b'"ph": "B"', b'"ph": "E"', b'"cat": "kernel"', b'"cat": []', b'"args": 3',
)  # fmt: skip


def damaged(text: bytes, draw: random.Random) -> bytes:
    """The text with up to five pieces cut out, put in twice or replaced."""
    for _ in range(draw.randint(1, 5)):
        at, length = draw.randrange(len(text)), draw.choice((0, 1, 5, 200))
        new = draw.choice((b"", draw.choice(HARMFUL), text[at : at + length] * 2, text[at : at + 40][::-1]))
        text = text[:at] + new + text[at + length :]
    return text


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_trace_is_a_sentence_or_a_session(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    made = serving_trace(2, layers=1, seed=seed)
    made.events.append({"ph": "B", "name": "open", "pid": 41, "tid": 41, "ts": 5_138_365_598_950.5})
    whole = made.text().encode()
    opened, refused = 0, list[str]()
    for number in range(30):
        path, target = tmp_path / f"{number}.json", tmp_path / f"{number}.dscope"
        text = damaged(whole, draw)
        path.write_bytes(gzip.compress(text) if number % 5 == 0 else text)
        try:
            import_trace(path, target)
        except InputError as error:
            refused.append(str(error))
            continue
        session = open_session(target)
        assert trace_figures(session) is not None
        assert isinstance(session.source, SessionFile)
        session.source.close()
        opened += 1
    assert all(sentence.endswith(".") for sentence in refused)
    assert len(list(tmp_path.glob("*.dscope"))) == opened == 30 - len(refused)
    assert opened  # most damage is to a few events


def test_damaged_gzip_keeps_what_came_before(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(serving_trace(3, layers=3).text().encode()))
    whole[len(whole) * 3 // 4] ^= 0xFF
    whole[len(whole) * 3 // 4 + 1] ^= 0xFF
    (tmp_path / "t.json.gz").write_bytes(whole)
    import_trace(tmp_path / "t.json.gz", tmp_path / "t.dscope")
    session = open_session(tmp_path / "t.dscope")
    assert len(session.kernels)
    figures = trace_figures(session)
    assert figures is not None
    assert "compressed text" in figures["cut_short"]
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_a_gzip_of_many_small_members_is_read_and_one_of_too_many_ends(tmp_path: Path) -> None:
    made = MadeTrace()
    for number in range(50):
        made.kernel("k", 10.0 * number, 5.0)
    text = made.text().encode()
    (tmp_path / "t.json.gz").write_bytes(b"".join(gzip.compress(text[at : at + 64]) for at in range(0, len(text), 64)))
    import_trace(tmp_path / "t.json.gz", tmp_path / "t.dscope")
    session = open_session(tmp_path / "t.dscope")
    assert len(session.kernels) == 50
    assert isinstance(session.source, SessionFile)
    session.source.close()
    (tmp_path / "many.json.gz").write_bytes(gzip.compress(b'{"traceEvents": [') + gzip.compress(b"") * 150_000)
    with pytest.raises(InputError, match="too many parts"):
        import_trace(tmp_path / "many.json.gz", tmp_path / "many.dscope")


def test_text_that_unpacks_to_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = packer.compress(b'{"traceEvents": [{"name": "') + packer.compress(b"x" * 2**26) + packer.flush()
    (tmp_path / "bomb.json.gz").write_bytes(packed)
    with pytest.raises(InputError, match="an event in it does not end"):
        import_trace(tmp_path / "bomb.json.gz", tmp_path / "t.dscope")


@pytest.mark.parametrize("nested", ["deep", "ends", "slashes"])
def test_what_a_careless_reader_takes_hours_for_is_read(tmp_path: Path, nested: str) -> None:
    """A hundred thousand ranges in each other, ends of what never began, or backslashes."""
    events: list[dict[str, object]] = []
    for number in range(100_000):
        at = {"pid": 1, "tid": 1, "ts": number, "cat": "user_annotation"}
        if nested == "slashes":
            events.append({"ph": "X", "dur": 1, "name": "\\" * 30 + '"' * 5, **at})
        elif nested == "deep" or number < 50_000:
            events.append({"ph": "B", "name": "a", **at})
        else:
            events.append({"ph": "E", "name": f"b{number}", **at})
    (tmp_path / "t.json").write_text(json.dumps(events))
    import_trace(tmp_path / "t.json", tmp_path / "t.dscope")
    session = open_session(tmp_path / "t.dscope")
    assert len(session.ranges) == (50_000 if nested == "ends" else 100_000)
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_events_end_where_their_braces_do() -> None:
    texts = [r'{"a":"}"}', r'{"a":"\""}', r'{"a":"\\"}', r'{"a":"\\\""}', r'{"a":[{"b":"]"}]}', "{}"]
    text = (", ".join(texts) + ' ] , "x": {}').encode()
    starts, ends, stop = boundaries(text)
    assert [text[a : b + 1].decode() for a, b in zip(starts.tolist(), ends.tolist(), strict=True)] == texts
    assert stop is not None
    assert text[stop : stop + 1] == b"]"
    for length in range(len(text)):
        part = boundaries(text[:length])
        whole = np.count_nonzero(ends < length)
        assert part[1].tolist() == ends[:whole].tolist()


CHANGES = {
    "UPDATE kernels SET step_id = 99 WHERE id = 3": "kernels.step_id should be from -1 to 2",
    "UPDATE kernels SET range_id = 9999 WHERE id = 3": "kernels.range_id should be from -1 to",
    "UPDATE kernels SET name_id = -1 WHERE id = 3": "kernels.name_id should be from 0 to",
    "UPDATE kernels SET start_ns = 1 WHERE id = 9": "kernels are not in the order of their times",
    "UPDATE kernels SET end_ns = start_ns - 1 WHERE id = 9": "a row of kernels ends before it starts",
    "UPDATE kernels SET phase = 'rest' WHERE id = 9": "'rest' is none of schedule",
    "DELETE FROM kernels WHERE id = 4": "kernels are missing",
    "UPDATE ranges SET parent_id = id WHERE id = 5": "a range is inside a later one",
    "UPDATE ranges SET depth = 100000 WHERE id = 5": "ranges.depth should be from 0 to",
    "UPDATE ranges SET self_ns = end_ns WHERE id = 5": "the own time of a range is longer than the range",
    "UPDATE ranges SET thread_id = 100000 WHERE id = 5": "ranges.thread_id should be from 0 to",
    "DELETE FROM trace_names WHERE id = 2": "names of the trace are missing",
    "UPDATE trace_names SET text = x'00' WHERE id = 2": "names of the trace are missing, or are no texts",
    "UPDATE meta SET value = '{\"file\": 3}' WHERE key = 'trace'": "damaged",
    "UPDATE meta SET value = '[]' WHERE key = 'trace'": "the fact trace is no JSON object",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_session_file_with_a_senseless_trace_is_refused(tmp_path: Path, change: str) -> None:
    serving_trace(3, layers=1).write(tmp_path / "t.json")
    import_trace(tmp_path / "t.json", tmp_path / "t.dscope")
    with closing(sqlite3.connect(tmp_path / "t.dscope")) as db:
        db.execute(change)
        db.commit()
    with pytest.raises(SessionFileError, match=CHANGES[change]):
        open_session(tmp_path / "t.dscope")
