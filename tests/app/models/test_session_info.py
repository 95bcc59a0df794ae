"""What a recording is, as rows: told from the session alone, and what was not recorded says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.models.request_tally import FIRST
from app.models.session_info import SessionInfo
from app.models.switch_history import MOST_SHOWN
from engine.session import schema
from engine.session.file import open_session
from engine.session.store import Session
from engine.session.writer import SessionWriter
from tests.app.panels.sessions import Recorder
from tests.engine.figures.served import recorded, session_of
from tests.engine.session.synthetic import synthetic_events, synthetic_session


def told(session: Session) -> dict[str, str]:
    """The values by group and name; of rows of one name, the first."""
    found: dict[str, str] = {}
    for row in SessionInfo(session).rows():
        found.setdefault(f"{row.group}/{row.name}", row.value)
    return found


def request(session: Session, id: int, prompt: str, **params: object) -> None:
    session.apply([schema.RequestArrived(id, prompt, [1, 2], ["a", "b"], json.dumps(params), 0)])


def test_a_recorded_file_is_described(tmp_path: Path) -> None:
    path = tmp_path / "run.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(20):
            writer.append(batch)
    session = open_session(path)
    rows = told(session)
    assert rows["Recording/File"] == "run.dscope"
    assert rows["Recording/Folder"] == str(tmp_path)
    assert rows["Recording/Holds"].startswith("20 steps · 1 request · ")
    assert rows["Recording/Detail"].startswith("layer: ")
    assert rows["Recording/Let go"] == "nothing"
    assert rows["Recording/Command"] == "synthetic"
    assert rows["Model/Shape"].startswith("layers 8 · hidden 256 · heads 8 · KV heads 4")
    assert rows["Model/Weights"] == "6.85 M parameters · 26.1 MiB ƒ".replace(" M", "\u2009M").replace(
        " MiB", "\u2009MiB"
    )
    assert rows["Machine/Device"] == "a CPU, cpu"
    assert rows["Machine/Versions"] == "not recorded"
    assert rows["Ceilings/Memory"] == "30.0\u2009GB/s ●"
    assert rows["Ceilings/Conditions"] == "not recorded"
    session.source.close()  # type: ignore[union-attr]


def test_what_was_not_recorded_says_so_and_is_marked() -> None:
    recorder = Recorder()
    rows = {f"{row.group}/{row.name}": row for row in SessionInfo(recorder.session).rows()}
    for name in ("Machine/Device", "Machine/Threads", "Machine/Memory", "Machine/Versions", "Switches/Switches",
                 "Recording/Recorded", "Model/Precision"):  # fmt: skip
        assert rows[name].value == "not recorded"
        assert rows[name].untold
    assert rows["Recording/File"].value == "in memory only"
    assert rows["Ceilings/Ceilings"].value == "not measured"


def test_each_change_of_switches_is_a_row_that_leads_to_its_step() -> None:
    recorder = Recorder()
    recorder.switches(kv="contiguous", k=4, graphs=True)
    recorder.request(0, ["a"])
    for _ in range(3):
        recorder.step([(0, 0, 0, 1, 0, 0)])
    recorder.switches(kv="none", k=4, graphs=False)
    info = SessionInfo(recorder.session)
    first, second = (row for row in info.rows() if row.group == "Switches")
    assert first.value.startswith("kv=contiguous · k=4 · graphs=on")
    assert first.step == 0
    assert (second.name, second.value) == ("from step 3", "kv: contiguous → none · graphs: on → off")
    assert second.step is None  # that step has not run yet
    recorder.step([(0, 0, 0, 1, 0, 0)])
    (again,) = [row for row in info.rows() if row.name == "from step 3"]
    assert again.step == 3
    assert again.value.endswith("at 30.0\u2009ms ●")


def test_of_very_many_changes_the_first_are_listed_and_copied_are_all() -> None:
    recorder = Recorder()
    for number in range(MOST_SHOWN + 10):
        recorder.switches(k=number + 1)
    info = SessionInfo(recorder.session)
    assert "10 further changes" in [row.value for row in info.rows()]
    assert len([row for row in info.every_row() if row.group == "Switches"]) == MOST_SHOWN + 10


def test_different_parameters_are_counted() -> None:
    session = Session()
    for number in range(10):
        sampling = {"temperature": 0.0 if number < 7 else 0.8, "seed": 0}
        request(session, number, f"prompt {number}", max_new_tokens=100 + number % 2, ignore_eos=number == 0,
                sampling=sampling, arrival_s=number / 2, stop=[])  # fmt: skip
    rows = told(session)
    assert rows["Requests/Prompt of request 0"] == "prompt 0"
    assert f"Requests/Prompt of request {FIRST}" not in rows
    assert rows["Requests/and more"] == f"{10 - FIRST} requests are not listed here"
    assert rows["Requests/New tokens"] == "100 to 101 tokens · 2 different"
    assert rows["Requests/Arrive"] == "within 4.50\u2009s"
    assert rows["Requests/Sampling"] == "temperature 0 (7), 0.8 (3) · seed 0"
    assert rows["Requests/Options"] == "ignore_eos no (9), yes (1) · stop none"


def test_a_parameter_that_some_requests_do_not_give_is_told_with_their_number() -> None:
    session = Session()
    request(session, 0, "a", sampling={"temperature": 1.0})
    request(session, 1, "b", sampling={})
    assert told(session)["Requests/Sampling"] == "temperature 1 (1), not given (1)"


def test_a_server_is_named_with_what_it_does_not_tell() -> None:
    rows = told(session_of(recorded()))
    assert rows["Server/Kind"].startswith("vLLM")
    assert "Server/Address" in rows
    assert "Ceilings/Ceilings" not in rows
    assert "Not told" in "".join(rows)


@pytest.mark.parametrize("fact", ["epoch_ns", "measured_s"])
@pytest.mark.parametrize("moment", ["soon", "9" * 30, "", "-1"])
def test_a_moment_that_makes_no_sense_counts_as_not_recorded(fact: str, moment: str) -> None:
    session = synthetic_session(4)
    if fact == "epoch_ns":
        session.meta = {**session.meta, "epoch_ns": moment}
        assert told(session)["Recording/Recorded"] == "not recorded"
    else:
        ceilings = {"read_bytes_per_s": 1.0, "flops_per_s": 1.0, "measured_s": moment}
        session.meta = {**session.meta, "ceilings": json.dumps(ceilings)}
        assert told(session)["Ceilings/Measured"] == "not recorded"


def test_a_part_of_a_watch_names_the_part_before_it_on_one_line() -> None:
    session = session_of(recorded())
    assert "Recording/Continues" not in told(session)
    session.apply([schema.FactsSet({"continues": "2026-11-30_10-00-00_tiny.dscope\n" + "x" * 1000})])
    words = told(session)["Recording/Continues"]
    assert words.startswith("2026-11-30_10-00-00_tiny.dscope x")
    assert len(words) == 200


def test_a_refresh_of_a_long_run_reads_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()
    for number in range(200):
        request(session, number, "p", sampling={"seed": number})
    info = SessionInfo(session)
    info.rows()
    read: list[int] = []
    from_place = session.requests.from_place

    def counted(first: int) -> Iterator[int]:
        for key in from_place(first):
            read.append(key)
            yield key

    monkeypatch.setattr(session.requests, "from_place", counted)
    request(session, 200, "p", sampling={"seed": 200})
    info.rows()
    assert read == [200]


def test_marks_of_a_person_are_listed_with_their_steps() -> None:
    session = synthetic_session(10)
    for step in (7, 2):
        mark = schema.Mark(int(session.steps["start_ns"][step]), "user", f"<b>at</b> {step}")
        session.apply([schema.MarkChanged(None, mark)])
    rows = [row for row in SessionInfo(session).rows() if row.group == "Marks"]
    assert [(row.name, row.step) for row in rows] == [("<b>at</b> 2", 2), ("<b>at</b> 7", 7)]
    assert rows[0].value.endswith(" · step 2")
    many = [schema.MarkChanged(None, schema.Mark(number, "user", str(number))) for number in range(MOST_SHOWN)]
    session.apply(many)
    info = SessionInfo(session)
    assert [row.value for row in info.rows() if row.group == "Marks"][-1] == "2 further marks"
    assert len([row for row in info.every_row() if row.group == "Marks"]) == MOST_SHOWN + 2


def test_marks_of_a_session_without_steps_are_listed() -> None:
    session = Session()
    session.apply([schema.SessionStarted({"model": "m"}), schema.Mark(5, "user", "here")])
    (row,) = (row for row in SessionInfo(session).rows() if row.group == "Marks")
    assert (row.name, row.step) == ("here", None)
