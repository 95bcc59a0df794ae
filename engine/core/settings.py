"""The user's settings: the switches, the requests, and how a model is loaded. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Literal, get_args

from engine.core.ranges import check_range
from engine.core.sampling import Sampling
from engine.errors import InputError

Kv = Literal["none", "contiguous", "paged"]
Attention = Literal["auto", "reference", "sdpa", "native", "triton"]
Speculate = Literal["off", "draft", "ngram"]
Batching = Literal["single", "static", "continuous"]
Detail = Literal["off", "step", "phase", "layer"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
NAMED: Final = {
    "kv": get_args(Kv), "attention": get_args(Attention), "speculate": get_args(Speculate),
    "batching": get_args(Batching),
}  # fmt: skip
"""The switches that have names for values, and these names."""

SLOWEST_PACE: Final = 0.01
FASTEST_PACE: Final = 10_000.0
"""Tokens a second of a run that is slowed down."""
MOST_STOPS: Final = 1000
MOST_OF_A_STOP: Final = 10_000
"""Characters. Stop texts are limited because each one is searched for after each token."""


@dataclass(frozen=True, slots=True)
class Switches:
    """Every optimisation that can be switched while a generation runs.

    `kv_memory` is the limit of the KV cache in bytes (None: as much as the device has); `k` is the number of tokens
    that a proposer drafts; `max_batch` is the most requests in one step. `attention` "auto" and `graphs` None leave the
    choice to the engine (`settled`).
    """

    kv: Kv = "contiguous"
    attention: Attention = "auto"
    speculate: Speculate = "off"
    k: int = 4
    batching: Batching = "single"
    max_batch: int = 8
    block_size: int = 16
    kv_memory: int | None = None
    graphs: bool | None = None

    def __post_init__(self) -> None:
        for name, allowed in NAMED.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} must be one of {', '.join(allowed)}, not {getattr(self, name)!r}.")
        for name, low, high in (("k", 1, 64), ("max_batch", 1, 4096), ("block_size", 1, 1024)):
            check_range(name, getattr(self, name), low, high)
        if self.kv_memory is not None:
            check_range("kv_memory", self.kv_memory, 1, 2**60)

    def changed(self, **changes: Any) -> Switches:
        """These switches with some of them changed; raises InputError for an unknown name or value."""
        known = {f.name for f in fields(self)}
        for name in changes:
            if name not in known:
                raise InputError(f"There is no switch {name!r}; the switches are {', '.join(sorted(known))}.")
        return replace(self, **changes)

    def settled(self, unavailable: Mapping[str, str]) -> Switches:
        """These switches with what was left to the engine chosen, from the values that cannot run (`ModelReady`).

        Where this project's C kernels run they are the fastest, and the whole step is one native call.
        """
        native = "attention=native" not in unavailable
        attention = self.attention if self.attention != "auto" else "native" if native else "sdpa"
        compiles = attention == "native" and "graphs=True" not in unavailable
        return replace(self, attention=attention, graphs=compiles if self.graphs is None else self.graphs)


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """One request as the user states it; `arrival_s` counts from the start of the run (`Engine.add`: from that call).

    With `chat`, the prompt is a user's message, and the model's chat template renders it. `messages` is a conversation
    of (role, content) pairs: the template renders it instead of the prompt, and the prompt is then only displayed.
    """

    prompt: str
    max_new_tokens: int = 128
    arrival_s: float = 0.0
    ignore_eos: bool = False
    stop: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    chat: bool = False
    messages: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_range("max_new_tokens", self.max_new_tokens, 1, 10_000_000)
        check_range("arrival_s", self.arrival_s, 0.0, 1e9)
        if "" in self.stop:
            raise InputError("A stop text must not be empty.")
        if len(self.stop) > MOST_STOPS or any(len(text) > MOST_OF_A_STOP for text in self.stop):
            raise InputError(f"A request takes at most {MOST_STOPS} stop texts of at most {MOST_OF_A_STOP} characters.")

    @property
    def from_template(self) -> bool:
        """Whether the encoded text comes from the model's chat template."""
        return self.chat or bool(self.messages)


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """Which model, where and in what precision. `model` is a folder or "demo"; `threads` 0 lets the engine choose."""

    model: str = "demo"
    draft_model: str | None = None
    device: str = "auto"
    dtype: Dtype = "auto"
    threads: int = 0


@dataclass(frozen=True, slots=True)
class CompareSpec:
    """A comparison of the loaded model with another precision of it, `model`, over the same text.

    `text_name` is how the session names the text. Its first `most_tokens` tokens are cut into windows of `window`
    tokens, each a context of its own. Each layer alone is judged on the first `layer_tokens` (0: no layer is). `dtype`
    is the precision that the other model computes in.
    """

    model: str
    text: str
    text_name: str
    dtype: Dtype = "auto"
    window: int = 512
    most_tokens: int = 2048
    layer_tokens: int = 512

    def __post_init__(self) -> None:
        check_range("the window", self.window, 2, 2**20)
        check_range("the tokens of a comparison", self.most_tokens, 2, 2**24)
        check_range("the tokens for each layer", self.layer_tokens, 0, 2**24)


@dataclass(frozen=True, slots=True)
class AttachSpec:
    """Which server to attach to, and how. `model` is the served name; "" takes the first that the server lists.

    `recorder` is the address of the recorder inside the server (a socket's path or tcp://...): "" looks for the one of
    this server on this machine, "none" does not look. `kv_events` is the address of its KV events, "" for none.
    `alternatives` is how many tokens each logprob is asked with; None asks for no logprobs.
    """

    url: str
    model: str = ""
    recorder: str = ""
    kv_events: str = ""
    alternatives: int | None = None


ROWS_A_SPAN: Final = 1024
"""So many rows of attention of a prompt are always recorded in a step: of a longer one the last."""
BYTES_A_STEP: Final = 32 * 2**20
"""More of them are recorded while the rows of the step take no more than this. It is half of what the engine's outbox
holds (`host.outbox.LIMIT_BYTES`), and enough for all rows of one head of a prompt of 4096 tokens."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Which attention is recorded: one layer, and one head of it (None: every head)."""

    layer: int = 0
    head: int | None = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """How much is observed. `probe` None records no attention; `nvtx` names phases for Nsight Systems (CUDA only).

    `attention_memory` counts the memory that attention takes in steps that run operation by operation. Counting costs
    time, so times are measured without it.
    """

    detail: Detail = "phase"
    probe: Probe | None = None
    nvtx: bool = False
    attention_memory: bool = False


@dataclass(frozen=True, slots=True)
class SwitchChange:
    """Switches that flip just before step `step` (counted from 0 within the run): {name: value}."""

    step: int
    changes: dict[str, Any]

    def __post_init__(self) -> None:
        check_range("the step of a switch", self.step, 0, 10**12)


def merged(changes: Iterable[SwitchChange]) -> list[SwitchChange]:
    """One change per step, sorted by step; raises InputError where a step gives a switch two values."""
    by_step: dict[int, dict[str, Any]] = {}
    for one in changes:
        of_step = by_step.setdefault(one.step, {})
        for name, value in one.changes.items():
            if of_step.setdefault(name, value) != value:
                raise InputError(
                    f"Step {one.step} cannot switch {name} to both {as_typed(of_step[name])} and {as_typed(value)}."
                )
    return [SwitchChange(step, by_step[step]) for step in sorted(by_step)]


def as_typed(value: Any) -> str:
    """A switch's value as a user writes it: a bool as "on" or "off", None as "no limit"."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "no limit" if value is None else str(value)


def check_pace(tokens_per_s: float) -> None:
    """Raise InputError unless this is a pace that a run can have."""
    if tokens_per_s:
        check_range("the pace", tokens_per_s, SLOWEST_PACE, FASTEST_PACE)


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run: its requests, the switches at the start, later changes of switches, and the observation.

    With `teacher_pass`, each finished request's text goes through the model once more at the end of the run, all
    positions at once. This is recorded as a step of kind `teacher`, and a mark of this kind says how many tokens agree.

    `pace_tokens_per_s` slows a run down so that it can be watched: each request gets at most so many tokens a second (0
    is full speed), and the rest after each step is recorded as a pause, never as time of a step.
    """

    requests: tuple[RequestSpec, ...]
    switches: Switches = field(default_factory=Switches)
    observation: Observation = field(default_factory=Observation)
    switch_at: tuple[SwitchChange, ...] = ()
    teacher_pass: bool = False
    pace_tokens_per_s: float = 0.0

    def __post_init__(self) -> None:
        check_pace(self.pace_tokens_per_s)
