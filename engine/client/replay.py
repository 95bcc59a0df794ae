"""A recording as it was at any moment: a Session that grows as the run did, from which everything draws as if live."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import Final

import numpy as np

from engine.client.replay_moments import ARRIVED, FINISHED, READINGS, SCHEDULED, Moments, moments_of
from engine.session.patience import Patience
from engine.session.prefix_details import ALL_STEPS, PrefixDetails, attention_begins
from engine.session.store import RecordedRequest, Session

TABLES: Final = ("kv_blocks", "speculation", "work", *READINGS)


class Replay:
    """Shows a recording at a moment: `session` holds exactly what had been applied then.

    To go on, `session` grows, at a cost that grows with what is new: its columns are the first rows of the recording's
    own, and nothing is copied. To go back, it is another Session. At the end it equals the recording.

    What a file keeps without a time is there from the beginning: the facts, the texts of single tokens, and how many
    rows were dropped in all. Used from one thread, like `Session.apply`; any thread may read `session`.
    """

    def __init__(self, whole: Session, patience: Patience | None = None) -> None:
        """Begins at the first moment. It may read the file, for where attention maps begin; `patience` ends that.

        The recording must be over: it grows no more, except for its marks and facts.
        """
        self.whole = whole
        self._begins = attention_begins(whole.details, patience)
        self._moments: Moments = moments_of(whole)
        self._stops = self._moments.stops
        self._revision = whole.revision
        self.now_ns = self._moments.begin_ns
        self.session = self._anew()

    # --- where it can go --------------------------------------------------------------------------------------------

    @property
    def begin_ns(self) -> int:
        """The first moment of the recording."""
        return self._moments.begin_ns

    @property
    def end_ns(self) -> int:
        """Its last moment."""
        return self._moments.end_ns

    @property
    def at_end(self) -> bool:
        return self.now_ns >= self.end_ns

    def later(self, stops: int = 1) -> int:
        """The moment at which so many more steps have ended; the end of the recording where there are no more."""
        place = int(np.searchsorted(self._stops, self.now_ns, "right")) + stops - 1
        return int(self._stops[place]) if place < len(self._stops) else self.end_ns

    def earlier(self) -> int:
        """The moment at which one step fewer had ended; the first moment of the recording where there is none."""
        place = int(np.searchsorted(self._stops, self.now_ns, "right")) - 2
        return int(self._stops[place]) if place >= 0 else self.begin_ns

    @property
    def stops(self) -> int:
        """How many steps (where none are told, moments of tokens) the recording has."""
        return len(self._stops)

    # --- going ------------------------------------------------------------------------------------------------------

    def go(self, t_ns: int) -> bool:
        """Show the recording at a moment; returns whether `session` is another one.

        That is so where the moment is before the present one, and at the end of a recording whose requests stand in
        another order than that in which they arrived. Marks and facts that were edited meanwhile are taken over.
        """
        t_ns = min(max(t_ns, self.begin_ns), self.end_ns)
        back = t_ns < self.now_ns
        self.now_ns = t_ns
        self._take_edits()
        if not back:
            self._advance()
        if back or (self.at_end and list(self.session.requests) != list(self.whole.requests)):
            self.session = self._anew()
            return True
        return False

    def _take_edits(self) -> None:
        if self.whole.revision != self._revision:
            self._revision = self.whole.revision
            marks = np.array([mark.t_ns for mark in self.whole.marks], np.int64)
            self._moments = replace(self._moments, marks=marks)
            self._marks = -1
            self.session.revision += 1

    def _anew(self) -> Session:
        """A Session of what was there at the present moment, its requests in the order of the recording."""
        session, whole, moments = Session(), self.whole, self._moments
        session.details = PrefixDetails(whole.details, self._begins)
        session.token_texts = whole.token_texts
        session.dropped = whole.dropped
        for request in whole.requests.values():
            if moments.arrivals[request.id] <= self.now_ns:
                session.requests.add(request.id, _arrived(request))
        self._marks = 0
        self._happened = 0
        self.session = session
        self._advance()
        return session

    def _advance(self) -> None:
        """Let `session` grow to the present moment."""
        session, t_ns = self.session, self.now_ns
        session.meta = self.whole.meta
        changed = session.revision == 0
        changed |= self._take_happenings(t_ns)  # before the rows that name a request
        changed |= self._take_configs(t_ns)
        changed |= self._take_marks(t_ns)
        for name in TABLES:
            changed |= self._take(name, t_ns)
        steps = self._moments.rows("steps", t_ns)
        session.phases.borrow(self.whole.phases, steps)  # before `steps`, as in `Session.apply`
        changed |= self._take("steps", t_ns)
        assert isinstance(session.details, PrefixDetails)
        session.details.limit = ALL_STEPS if self.at_end else steps  # a stopped run may know more than its steps
        changed |= self._take_tokens(t_ns)
        session.revision += changed

    def _take(self, name: str, t_ns: int) -> bool:
        table, rows = getattr(self.session, name), self._moments.rows(name, t_ns)
        before = len(table)
        if rows != before or rows == 0:
            table.borrow(getattr(self.whole, name), rows)
        return rows != before

    def _take_happenings(self, t_ns: int) -> bool:
        happenings, requests, first = self._moments.happenings, self.session.requests, self._happened
        while self._happened < len(happenings) and happenings[self._happened][0] <= t_ns:
            _, what, request_id = happenings[self._happened]
            self._happened += 1
            whole = self.whole.requests[request_id]
            if what == ARRIVED and request_id not in requests:
                requests.add(request_id, _arrived(whole))
            elif what == SCHEDULED:
                requests[request_id].scheduled_ns = whole.scheduled_ns
            elif what == FINISHED:
                requests[request_id].finished_ns = whole.finished_ns
                requests[request_id].finish_reason = whole.finish_reason
        return self._happened > first

    def _take_configs(self, t_ns: int) -> bool:
        configs = int(np.searchsorted(self._moments.configs, t_ns, "right"))
        new = self.whole.configs[len(self.session.configs) : configs]
        self.session.configs += new
        return bool(new)

    def _take_marks(self, t_ns: int) -> bool:
        """Marks stand in the order in which they were put, which need not be that of their moments."""
        there = self._moments.marks <= t_ns
        count = int(there.sum())
        if count == self._marks:
            return False
        self._marks = count
        session, marks = self.session, [self.whole.marks[place] for place in np.flatnonzero(there)]
        before = len(session.marks)
        if marks[:before] == session.marks:
            session.marks += marks[before:]
        else:
            session.replace_marks(marks)
        return True

    def _take_tokens(self, t_ns: int) -> bool:
        session, first = self.session, len(self.session.tokens)
        if not self._take("tokens", t_ns):
            return False
        end = len(session.tokens)
        few = end - first < len(session.requests)
        ids = np.unique(session.tokens["request_id"][first:end]).tolist() if few else list(session.requests)
        for request_id in ids:
            request, whole = session.requests[request_id], self.whole.requests[request_id]
            rows = whole.token_rows[len(request.token_rows) : bisect_left(whole.token_rows, end)]
            if rows and request.first_token_ns is None:
                request.first_token_ns = whole.first_token_ns
            request.token_rows += rows
        return True


def _arrived(request: RecordedRequest) -> RecordedRequest:
    """A request as it was when it arrived."""
    return RecordedRequest(
        request.id, request.prompt, request.prompt_token_ids, request.prompt_token_texts, request.params,
        request.arrived_ns, told_by=request.told_by, before_ns=request.before_ns, begun_before=request.begun_before,
    )  # fmt: skip
