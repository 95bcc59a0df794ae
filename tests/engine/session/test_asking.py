"""Questions in SQL to a session file: what they give, that nothing can be changed or reached by them, their limits."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.session import schema
from engine.session.asking import AskedWrongError, Cut, Limits, ask
from engine.session.format_document import examples, tables
from engine.session.patience import Patience
from engine.session.tables import COLUMNS, PACKED_TABLES
from engine.session.writer import SessionWriter
from tests.engine.session.hostile_sql import ENDLESS, GREEDY, LIMITS, REFUSED, run
from tests.engine.session.synthetic import synthetic_events

STEPS = 40


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("asked") / "run.dscope"
    with SessionWriter(found) as writer:
        for batch in synthetic_events(STEPS, layers=2, requests=3):
            writer.append(batch)
        writer.append([
            schema.SessionStarted({"precision": '{"a": {}, "b": {}}'}),
            schema.PrecisionPosition(0, 1, 1, 1, 0.5, 0.6, 0.1, 1, 2),
            schema.PrecisionLayer(0, 0, 1, 0.1, 0.6, 1),
            schema.PrecisionTiming(0, "a", "decode", 1, 10),
        ])  # fmt: skip
        writer.append([schema.Mark(5, "pause", ""), schema.Mark(10, "resume", ""), schema.Mark(20, "note", "a\x00b")])
    return found


def sentence_of(path: Path, sql: str, **options: object) -> str:
    with pytest.raises(AskedWrongError) as caught:
        ask(path, sql, **options)  # type: ignore[arg-type]
    return str(caught.value)


def wrong_word(path: Path, sql: str) -> str | None:
    with pytest.raises(AskedWrongError) as caught:
        ask(path, sql)
    return None if caught.value.at is None else sql[slice(*caught.value.at)]


def test_a_question_gives_columns_and_rows_as_sqlite_has_them(path: Path) -> None:
    answered = ask(path, "SELECT id, kind, 1.5 AS x, NULL AS y, phases, length(phases) FROM steps WHERE id < 2")
    assert answered.columns == ["id", "kind", "x", "y", "phases", "length(phases)"]
    assert [row[:4] for row in answered.rows] == [(0, "prefill", 1.5, None), (1, "decode", 1.5, None)]
    blob, size = answered.rows[0][4], answered.rows[0][5]
    assert isinstance(blob, Cut)
    assert isinstance(blob.head, bytes)
    assert (blob.size, len(blob.head)) == (size, Limits().blob)
    assert answered.ended == "whole"
    assert answered.id_of == "steps"


def test_a_long_text_is_cut_and_says_how_long_it_is(path: Path) -> None:
    (row,) = ask(path, "SELECT printf('%.20000c', 'x'), 'short'").rows
    assert row == (Cut(20_000, "x" * Limits().text), "short")


def test_rows_beyond_the_limits_are_left_off(path: Path) -> None:
    for limits, rows in ((Limits(rows=7), 7), (Limits(cells=20), 10), (Limits(result_bytes=100), 7)):
        answered = ask(path, "SELECT id, end_ns FROM steps", limits=limits)
        assert (len(answered.rows), answered.ended) == (rows, "rows")
    assert ask(path, "SELECT id FROM steps", limits=Limits(rows=STEPS)).ended == "whole"


def test_rows_that_came_before_the_time_was_over_are_shown(path: Path) -> None:
    endless = f"SELECT id FROM steps UNION ALL SELECT * FROM ({ENDLESS} SELECT i FROM n WHERE i < 0)"
    answered = ask(path, endless, limits=Limits(wall_s=0.4))
    assert answered.ended == "time"
    assert [row[0] for row in answered.rows] == list(range(STEPS - 1))  # the module sqlite3 reads a row ahead


def test_values_of_the_selection_stand_for_names(path: Path) -> None:
    answered = ask(path, "SELECT count(*), :token FROM steps WHERE id BETWEEN :first AND :last",
                   {"first": 3, "last": 5, "token": None})  # fmt: skip
    assert answered.rows == [(3, None)]


def test_the_id_of_a_row_is_of_a_table_only_where_one_is_read(path: Path) -> None:
    assert ask(path, "SELECT id FROM tokens").id_of == "tokens"
    assert ask(path, "SELECT x.id FROM steps AS x").id_of == "steps"
    assert ask(path, "SELECT steps.id, tokens.id FROM steps JOIN tokens ON step_id = steps.id").id_of == ""
    assert ask(path, "SELECT 1 AS id").id_of == ""


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.title[:30])
def test_every_example_of_the_document_runs(path: Path, example: object) -> None:
    answered = ask(path, example.sql, {"first": 2, "last": 30})  # type: ignore[attr-defined]
    assert answered.rows
    assert answered.columns


def test_the_view_of_pauses_is_the_programs_own_whatever_the_file_has_under_its_name(
    path: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.dscope"
    changed.write_bytes(path.read_bytes())
    with sqlite3.connect(changed) as db:
        db.execute("DROP VIEW pauses")
        db.execute("CREATE VIEW pauses AS SELECT 'other' AS since_ns, load_extension('x') AS until_ns")
    db.close()
    expected = [(5, 10)]
    assert ask(path, "SELECT * FROM pauses WHERE since_ns = 5").rows == expected
    assert ask(changed, "SELECT * FROM pauses WHERE since_ns = 5").rows == expected
    # no view of a file ever runs, whatever it holds
    assert "the file's view pauses" in sentence_of(path, "SELECT * FROM main.pauses")
    for name in ("main.pauses", 'MAIN . "Pauses"', "[main]/**/.`pauses`", "(SELECT * FROM main.pauses)"):
        assert "the file's view pauses" in sentence_of(changed, f"SELECT * FROM {name}")
    with sqlite3.connect(changed) as db:
        db.execute("CREATE VIEW mine AS SELECT id FROM steps")
    db.close()
    for name in ("mine", "main.mine", "(SELECT id FROM mine)"):
        assert "the file's view mine" in sentence_of(changed, f"SELECT count(*) FROM {name}")
        assert "the file's view mine" in sentence_of(changed, f"SELECT * FROM {name}")


def test_a_recording_that_goes_on_is_asked_what_was_committed(tmp_path: Path) -> None:
    recorded = tmp_path / "live.dscope"
    with SessionWriter(recorded) as writer:
        first, *others = synthetic_events(STEPS, layers=2)
        writer.append(first)
        writer.commit()
        assert ask(recorded, "SELECT count(*) FROM meta WHERE key = 'model'").rows == [(1,)]
        for batch in others:
            writer.append(batch)
        writer.commit()
        assert ask(recorded, "SELECT count(*) FROM steps").rows == [(STEPS,)]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["live.dscope"]


def test_what_is_wrong_is_said_with_its_place(path: Path) -> None:
    wrong = {
        "SELEC 1": "SELEC",
        "SELECT id FROM steps s WHERE 1 frm = 1": "frm",
        "SELECT 'from' AS a, 1 FROM steps FROM steps": "FROM",
        "SELECT id, nothing FROM steps": "nothing",
        "SELECT s.nothing FROM steps AS s -- nothing": "nothing",
        "SELECT 'x nothing', * FROM nothing": "nothing",
        "SELECT nothing(1)": "nothing",
        "SELECT id FROM steps, tokens": "id",
        "SELECT * FROM steps WHERE": "E",
        "SELECT 1; SELECT 2": "SELECT 2",
        "SELECT id FROM steps WHERE id = :what": ":what",
        "SELECT load_extension('x')": "load_extension",
        "SELECT # FROM steps": "#",
    }
    assert {sql: wrong_word(path, sql) for sql in wrong} == wrong
    with pytest.raises(AskedWrongError) as caught:
        ask(path, "SELECT 'from' AS a, 1 FROM steps FROM steps")
    assert caught.value.at == (33, 37)


@pytest.mark.parametrize("sql", REFUSED, ids=lambda sql: sql[:40].encode("ascii", "replace").decode())
def test_a_statement_that_would_change_or_reach_anything_is_refused_with_a_sentence(path: Path, sql: str) -> None:
    before = hashlib.sha256(path.read_bytes()).digest()
    ended = run(path, sql)
    assert "ended" not in ended
    sentence = str(ended["sentence"])
    assert sentence.endswith(".")
    assert len(sentence) < 300
    assert "ended before it answered" not in sentence
    assert hashlib.sha256(path.read_bytes()).digest() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of a process's memory is not told there")
def test_a_statement_that_wants_too_much_ends_within_its_limits(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.session.hostile_sql", str(path)],
        check=True, capture_output=True, text=True, timeout=300, env=environment,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert len(told["greedy"]) == len(GREEDY)
    for ended in told["greedy"]:
        assert ended.get("ended") or ended["sentence"].endswith("."), ended
        assert "ended before it answered" not in ended.get("sentence", ""), ended
    assert told["peak_bytes"] < 4 * LIMITS.memory_bytes
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_question_that_was_given_up_ends_at_once(path: Path) -> None:
    class Impatient(Patience):
        """Is given up when it is looked at for the third time: by then the process runs."""

        looked = 0

        @property
        def over(self) -> bool:
            self.looked += 1
            return self.looked > 2

    assert sentence_of(path, f"{ENDLESS} SELECT max(i) FROM n", patience=Impatient()) == "The query was cancelled."
    assert not [thread for thread in threading.enumerate() if thread is not threading.main_thread() and thread.daemon]


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    missing = tmp_path / "none.dscope"
    assert "none.dscope" in sentence_of(missing, "SELECT 1")
    (tmp_path / "text.dscope").write_text("no session")
    assert "text.dscope" in sentence_of(tmp_path / "text.dscope", "SELECT 1")


def test_text_that_is_no_utf8_is_shown_with_marks(path: Path) -> None:
    assert ask(path, "SELECT CAST(x'61ff62' AS TEXT)").rows == [("a�b",)]


def test_the_document_describes_every_column() -> None:
    described = tables()
    assert set(described) >= set(COLUMNS) - {"packs"} | {"meta", "pauses"}
    for table in PACKED_TABLES:
        assert [column.name for column in described[table]] == list(COLUMNS[table])
        assert all(column.meaning for column in described[table])
    units = {column.name: column.unit for column in described["steps"]}
    assert (units["start_ns"], units["kv_used_bytes"], units["kind"]) == ("ns", "bytes", "")
    assert [example.title for example in examples()][1] == "how much was computed twice"
    assert len({example.title for example in examples()}) == len(examples())
