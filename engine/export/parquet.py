"""Parquet: a folder with one file for each table of the session, typed, for pandas, DuckDB, Polars and Spark.

What CSV spells out in a cell is a list here. The library that writes the files (pyarrow) is loaded only for this.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from engine.errors import InputError, SessionFileError
from engine.export.content import Content, Kind, contents
from engine.export.span import Span
from engine.export.whole import filling
from engine.figures.step_range import StepRange
from engine.plain_text import utf8
from engine.session.json_text import json_text
from engine.session.store import Session

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE: Final = 65_536
"""Rows of a row group: enough to be packed well, few enough for a long session to need little memory."""
MISSING: Final = (
    "Parquet files are written by the library pyarrow, which is not installed here: "
    "install it with `pip install 'decodescope[parquet]'`, or export CSV."
)


def write_parquet(session: Session, folder: str | os.PathLike[str], steps: StepRange = None) -> None:
    """Write every table of a session, or of a range of its steps (`Span`), into `folder`, all of them or none.

    A number that is not known is null. Raises SessionFileError where the folder cannot be written, and InputError where
    the library is missing.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - large, and perhaps not installed
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise InputError(MISSING) from error

    types = _types(pa)
    try:
        with filling(folder) as target:
            for table in contents(Span(session, steps)):
                schema = pa.schema([(name, types[kind]) for name, kind in table.columns.items()])
                with pq.ParquetWriter(target / f"{table.name}.parquet", schema, compression="zstd") as writer:
                    for batch in _batches(pa, table, schema):
                        writer.write_batch(batch)
    except OSError as error:
        raise SessionFileError(f"The tables cannot be written to {folder}: {error.strerror or error}.") from error


def _types(pa: Any) -> dict[Kind, pa.DataType]:
    pair = pa.struct([("token_id", pa.int64()), ("logprob", pa.float32())])
    return {
        "whole": pa.int64(), "number": pa.float64(), "text": pa.string(), "json": pa.string(),
        "wholes": pa.list_(pa.int64()), "texts": pa.list_(pa.string()), "numbers": pa.list_(pa.float32()),
        "alternatives": pa.list_(pair),
    }  # fmt: skip


def _batches(pa: Any, table: Content, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for rows in _pieces(table.rows):
        columns = [
            pa.array([VALUE[kind](row[at]) for row in rows], schema.field(at).type)
            for at, kind in enumerate(table.columns.values())
        ]
        yield pa.record_batch(columns, schema=schema)


def _pieces(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    source = iter(rows)
    while piece := list(islice(source, ROWS_AT_ONCE)):
        yield piece


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _text(value: str | None) -> str | None:
    return None if value is None else utf8(value)


def _same(value: Any) -> Any:
    return value


VALUE: Final[dict[Kind, Callable[[Any], Any]]] = {
    "whole": _same,
    "number": _number,
    "text": _text,
    "json": json_text,
    "wholes": _same,
    "texts": lambda values: [utf8(value) for value in values],
    "numbers": _same,
    "alternatives": lambda pairs: [{"token_id": token, "logprob": logprob} for token, logprob in pairs],
}
"""How a value of each kind is handed to the library."""
