"""The one event schema: the events that the engine sends, a Session stores, and every panel and exporter reads.

Names of times end in `_ns`; they count from the session's zero on one monotonic clock. Names of sizes end in `_bytes`.
Events are msgspec structures: they cross the process boundary as MessagePack and are never pickled. This module imports
no torch and no Qt.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from engine.session.fields import (
    Amount,
    Bytes,
    BytesOrNone,
    Count,
    DurationOrNone,
    Index,
    IndexOrNone,
    Key,
    LayerTimes,
    Logarithm,
    Moment,
    MomentOrNone,
    Name,
    NumberOrNone,
    Reference,
    Whole,
)

PHASES: Final = (
    "schedule", "prepare", "embed", "norm", "qkv", "rope", "kv_write", "attention",
    "attn_out", "ffn", "lm_head", "sample", "detokenize", "draft", "verify", "other",
)  # fmt: skip
"""The leaves of the time breakdown, in the order of the columns of `Step.phases`."""

GROUPS: Final = ("prepare", "attention", "ffn", "norm", "sampling", "other")
"""The groups of the latency table, in the order in which they are stacked."""

GROUP_OF: Final[dict[str, str]] = {
    "schedule": "prepare", "prepare": "prepare", "embed": "prepare",
    "norm": "norm",
    "qkv": "attention", "rope": "attention", "kv_write": "attention", "attention": "attention", "attn_out": "attention",
    "ffn": "ffn",
    "lm_head": "sampling", "sample": "sampling", "detokenize": "sampling", "verify": "sampling",
    "draft": "other", "other": "other",
}  # fmt: skip
"""The group of each phase. The LM head computes the distribution that is sampled, so it counts as sampling."""

StepKind = Literal["prefill", "decode", "mixed", "verify", "teacher"]
TokenSource = Literal["target", "draft", "bonus"]
Launch = Literal["eager", "graph", "twin", "compiled"]
FinishReason = Literal["length", "context", "eos", "stop", "cancelled"]
"""`length`: the request has all the tokens that it asked for; `context`: the model's context is full before that."""
KernelKind = Literal["kernel", "memcpy", "memset"]
RangeKind = Literal["annotation", "op", "runtime", "module"]
EndTold = Literal["told", "missing"]
"""Whether a trace told when something ended."""
Phase = Literal[
    "schedule", "prepare", "embed", "norm", "qkv", "rope", "kv_write", "attention", "attn_out", "ffn", "lm_head",
    "sample", "detokenize", "draft", "verify", "other",
]  # fmt: skip
"""One of `PHASES`; `other` is also what no name tells."""
PrecisionSide = Literal["a", "b"]
"""The reference, and the model that is compared with it."""
PrecisionPart = Literal["prompt", "decode"]
BlockEventKind = Literal["allocate", "share", "free", "evict"]
Drafted = Annotated[int, Whole(0, 1024)]
"""A number of tokens of one proposal; the switch `k` goes up to 64."""

PAUSE: Final = "pause"
RESUME: Final = "resume"
BETWEEN_RUNS: Final = "between runs"
"""The label of the pause between two runs of a suite: one run is over, and the next has not begun."""


CLIENT_STALLED: Final = "client_stalled_s"
"""The name of a reading of our own client: for how long it had not read when it read again."""


class Event(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The base class of all events that the engine sends."""


# --- events that are stored -----------------------------------------------------------------------------------------


class SessionStarted(Event, frozen=True, tag=True, array_like=True):
    """A run begins. `meta` holds its facts, the rows of the table `meta`.

    Keys: epoch_ns (the session's zero as UTC ns since 1970), model (folder name), model_path, model_config (JSON:
    architecture, layers, hidden, heads, kv_heads, head_dim, ffn, vocab, max_positions, parameters, weight_bytes,
    weight_kinds (bytes by kind), itemsize, weight_reads), draft_config (JSON: the same of the draft model, and its
    name; "" if none is loaded), device, device_name, device_memory_bytes, dtype, weight_dtype (of the large weights as
    they lie in memory), weight_note (what of them could not stay as the file has it, or ""), threads,
    cores (that the process may use), versions (JSON), command, detail, ceilings (JSON or "").
    Of a session that a server was attached to for, or that was imported: serving (JSON, `engine/session/serving.py`).
    Of an imported trace: trace (JSON, `engine/session/trace_fact.py`).
    Of a comparison of precisions: precision (JSON, `engine/session/precision_fact.py`).
    """

    meta: dict[str, str]


class ConfigChanged(Event, frozen=True, tag=True, array_like=True):
    """The settings of the switches from step `step_id` on; `json` holds all switches."""

    id: Key
    step_id: Reference
    json: str


class RequestArrived(Event, frozen=True, tag=True, array_like=True):
    """A request entered the queue.

    `params` is the JSON of its RequestSpec; `prompt_token_texts` has the text of each token of the prompt. `told_by`
    says who told of it, as in `Step`. Where a server has not told the tokens of the prompt yet, both lists are empty.

    A request that a server had already when it was attached to: `before_ns` is for how long, at the session's zero;
    `arrived_ns` is 0 then. `begun_before` is 1 if it had been computed before it was first seen: when that was, and
    the tokens that it gave until then, are not in the session.
    """

    id: int
    prompt: str
    prompt_token_ids: list[int]
    prompt_token_texts: list[str]
    params: str
    arrived_ns: int
    told_by: str = ""
    before_ns: int = 0
    begun_before: int = 0


class PromptTold(Event, frozen=True, tag=True, array_like=True):
    """A server told the tokens of a prompt after the request had arrived.

    `prompt_token_ids` are -1 where only their number was told; `prompt_token_texts` is then empty.
    """

    id: int
    prompt_token_ids: list[int]
    prompt_token_texts: list[str]


class RequestScheduled(Event, frozen=True, tag=True, array_like=True):
    """A request was computed for the first time."""

    id: int
    scheduled_ns: int


class RequestFinished(Event, frozen=True, tag=True, array_like=True):
    """A request ended. The time of its first token is not here: it is that of the request's first Token event."""

    id: int
    finished_ns: int
    finish_reason: FinishReason


class Work(Event, frozen=True, tag=True, array_like=True):
    """What one step computed for one request: indices [first, end). Of these, [first, new_from) had been computed
    before, and the last `rejected` were thrown away. `request_id` is -1 for padding. `reused` indices came from a
    cache. `slot` is the batch slot.
    """

    step_id: Reference
    request_id: Reference
    slot: Reference
    first: Count
    new_from: Count
    end: Count
    rejected: Count
    reused: Count


class Step(Event, frozen=True, tag=True, array_like=True):
    """One pass of the scheduler. positions_computed = new + recomputed + padding + rejected, always.

    `phases` is float32 [layers + 1, len(PHASES)] in µs, row-major: one row for each layer, then one row for the time
    that belongs to no layer. At detail `phase` all time is in the last row; at lower detail the blob is empty.
    `kv_layers` is int64 [layers, 2]: bytes used and reserved. `device_ns` is the time in which the device was busy, -1
    where it cannot be told apart from host time. For an `eager` step it is an upper bound, because it includes the time
    in which the device waits for the next launch.

    `launch` says how the forward pass was started, and so how `phases` were obtained. `eager`: operation by operation,
    phases measured. `twin`: one replay of a captured graph with an event at every phase, phases measured. `graph`: one
    replay of a captured graph of which only the whole was timed; its device phases are those of the last twin, scaled
    to that time. `compiled`: one native call over all layers on a CPU, phases measured inside it.

    `kv_used_bytes` is the K and V of the positions of requests that had not ended before this step. `kv_held_bytes` is
    all memory that these requests hold, filled or not. `kv_kept_bytes` is the memory that only requests hold which had
    ended before (they wait for the end of their static batch). The last two are -1 where they were not recorded. All
    are counted before the requests that end in this step leave.

    `draft_kv_used_bytes` and `draft_kv_reserved_bytes` are of the draft model's own cache, 0 where no model drafts.

    `attention_probe` says which rows of attention the step recorded, of the positions that it computed for the first
    time: `off`, or layer and head as `3/2`, of all heads `3/*`; "" where that was not recorded. Of a long prompt only
    its last rows are recorded (`measure.probe`); `attention_left_out` is for how many positions there is none for that
    reason.

    `attention_peak_bytes` is the most memory that the attention of a layer took for itself in the step: scores, masks,
    weights, buffers of its kernel and its result. -1 where it was not counted.

    `told_by` says who told of the step: "" for this program's own engine, else the level at which a server was attached
    to (`recorder`); the rows of `work` and `speculation` of the step come from there too. What a server does not tell
    of its steps (`engine/session/serving.py`) is 0 here, and is shown as not told.
    """

    id: Key
    config_id: Reference
    kind: StepKind
    start_ns: Moment
    end_ns: Moment
    device_ns: DurationOrNone
    positions_computed: Count
    positions_new: Count
    positions_recomputed: Count
    positions_padding: Count
    positions_rejected: Count
    positions_reused: Count
    tokens_out: Count
    flops: Amount
    bytes_moved: Amount
    kv_used_bytes: Bytes
    kv_reserved_bytes: Bytes
    kv_evictable_bytes: Bytes
    running: Count
    waiting: Count
    attention_kernel: Name
    phases: LayerTimes
    kv_layers: bytes
    launch: Launch = "eager"
    draft_kv_used_bytes: Bytes = 0
    draft_kv_reserved_bytes: Bytes = 0
    kv_held_bytes: BytesOrNone = -1
    kv_kept_bytes: BytesOrNone = -1
    told_by: Name = ""
    attention_probe: Name = ""
    attention_left_out: Count = 0
    attention_peak_bytes: BytesOrNone = -1


class Token(Event, frozen=True, tag=True, array_like=True):
    """An emitted token. `position` is its index in the request (prompt included). `entropy`, in nats, is that of the
    target's distribution before filtering. `alternatives` is int32 [n] token ids, then float32 [n] logprobs, best
    first.

    A token that a server told of: `step_id` is -1 where its steps are not told, and `token_id` -1 where its id is not.
    `emitted_ns` is when its step's output was ready, or, where no steps are told, when our client received it.
    `received_ns` is when our client received it, -1 where that is not known. `told_by` is as in `Step`, or `probe`.
    """

    id: Key
    request_id: Reference
    step_id: Reference
    position: Index
    token_id: IndexOrNone
    text: str
    logprob: Logarithm
    entropy: Logarithm
    source: TokenSource
    emitted_ns: Moment
    alternatives: bytes
    received_ns: MomentOrNone = -1
    told_by: Name = ""


class TokenText(Event, frozen=True, tag=True, array_like=True):
    """The text of a token of the vocabulary by itself, once for each id that a prompt, a token or an alternative has.

    A token that is no whole character alone has its bytes as text, `<0xE4>`. `Token.text` may differ from it: that is
    what the token added to its request's text.
    """

    token_id: Key
    text: str


class Speculation(Event, frozen=True, tag=True, array_like=True):
    """A verified proposal: how many tokens were drafted and how many accepted."""

    step_id: Reference
    request_id: Reference
    proposed: Drafted
    accepted: Drafted


class KvBlock(Event, frozen=True, tag=True, array_like=True):
    """A block of the paged cache was allocated, shared, freed or evicted; `told_by` is as in `Step`, or `kv_events`."""

    step_id: Reference
    t_ns: Moment
    block: Reference
    event: BlockEventKind
    request_id: Reference
    told_by: Name = ""


class AttentionRow(Event, frozen=True, tag=True, array_like=True):
    """One row of an attention map: `probs`, float16 [position + 1], with which `position` attends to 0..position."""

    step_id: Reference
    request_id: Reference
    layer: Reference
    head: Reference
    position: Index
    probs: bytes


class DeviceSample(Event, frozen=True, tag=True, array_like=True):
    """A reading of a device. `name` is one of `measure.device.READINGS`; it ends in the unit (`power_watts`)."""

    t_ns: Moment
    device: str
    name: str
    value: float


class MetricSample(Event, frozen=True, tag=True, array_like=True):
    """A reading of one of a server's own counters, never a step.

    `source` is the level that read it (`metrics`, `recorder`); `name` is the server's own name of the series, `labels`
    its labels as JSON, sorted by name, or "". The value is finite. Only readings that differ from the last are kept.
    Of `source` probe there is one name, CLIENT_STALLED: our own client did not read for `value` s until `t_ns`.
    """

    t_ns: Moment
    source: Name
    name: Name
    labels: str
    value: float


class TraceName(Event, frozen=True, tag=True, array_like=True):
    """A name of an imported trace: of kernels, of ranges, or of a thread. `Kernel.name_id` and others name its id."""

    id: Key
    text: str


class Kernel(Event, frozen=True, tag=True, array_like=True):
    """One piece of a device's work in an imported trace, in the order of `start_ns`; `id` counts from 0 without gaps.

    `step_id` is the step whose host launched it, -1 where nothing tells: it was in no step that is known. `range_id` is
    the innermost range that launched it, -1 where that is not told. `phase` is what the names around it tell, then its
    own. `device` and `stream` are the trace's own numbers, -1 where it tells none; kernels of different streams may
    overlap. `correlation` is the number that the trace gives to the launch: one launch of a graph has many kernels.
    `moved_bytes` is of copies, -1 where not told; `grid` and `block` are as `8,1,1`, "" where not told. Where `ended`
    is `missing`, the trace does not tell the end, and `end_ns` is `start_ns`.
    """

    id: Key
    step_id: Reference
    range_id: Reference
    name_id: Reference
    kind: KernelKind
    phase: Phase
    device: NumberOrNone
    stream: NumberOrNone
    start_ns: Moment
    end_ns: Moment
    correlation: NumberOrNone
    moved_bytes: BytesOrNone
    grid: str
    block: str
    ended: EndTold


class Range(Event, frozen=True, tag=True, array_like=True):
    """One range of the host in an imported trace, in the order of `start_ns`; `id` counts from 0 without gaps.

    An `annotation` is a person's, an `op` PyTorch's operation, `runtime` a call of the device's runtime or driver, and
    a `module` the call of a module of the model. `parent_id` is the innermost range of its thread around it, -1 without
    one; `depth` counts these. `self_ns` is its time without the ranges directly inside it; modules count in none
    but their own, which is without other modules. `thread_id` names the thread, `step_id` is as in `Kernel`. Where
    `ended` is `missing`, the end was not told, and it lasts until the range around it, or the trace, ends.
    """

    id: Key
    step_id: Reference
    parent_id: Reference
    name_id: Reference
    thread_id: Reference
    kind: RangeKind
    phase: Phase
    depth: Count
    start_ns: Moment
    end_ns: Moment
    self_ns: Amount
    ended: EndTold


class PrecisionPosition(Event, frozen=True, tag=True, array_like=True):
    """How two models predict one token of the same text, in a comparison of precisions; `id` counts from 0.

    `position` is the token's index in the text and `context` how many tokens before it the models saw. `nll_a` and
    `nll_b` are the negative logarithms, in nats, of the probability that each gives to the token, `kl` is the
    divergence KL(A‖B) of their distributions, in nats; A is the reference. `top_a` and `top_b` are the likeliest
    tokens.
    """

    id: Key
    position: Index
    token_id: Index
    context: Count
    nll_a: float
    nll_b: float
    kl: float
    top_a: Index
    top_b: Index


class PrecisionLayer(Event, frozen=True, tag=True, array_like=True):
    """What one layer of B does to some positions of a text, in a comparison of precisions, all else being A's.

    `kl` is the sum of KL(A‖A with this layer of B) over the positions and `nll` the sum of that model's nll, in nats;
    `same_top` counts the positions with the likeliest token of A. Each window of the text gives a row for each layer.
    """

    id: Key
    layer: Count
    positions: Count
    kl: float
    nll: float
    same_top: Count


class PrecisionTiming(Event, frozen=True, tag=True, array_like=True):
    """One timed pass of one of the two models of a comparison: a whole prompt, or one position of a decode step."""

    id: Key
    model: PrecisionSide
    part: PrecisionPart
    positions: Count
    took_ns: Amount


class Mark(Event, frozen=True, tag=True, array_like=True):
    """A note on the timeline. Its kind is switch, user, pause, resume, stop, fault, teacher, graphs, measure (a run of
    a suite begins), measured (the suite ends), server (a server began, ended or lost something, or our own client
    did).
    """

    t_ns: Moment
    kind: str
    label: str


class FactsSet(Event, frozen=True, tag=True, array_like=True):
    """Facts of the session that became known, or that a person gave it: rows of `meta`, in place of those before."""

    facts: dict[str, str]


class MarkChanged(Event, frozen=True, tag=True, array_like=True):
    """A person put a mark (`before` is None), changed it, or took it away (`after` is None).

    A mark has no number: `before` names it by all that it says. Of several equal ones the first is meant.
    """

    before: Mark | None
    after: Mark | None


class Dropped(Event, frozen=True, tag=True, array_like=True):
    """The rows of detail that the engine's bounded outbox dropped, as totals since the run began."""

    attention_rows: int
    layer_rows: int


# --- events of state, not stored ------------------------------------------------------------------------------------


class Loading(Event, frozen=True, tag=True, array_like=True):
    """A model is being loaded; `fraction` runs from 0 to 1."""

    stage: str
    fraction: float


class ModelReady(Event, frozen=True, tag=True, array_like=True):
    """A model is loaded. `unavailable` maps "switch=value" to the reason it cannot run here."""

    meta: dict[str, str]
    unavailable: dict[str, str]


class StepProgress(Event, frozen=True, tag=True, array_like=True):
    """How far a step is that takes long; told a few times a second until the step ends.

    It computes the positions `first` to `end` (not included) of a prompt's `prompt` tokens, or `positions` positions of
    several requests (`prompt` 0). `share` of its work is done, -1 where that is not known.
    """

    step: int
    elapsed_s: float
    positions: int
    first: int
    end: int
    prompt: int
    share: float


class PromptsCounted(Event, frozen=True, tag=True, array_like=True):
    """How many tokens each of the prompts of a `CountPrompts` has; -1 for one that cannot be encoded."""

    tokens: list[int]
    context: int
    ask: int


class StateChanged(Event, frozen=True, tag=True, array_like=True):
    """The engine's state changed."""

    state: Literal["idle", "running", "paused"]


class Refused(Event, frozen=True, tag=True, array_like=True):
    """A command was not carried out. `error` is the name of a class in `engine.errors`, `message` one sentence."""

    command: str
    error: str
    message: str


class RunEnded(Event, frozen=True, tag=True, array_like=True):
    """The run is over: every request finished, or it was stopped."""

    reason: Literal["finished", "stopped", "failed"]


class CeilingsMeasured(Event, frozen=True, tag=True, array_like=True):
    """New ceilings, in the form of a session's `ceilings`; `of`: the facts of the model and device they hold for."""

    ceilings: str
    of: dict[str, str]


class Overhead(Event, frozen=True, tag=True, array_like=True):
    """The cost of the instrumentation itself, as shares of the time that the steps and their records take."""

    share: float
    """The cost of all that is watched: the share that the run loses against one at detail `off`."""
    records: float = 0.0
    """The cost of the record of each step, which is kept at every level of detail."""


StoredEvent = (
    SessionStarted | ConfigChanged | RequestArrived | PromptTold | RequestScheduled | RequestFinished | Work | Step
    | Token | TokenText | Speculation | KvBlock | AttentionRow | DeviceSample | MetricSample | TraceName | Kernel
    | Range | PrecisionPosition | PrecisionLayer | PrecisionTiming | Mark | Dropped | FactsSet | MarkChanged
)  # fmt: skip
AnyEvent = (
    StoredEvent | Loading | ModelReady | StepProgress | PromptsCounted | StateChanged | Refused | RunEnded
    | CeilingsMeasured | Overhead
)  # fmt: skip

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[AnyEvent]] = msgspec.msgpack.Decoder(list[AnyEvent])


def encode(events: list[Any]) -> bytes:
    """A batch of events as MessagePack."""
    return _encoder.encode(events)


def decode(data: bytes) -> list[AnyEvent]:
    """The batch that `encode` wrote. Raises ValueError for any other data (msgspec's errors derive from it)."""
    return _decoder.decode(data)
