"""The lanes of the timeline's requests: their order, and which of them a folded group stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from engine.session.store import RecordedRequest

Order = Literal["arrival", "running", "duration", "first_token", "tokens"]
"""arrival: first come first; running: those that run, then those that wait; then the longest, the last to get its first
token, or the one with the most tokens first."""
State = Literal["running", "waiting", "finished"]
Group = Literal["waiting", "finished"]
"""The states whose requests can be folded into a group. Those that run come first and need no head."""
Grouping = Literal["auto", "always", "never"]
"""auto: by state, while the lanes do not fit and some request is not finished."""

ORDERS: Final[tuple[Order, ...]] = get_args(Order)
STATES: Final[tuple[State, ...]] = get_args(State)
"""In the order of the groups, from the top."""
GROUPS: Final[tuple[Group, ...]] = get_args(Group)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the head of a group, or the lane of a request. `heads` and `lanes` are how many of each are above it."""

    group: Group | None
    request: int | None
    heads: int
    lanes: int


@dataclass(frozen=True, slots=True)
class LaneChoice:
    """What the user chose: the order, when requests are grouped, and the groups folded or unfolded by hand."""

    order: Order = "arrival"
    grouping: Grouping = "auto"
    folded: Mapping[Group, bool] = field(default_factory=dict)

    def is_folded(self, group: Group) -> bool:
        return self.folded.get(group, True)


@dataclass(frozen=True, slots=True)
class RequestLanes:
    """The rows from the top, and the requests of each state in the chosen order."""

    rows: tuple[Row, ...] = ()
    members: Mapping[State, tuple[int, ...]] = field(default_factory=dict)
    grouped: bool = False
    folded: frozenset[Group] = frozenset()
    """The groups of which only the head is there, and the selected request if it is one of them."""

    @property
    def heads(self) -> int:
        return sum(row.group is not None for row in self.rows)

    @property
    def shown(self) -> tuple[int, ...]:
        """The requests that have a lane of their own, from the top."""
        return tuple(row.request for row in self.rows if row.request is not None)

    @property
    def requests(self) -> int:
        return sum(len(ids) for ids in self.members.values())

    def row_of(self, request: int) -> int | None:
        """The index of the row of a request; None where a folded group stands for it."""
        return next((index for index, row in enumerate(self.rows) if row.request == request), None)


def state_of(request: RecordedRequest) -> State:
    """Where a request is in its life; one of a server that tells no steps runs from its first token on."""
    if request.finished_ns is not None:
        return "finished"
    return "waiting" if request.scheduled_ns is None and request.first_token_ns is None else "running"


def arrange(
    requests: Sequence[RecordedRequest], choice: LaneChoice, fits: int, revealed: int | None, now_ns: int
) -> RequestLanes:
    """The rows for these requests, where `fits` lanes have room; `revealed` has a lane in a folded group too.

    `now_ns` is the end of the data: until then, requests that have not ended or not begun have lasted.
    """
    states = {request.id: state_of(request) for request in requests}
    key = _key(choice.order, now_ns)
    ordered = [request.id for request in (sorted(requests, key=key) if key is not None else requests)]
    members = {state: tuple(one for one in ordered if states[one] == state) for state in STATES}
    crowded = len(requests) > fits and len(members["finished"]) < len(requests)
    grouped = choice.grouping == "always" or (choice.grouping == "auto" and crowded)
    if not grouped:
        if choice.order == "running":
            ordered = [one for state in STATES for one in members[state]]
        rows = tuple(Row(None, one, 0, index) for index, one in enumerate(ordered))
        return RequestLanes(rows, members)
    folded = frozenset(group for group in GROUPS if members[group] and choice.is_folded(group))
    found = [Row(None, one, 0, index) for index, one in enumerate(members["running"])]
    heads, lanes = 0, len(found)
    for group in GROUPS:
        if not members[group]:
            continue
        found.append(Row(group, None, heads, lanes))
        heads += 1
        for one in members[group]:
            if group not in folded or one == revealed:
                found.append(Row(None, one, heads, lanes))
                lanes += 1
    return RequestLanes(tuple(found), members, True, folded)


def _key(order: Order, now_ns: int) -> Callable[[RecordedRequest], float] | None:
    """What requests are sorted by, largest first; None: they stay in the order in which they came."""

    def until(moment: int | None, request: RecordedRequest) -> float:
        return float(request.arrived_ns - (now_ns if moment is None else moment))

    match order:
        case "duration":
            return lambda request: until(request.finished_ns, request)
        case "first_token":
            return lambda request: until(request.first_token_ns, request)
        case "tokens":
            return lambda request: -float(len(request.token_rows))
        case _:
            return None
