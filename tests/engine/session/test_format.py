"""The format of a session file: what is derived from the events is what it always was, and what FORMAT.md says."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
import pytest

from engine.session import fields, file, schema
from engine.session.checking import check_content
from engine.session.event_table import EventTable
from engine.session.file import SessionWriter, open_session
from engine.session.precision_fact import ModelSide, PrecisionFact, as_fact
from engine.session.store import Session
from engine.session.tables import FIELDS, PACKED_TABLES, declared

VERSION_1: Final = (Path(__file__).parent / "version_1.sql").read_text().rstrip("\n").split("\n\n")
"""Every statement in the schema of a closed file of version 1."""
YOUNGER: Final = (
    "metric_samples", "token_texts", "trace_names", "kernels", "ranges", "precision_positions", "precision_layers",
    "precision_timings",
)  # fmt: skip
"""The tables that were added since."""
PACKS: Final = "6f56869f014ebdfa14e2fffb51d8ac0ff195e93ec9a3a948f31673e491fab43f"
"""The digest of the packs of `events()` in such a file."""
UNITS: Final = {"_ns": {"ns"}, "_bytes": {"bytes"}, "bytes_moved": {"bytes"}, "flops": {"FLOPs"}, "_id": {"-"}}
"""By how a column's name ends: the unit that FORMAT.md should give."""


PRECISION: Final = as_fact(
    PrecisionFact(ModelSide("a", "/a", "float32", 8, 9), ModelSide("b", "/b", "float32", 4, 5), "text", 512, 9, 9, 2)
)


def events() -> list[schema.AnyEvent]:
    """Rows of every packed table, more than a pack holds; no value depends on how a processor rounds."""
    config = {"layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 8, "itemsize": 4}
    found: list[schema.AnyEvent] = [
        schema.SessionStarted({"model_config": json.dumps(config), "precision": PRECISION}),
        schema.ConfigChanged(0, 0, "{}"),
        schema.RequestArrived(0, "a b", [1, 2], ["a", " b"], "{}", 0),
    ]
    for i in range(4200):
        start_ns, wide = i * 1000, i * 2**34
        phases = np.full((3, len(schema.PHASES)), i % 100, np.float32).tobytes()
        kv = np.full((2, 2), i, np.int64).tobytes()
        launch, source = (("eager", "graph", "twin")[i % 3], ("target", "draft", "bonus")[i % 3])
        found += [
            schema.Step(
                i, 0, "prefill" if i == 0 else "decode", start_ns, start_ns + 900, -1, 3, 1, 2, 0, 0, i % 5, 1, wide,
                1000 * i, 2 * i, 3 * i, 0, 1, i % 300, ("sdpa", "triton:split")[i % 2], phases, kv, launch, i, 2 * i,
                -1, 70_000 * i,
            ),
            *([schema.TokenText(i, f" {i}")] if i < 9 else []),
            schema.Token(i, 0, i, 2 + i, i % 4000, f" {i % 50}", -i / 4, i / 8, source, start_ns + 800, b""),
            schema.Work(i, 0, 0, 0, i, i + 2, i % 2, 0),
            schema.KvBlock(i, start_ns, i % 7, ("allocate", "share", "free", "evict")[i % 4], 0),
            schema.Speculation(i, 0, 2 + i % 5, i % 3),
            schema.DeviceSample(i * 10, f"cuda:{i % 2}", "power_watts", i / 4),
            schema.MetricSample(i * 10, "metrics", "vllm:num_requests_running", '{"engine":"0"}', i % 9),
            *([schema.TraceName(i, f"name {i}")] if i < 5 else []),
            schema.Kernel(
                i, i, i, i % 5, ("kernel", "memcpy")[i % 2], ("ffn", "attention")[i % 2], 0, i % 3, start_ns,
                start_ns + 40 + i % 7, i, i * 8 if i % 2 else -1, f"{i % 9},1,1", "128,1,1", "told",
            ),
            schema.Range(
                i, i, i - 1, i % 5, 4, ("op", "runtime")[i % 2], "norm", min(i, 1), start_ns, start_ns + 60, 20, "told"
            ),
            schema.PrecisionPosition(i, i + 1, i % 9, i % 512 + 1, i / 4, i / 8, i / 16, i % 9, i % 7),
            schema.PrecisionLayer(i, i % 2, 511, i / 4, i / 8, i % 500),
            schema.PrecisionTiming(i, ("a", "b")[i % 2], ("prompt", "decode")[i % 2], 1, i),
        ]  # type: ignore[arg-type] # fmt: skip
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("format") / "run.dscope"
    with SessionWriter(path) as writer:
        writer.append(events())
    return path


def test_the_schema_is_that_of_version_1_and_a_table_only_grows_at_its_end(recorded: Path) -> None:
    with closing(sqlite3.connect(recorded)) as db:
        found = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    of_version_1 = [sql for sql in found if not re.match(rf"CREATE (TABLE|TRIGGER) ({'|'.join(YOUNGER)})", sql)]
    for now, before in zip(of_version_1, VERSION_1, strict=True):
        assert now == before or now.startswith(before.removesuffix(")") + ",")


def test_packs_are_byte_for_byte_those_of_version_1(recorded: Path) -> None:
    columns = {
        sql.split()[2]: set(re.findall(r'"?(\w+)"? (?:INTEGER|REAL|TEXT|BLOB)', sql))
        for sql in VERSION_1
        if sql.startswith("CREATE TABLE")
    }
    digest = hashlib.sha256()
    with closing(sqlite3.connect(recorded)) as db:
        for table, last, count, blob in db.execute("SELECT of, last, count, columns FROM packs ORDER BY of, last"):
            if table in YOUNGER:
                continue
            parts = msgspec.msgpack.decode(blob)
            assert msgspec.msgpack.encode(parts) == blob
            kept = msgspec.msgpack.encode([part for part in parts if part[0] in columns[table]])
            digest.update(repr((table, last, count, kept)).encode())
    assert digest.hexdigest() == PACKS


@pytest.mark.parametrize("table", PACKED_TABLES)
def test_the_document_names_each_column_with_its_type_and_unit(table: str) -> None:
    text = (Path(file.__file__).parent / "FORMAT.md").read_text()
    section = text[text.index(f"\n**{table}**:") :]
    rows = section[section.index("| column | type | unit | meaning |") :].split("\n\n")[0].splitlines()[2:]
    told = [[cell.strip() for cell in row.strip("|").split("|", 3)] for row in rows]
    assert [(name.strip("`"), kind) for name, kind, _, _ in told] == [
        (field.name, declared(field).replace(" NOT NULL", "")) for field in FIELDS[table]
    ]
    for name, _, unit, meaning in told:
        assert unit
        assert meaning
        for ending, units in UNITS.items():
            assert not name.strip("`").endswith(ending) or unit in units, name


def test_a_whole_number_says_what_it_may_be() -> None:
    class Silent(msgspec.Struct):
        steps: int

    class Nested(msgspec.Struct):
        steps: list[int]

    with pytest.raises(TypeError, match="steps does not say what it may be"):
        fields.fields_of(Silent)
    with pytest.raises(TypeError, match=r"steps is of list\[int\], which is no column"):
        fields.fields_of(Nested)


LEAST_AND_MOST: Final = [
    (table, field.name, field.held.least, field.held.most)
    for table in PACKED_TABLES
    for field in FIELDS[table]
    if isinstance(field.held, fields.Whole)
]


@pytest.mark.parametrize(("table", "name", "least", "most"), LEAST_AND_MOST)
def test_every_number_of_a_file_is_held_against_what_its_field_says(
    table: str, name: str, least: int, most: int
) -> None:
    session = Session()
    session.apply(events())
    check_content(session)
    rows: EventTable = getattr(session, table)
    for wrong in (least - 1, most + 1):
        if wrong < 2**63:
            rows[name][0] = wrong
            with pytest.raises(ValueError, match=rf"{table}.{name} should be from {least} to {most}"):
                check_content(session)


def test_a_file_without_the_younger_columns_reads_as_their_defaults(recorded: Path, tmp_path: Path) -> None:
    younger = [field for field in FIELDS["steps"] if field.before is not msgspec.NODEFAULT]
    path = tmp_path / "older.dscope"
    path.write_bytes(recorded.read_bytes())
    with closing(sqlite3.connect(path)) as db:
        for field in younger:
            db.execute(f"ALTER TABLE steps DROP COLUMN {field.name}")
        db.commit()
    session = open_session(path)
    assert isinstance(session.source, file.SessionFile)
    session.source.close()
    for field in younger:
        column, words = session.steps[field.name], session.steps.words.get(field.name)
        assert {words[value] if words else value for value in column.tolist()} == {field.before}


def test_columns_that_are_no_blob_stand_in_memory_with_the_values_of_the_events() -> None:
    class Odd(schema.Event, frozen=True, tag=True, array_like=True):
        """Every kind of column, in an order of its own."""

        value: float
        text: str
        kernel: fields.Name
        blob: bytes
        count: Annotated[int, fields.Whole(0, 9)]
        launch: schema.Launch = "eager"

    FIELDS["odd"] = fields.fields_of(Odd)
    try:
        table = EventTable("odd")
    finally:
        del FIELDS["odd"]
    table.add([Odd(1.5, "a", "sdpa", b"", 3, "twin"), Odd(2.5, "b", "triton", b"x", 4)])
    assert table.names == ("count", "value", "kernel", "launch", "text")
    assert table["count"].tolist() == [3, 4]
    assert table["value"].tolist() == [1.5, 2.5]
    assert table["text"].tolist() == ["a", "b"]
    assert [table.words["kernel"][code] for code in table["kernel"]] == ["sdpa", "triton"]
    assert [table.words["launch"][code] for code in table["launch"]] == ["twin", "eager"]
    with pytest.raises(ValueError, match="is not in list"):
        table.add([Odd(1.5, "a", "sdpa", b"", 3, "thrown")])  # type: ignore[arg-type]
    assert len(table) == 2
