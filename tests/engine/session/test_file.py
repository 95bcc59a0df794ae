"""What was recorded is what is opened; what is broken is refused in one sentence."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SessionFileError
from engine.session import schema
from engine.session.file import SessionFile, SessionWriter, open_session, save_as
from engine.session.schema import PHASES
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_events, synthetic_session

TABLES = ("steps", "phases", "tokens", "work", "speculation", "kv_blocks", "device_samples")


def record(path: Path, batches: list[list[schema.AnyEvent]]) -> None:
    with SessionWriter(path) as writer:
        for batch in batches:
            writer.append(batch)


def assert_same(one: Session, other: Session) -> None:
    assert one.meta == {k: v for k, v in other.meta.items() if k != "dropped"}
    assert one.configs == other.configs
    assert one.requests == other.requests
    assert one.marks == other.marks
    assert one.dropped == {k: other.dropped[k] for k in one.dropped}
    assert one.attention_kernels == other.attention_kernels
    assert one.attention_maps() == other.attention_maps()
    for name in TABLES:
        left, right = getattr(one, name), getattr(other, name)
        assert len(left) == len(right), name
        for column in left.names:
            np.testing.assert_array_equal(left[column], right[column], err_msg=f"{name}.{column}")
    for key in one.attention_maps():
        assert one.attention_map(*key) == other.attention_map(*key)
    for step in range(len(one.steps)):
        ours, theirs = one.step_detail(step), other.step_detail(step)
        assert ours is not None
        assert theirs is not None
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    for token in range(len(one.tokens)):
        np.testing.assert_array_equal(one.alternatives(token)[0], other.alternatives(token)[0])
        np.testing.assert_array_equal(one.alternatives(token)[1], other.alternatives(token)[1])


def test_a_run_comes_back_column_by_column(tmp_path: Path) -> None:
    batches = list(synthetic_events(120, requests=3))
    record(tmp_path / "run.dscope", batches)
    opened = open_session(tmp_path / "run.dscope")
    assert_same(synthetic_session(120, requests=3), opened)
    assert isinstance(opened.source, SessionFile)
    opened.source.close()
    assert [p.name for p in tmp_path.iterdir()] == ["run.dscope"]  # one file, no companions


counts = st.integers(0, 2**40)
words = st.text(max_size=12).filter(lambda t: t.isprintable() or "\n" in t).filter(lambda t: "\0" not in t)


@st.composite
def runs(draw: Any) -> list[schema.AnyEvent]:
    """A run of any events in any number, within what the engine promises (ids in order, requests before tokens)."""
    layers = draw(st.integers(0, 3))
    events: list[schema.AnyEvent] = [schema.SessionStarted({draw(words): draw(words)})]
    requests = draw(st.integers(1, 3))
    for i in range(requests):
        events.append(schema.RequestArrived(i, draw(words), [1, 2], [draw(words), "b"], '{"a": 1}', draw(counts)))
        if draw(st.booleans()):
            events.append(schema.RequestScheduled(i, draw(counts)))
    some = st.integers(0, requests - 1)
    for i in range(draw(st.integers(0, 5))):
        phases = np.array(draw(st.lists(st.floats(0, 1e6, width=32), min_size=len(PHASES), max_size=len(PHASES))), "f4")
        blob = np.tile(phases, (layers + 1, 1)).tobytes() if draw(st.booleans()) else b""
        kv = np.full((layers, 2), draw(counts), np.int64).tobytes()
        kind = draw(st.sampled_from(["prefill", "decode", "mixed", "verify", "teacher"]))
        kernel = draw(st.sampled_from(["sdpa", "reference", "triton:split"]))
        events.append(schema.Step(i, 0, kind, *(draw(counts) for _ in range(17)), kernel, blob, kv))
    for i in range(draw(st.integers(0, 5))):
        source = draw(st.sampled_from(["target", "draft", "bonus"]))
        values = (draw(st.floats(-50, 0, width=32)), draw(st.floats(0, 20, width=32)))
        alternatives = np.array([3, 4], np.int32).tobytes() + np.array([-1, -2], np.float32).tobytes()
        events.append(
            schema.Token(i, draw(some), 0, i, draw(counts), draw(words), *values, source, draw(counts), alternatives)
        )
    events += [schema.Work(*(draw(counts) for _ in range(8))) for _ in range(draw(st.integers(0, 3)))]
    events += [schema.Speculation(0, draw(some), 4, draw(st.integers(0, 4))) for _ in range(draw(st.integers(0, 3)))]
    blocks = st.sampled_from(["allocate", "share", "free", "evict"])
    events += [schema.KvBlock(0, draw(counts), 3, draw(blocks), 0) for _ in range(draw(st.integers(0, 3)))]
    events += [schema.AttentionRow(0, draw(some), 1, 2, 0, b"\0<") for _ in range(draw(st.integers(0, 3)))]
    events += [schema.DeviceSample(draw(counts), "cpu", draw(words), 1.5) for _ in range(draw(st.integers(0, 3)))]
    events.append(schema.Dropped(draw(counts), draw(counts)))
    if draw(st.booleans()):
        events.append(schema.RequestFinished(0, draw(counts), "eos"))
    return events


@given(events=runs(), cut=st.integers(0, 30))
def test_any_run_comes_back(tmp_path_factory: pytest.TempPathFactory, events: list[schema.AnyEvent], cut: int) -> None:
    path = tmp_path_factory.mktemp("any") / "run.dscope"
    record(path, [events[:cut], events[cut:]])
    live = Session()
    live.apply(schema.decode(schema.encode(events[:cut])))
    live.apply(schema.decode(schema.encode(events[cut:])))
    opened = open_session(path)
    assert_same(live, opened)
    assert isinstance(opened.source, SessionFile)
    opened.source.close()


WRITE_UNTIL_KILLED = """
import sys, time
from engine.session.writer import SessionWriter
from engine.session.schema import Mark
writer = SessionWriter(sys.argv[1])
print("ready", flush=True)
while True:
    writer.append([Mark(time.monotonic_ns(), "user", "beat")])
"""


def test_a_killed_writer_loses_at_most_200_ms(tmp_path: Path) -> None:
    path = tmp_path / "run.dscope"
    writer = subprocess.Popen([sys.executable, "-c", WRITE_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    reader = SessionFile(path)
    while reader.query("SELECT count(*) FROM marks")[0][0] < 300:
        os.sched_yield()
    reader.close()
    killed_ns = time.monotonic_ns()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    session = open_session(path)
    assert isinstance(session.source, SessionFile)
    session.source.close()
    assert len(session.marks) >= 300
    assert killed_ns - session.marks[-1].t_ns < 200e6


def test_a_file_can_be_read_and_saved_while_it_is_written(tmp_path: Path) -> None:
    batches = list(synthetic_events(40))
    with SessionWriter(tmp_path / "live.dscope") as writer:
        for batch in batches:
            writer.append(batch)
        writer.commit()
        save_as(tmp_path / "live.dscope", tmp_path / "copy.dscope")
    copy = open_session(tmp_path / "copy.dscope")
    assert_same(synthetic_session(40), copy)
    assert isinstance(copy.source, SessionFile)
    copy.source.close()


def test_the_header_says_what_it_is(tmp_path: Path) -> None:
    record(tmp_path / "run.dscope", list(synthetic_events(3)))
    db = sqlite3.connect(tmp_path / "run.dscope")
    assert db.execute("PRAGMA application_id").fetchone() == (0x44534350,)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    db.close()


def broken(kind: str, path: Path) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("hello\n" * 100)
    elif kind == "empty":
        path.touch()
    elif kind == "other database":
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE t (x)")
        db.close()
    elif kind in ("newer", "truncated"):
        record(path, list(synthetic_events(400)))
        if kind == "newer":
            db = sqlite3.connect(path)
            db.execute("PRAGMA user_version = 7")
            db.close()
        else:
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("absent", "There is no file"),
        ("folder", "is a folder"),
        ("text", "not an SQLite database"),
        ("empty", "not an SQLite database"),
        ("other database", "not a session of DecodeScope"),
        ("newer", "format version 7; this DecodeScope reads up to version 1"),
        ("truncated", "damaged or cut short"),
    ],
)
def test_what_is_no_session_is_refused_in_one_sentence(tmp_path: Path, kind: str, words: str) -> None:
    path = tmp_path / "x.dscope"
    broken(kind, path)
    with pytest.raises(SessionFileError, match=words) as caught:
        open_session(path)
    assert "\n" not in str(caught.value)


def test_other_peoples_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SessionFileError, match="left as it is"):
        SessionWriter(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(SessionFileError, match="does not exist"):
        SessionWriter(tmp_path / "no" / "where.dscope")


def test_an_older_recording_is_replaced(tmp_path: Path) -> None:
    record(tmp_path / "run.dscope", list(synthetic_events(30)))
    record(tmp_path / "run.dscope", list(synthetic_events(2)))
    session = open_session(tmp_path / "run.dscope")
    assert len(session.steps) == 2
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_a_full_disk_ends_the_recording_and_keeps_what_was_written(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path / "run.dscope")
    batches = list(synthetic_events(2000))
    writer.append(batches[0])
    writer.append(batches[1])
    writer.commit()
    pages = writer._db.execute("PRAGMA page_count").fetchone()[0]
    writer._db.execute(f"PRAGMA max_page_count = {pages}")
    rest = [event for batch in batches[2:] for event in batch]
    with pytest.raises(SessionFileError, match=r"full\. What was written until then is kept"):
        writer.append(rest)
    writer.close()
    session = open_session(tmp_path / "run.dscope")
    assert len(session.steps) >= len([e for e in batches[1] if isinstance(e, schema.Step)])
    assert isinstance(session.source, SessionFile)
    session.source.close()
