"""Runs in which one cause of late tokens was put in, and how often it is named: for the tests and for a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from engine.figures.culprits import TokenDelay, delay_of
from engine.figures.delays import DelayTotals, delays_of
from engine.figures.step_range import StepRange
from engine.session.store import Session
from tests.engine.figures.delaying import Asked, Did, Server, received_late

Steps = range
ADDED_S: Final = 1e-3
"""A token is touched by a cause that adds at least this to the steps of its gap: a seventh of a plain step."""
STEADY: Final = tuple(Asked(0.0, 20, 400) for _ in range(3))
"""Requests that decode all the while."""
CALM: Final = frozenset({"batch", "unexplained"})


@dataclass(frozen=True, slots=True)
class Named:
    """Late tokens that a cause touched, and those of them whose culprit is the right one."""

    touched: int
    right: int

    @property
    def rate(self) -> float:
        return self.right / self.touched


@dataclass(frozen=True, slots=True)
class Case:
    """A run, and what is to be named for a late token that ends the gap over these steps; None where it was not put in.

    A name is a cause, and the request, step or mark that is its culprit.
    """

    serve: Callable[[int], tuple[Session, Server]]
    expected: Callable[[Server, TokenDelay, Steps], tuple[str, object] | None]


def named(case: Case, seed: int) -> Named:
    """How often the cause that was put in is named."""
    session, server = case.serve(seed)
    touched = right = 0
    for late, steps in late_tokens(session):
        expected = case.expected(server, late, steps)
        if expected is not None:
            touched += 1
            culprit = late.main.culprit
            right += (late.main.cause, _of(late.main.cause, culprit)) == expected
    return Named(touched, right)


def late_tokens(session: Session) -> Iterable[tuple[TokenDelay, Steps]]:
    """Every late token, with the steps of its gap."""
    delays = delays_of(session)
    for index in range(len(delays.row)):
        since, step = (int(session.tokens["step_id"][rows[index]]) for rows in (delays.before, delays.row))
        yield delay_of(session, delays, index), range(since + 1, step + 1)


def totals_of(session: Session, steps: StepRange = None) -> DelayTotals:
    """The late gaps of a range of steps."""
    delays = delays_of(session)
    return delays.totals(delays.within(session, steps))


def blamed(session: Session) -> float:
    """The share of the late tokens that are blamed on something that happens in no calm run."""
    totals = totals_of(session)
    return sum(n for cause, n in totals.main.items() if cause not in CALM) / totals.late


def _of(cause: str, culprit: object) -> object:
    field = {"prefill": "request", "preemption": "request", "capture": "mark", "client": "request"}.get(cause, "step")
    return getattr(culprit, field)


def _serving(make: Callable[[int], Server]) -> Callable[[int], tuple[Session, Server]]:
    def serve(seed: int) -> tuple[Session, Server]:
        server = make(seed)
        return server.serve(), server

    return serve


def _most(did: Iterable[dict[int, int]]) -> int:
    """The request with most positions in the step that has most."""
    largest = max((max(of_step.items(), key=lambda one: one[1]) for of_step in did if of_step), key=lambda one: one[1])
    return largest[0]


def _prefill(server: Server, late: TokenDelay, steps: Steps) -> tuple[str, object] | None:
    did = [server.did[step] for step in steps]
    if sum(one.prompt_s for one in did) < ADDED_S:
        return None
    return "prefill", _most(one.prompts for one in did)


def _preempted(server: Server, late: TokenDelay, steps: Steps) -> tuple[str, object] | None:
    did: list[Did] = [server.did[step] for step in steps]
    if any(late.request in one.again for one in did):
        return "preemption", late.request
    if sum(one.again_s for one in did) < ADDED_S or sum(one.prompt_s for one in did) >= ADDED_S:
        return None
    return "preemption", _most(one.again for one in did)


def _batched(server: Server, late: TokenDelay, steps: Steps) -> tuple[str, object] | None:
    """The tokens of the requests that decoded before the burst; its prompts are another cause."""
    did = server.did[steps[-1]]
    if late.request > 1 or did.prompts or did.rows < 8:
        return None
    return "batch", steps[-1]


def _at(of: str, cause: str) -> Callable[[Server, TokenDelay, Steps], tuple[str, object] | None]:
    """The steps that the server was told to delay; for a capture the culprit is the mark."""

    def expected(server: Server, late: TokenDelay, steps: Steps) -> tuple[str, object] | None:
        delayed: list[int] = sorted(getattr(server, of))
        found = [at for at in delayed if at in steps]
        if not found:
            return None
        return cause, delayed.index(found[0]) if cause == "capture" else found[0]

    return expected


def _switched(server: Server, late: TokenDelay, steps: Steps) -> tuple[str, object] | None:
    """Every step from the switch on is slower than before it."""
    return ("capture", 0) if steps[-1] >= min(server.switches) else None


UNREAD: Final = tuple((0.3 * i, 0.3 * i + 0.03 * i) for i in range(1, 10))
"""Times in which a client reads nothing."""


def _unread(seed: int) -> tuple[Session, Server]:
    server = Server(list(STEADY), seed)
    return received_late(server.serve(), list(UNREAD), seed), server


def _held(server: Server, late: TokenDelay, steps: Steps) -> tuple[str, object] | None:
    return ("client", None) if late.excess_s > 0.02 else None  # nothing else takes so long in a calm run


CASES: Final[dict[str, Case]] = {
    "long prompts arrive": Case(
        _serving(lambda seed: Server([*STEADY, *(Asked(0.3 + 0.3 * i, 200 + 300 * i, 2) for i in range(7))], seed)),
        _prefill,
    ),
    "short prompts arrive": Case(
        _serving(lambda seed: Server([*STEADY, *(Asked(0.2 + 0.1 * i, 40 + 5 * i, 2) for i in range(20))], seed)),
        _prefill,
    ),
    "little memory": Case(
        _serving(lambda seed: Server([Asked(0.1 * i, 60, 300) for i in range(8)], seed, room=800)), _preempted
    ),
    "a burst of requests": Case(
        _serving(lambda seed: Server([*STEADY[:2], *(Asked(0.8, 30, 60) for _ in range(6))], seed)), _batched
    ),
    "a slower switch": Case(
        _serving(lambda seed: Server(list(STEADY), seed, switches={300: 1.5}, drops=frozenset({300}))), _switched
    ),
    "graphs captured": Case(
        _serving(lambda seed: Server(list(STEADY), seed, captures={40 * i: 0.005 * i for i in range(1, 9)})),
        _at("captures", "capture"),
    ),
    "the host is late": Case(
        _serving(lambda seed: Server(list(STEADY), seed, held_s={40 * i: 0.005 * i for i in range(1, 9)})),
        _at("held_s", "host"),
    ),
    "drafts that fail": Case(
        _serving(lambda seed: Server(list(STEADY), seed, drafts=dict.fromkeys(range(10, 400, 9), 16))),
        _at("drafts", "speculation"),
    ),
    "a client that pauses": Case(_unread, _held),
}  # fmt: skip
"""By what was put in."""

CALM_RUNS: Final[dict[str, Callable[[int], Session]]] = {
    "one request": lambda seed: Server([Asked(0.0, 20, 1000)], seed, noise=0.1).serve(),
    "three requests": lambda seed: Server(list(STEADY), seed, noise=0.05, rare=20).serve(),
    "all steps speculate": lambda seed: Server(list(STEADY), seed, drafts=dict.fromkeys(range(400), 4)).serve(),
    "a client that reads": lambda seed: received_late(Server(list(STEADY), seed).serve(), [], seed),
}
"""Runs in which nothing happened."""
