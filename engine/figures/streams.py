"""What requests and tokens alone tell of the time of a token: the figures of a server that tells no steps.

Tokens of a request that came at the same moment are one chunk. Nothing is known about the times within it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.figures.latency import merged
from engine.figures.latency_figures import PartFigures, quantiles
from engine.figures.metrics import run_wall_s
from engine.figures.pauses import pauses_of
from engine.session.columns import Columns
from engine.session.store import Session


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """Counts and times of all requests and tokens; seconds, pauses left out."""

    requests: int
    tokens: int
    chunks: int
    wall_s: float
    """From the first arrival to the last emission."""
    ttft: PartFigures
    """Over the requests that emitted a token, from arrival to the first one."""
    itl: PartFigures
    """Over the gaps between chunks of one request."""
    tpot: PartFigures
    """Over the requests that emitted two tokens or more: (latency − TTFT)/(tokens − 1)."""
    latency: PartFigures
    """Over the requests that emitted a token, from arrival to the last one."""


class StreamSeries:
    """Keeps the gaps between chunks beside a growing Session; `update` processes only the tokens that are new."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._tokens = 0
        self._chunks = 0
        self._last_ns: dict[int, int] = {}
        """The moment of each request's last chunk."""
        self._gaps = Columns({"row": np.int64, "ns": np.int64})
        """A row for each chunk but a request's first: its first token's row, and the gap that it ends."""
        self._ordered_s = np.empty(0)

    def update(self) -> bool:
        """Take the tokens that came since the last call; returns whether there were any."""
        first, end = self._tokens, len(self.session.tokens)
        if end == first:
            return False
        self._tokens = end
        order = np.argsort(self.session.tokens["request_id"][first:end], kind="stable")
        request, emitted = (self.session.tokens[name][first:end][order] for name in ("request_id", "emitted_ns"))
        of_another = np.diff(request, prepend=request[0] - 1) != 0
        begins = np.flatnonzero(of_another | (np.diff(emitted, prepend=emitted[0]) != 0))
        until, since = emitted[begins], emitted[begins - 1]
        for place in np.flatnonzero(of_another[begins]).tolist():
            since[place] = self._last_ns.get(int(request[begins[place]]), -1)
        ends = np.flatnonzero(np.append(of_another[1:], True))
        self._last_ns.update(zip(request[ends].tolist(), emitted[ends].tolist(), strict=True))
        new = since != until  # the others are the rest of a chunk that began in an earlier batch
        self._chunks += int(new.sum())
        known = new & (since >= 0)
        rows, since, until = first + order[begins][known], since[known], until[known]
        passed = until - since - pauses_of(self.session).between(since, until)
        in_order = np.argsort(rows)
        self._gaps.extend_columns({"row": rows[in_order], "ns": passed[in_order]})
        self._ordered_s = merged(self._ordered_s, np.sort(passed) / 1e9)
        return True

    @property
    def gaps_us(self) -> NDArray[np.float64]:
        """All gaps between chunks, µs, in the order in which they ended."""
        gaps: NDArray[np.float64] = self._gaps["ns"] / 1e3
        return gaps

    def rows_within(self, band_us: tuple[float, float]) -> NDArray[np.int64]:
        """The first token (row of `session.tokens`) of each chunk that ended a gap in `band_us`, ends included."""
        gaps = self.gaps_us
        return self._gaps["row"][: len(gaps)][(gaps >= band_us[0]) & (gaps <= band_us[1])]

    def figures(self) -> StreamFigures:
        """The figures of all that `update` took."""
        session = self.session
        requests = [one for one in list(session.requests.values()) if one.token_rows]
        arrived = np.array([one.arrived_ns for one in requests], np.int64)
        counts = np.array([len(one.token_rows) for one in requests], np.int64)
        ends = np.array([(one.token_rows[0], one.token_rows[-1]) for one in requests], np.int64).reshape(-1, 2)
        first, last = session.tokens["emitted_ns"][ends].T
        pauses = pauses_of(session)
        before = np.array([one.before_ns for one in requests], np.int64)
        whole = np.array([not one.begun_before for one in requests], bool)
        ttft, latency, generated = (
            (moments - since - pauses.between(since, moments)).astype(np.float64) / 1e9
            for since, moments in ((arrived, first), (arrived, last), (first, last))
        )
        ttft, latency = (ttft + before / 1e9)[whole], latency + before / 1e9
        several = counts > 1
        return StreamFigures(
            requests=len(session.requests),
            tokens=self._tokens,
            chunks=self._chunks,
            wall_s=run_wall_s(session),
            ttft=_part("ttft", np.sort(ttft)),
            itl=_part("itl", self._ordered_s),
            tpot=_part("tpot", np.sort(generated[several] / (counts[several] - 1))),
            latency=_part("latency", np.sort(latency)),
        )


def _part(name: str, ordered_s: NDArray[np.float64]) -> PartFigures:
    return PartFigures(name, float(ordered_s.mean()) if len(ordered_s) else None, *quantiles(ordered_s), None)
