"""Draws a case: everything a run is told, from two numbers, the same on every machine."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from engine.core.settings import (
    Detail,
    Observation,
    Probe,
    RequestSpec,
    RunSpec,
    Sampling,
    SwitchChange,
    Switches,
)
from engine.host import protocol
from tests.search.models import LETTERS, PIECES, SHAPES, pair

LONGEST: Final = 24
"""Most new tokens a request asks for, but for a few that go to the end of the context."""
DETAILS: Final[tuple[Detail, ...]] = ("off", "step", "phase", "layer")
TRITON_SHARE: Final = 0.02
"""The interpreter of Triton's kernels takes a second a step."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command, before which call of `Service.work` it comes, and whether it has to be refused."""

    call: int
    command: protocol.AnyCommand
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A run: on which model, what is asked for, and what is commanded on the way.

    `eos` are the tokens that end a text. `cuts` seeds how its events are cut into batches for the file.
    """

    seed: int
    index: int
    shape: str
    eos: frozenset[int]
    run: RunSpec
    orders: tuple[Order, ...]
    paused: bool
    pack_rows: int

    @property
    def captures(self) -> bool:
        """Whether steps are captured where `graphs` is on; in every second case they are compiled, as on a CPU."""
        return self.index % 2 == 0


def draw_case(seed: int, index: int) -> Case:
    """Case `index` of a search."""
    rng = random.Random(f"{seed}/{index}")
    shape = rng.choice(sorted(SHAPES))
    drawing = Drawing(rng, shape)
    switches = Switches(**drawing.switches())
    run = RunSpec(
        drawing.requests(rng.randint(1, 5)), switches, drawing.observation(), drawing.plan(switches),
        teacher_pass=rng.random() < 0.15,
    )  # fmt: skip
    eos = frozenset([*rng.sample(range(3, 60), rng.choice([0, 0, 1, 4])), 2])
    orders = drawing.orders() if rng.random() < 0.6 else ()
    return Case(seed, index, shape, eos, run, orders, rng.random() < 0.1, rng.choice([1, 3, 4096]))


class Drawing:
    """Draws the parts of one case."""

    def __init__(self, rng: random.Random, shape: str) -> None:
        self._rng = rng
        self._config = pair(shape)[0].config
        self._position_bytes = self._config.kv_bytes_per_position(4)
        self._attentions = ["reference", "sdpa", "sdpa", "native", "native"]
        if rng.random() < TRITON_SHARE:
            self._attentions.append("triton")
        self._slow = "triton" in self._attentions

    # --- requests -----------------------------------------------------------------------------------------------------

    def requests(self, count: int) -> tuple[RequestSpec, ...]:
        """Requests of one run: prompts that often begin alike, each with settings of its own."""
        rng = self._rng
        alike = self.text(rng.choice([0, 10, 30]))
        late = rng.random() < 0.4
        return tuple(
            RequestSpec(
                (alike if rng.random() < 0.6 else "") + self.text(rng.choice([0, 1, 8, 12])),
                self.new_tokens(),
                rng.choice([0.0, rng.uniform(0.0, 0.05)]) if late else 0.0,
                rng.random() < 0.5,
                self.stops(),
                self.sampling(),
            )
            for _ in range(count)
        )

    def text(self, length: int) -> str:
        """So many letters, few of them different, so that look-up finds something."""
        letters = self._rng.sample(LETTERS, self._rng.choice([2, 4, 12]))
        return "".join(self._rng.choices(letters, k=length))

    def new_tokens(self) -> int:
        """How many tokens a request asks for: few, some, and now and then more than its context holds."""
        rng = self._rng
        if rng.random() < 0.03 and not self._slow:
            return self._config.max_positions
        return rng.randint(1, rng.choice([1, 3, 8, LONGEST]) if not self._slow else 4)

    def stops(self) -> tuple[str, ...]:
        """No, one or two texts that end a request."""
        rng = self._rng
        if rng.random() < 0.6:
            return ()
        return tuple(rng.choice([*LETTERS, *PIECES, "th", "e "]) for _ in range(rng.choice([1, 2])))

    def sampling(self) -> Sampling:
        """Greedy as often as not; else any of the filters, alone or together."""
        rng = self._rng
        if rng.random() < 0.45:
            return Sampling(0.0, rng.choice([0, 3]), rng.choice([1.0, 0.5]), seed=rng.randint(0, 5))
        return Sampling(
            rng.choice([0.3, 0.8, 1.0, 2.5]), rng.choice([0, 0, 1, 5, 40, 1000]), rng.choice([1.0, 1.0, 0.9, 0.4]),
            rng.choice([0.0, 0.0, 0.05, 0.5]), rng.choice([0, rng.randint(0, 2**40)]),
        )  # fmt: skip

    # --- switches -----------------------------------------------------------------------------------------------------

    def switches(self) -> dict[str, Any]:
        """What a run begins with."""
        rng = self._rng
        return {name: self.value(name) for name in self.names if rng.random() < 0.7}

    names: Final = (
        "kv", "attention", "speculate", "k", "batching", "max_batch", "block_size", "kv_memory", "graphs"
    )  # fmt: skip

    def value(self, name: str) -> Any:
        """A value of a switch."""
        rng = self._rng
        values: dict[str, list[Any]] = {
            "kv": ["none", "contiguous", "contiguous", "paged", "paged", "paged"],
            "attention": self._attentions,
            "speculate": ["off", "ngram", "draft", "draft"],
            "k": [1, 2, 3, 6, 16],
            "batching": ["single", "static", "static", "continuous", "continuous"],
            "max_batch": [1, 2, 3, 4, 8],
            "block_size": [1, 2, 3, 4, 7, 8, 16, 33, 64],
            "kv_memory": [None, self.memory(), self.memory()],
            "graphs": [False, True],
        }
        return rng.choice(values[name])

    def memory(self) -> int:
        """A limit of the cache: room for one long request and some more as a rule, and now and then not even that."""
        rng = self._rng
        positions = rng.choice([rng.randint(40, 100), rng.randint(60, 300), rng.randint(1, 60)])
        return positions * self._position_bytes + rng.choice([0, 0, rng.randint(0, 3 * self._position_bytes)])

    def changes(self) -> dict[str, Any]:
        """One switch that flips, or a few at once."""
        rng = self._rng
        chosen = rng.sample(self.names, rng.choice([1, 1, 2, 3]))
        return {name: self.value(name) for name in chosen}

    def plan(self, switches: Switches) -> tuple[SwitchChange, ...]:
        """Switches that flip at steps; in half of the cases speculation stays as it is."""
        rng = self._rng
        count = rng.choice([0, 0, 1, 2, 4])
        keeps = rng.random() < 0.6
        plan = []
        for step in sorted(rng.sample(range(41), count)):
            changes = self.changes()
            if keeps:
                changes = {name: value for name, value in changes.items() if name not in ("speculate", "k")}
            plan.append(SwitchChange(step, changes or {"kv": self.value("kv")}))
        return tuple(plan)

    def observation(self) -> Observation:
        """How much is observed."""
        return Observation(self._rng.choice(DETAILS), self.probe())

    def probe(self) -> Probe | None:
        """Which attention is recorded, if any."""
        rng = self._rng
        if rng.random() < 0.7:
            return None
        return Probe(rng.randrange(self._config.layers), rng.choice([None, rng.randrange(self._config.heads)]))

    # --- commands -----------------------------------------------------------------------------------------------------

    def orders(self) -> tuple[Order, ...]:
        """Commands at random moments, in their order."""
        calls = sorted(self._rng.randint(0, 40) for _ in range(self._rng.randint(1, 5)))
        return tuple(self.order(call) for call in calls)

    def order(self, call: int) -> Order:
        """One command, some of which cannot be carried out."""
        rng = self._rng
        good: list[protocol.AnyCommand] = [
            protocol.Pause(),
            protocol.Resume(),
            protocol.StepOnce(),
            protocol.SetPace(rng.choice([0.0, 0.5, 20.0])),
            protocol.SetSwitches(self.changes()),
            protocol.SetObservation(self.observation()),
            protocol.AddRequests(RunSpec(self.requests(rng.randint(1, 2)))),
        ]
        if rng.random() < 0.2:
            good = [protocol.Stop()]
        if rng.random() < 0.85:
            return Order(call, rng.choice(good))
        too_long = RequestSpec("a" * (self._config.max_positions + 1), 4)
        bad: list[protocol.AnyCommand] = [
            protocol.SetSwitches({"k": 0}),
            protocol.SetSwitches({"kv": "paper"}),
            protocol.SetObservation(Observation("phase", Probe(self._config.layers, 0))),
            protocol.AddRequests(RunSpec((*self.requests(1), too_long))),
            protocol.Start(RunSpec(self.requests(1))),
        ]
        return Order(call, rng.choice(bad), refused=True)
