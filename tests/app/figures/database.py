"""A session file as any other program sees it: plain SQL, and blobs decoded as FORMAT.md says."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PHASES: Final = (
    "schedule", "prepare", "embed", "norm", "qkv", "rope", "kv_write", "attention", "attn_out", "ffn", "lm_head",
    "sample", "detokenize", "draft", "verify", "other",
)  # fmt: skip
"""As FORMAT.md names them."""


class Database:
    """A session file, opened read-only by sqlite3 alone."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self._connection.row_factory = sqlite3.Row

    def close(self) -> None:
        self._connection.close()

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        return self._connection.execute(sql, values).fetchall()

    def named(self, sql: str, first: int, last: int) -> dict[str, Any]:
        """The one row of a query about the steps :first to :last, by column."""
        [row] = self._connection.execute(sql, {"first": first, "last": last}).fetchall()
        return dict(row)

    def column(self, sql: str, *values: Any) -> NDArray[np.float64]:
        """The first column of a query, as numbers."""
        return np.array([row[0] for row in self.rows(sql, *values)], np.float64)

    def one(self, sql: str, *values: Any) -> Any:
        """The first value of the first row."""
        [row] = self.rows(sql, *values)
        return row[0]

    def meta(self, key: str) -> str:
        """A fact of the session."""
        return str(self.one("SELECT value FROM meta WHERE key = ?", key))

    def phases_us(self, first: int, last: int, kinds: Sequence[str] = ()) -> NDArray[np.float64]:
        """µs by step and phase, [steps, 16]: layers summed, and `other` what the step's wall time has left."""
        found = []
        for blob, wall_us, kind in self.rows(
            "SELECT phases, (end_ns - start_ns) / 1e3, kind FROM steps WHERE id BETWEEN ? AND ? ORDER BY id",
            first,
            last,
        ):
            if kinds and kind not in kinds:
                continue
            # A session keeps the sums in float32; what is left of the wall time is small beside them, so it matters.
            rows = np.frombuffer(blob, np.float32).reshape(-1, len(PHASES))
            us = rows.sum(axis=0, dtype=np.float64).astype(np.float32).astype(np.float64)
            us[-1] = 0.0
            us[-1] = max(0.0, wall_us - us.sum())
            found.append(us)
        return np.array(found).reshape(-1, len(PHASES))

    def weights(self, request: int, position: int) -> list[NDArray[np.float32]]:
        """The attention rows of one position: the newest of every (layer, head), and the mean over heads of a layer."""
        newest = {
            (layer, head): np.frombuffer(probs, np.float16).astype(np.float32)
            for layer, head, probs in self.rows(
                "SELECT layer, head, probs FROM attention WHERE request_id = ? AND position = ? ORDER BY step_id",
                request, position,
            )
        }  # fmt: skip
        layers = {layer for layer, _ in newest}
        means = [np.mean([row for (of, _), row in newest.items() if of == layer], axis=0) for layer in layers]
        return [*newest.values(), *means]
