"""What was recorded is what is opened; what is broken is refused in one sentence."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SessionFileError
from engine.session import pack_writer, schema
from engine.session.event_table import EventTable
from engine.session.file import SessionFile, SessionWriter, open_session, save_as
from engine.session.loading import load
from engine.session.schema import PHASES
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_events, synthetic_session

TABLES = ("steps", "phases", "tokens", "work", "speculation", "kv_blocks", "device_samples", "metric_samples")


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
    assert one.details.attention_maps() == other.details.attention_maps()
    for name in TABLES:
        left, right = getattr(one, name), getattr(other, name)
        assert len(left) == len(right), name
        for column in left.names:
            np.testing.assert_array_equal(left[column], right[column], err_msg=f"{name}.{column}")
    for key in one.details.attention_maps():
        assert one.details.attention_map(*key) == other.details.attention_map(*key)
    for step in range(len(one.steps)):
        ours, theirs = one.details.step(step), other.details.step(step)
        assert ours is not None
        assert theirs is not None
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    for token in range(len(one.tokens)):
        np.testing.assert_array_equal(one.details.alternatives(token)[0], other.details.alternatives(token)[0])
        np.testing.assert_array_equal(one.details.alternatives(token)[1], other.details.alternatives(token)[1])


def test_a_run_comes_back_column_by_column(tmp_path: Path) -> None:
    batches = list(synthetic_events(120, requests=3))
    record(tmp_path / "run.dscope", batches)
    opened = open_session(tmp_path / "run.dscope")
    assert_same(synthetic_session(120, requests=3), opened)
    assert isinstance(opened.source, SessionFile)
    opened.source.close()
    assert [p.name for p in tmp_path.iterdir()] == ["run.dscope"]  # one file, no companions


words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
a_few = st.integers(0, 5)


@st.composite
def runs(draw: Any) -> list[schema.AnyEvent]:
    """A run of any events in any number, within what the engine promises (ids in order, requests before tokens)."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))

    def number() -> int:
        """Small as often as large, so that columns of every width are packed."""
        return int(random.integers(0, 2 ** random.choice([0, 1, 8, 16, 32, 33, 48, 62])))

    layers = draw(st.integers(0, 3))
    events: list[schema.AnyEvent] = [schema.SessionStarted({draw(words): draw(words)})]
    requests = draw(st.integers(1, 3))
    for i in range(requests):
        events.append(schema.RequestArrived(i, draw(words), [1, 2], [draw(words), "b"], '{"a": 1}', number()))
        if draw(st.booleans()):
            events.append(schema.RequestScheduled(i, number()))
    some = st.integers(0, requests - 1)
    for i in range(draw(a_few)):
        phases = (1e6 * random.random((draw(st.sampled_from([0, 1, layers + 1])), len(PHASES)))).astype(np.float32)
        kv = random.integers(0, 2**40, (layers, 2)).tobytes()
        kind = draw(st.sampled_from(["prefill", "decode", "mixed", "verify", "teacher"]))
        kernel = draw(st.sampled_from(["sdpa", "reference", "triton:split"]))
        launch = draw(st.sampled_from(["eager", "graph", "twin"]))
        draft_kv = (number(), number())
        values = (*(number() for _ in range(17)), kernel, phases.tobytes(), kv, launch, *draft_kv)
        events.append(schema.Step(i, 0, kind, *values))
    for i in range(draw(a_few)):
        source = draw(st.sampled_from(["target", "draft", "bonus"]))
        values = (draw(st.floats(-50, 0, width=32)), draw(st.floats(0, 20, width=32)))
        alternatives = np.array([3, 4], np.int32).tobytes() + np.array([-1, -2], np.float32).tobytes()
        events.append(schema.Token(i, draw(some), 0, i, number(), draw(words), *values, source, number(), alternatives))
    events += [schema.Work(*(number() for _ in range(8))) for _ in range(draw(a_few))]
    events += [schema.Speculation(0, draw(some), 4, number()) for _ in range(draw(a_few))]
    blocks = st.sampled_from(["allocate", "share", "free", "evict"])
    events += [schema.KvBlock(0, number(), 3, draw(blocks), 0) for _ in range(draw(a_few))]
    events += [schema.AttentionRow(0, draw(some), 1, 2, 0, b"\0<") for _ in range(draw(a_few))]
    events += [schema.DeviceSample(number(), "cpu", draw(words), 1.5) for _ in range(draw(a_few))]
    events += [
        schema.MetricSample(number(), "metrics", draw(words), draw(words), draw(st.floats(-1e9, 1e9)))
        for _ in range(draw(a_few))
    ]
    if draw(st.booleans()):
        events.append(schema.PromptTold(0, [-1, 7, 8], [draw(words), "b", "c"]))
    events.append(schema.Dropped(number(), number()))
    if draw(st.booleans()):
        events.append(schema.RequestFinished(0, number(), "eos"))
    return events


def spelled(table: EventTable) -> list[dict[str, Any]]:
    """The rows of a table, with the words for which its columns hold numbers."""
    columns = [
        [table.words[name][code] for code in table[name].tolist()] if name in table.words else table[name].tolist()
        for name in table.names
    ]
    return [dict(zip(table.names, row, strict=True)) for row in zip(*columns, strict=True)]


def assert_is(session: Session, events: list[schema.AnyEvent]) -> None:
    """Every value of every stored event stands in the Session."""
    by_type: dict[type, list[Any]] = defaultdict(list)
    for event in events:
        by_type[type(event)].append(msgspec.structs.asdict(event))
    for step, values in zip(by_type[schema.Step], spelled(session.steps), strict=True):
        detail = session.details.step(step["id"])
        assert detail is not None
        assert step == {**values, "phases": detail[0].tobytes(), "kv_layers": detail[1].tobytes()}
    for token, values in zip(by_type[schema.Token], spelled(session.tokens), strict=True):
        ids, logprobs = session.details.alternatives(token["id"])
        assert token == {**values, "alternatives": ids.tobytes() + logprobs.tobytes()}
    for kind, table in (
        (schema.Work, session.work), (schema.Speculation, session.speculation),
        (schema.DeviceSample, session.device_samples), (schema.KvBlock, session.kv_blocks),
        (schema.MetricSample, session.metric_samples),
    ):  # fmt: skip
        assert by_type[kind] == spelled(table)
    for row in by_type[schema.AttentionRow]:
        held = session.details.attention_map(row["request_id"], row["layer"], row["head"])
        assert (row["step_id"], row["position"], row["probs"]) in held
    for arrived in by_type[schema.RequestArrived]:
        request = session.requests[arrived["id"]]
        told = [one for one in by_type[schema.PromptTold] if one["id"] == request.id]
        held = {name: getattr(request, name) for name in arrived} | {"params": json.dumps(request.params)}
        assert arrived | (told[0] if told else {}) == held
        own = [token for token in by_type[schema.Token] if token["request_id"] == request.id]
        assert session.tokens["id"][request.token_rows].tolist() == [token["id"] for token in own]
        assert request.first_token_ns == (own[0]["emitted_ns"] if own else None)
    for scheduled in by_type[schema.RequestScheduled]:
        assert session.requests[scheduled["id"]].scheduled_ns == scheduled["scheduled_ns"]
    for finished in by_type[schema.RequestFinished]:
        request = session.requests[finished["id"]]
        assert (request.finished_ns, request.finish_reason) == (finished["finished_ns"], finished["finish_reason"])
    assert session.meta == by_type[schema.SessionStarted][0]["meta"]
    assert session.dropped == by_type[schema.Dropped][0]


@settings(max_examples=60)
@given(events=runs(), cut=st.integers(0, 30), pack_rows=st.sampled_from([1, 2, 3, 4096]))
def test_any_run_comes_back(
    tmp_path_factory: pytest.TempPathFactory, events: list[schema.AnyEvent], cut: int, pack_rows: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "run.dscope"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack_writer, "PACK_ROWS", pack_rows)
        record(path, [events[:cut], events[cut:]])
    live = Session()
    live.apply(schema.decode(schema.encode(events[:cut])))
    live.apply(schema.decode(schema.encode(events[cut:])))
    assert_is(live, events)
    opened = load(SessionFile(path))  # any values, whether they make sense or not
    assert_same(live, opened)
    assert_is(opened, events)
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
    process = subprocess.Popen([sys.executable, "-c", WRITE_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    reader = SessionFile(path)
    while reader.query("SELECT count(*) FROM marks")[0][0] < 300:
        os.sched_yield()
    reader.close()
    killed_ns = time.monotonic_ns()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
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


def test_other_peoples_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SessionFileError, match="left as it is"):
        SessionWriter(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(SessionFileError, match="does not exist"):
        SessionWriter(tmp_path / "no" / "where.dscope")


def test_a_device_or_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = tmp_path / "link"
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(SessionFileError, match="is no ordinary file"):
            SessionWriter(path)
    assert pipe.is_fifo()
    assert link.is_symlink()


def test_a_recording_that_goes_on_is_not_overwritten(tmp_path: Path) -> None:
    with SessionWriter(tmp_path / "run.dscope") as first:
        first.append(next(synthetic_events(5)))
        with pytest.raises(SessionFileError, match="being recorded or read"):
            SessionWriter(tmp_path / "run.dscope")
    with SessionWriter(tmp_path / "run.dscope"):
        pass


def test_a_copy_that_fails_leaves_the_destination_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path / "new.dscope", list(synthetic_events(9)))
    record(tmp_path / "old.dscope", list(synthetic_events(2)))

    def fail(self: SessionFile, destination: Path) -> None:
        destination.write_bytes(b"half")
        raise sqlite3.OperationalError("database or disk is full")

    before = (tmp_path / "old.dscope").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(SessionFile, "backup", fail)
        with pytest.raises(SessionFileError, match=r"could not be saved as .*old\.dscope: database or disk is full"):
            save_as(tmp_path / "new.dscope", tmp_path / "old.dscope")
    assert (tmp_path / "old.dscope").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.dscope", "old.dscope"]
    save_as(tmp_path / "new.dscope", tmp_path / "old.dscope")
    session = open_session(tmp_path / "old.dscope")
    assert len(session.steps) == 9
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_an_older_recording_is_replaced(tmp_path: Path) -> None:
    record(tmp_path / "run.dscope", list(synthetic_events(30)))
    record(tmp_path / "run.dscope", list(synthetic_events(2)))
    session = open_session(tmp_path / "run.dscope")
    assert len(session.steps) == 2
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_a_full_disk_ends_the_recording_and_keeps_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def kept(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", kept)
        full = SessionWriter(tmp_path / "run.dscope")
    batches = list(synthetic_events(2000))
    full.append(batches[0])
    full.append(batches[1])
    full.commit()
    pages = opened[-1].execute("PRAGMA page_count").fetchone()[0]
    opened[-1].execute(f"PRAGMA max_page_count = {pages}")
    rest = [event for batch in batches[2:] for event in batch]
    for events in (rest, rest[:3]):
        with pytest.raises(SessionFileError, match=r"full\. What was written until then is kept"):
            full.append(events)
    full.close()
    session = open_session(tmp_path / "run.dscope")
    assert len(session.steps) >= len([e for e in batches[1] if isinstance(e, schema.Step)])
    assert isinstance(session.source, SessionFile)
    session.source.close()
