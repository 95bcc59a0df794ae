"""A new session file waits for the disk as rarely as it can: a run does not start before it is there."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from engine.session.tables import CREATE
from engine.session.writer import SessionWriter


def test_all_tables_are_made_in_one_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        database = connect(*arguments, **options)
        database.set_trace_callback(said.append)
        return database

    monkeypatch.setattr(sqlite3, "connect", traced)
    writer = SessionWriter(tmp_path / "a.dscope")
    statements = list(said)  # without those of closing it
    writer.close()
    made = [index for index, one in enumerate(statements) if one.startswith("CREATE")]
    assert len(made) == len(CREATE)
    assert statements[: made[0]].count("BEGIN") == 1
    assert "COMMIT" not in statements[: made[-1]]
    assert "COMMIT" in statements[made[-1] :]
