"""No number of a file makes anything larger than the file itself: each is refused in a sentence, before it is used."""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import SessionFileError
from engine.export.chrome import write_chrome
from engine.export.tables import write_tables
from engine.figures.comparison import compare
from engine.figures.json_figures import json_figures
from engine.session import schema
from engine.session.file import SessionFile, open_session
from engine.session.store import Session
from tests.engine.session.editing import edited, written
from tests.engine.session.synthetic import synthetic_events

HUGE = (2_000_000_000, 2**50, 2**63 - 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session with a row in every table."""
    more: list[schema.AnyEvent] = [
        *(schema.Speculation(step, 0, 4, 3) for step in range(1, 5)),
        schema.KvBlock(0, 1, 0, "allocate", 0),
        schema.KvBlock(0, 2, 1, "allocate", 1),
        schema.Mark(5, "user", "here"),
    ]
    run = synthetic_events(20, layers=2, requests=2, kv="paged")
    return written(tmp_path_factory.mktemp("whole") / "run.dscope", [*run, more])


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """What takes far more than the file fails, where the system can limit it."""
    if sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def use(session: Session, folder: Path) -> dict[str, Any]:
    """Everything that `info` and the exports ask for."""
    assert isinstance(session.source, SessionFile)
    try:
        figures = json_figures(session)
        json.dumps(json_figures(session, (0, max(0, len(session.steps) - 1))))
        write_tables(session, folder / "tables")
        write_chrome(session, folder / "trace.json")
        return figures
    finally:
        session.source.close()


BOUNDED = {
    "steps": (
        "positions_computed", "positions_new", "positions_recomputed", "positions_padding", "positions_rejected",
        "positions_reused", "tokens_out", "running", "waiting", "config_id",
    ),
    "tokens": ("request_id", "step_id", "position", "token_id"),
    "work": ("step_id", "request_id", "slot", "first", "end", "rejected", "reused"),
    "speculation": ("step_id", "request_id", "proposed", "accepted"),
    "kv_blocks": ("step_id", "block", "request_id"),
    "attention": ("request_id", "layer", "head"),
}  # fmt: skip
COLUMNS = [(table, column) for table, columns in BOUNDED.items() for column in columns]


@pytest.mark.parametrize("value", HUGE[1:])
@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_count_or_an_index_that_is_huge_is_refused(
    whole: Path, tmp_path: Path, table: str, column: str, value: int
) -> None:
    with pytest.raises(SessionFileError, match="is damaged or cut short"):
        open_session(edited(whole, tmp_path, f'UPDATE {table} SET "{column}" = {value}'))


@pytest.mark.parametrize(("table", "column"), [("speculation", "proposed"), ("work", "slot"), ("attention", "head")])
def test_one_number_of_two_billion_is_refused(whole: Path, tmp_path: Path, table: str, column: str) -> None:
    with pytest.raises(SessionFileError, match=f"{table}.{column} should be from 0 to"):
        open_session(edited(whole, tmp_path, f'UPDATE {table} SET "{column}" = 2000000000'))


@pytest.mark.parametrize("value", [-1, 2**40, 2**63 - 1, "'text'", "NULL", "1e300", "x'00'"])
@pytest.mark.parametrize(
    "table", ["steps", "tokens", "work", "speculation", "kv_blocks", "attention", "device_samples", "metric_samples"]
)
def test_whatever_stands_in_a_column_ends_in_a_sentence_if_in_anything(
    whole: Path, tmp_path: Path, table: str, value: object
) -> None:
    db = sqlite3.connect(whole)
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    db.close()
    for index, column in enumerate(columns):
        if column == "id" and type(value) is str:
            continue  # SQLite itself has whole numbers only there
        folder = tmp_path / str(index)
        folder.mkdir()
        path = edited(whole, folder, f'UPDATE OR IGNORE {table} SET "{column}" = {value}')
        said = ""
        try:
            use(open_session(path), folder)
        except SessionFileError as error:
            said = str(error)
        assert "\n" not in said
        assert len(said) < 500


def test_more_drafts_accepted_than_proposed_are_refused(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match="more drafts were accepted than proposed"):
        open_session(edited(whole, tmp_path, "UPDATE speculation SET accepted = 5"))


@pytest.mark.parametrize("column", ["flops", "bytes_moved", "device_ns"])
def test_sums_stay_numbers_of_64_bits(whole: Path, tmp_path: Path, column: str) -> None:
    with pytest.raises(SessionFileError, match=f"steps.{column} is too large in all"):
        open_session(edited(whole, tmp_path, f"UPDATE steps SET {column} = {2**62}"))


def test_times_stay_numbers_of_64_bits(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match="the time of all steps is too large in all"):
        open_session(edited(whole, tmp_path, f"UPDATE steps SET end_ns = {2**62}"))


def test_the_largest_cache_that_is_believed_is_summed(whole: Path, tmp_path: Path) -> None:
    session = open_session(edited(whole, tmp_path, f"UPDATE steps SET kv_used_bytes = {2**50}"))
    assert use(session, tmp_path)["kv"]["used_peak_bytes"] == 2**50


@pytest.mark.parametrize("config", ["block_size", "k", "max_batch"])
@pytest.mark.parametrize("value", ["0", "-1", "1e30", "9007199254740993", '"two"', "null"])
def test_a_switch_that_is_a_count_is_one(whole: Path, tmp_path: Path, config: str, value: str) -> None:
    path = edited(whole, tmp_path, f'UPDATE configs SET json = \'{{"kv": "paged", "{config}": {value}}}\'')
    with pytest.raises(SessionFileError, match=f"the switch {config} is no count"):
        open_session(path)


def test_blocks_that_no_memory_has_are_refused(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match=r"kv_reserved_bytes would be [0-9]+ blocks"):
        open_session(edited(whole, tmp_path, f"UPDATE steps SET kv_reserved_bytes = {2**50}"))


MODEL = ("layers", "heads", "kv_heads", "head_dim", "itemsize", "hidden", "ffn", "vocab", "weight_bytes")


@pytest.mark.parametrize("value", [*map(str, (*HUGE[1:], -1)), "1e400", "NaN", "null", "true", "[]", '"9"'])
@pytest.mark.parametrize("name", MODEL)
def test_a_size_of_the_model_is_one(whole: Path, tmp_path: Path, name: str, value: str) -> None:
    if (name, value) == ("weight_bytes", str(2**50)):
        return
    db = sqlite3.connect(whole)
    (text,) = db.execute("SELECT value FROM meta WHERE key = 'model_config'").fetchone()
    db.close()
    changed = json.dumps({**json.loads(text), name: "@"}).replace('"@"', value)
    with pytest.raises(SessionFileError, match="is damaged or cut short"):
        open_session(edited(whole, tmp_path, f"UPDATE meta SET value = '{changed}' WHERE key = 'model_config'"))


@pytest.mark.parametrize("name", MODEL)
def test_a_size_that_is_missing_leaves_out_what_needs_it(whole: Path, tmp_path: Path, name: str) -> None:
    without = f"UPDATE meta SET value = json_remove(value, '$.{name}') WHERE key = 'model_config'"
    session = open_session(edited(whole, tmp_path, without))
    rows = compare(session)
    predicted = use(session, tmp_path)["kv"]["predicted_bytes"]
    assert "memory" in {row.metric for row in rows}
    assert (predicted is None) == (name in {"layers", "kv_heads", "head_dim", "itemsize"})


def test_slots_take_no_more_than_the_rows_there_are(tmp_path: Path) -> None:
    """Slots are counted by the rows there are, not by steps times slots."""
    path = tmp_path / "x.dscope"
    written(path, synthetic_events(2000, layers=1, requests=2, alternatives=1, attention_rows=0))
    folder = tmp_path / "edited"
    folder.mkdir()
    session = open_session(edited(path, folder, "UPDATE work SET slot = slot * 3999"))
    assert isinstance(session.source, SessionFile)
    slots = json_figures(session)["slots"]
    session.source.close()
    assert (slots["lanes"], slots["useful"], slots["padding"]) == (4000, 4000, 0)
