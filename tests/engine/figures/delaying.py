"""A small server by hand, with a clock that it writes itself: continuous batching, a cache that may be too small,
switches, captures and a client that pauses. Its noise is drawn from a seed, so that a test knows what delayed a token.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from engine.session import schema
from engine.session.columns import Columns
from engine.session.schema import PHASES
from engine.session.store import Session

BASE_S: Final = 6.0e-3
ROW_S: Final = 0.5e-3
POSITION_S: Final = 60e-6
BETWEEN_S: Final = 0.2e-3
"""What a step takes, what each row and each further position adds to it, and the time between two steps."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: when it arrives, the tokens of its prompt, and how many it generates."""

    arrival_s: float
    prompt: int
    out: int


@dataclass(slots=True)
class Served:
    """A request on its way."""

    id: int
    asked: Asked
    cached: int = 0
    computed: int = 0
    made: int = 0
    scheduled: bool = False

    @property
    def known(self) -> int:
        return self.asked.prompt + self.made


@dataclass(frozen=True, slots=True)
class Did:
    """What a step did beside decoding: seconds that each thing added to it, and whose positions they were."""

    rows: int
    prompt_s: float
    prompts: dict[int, int]
    """Positions of prompts, by request."""
    again_s: float
    again: dict[int, int]
    """Positions computed again, by request."""


@dataclass(slots=True)
class Server:
    """Serves requests and writes down what a recorder would; `noise` is the standard deviation of a step's time, as a
    share of it, and one step in `rare` takes up to twice as long for no reason.
    """

    asked: list[Asked]
    seed: int = 0
    max_batch: int = 8
    budget: int = 512
    room: int | None = None
    """Positions that the cache holds; None: as many as are needed."""
    noise: float = 0.03
    rare: int = 50
    switches: dict[int, float] = field(default_factory=dict)
    """By step: a switch is flipped before it; from then on steps take this many times as long."""
    captures: dict[int, float] = field(default_factory=dict)
    """By step: a graph is captured in it, which takes so many seconds."""
    held_s: dict[int, float] = field(default_factory=dict)
    """By step: the host begins it so much later."""
    drafts: dict[int, int] = field(default_factory=dict)
    """By step: tokens drafted for each row, all of them rejected."""
    drops: frozenset[int] = frozenset()
    """The switches (by step) that empty the cache."""
    did: list[Did] = field(default_factory=list)
    """What each step did, as it was served."""

    def serve(self) -> Session:
        """Serve everything, and return the session."""
        events, now, factor, config = self._begin(), 0.0, 1.0, 0
        draw = np.random.default_rng(self.seed)
        coming = [Served(i, one) for i, one in enumerate(self.asked)]
        waiting: list[Served] = []
        running: list[Served] = []
        step = tokens = 0
        while coming or waiting or running:
            if not waiting and not running:
                now = max(now, min(one.asked.arrival_s for one in coming))
            arrived = [one for one in coming if one.asked.arrival_s <= now]
            coming = [one for one in coming if one.asked.arrival_s > now]
            waiting += arrived
            events += [self._arrival(one) for one in arrived]
            now += BETWEEN_S * (1 + 0.2 * draw.random()) + self.held_s.get(step, 0.0)
            start = now
            if step in self.switches:
                for one in running if step in self.drops else ():
                    one.cached = 0
                factor, config = self.switches[step], config + 1
                events += [schema.ConfigChanged(config, step, self._settings(config)),
                           schema.Mark(_ns(now), "switch", "attention: sdpa → reference")]  # fmt: skip
            chunks = self._schedule(waiting, running)
            for one, _, _ in chunks:
                if not one.scheduled:
                    one.scheduled = True
                    events.append(schema.RequestScheduled(one.id, _ns(now)))
            drafted = self.drafts.get(step, 0)
            single = [one for one, first, end in chunks if end == one.known and end - first == 1]
            further = sum(end - first - 1 for _, first, end in chunks) + drafted * len(single)
            self.did.append(_did(chunks, factor))
            wall = factor * (BASE_S + ROW_S * len(chunks) + POSITION_S * further)
            wall *= 1 + self.noise * draw.standard_normal() + (draw.random() if draw.random() * self.rare < 1 else 0.0)
            now += wall + self.captures.get(step, 0.0)
            if step in self.captures:
                events.append(schema.Mark(_ns(now) - 1000, "graphs", "captured 1 call"))
            out: list[schema.AnyEvent] = []
            for slot, (one, first, end) in enumerate(chunks):
                rejected = drafted if one in single else 0
                new_from = min(max(first, min(one.computed, end)), end)
                events.append(schema.Work(step, one.id, slot, first, new_from, end + rejected, rejected, first))
                if rejected:
                    out.append(schema.Speculation(step, one.id, drafted, 0))
                one.cached, one.computed = end, max(one.computed, end)
                if end == one.known:
                    out.append(self._token(tokens, one, step, now))
                    one.made, tokens = one.made + 1, tokens + 1
            events += [self._step(step, config, start, now, chunks), *out]
            for one in [one for one in running if one.made == one.asked.out]:
                running.remove(one)
                events.append(schema.RequestFinished(one.id, _ns(now), "length"))
            step += 1
        session = Session()
        session.apply(events)
        return session

    def _schedule(self, waiting: list[Served], running: list[Served]) -> list[tuple[Served, int, int]]:
        """(request, first, end) of the next step: decode first, then prompts within the budget; the newest gives way
        where the cache is full.
        """
        while self.room is not None and len(running) > 1 and sum(one.known for one in running) > self.room:
            newest = running.pop()
            newest.cached = 0
            waiting.insert(0, newest)
        left = self.budget
        chunks = []
        for one in sorted(running, key=lambda one: one.known - one.cached > 1):
            end = min(one.known, one.cached + left)
            if end > one.cached:
                chunks.append((one, one.cached, end))
                left -= end - one.cached
        while waiting and len(running) < self.max_batch and left > 0:
            if self.room is not None and running and sum(o.known + 8 for o in (*running, waiting[0])) > self.room:
                break
            one = waiting.pop(0)
            running.append(one)
            end = min(one.known, one.cached + left)
            chunks.append((one, one.cached, end))
            left -= end - one.cached
        return chunks

    def _begin(self) -> list[schema.AnyEvent]:
        return [schema.SessionStarted({"model": "by hand"}), schema.ConfigChanged(0, 0, self._settings(0))]

    def _settings(self, config: int) -> str:
        return json.dumps({"kv": "paged", "batching": "continuous", "attention": ("sdpa", "reference")[config % 2]})

    def _arrival(self, one: Served) -> schema.RequestArrived:
        ids = [1] * one.asked.prompt
        return schema.RequestArrived(one.id, "x", ids, ["x"] * len(ids), "{}", _ns(one.asked.arrival_s))

    def _token(self, token: int, one: Served, step: int, now: float) -> schema.Token:
        return schema.Token(token, one.id, step, one.known, 1, "a", -1.0, 1.0, "target", _ns(now), b"")

    def _step(
        self, step: int, config: int, start: float, end: float, chunks: list[tuple[Served, int, int]]
    ) -> schema.Step:
        computed = sum(until - first for _, first, until in chunks)
        return schema.Step(
            step, config, "decode", _ns(start), _ns(end), -1, computed, computed, 0, 0, 0, 0, len(chunks), 1, 1, 0, 0,
            0, len(chunks), 0, "sdpa", np.zeros((1, len(PHASES)), np.float32).tobytes(), b"",
        )  # fmt: skip


def _did(chunks: list[tuple[Served, int, int]], factor: float) -> Did:
    """By request, positions beyond those that decoding takes; a request that has tokens computes its prompt again."""
    prompts = {one.id: end - first for one, first, end in chunks if not one.made}
    again = {one.id: end - first for one, first, end in chunks if one.made and end - first > 1}
    prompt_s, again_s = (factor * POSITION_S * sum(some.values()) for some in (prompts, again))
    return Did(len(chunks) - len(prompts) - len(again), prompt_s, prompts, again_s, again)


def received_late(session: Session, unread: list[tuple[float, float]], seed: int = 0) -> Session:
    """The session as a client saw it that received each token a tenth of a millisecond late or a little more, and read
    nothing in the times (from, to) of `unread`, seconds.
    """
    tokens, draw = session.tokens, np.random.default_rng(seed)
    emitted = tokens["emitted_ns"]
    received = emitted + (1e5 * (1 + draw.random(len(emitted)))).astype(np.int64)
    for since, until in unread:
        inside = (received >= _ns(since)) & (received < _ns(until))
        received[inside] = _ns(until) + np.arange(inside.sum())
    columns = {name: tokens[name] for name in tokens.names if name != "received_ns"}
    seen = Columns({**{name: values.dtype for name, values in columns.items()}, "received_ns": np.int64})
    seen.extend_columns({**columns, "received_ns": received})
    session.tokens = seen  # type: ignore[assignment]
    session.kept.clear()
    return session


def _ns(seconds: float) -> int:
    return round(1e9 * seconds)
