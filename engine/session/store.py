"""The Session: all events of one run or suite, as columns in memory. Live view and replay read the same object.

Panels, exporters, comparison and the command line read Sessions and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, get_args

import numpy as np

from engine.session import schema
from engine.session.columns import Columns
from engine.session.details import Details, DetailSource
from engine.session.event_table import EventTable
from engine.session.growing import Growing
from engine.session.phases import phase_totals
from engine.session.schema import PHASES
from engine.session.serving import Serving, Topic, serving_of
from engine.session.tables import EVENT_OF, PACKED_TABLES

STEP_KINDS: Final[tuple[str, ...]] = get_args(schema.StepKind)
LAUNCHES: Final[tuple[str, ...]] = get_args(schema.Launch)
TOKEN_SOURCES: Final[tuple[str, ...]] = get_args(schema.TokenSource)
BLOCK_EVENTS: Final[tuple[str, ...]] = get_args(schema.BlockEventKind)
"""Like the three tuples above: the words of a column that is kept as numbers. A number is an index into the tuple."""
ROWS: Final = tuple(EVENT_OF[table] for table in PACKED_TABLES)
"""The events of which there are many. Each is a row of a table that is kept in memory."""


@dataclass(slots=True)
class RecordedRequest:
    """One request; times are ns from the session's zero, None until they happen."""

    id: int
    prompt: str
    prompt_token_ids: list[int]
    prompt_token_texts: list[str]
    params: dict[str, Any]
    arrived_ns: int
    scheduled_ns: int | None = None
    first_token_ns: int | None = None
    finished_ns: int | None = None
    finish_reason: str | None = None
    told_by: str = ""
    """Who told of it: "" is this program's own engine (`schema.Step`)."""
    before_ns: int = 0
    """For how long it had been there at the session's zero."""
    begun_before: bool = False
    """Whether it had been computed before it was first seen, so that its wait and its first token are not known."""
    token_rows: list[int] = field(default_factory=list)
    """Rows of `Session.tokens` that belong to this request, in order of position."""

    @property
    def prompt_tokens(self) -> int:
        return len(self.prompt_token_ids)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of all switches from step `step_id` on."""

    id: int
    step_id: int
    switches: dict[str, Any]


class Session:
    """The columns of one run or suite. One thread calls `apply`; any thread reads (Columns says what a reader sees).

    A reader may iterate over any container here while `apply` runs: lists are only appended to, `requests` is
    `Growing`, and `meta`, `dropped` and changed `marks` are replaced as a whole. `kept` and `token_texts` are only for
    looking up a key.
    """

    def __init__(self, source: DetailSource | None = None) -> None:
        self.details = Details(source)
        """The big blobs, by step, token and attention map."""
        self.meta: dict[str, str] = {}
        self.configs: list[Config] = []
        self.requests: Growing[RecordedRequest] = Growing()
        self.steps = EventTable("steps")
        """One row for each step, in order of id. Ids count from 0 without gaps, so row index == step id."""
        self.phases = Columns({"us": np.dtype((np.float32, (len(PHASES),)))})
        """One row for each step: µs by phase, summed over all layers, float32 [steps, len(PHASES)]."""
        self.tokens = EventTable("tokens")
        self.work = EventTable("work")
        self.speculation = EventTable("speculation")
        self.kv_blocks = EventTable("kv_blocks")
        self.device_samples = EventTable("device_samples", capacity=256)
        self.metric_samples = EventTable("metric_samples", capacity=256)
        self.kernels = EventTable("kernels", capacity=64)
        """The device's work in an imported trace, in order of start; row index == id. Empty for other sessions."""
        self.ranges = EventTable("ranges", capacity=64)
        """The host's ranges in an imported trace, in order of start; row index == id."""
        self.trace_names: list[str] = []
        """The names of kernels, ranges and threads, by id."""
        self.precision_positions = EventTable("precision_positions", capacity=64)
        """How two models predict each token of a text; row index == id. Empty but in a comparison of precisions."""
        self.precision_layers = EventTable("precision_layers", capacity=64)
        """What one layer of the second model does, by window of the text; row index == id."""
        self.precision_timings = EventTable("precision_timings", capacity=64)
        """The timed passes of the two models; row index == id."""
        self.marks: list[schema.Mark] = []
        """In the order in which they were put; replaced as a whole where a person changes one."""
        self._marks_changed = 0
        self.token_texts: dict[int, str] = {}
        """The text of each token id of the session by itself, for looking one up; empty for an older file."""
        self.dropped = {"attention_rows": 0, "layer_rows": 0}
        self.kept: dict[str, Any] = {}
        """Results that are computed from the session and needed often, by name; each is replaced as a whole."""
        self.revision = 0
        """Grows with every batch applied. A reader that has drawn this revision has nothing to redraw."""

    # --- writing ----------------------------------------------------------------------------------------------------

    def apply(self, events: Iterable[schema.AnyEvent]) -> None:
        """Add a batch of events. Events of state are not stored and are ignored, except CeilingsMeasured."""
        rows: dict[type, list[Any]] = {event: [] for event in ROWS}
        for event in events:
            of_its_kind = rows.get(type(event))
            if of_its_kind is not None:
                of_its_kind.append(event)
            elif isinstance(event, schema.AttentionRow):
                self.details.take_attention(event)
            else:
                self._apply_rare(event)
        self.device_samples.add(rows[schema.DeviceSample])
        self.metric_samples.add(rows[schema.MetricSample])
        self.kernels.add(rows[schema.Kernel])
        self.ranges.add(rows[schema.Range])
        for table in self.precision:
            table.add(rows[EVENT_OF[table.table]])
        self.kv_blocks.add(rows[schema.KvBlock])  # added after the requests that the rows name
        self.speculation.add(rows[schema.Speculation])
        self.work.add(rows[schema.Work])
        self._add_steps(rows[schema.Step])
        self._add_tokens(rows[schema.Token])
        self.revision += 1

    def _apply_rare(self, event: schema.AnyEvent) -> None:  # noqa: PLR0912 - one case an event
        match event:
            case schema.SessionStarted():
                self.meta = {**self.meta, **event.meta}
            case schema.CeilingsMeasured():
                self.meta = {**self.meta, "ceilings": event.ceilings}
            case schema.ConfigChanged():
                self.configs.append(Config(event.id, event.step_id, json.loads(event.json)))
            case schema.RequestArrived():
                self.requests.add(event.id, RecordedRequest(
                    event.id, event.prompt, event.prompt_token_ids, event.prompt_token_texts,
                    json.loads(event.params), event.arrived_ns, told_by=event.told_by,
                    before_ns=event.before_ns, begun_before=bool(event.begun_before),
                ))  # fmt: skip
            case schema.PromptTold():
                request = self.requests[event.id]
                request.prompt_token_texts = event.prompt_token_texts
                request.prompt_token_ids = event.prompt_token_ids
            case schema.RequestScheduled():
                self.requests[event.id].scheduled_ns = event.scheduled_ns
            case schema.RequestFinished():
                request = self.requests[event.id]
                request.finished_ns, request.finish_reason = event.finished_ns, event.finish_reason
            case schema.TokenText():
                self.token_texts[event.token_id] = event.text
            case schema.TraceName():
                self.trace_names.append(event.text)
            case schema.Mark():
                self.marks.append(event)
            case schema.FactsSet():
                self.meta = {**self.meta, **event.facts}
            case schema.MarkChanged():
                self._change_mark(event)
            case schema.Dropped():
                self.dropped = {"attention_rows": event.attention_rows, "layer_rows": event.layer_rows}

    def _add_steps(self, steps: list[schema.Step]) -> None:
        self.details.take_steps(steps)
        totals = phase_totals([step.phases for step in steps])
        self.phases.extend_columns({"us": totals})  # before `steps`, so that a reader who sees a step sees its phases
        self.steps.add(steps)

    def _add_tokens(self, tokens: list[schema.Token]) -> None:
        first_row = len(self.tokens)
        self.tokens.add(tokens)
        self.details.take_alternatives(tokens)
        for row, token in enumerate(tokens, first_row):
            request = self.requests[token.request_id]
            if request.first_token_ns is None:
                request.first_token_ns = token.emitted_ns
            request.token_rows.append(row)

    def replace_marks(self, marks: list[schema.Mark]) -> None:
        """Show these marks in place of those before."""
        self.marks = marks
        self._marks_changed += 1
        self.revision += 1

    def _change_mark(self, event: schema.MarkChanged) -> None:
        """Does nothing where the mark is not there, as nothing is changed in the file then."""
        after = [] if event.after is None else [event.after]
        if event.before is None:
            self.marks += after
        elif event.before in self.marks:
            at = self.marks.index(event.before)
            self.marks = [*self.marks[:at], *after, *self.marks[at + 1 :]]
        self._marks_changed += 1

    # --- reading ----------------------------------------------------------------------------------------------------

    @property
    def precision(self) -> tuple[EventTable, EventTable, EventTable]:
        """The tables of a comparison of precisions."""
        return self.precision_positions, self.precision_layers, self.precision_timings

    @property
    def is_part(self) -> bool:
        """Whether this is a part of a recording that is replayed: what had been applied at a moment of its run."""
        return self.details.is_part

    @property
    def marks_state(self) -> tuple[int, int]:
        """Another value after each change of `marks`."""
        return len(self.marks), self._marks_changed

    @property
    def source(self) -> DetailSource | None:
        """The source of the blobs that are no longer in memory; None while there is none."""
        return self.details.source

    @source.setter
    def source(self, source: DetailSource | None) -> None:
        self.details.source = source

    @property
    def attention_kernels(self) -> list[str]:
        """The names to which the column `attention_kernel` of `steps` holds indices."""
        return self.steps.words["attention_kernel"]

    @property
    def model_config(self) -> dict[str, Any]:
        """The facts of the model's architecture (layers, kv_heads, head_dim, ...); empty before a run started."""
        facts: dict[str, Any] = json.loads(self.meta.get("model_config", "{}"))
        return facts

    @property
    def draft_config(self) -> dict[str, Any]:
        """The same facts of the loaded draft model, and its name; empty where none is loaded."""
        facts: dict[str, Any] = json.loads(self.meta.get("draft_config") or "{}")
        return facts

    @property
    def serving(self) -> Serving | None:
        """The server that the session tells of; None for one of this program's own engine."""
        return serving_of(self.meta.get("serving", ""))

    def untold(self, topic: Topic) -> str | None:
        """The sentence that says why nobody told this; None where it was told, or is what this engine measures."""
        serving = self.serving
        return None if serving is None else serving.not_told.get(topic)

    @property
    def layers(self) -> int:
        return int(self.model_config.get("layers", 0))
