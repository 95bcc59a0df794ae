"""Reads the tables that are kept in packs, as columns: what is in packs, then the rows that are not."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial
from typing import Final

from engine.session.pack_index import BROKEN, FIRST, PackAt, agreeing_packs
from engine.session.packs import PACKED, Column, columns_of, unpack
from engine.session.queries import Queries

VALUE_BYTES: Final = 2**18
"""What a value of a table that is kept in packs has at most: times by phase of 4096 layers."""
BLOBS_AT_ONCE: Final = 16


def packs_of(file: Queries, table: str) -> list[PackAt]:
    """The packs of a table that stand for its rows; to be given to `columns_from`."""
    if not file.query("SELECT 1 FROM sqlite_master WHERE name = 'packs'"):
        return []
    return agreeing_packs(file.query, partial(_contents, file), table, file.most_rows)


def columns_from(file: Queries, table: str, packs: Sequence[PackAt]) -> Generator[dict[str, Column]]:
    """A table of `packs.PACKED` in order, some rows at a time; nothing else can be asked before the last.

    What a damaged pack stands for, and all after it, is read from the rows.
    """
    there = {row[1] for row in file.query(f"PRAGMA table_info({table})")}
    names = [name for name in PACKED[table] if name in there or not there]  # version 1 got columns since
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
    """The contents of packs, in turn."""
    if not packs:
        return
    sql = "SELECT columns FROM packs WHERE of = ? AND last <= ? ORDER BY last"
    with closing(file.chunks(sql, (table, packs[-1].last), rows=BLOBS_AT_ONCE)) as chunks:
        for rows in chunks:
            for (blob,) in rows:
                yield blob if isinstance(blob, bytes) else b""
