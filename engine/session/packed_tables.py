"""Reads the tables that have packs, as columns: first from the packs, then from the rows that are in no pack."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial
from typing import Final

from engine.session.checking_facts import MOST_LAYERS
from engine.session.pack_index import BROKEN, FIRST, PackAt, agreeing_packs
from engine.session.packs import PACKED, Column, columns_of, unpack
from engine.session.queries import Queries
from engine.session.schema import PHASES

VALUE_BYTES: Final = (MOST_LAYERS + 1) * len(PHASES) * 4
"""The most bytes of one value in a table that has packs: the times by phase of the deepest model, float32."""
BLOBS_AT_ONCE: Final = 16


def packs_of(file: Queries, table: str) -> list[PackAt]:
    """The packs of a table that may be read instead of its rows; pass them to `columns_from`."""
    if not file.query("SELECT 1 FROM sqlite_master WHERE name = 'packs'"):
        return []
    return agreeing_packs(file.query, partial(_contents, file), table, file.most_rows)


def columns_from(file: Queries, table: str, packs: Sequence[PackAt]) -> Generator[dict[str, Column]]:
    """A table of `packs.PACKED` in order, some rows at a time. No other query can run before the generator ends.

    If a pack is damaged, its rows and all rows after it are read from the table.
    """
    there = {row[1] for row in file.query(f"PRAGMA table_info({table})")}
    names = [name for name in PACKED[table] if name in there or not there]  # older files lack newer columns
    last = FIRST
    with closing(_contents(file, table, packs)) as blobs:
        for pack, blob in zip(packs, blobs, strict=False):
            try:
                columns = unpack(table, blob, pack.count)
            except BROKEN:
                break
            if columns.keys() != set(names):
                break
            yield columns
            last = pack.last
    listed = ", ".join(f'"{name}"' for name in names)
    sql = f"SELECT {listed} FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid"
    for rows in file.chunks(sql, (last,), value_bytes=VALUE_BYTES):
        yield columns_of(table, names, rows)


def _contents(file: Queries, table: str, packs: Sequence[PackAt]) -> Generator[bytes]:
    """The contents of packs, in order; b"" where a pack is not a blob."""
    if not packs:
        return
    sql = "SELECT columns FROM packs WHERE of = ? AND last <= ? ORDER BY last"
    with closing(file.chunks(sql, (table, packs[-1].last), rows=BLOBS_AT_ONCE)) as chunks:
        for rows in chunks:
            for (blob,) in rows:
                yield blob if isinstance(blob, bytes) else b""
