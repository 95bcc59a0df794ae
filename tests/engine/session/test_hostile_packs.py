"""The rows are the truth: a pack that says anything else than they do is passed over, whatever it claims to hold."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.figures.json_figures import json_figures
from engine.session import pack_index
from engine.session.file import SessionFile, open_session
from engine.session.packs import PACKED, unpack
from tests.engine.session.editing import written
from tests.engine.session.synthetic import synthetic_events

STEPS = 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("whole") / "run.dscope", synthetic_events(STEPS, layers=2, requests=2))


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    path = tmp_path / "x.dscope"
    shutil.copy(whole, path)
    return path


def edit(path: Path, *statements: str, parameters: tuple[Any, ...] = ()) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA recursive_triggers = OFF")
    with db:
        for statement in statements:
            db.execute(statement, parameters)
    db.close()


def figures(path: Path) -> dict[str, Any]:
    session = open_session(path)
    assert isinstance(session.source, SessionFile)
    try:
        return json_figures(session)
    finally:
        session.source.close()


def packs_used(path: Path, table: str) -> int:
    file = SessionFile(path)
    try:
        return sum(pack.count for pack in file.packs(table))
    finally:
        file.close()


def test_packs_that_agree_with_their_rows_are_used(whole: Path) -> None:
    assert {table: packs_used(whole, table) for table in PACKED} == {
        "steps": STEPS, "tokens": 2 * STEPS, "work": 2 * STEPS, "speculation": 0, "kv_blocks": 0, "device_samples": 2,
        "metric_samples": 0, "kernels": 0, "ranges": 0, "precision_positions": 0, "precision_layers": 0,
        "precision_timings": 0,
    }  # fmt: skip


def replace_row(path: Path, table: str, number: int, column: str, value: str) -> None:
    """Put another value into a row by REPLACE, which fires no trigger of UPDATE or DELETE."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA recursive_triggers = OFF")
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    picked = ", ".join(value if name == column else f'"{name}"' for name in names)
    with db:
        db.execute(f"INSERT OR REPLACE INTO {table} SELECT {picked} FROM {table} WHERE id = {number}")
    db.close()


@pytest.mark.parametrize("triggers", [True, False], ids=["closed", "killed or older"])
def test_a_row_that_was_replaced_is_what_figures_are_of(path: Path, triggers: bool) -> None:
    before = figures(path)["positions"]["new"]
    if not triggers:
        edit(path, *(f"DROP TRIGGER {table}_INSERT" for table in PACKED))
    replace_row(path, "steps", 3, "positions_new", "positions_new + 1000")
    assert figures(path)["positions"]["new"] == before + 1000
    assert packs_used(path, "steps") == 0
    assert packs_used(path, "tokens") == 2 * STEPS


@pytest.mark.parametrize(("column", "value"), [("text", "' cat!'"), ("logprob", "-0.125"), ("token_id", "4095")])
def test_no_column_of_a_small_table_can_differ_from_its_packs(path: Path, column: str, value: str) -> None:
    edit(path, "DROP TRIGGER tokens_INSERT")
    replace_row(path, "tokens", 3, column, value)
    assert packs_used(path, "tokens") == 0


def test_of_a_large_table_without_the_trigger_the_telling_columns_are_summed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_index, "ALWAYS_SUMMED", 0)
    assert packs_used(path, "tokens") == 2 * STEPS
    edit(path, "DROP TRIGGER tokens_INSERT")
    assert packs_used(path, "tokens") == 2 * STEPS
    replace_row(path, "tokens", 3, "token_id", "4095")
    assert packs_used(path, "tokens") == 0


def test_a_row_that_is_added_leaves_the_packs_before_it(path: Path) -> None:
    edit(path, "INSERT INTO device_samples VALUES (1, 'cpu', 'process_cpu_percent', 1.0)")
    assert packs_used(path, "device_samples") == 2
    assert figures(path)["devices"]["readings"]["cpu"]["process_cpu_percent"]["count"] == 2


def test_rows_that_are_gone_without_a_trigger_are_gone(path: Path) -> None:
    edit(path, "DROP TRIGGER tokens_DELETE", "DELETE FROM tokens WHERE id = 20")
    assert packs_used(path, "tokens") == 0
    assert figures(path)["tokens"] == 2 * STEPS - 1


@pytest.mark.parametrize("count", [300_000_000, 2**62, 0, -1])
@pytest.mark.parametrize("last", ["last", str(2**62)])
def test_a_count_that_the_table_does_not_have_is_not_believed(path: Path, whole: Path, count: int, last: str) -> None:
    edit(path, f"UPDATE packs SET count = {count}, last = {last} WHERE of = 'tokens'")
    assert packs_used(path, "tokens") == 0
    assert figures(path) == figures(whole)


Parts = list[list[Any]]


def named(parts: Parts, name: str) -> list[Any]:
    return next(part for part in parts if part[0] == name)


def other_dtype(dtype: str) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        named(parts, "end_ns")[1] = dtype

    return change


def constant_words(parts: Parts) -> None:
    named(parts, "kind")[2:4] = [2**31, b""]


def no_words(parts: Parts) -> None:
    named(parts, "kind")[4] = []


def large_base(parts: Parts) -> None:
    named(parts, "end_ns")[2] = 2**63 - 1


def another_name(parts: Parts) -> None:
    named(parts, "end_ns")[0] = "anything"


def lost_column(parts: Parts) -> None:
    parts.remove(named(parts, "end_ns"))


def twice(parts: Parts) -> None:
    parts.append(named(parts, "end_ns"))


def shorter(parts: Parts) -> None:
    part = named(parts, "end_ns")
    part[3] = part[3][:-1]


def totals_of_another_width(parts: Parts) -> None:
    part = named(parts, "phases")
    part[3] = part[3] * 2


CHANGED: dict[str, Callable[[Parts], None]] = {
    "objects": other_dtype("|O8"),
    "structures": other_dtype("V8"),
    "no dtype": other_dtype("?!"),
    "large dtype": other_dtype("V2000000000"),
    "words beyond the list": constant_words,
    "no words": no_words,
    "sums beyond int64": large_base,
    "unknown column": another_name,
    "lost column": lost_column,
    "a column twice": twice,
    "half a number": shorter,
    "wide totals": totals_of_another_width,
}


@pytest.mark.parametrize("always", [65_536, 0], ids=["summed", "not summed"])
@pytest.mark.parametrize("kind", CHANGED)
def test_a_pack_that_is_damaged_is_read_from_its_rows(
    path: Path, whole: Path, kind: str, always: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_index, "ALWAYS_SUMMED", always)
    db = sqlite3.connect(path)
    (blob,) = db.execute("SELECT columns FROM packs WHERE of = 'steps'").fetchone()
    parts = msgspec.msgpack.decode(blob)
    CHANGED[kind](parts)
    with db:
        db.execute("UPDATE packs SET columns = ? WHERE of = 'steps'", (msgspec.msgpack.encode(parts),))
    db.close()
    assert figures(path) == figures(whole)


@pytest.mark.parametrize("blob", ["x''", "x'9301'", "NULL", "7", "zeroblob(1000)", "x'" + "91" * 5000 + "'"])
def test_a_pack_that_is_none_is_read_from_its_rows(path: Path, whole: Path, blob: str) -> None:
    edit(
        path, "CREATE TABLE kept AS SELECT * FROM packs", "DROP TABLE packs",
        "CREATE TABLE packs (of TEXT, last INTEGER, count INTEGER, columns BLOB)",
        "INSERT INTO packs SELECT * FROM kept", f"UPDATE packs SET columns = {blob} WHERE of = 'work'",
    )  # fmt: skip
    assert figures(path) == figures(whole)


def test_the_packs_of_a_table_say_what_its_rows_say(path: Path) -> None:
    db = sqlite3.connect(path)
    (blob, count) = db.execute("SELECT columns, count FROM packs WHERE of = 'work'").fetchone()
    ends = [row[0] for row in db.execute('SELECT "end" FROM work ORDER BY rowid')]
    db.close()
    column = unpack("work", blob, count)["end"]
    assert isinstance(column, np.ndarray)
    assert column.tolist() == ends
