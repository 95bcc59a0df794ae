"""The Session: everything one run said, as columns in memory; live view and replay read the same object.

Panels, exporters, comparison and the command line read Sessions and nothing else. The big blobs (layer × phase, KV per
layer, attention rows) are kept for the newest part and read back from the session file for the rest.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from engine.session import schema
from engine.session.columns import Columns
from engine.session.event_table import EventTable
from engine.session.growing import Growing
from engine.session.patience import Patience
from engine.session.phases import phase_totals
from engine.session.schema import PHASES
from engine.session.tables import EVENT_OF, PACKED_TABLES

DETAIL_STEPS: Final = 4096
"""How many steps keep their layer detail in memory; older ones are read from the file."""
ATTENTION_BYTES: Final = 128 * 2**20
"""How much attention is kept in memory; older maps are read from the file."""

STEP_KINDS: Final[tuple[str, ...]] = get_args(schema.StepKind)
LAUNCHES: Final[tuple[str, ...]] = get_args(schema.Launch)
TOKEN_SOURCES: Final[tuple[str, ...]] = get_args(schema.TokenSource)
BLOCK_EVENTS: Final[tuple[str, ...]] = get_args(schema.BlockEventKind)
"""What the numbers in columns of words stand for."""
ROWS: Final = tuple(EVENT_OF[table] for table in PACKED_TABLES)
"""The events of which there are many: each is a row of a table that is kept in memory."""


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
    token_rows: list[int] = field(default_factory=list)
    """Rows of `Session.tokens` that belong to this request, in order of position."""

    @property
    def prompt_tokens(self) -> int:
        return len(self.prompt_token_ids)


@dataclass(frozen=True, slots=True)
class Config:
    """The switches in force from a step on."""

    id: int
    step_id: int
    switches: dict[str, Any]


class DetailSource(Protocol):
    """Where blobs that are no longer in memory are read from (the session file).

    Any of these may take long. Whoever holds `patience` ends it by giving up; what comes back then means nothing.
    """

    def step_blobs(self, step_id: int, patience: Patience | None = None) -> tuple[bytes, bytes] | None:
        """`phases` and `kv_layers` of a step."""

    def attention_rows(
        self,
        request_id: int,
        layer: int,
        head: int,
        first: int = 0,
        most: int | None = None,
        patience: Patience | None = None,
    ) -> list[tuple[int, int, bytes]]:
        """(step_id, position, probs) of one map in the order recorded, from row `first` on, `most` rows at most."""

    def attention_row(
        self, request_id: int, layer: int, head: int, position: int, patience: Patience | None = None
    ) -> tuple[int, int, bytes] | None:
        """The row of one position that was recorded last."""

    def alternatives(self, token_id: int, patience: Patience | None = None) -> bytes:
        """`alternatives` of the token with this row id."""


class Session:
    """Columns of one run. One thread calls `apply`; any thread reads (see Columns for what a reader may rely on).

    Nothing here is a container that may be walked through while it changes: lists are only appended to, `requests` is
    `Growing`, and every other dict is replaced as a whole.
    """

    def __init__(self, source: DetailSource | None = None) -> None:
        self.source = source
        self.meta: dict[str, str] = {}
        self.configs: list[Config] = []
        self.requests: Growing[RecordedRequest] = Growing()
        self.steps = EventTable("steps")
        """A row a step, in order of id, ids from 0 without gaps: row index == step id."""
        self.phases = Columns({"us": np.dtype((np.float32, (len(PHASES),)))})
        """A row a step: µs by phase over all layers, float32 [steps, len(PHASES)]."""
        self.tokens = EventTable("tokens")
        self.work = EventTable("work")
        self.speculation = EventTable("speculation")
        self.kv_blocks = EventTable("kv_blocks")
        self.device_samples = EventTable("device_samples", capacity=256)
        self.marks: list[schema.Mark] = []
        self.dropped = {"attention_rows": 0, "layer_rows": 0}
        self.kept: dict[str, Any] = {}
        """What is computed from the session and asked for often, by its name: replaced as a whole, never changed."""
        self.revision = 0
        """Grows with every batch applied; a reader that saw this number has nothing to redraw."""
        self._step_blobs: OrderedDict[int, tuple[bytes, bytes]] = OrderedDict()
        self._attention: OrderedDict[tuple[int, int, int], list[tuple[int, int, bytes]]] = OrderedDict()
        self._attention_bytes = 0
        self._spilled: set[tuple[int, int, int]] = set()
        self._maps: list[tuple[int, int, int]] = []
        """Every map there ever was, in `_attention` or `_spilled`; these two are only asked, never walked through."""
        self._alternatives: OrderedDict[int, bytes] = OrderedDict()

    # --- writing ----------------------------------------------------------------------------------------------------

    def apply(self, events: Iterable[schema.AnyEvent]) -> None:
        """Take a batch of events; events of state that are not stored are ignored."""
        rows: dict[type, list[Any]] = {event: [] for event in ROWS}
        for event in events:
            of_its_kind = rows.get(type(event))
            if of_its_kind is not None:
                of_its_kind.append(event)
            elif isinstance(event, schema.AttentionRow):
                self._add_attention(event)
            else:
                self._apply_rare(event)
        self.device_samples.add(rows[schema.DeviceSample])
        self.kv_blocks.add(rows[schema.KvBlock])  # rows come after the requests they name
        self.speculation.add(rows[schema.Speculation])
        self.work.add(rows[schema.Work])
        self._add_steps(rows[schema.Step])
        self._add_tokens(rows[schema.Token])
        self.revision += 1

    def _apply_rare(self, event: schema.AnyEvent) -> None:
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
                    json.loads(event.params), event.arrived_ns,
                ))  # fmt: skip
            case schema.RequestScheduled():
                self.requests[event.id].scheduled_ns = event.scheduled_ns
            case schema.RequestFinished():
                request = self.requests[event.id]
                request.finished_ns, request.finish_reason = event.finished_ns, event.finish_reason
            case schema.Mark():
                self.marks.append(event)
            case schema.Dropped():
                self.dropped = {"attention_rows": event.attention_rows, "layer_rows": event.layer_rows}

    def _add_steps(self, steps: list[schema.Step]) -> None:
        for step in steps:
            self._step_blobs[step.id] = (step.phases, step.kv_layers)
            if len(self._step_blobs) > DETAIL_STEPS:
                self._step_blobs.popitem(last=False)
        totals = phase_totals([step.phases for step in steps])
        self.phases.extend_columns({"us": totals})  # before `steps`, so that a reader who sees a step sees its phases
        self.steps.add(steps)

    def _add_tokens(self, tokens: list[schema.Token]) -> None:
        first_row = len(self.tokens)
        self.tokens.add(tokens)
        for row, token in enumerate(tokens, first_row):
            request = self.requests[token.request_id]
            if request.first_token_ns is None:
                request.first_token_ns = token.emitted_ns
            request.token_rows.append(row)
            self._alternatives[token.id] = token.alternatives
            if len(self._alternatives) > DETAIL_STEPS:
                self._alternatives.popitem(last=False)

    def _add_attention(self, row: schema.AttentionRow) -> None:
        key = (row.request_id, row.layer, row.head)
        if key not in self._spilled:
            if key not in self._attention:
                self._attention[key] = []
                self._maps.append(key)
            self._attention[key].append((row.step_id, row.position, row.probs))
            self._attention_bytes += len(row.probs)
        while self._attention_bytes > ATTENTION_BYTES and self._attention:
            oldest, rows = next(iter(self._attention.items()))
            self._spilled.add(oldest)  # before it is gone from memory: a map is always in one of both
            del self._attention[oldest]
            self._attention_bytes -= sum(len(probs) for _, _, probs in rows)

    # --- reading ----------------------------------------------------------------------------------------------------

    @property
    def attention_kernels(self) -> list[str]:
        """Names that the column `attention_kernel` of `steps` indexes."""
        return self.steps.words["attention_kernel"]

    @property
    def model_config(self) -> dict[str, Any]:
        """The architecture facts of the run (layers, kv_heads, head_dim, ...); empty before a run started."""
        facts: dict[str, Any] = json.loads(self.meta.get("model_config", "{}"))
        return facts

    @property
    def draft_config(self) -> dict[str, Any]:
        """The same facts of the draft model that is loaded, and its name; empty where there is none."""
        facts: dict[str, Any] = json.loads(self.meta.get("draft_config") or "{}")
        return facts

    @property
    def layers(self) -> int:
        return int(self.model_config.get("layers", 0))

    def step_detail(
        self, step_id: int, patience: Patience | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """(phases [layers + 1, len(PHASES)] in µs, kv_layers [layers, 2] in bytes) of a step; None where not kept.

        May read the file, until `patience` gives up; so do the other methods that take one.
        """
        blobs = self._step_blobs.get(step_id)
        if blobs is None and self.source is not None:
            blobs = self.source.step_blobs(step_id, patience)
        if blobs is None:
            return None
        phases = np.frombuffer(blobs[0], np.float32).reshape(-1, len(PHASES))
        return phases, np.frombuffer(blobs[1], np.int64).reshape(-1, 2)

    def step_in_memory(self, step_id: int) -> bool:
        """Whether `step_detail` answers without reading the file."""
        return self.source is None or step_id in self._step_blobs

    def attention_maps(self) -> list[tuple[int, int, int]]:
        """(request, layer, head) of every map that was recorded in this process or loaded."""
        return sorted(self._maps)

    def attention_map(self, request_id: int, layer: int, head: int) -> list[tuple[int, int, bytes]]:
        """Rows (step_id, position, probs as float16 bytes) of one map, in the order they were recorded."""
        key = (request_id, layer, head)
        if key in self._spilled and self.source is not None:
            return self.source.attention_rows(*key)
        return self._attention.get(key, [])

    def attention_rows(
        self, request_id: int, layer: int, head: int, first: int, most: int, patience: Patience | None = None
    ) -> list[tuple[int, int, bytes]]:
        """At most `most` rows of `attention_map`, from number `first` on."""
        key = (request_id, layer, head)
        if key in self._spilled and self.source is not None:
            return self.source.attention_rows(*key, first, most, patience)
        return self._attention.get(key, [])[first : first + most]

    def attention_row(
        self, request_id: int, layer: int, head: int, position: int, patience: Patience | None = None
    ) -> tuple[int, int, bytes] | None:
        """The row of `attention_map` that was recorded last of one position; None where none was."""
        key = (request_id, layer, head)
        if key in self._spilled and self.source is not None:
            return self.source.attention_row(*key, position, patience)
        return next((row for row in reversed(self._attention.get(key, [])) if row[1] == position), None)

    def attention_in_memory(self, request_id: int, layer: int, head: int) -> bool:
        """Whether `attention_map` gives a map without reading the file: one growing list, in the order recorded."""
        return self.source is None or (request_id, layer, head) not in self._spilled

    def alternatives(
        self, token_id: int, patience: Patience | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """(token ids, logprobs) of the best alternatives for the token with this id, best first."""
        blob = self._alternatives.get(token_id)
        if blob is None:
            blob = self.source.alternatives(token_id, patience) if self.source is not None else b""
        half = len(blob) // 2
        return np.frombuffer(blob[:half], np.int32), np.frombuffer(blob[half:], np.float32)

    def alternatives_in_memory(self, token_id: int) -> bool:
        """Whether `alternatives` answers without reading the file."""
        return self.source is None or token_id in self._alternatives

    def know_attention(self, maps: Iterable[tuple[int, int, int]]) -> None:
        """Say which maps lie in the file, for a session that is opened rather than recorded."""
        for key in maps:
            if key not in self._spilled and key not in self._attention:
                self._maps.append(key)
            self._spilled.add(key)
