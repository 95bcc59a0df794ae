"""The tokens of a request by the chunks that they came in: what a timeline draws where no steps are told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.session.columns import Columns


class ChunkLane:
    """The chunks of one request: tokens that came at the same moment. Nothing is known about the times within."""

    def __init__(self) -> None:
        self._rows = Columns({"row": np.int64}, 256)
        self._chunks = Columns({"first": np.int64, "t_ns": np.int64}, 256)

    def __len__(self) -> int:
        """How many chunks there are."""
        return len(self._chunks)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows of Session.tokens, in order."""
        return self._rows["row"]

    @property
    def t_ns(self) -> NDArray[np.int64]:
        """When each chunk came, ns from the session's zero."""
        return self._chunks["t_ns"]

    def add(self, rows: NDArray[np.int64], t_ns: NDArray[np.int64]) -> None:
        """Take new tokens, and when each came; the first ones may belong to the last chunk."""
        before = int(self.t_ns[-1]) if len(self) else -1
        begins = np.flatnonzero(np.diff(t_ns, prepend=before))
        self._chunks.extend_columns({"first": len(self._rows) + begins, "t_ns": t_ns[begins]})
        self._rows.extend_columns({"row": rows})

    def rows_of(self, chunk: int) -> NDArray[np.int64]:
        """Rows of Session.tokens that came in a chunk, in order."""
        first = self._chunks["first"]
        end = int(first[chunk + 1]) if chunk + 1 < len(first) else len(self.rows)
        return self.rows[int(first[chunk]) : end]

    def chunk_of(self, row: int) -> int:
        """The chunk that a row of Session.tokens came in; the row must be of this request."""
        place = int(self.rows.searchsorted(row))
        return int(self._chunks["first"].searchsorted(place, "right")) - 1

    def within(self, lo_ns: float, hi_ns: float) -> tuple[int, int]:
        """The chunks [first, end) that came within [lo, hi]."""
        return int(np.searchsorted(self.t_ns, lo_ns)), int(np.searchsorted(self.t_ns, hi_ns, "right"))

    def tokens_by(self, t_ns: float) -> int:
        """How many tokens have come by a moment."""
        chunk = int(np.searchsorted(self.t_ns, t_ns, "right"))
        return int(self._chunks["first"][chunk]) if chunk < len(self) else len(self.rows)

    def counts(self, edges_ns: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many tokens came between each two edges, int64 [len(edges) - 1]."""
        firsts = np.append(self._chunks["first"], len(self.rows))
        return np.diff(firsts[np.searchsorted(self.t_ns, edges_ns, "right")])
