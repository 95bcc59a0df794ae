"""The messages of the recorder inside vLLM (`in_vllm/decodescope_recorder/`), typed, and their decoding with bounds.

A frame is the length of its body (4 bytes, big-endian), then a MessagePack array: a tag, then the fields of a structure
below. The listener sends `login` first, and `ping` when it likes. Times are nanoseconds of the recorder's
CLOCK_MONOTONIC. A request is named by vLLM's internal id.

The order of messages is the order of what happened. After `Hello` nothing is told until the scheduler's next step or
request: then comes a `Snapshot` with its `Known` requests, and from there on every change. A second `Snapshot` means
that steps were lost in between: everything known before it is void.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from engine.errors import DecodeScopeError
from engine.plain_text import one_line, utf8

PROTOCOL: Final = 1
LARGEST_BYTES: Final = 16 * 2**20
"""A frame's body; the recorder sends none that is larger."""
HEAD: Final = struct.Struct(">I")

Ns = Annotated[int, Meta(ge=0, le=2**62)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Id = Annotated[str, Meta(max_length=1024)]
Text = Annotated[str, Meta(max_length=4096)]
Tables = Annotated[list[list[Count]], Meta(max_length=64)]
"""Block numbers, a list for each KV group."""


class RecorderError(DecodeScopeError):
    """The recorder cannot be reached, refused us, or sent what is none of its messages; the sentence says which."""


class RecorderRefusedError(RecorderError):
    """The recorder refused us, in its own words."""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """The base of all messages."""


class Facts(msgspec.Struct, frozen=True):
    """What the recorder knows of its server; None: not told. Sizes are of one rank of tensor parallelism."""

    vllm_version: Text | None = None
    model: Text | None = None
    served_name: Text | None = None
    architecture: Text | None = None
    dtype: Text | None = None
    cache_dtype: Text | None = None
    quantization: Text | None = None
    layers: Count | None = None
    heads: Count | None = None
    kv_heads: Count | None = None
    head_dim: Count | None = None
    hidden: Count | None = None
    ffn: Count | None = None
    vocab: Count | None = None
    max_model_len: Count | None = None
    max_num_seqs: Count | None = None
    max_num_batched_tokens: Count | None = None
    chunked_prefill: bool | None = None
    policy: Text | None = None
    async_scheduling: bool | None = None
    prefix_caching: bool | None = None
    speculation: Text | None = None
    """The method; None: no drafts."""
    speculative_tokens: Count | None = None
    kv_connector: Text | None = None
    eager: bool | None = None
    graphs: Text | None = None
    tensor_parallel: Count | None = None
    pipeline_parallel: Count | None = None
    data_parallel_rank: Count | None = None
    device: Text | None = None
    device_name: Text | None = None
    blocks: Count | None = None
    """Blocks of the pool. One of them, number 0, is never given to a request."""
    block_bytes: Annotated[int, Meta(ge=0, le=2**50)] | None = None
    groups: Annotated[list[tuple[Text, Count, Count]], Meta(max_length=64)] = []
    """Of each KV group: the kind of its layers, positions a block, layers."""
    block_group: Annotated[int, Meta(ge=-1, le=63)] = -1
    """The group whose block tables are followed: the first of full attention; -1: there is none."""


class Hello(Message, frozen=True, array_like=True, tag="hello"):
    """The first message. `role` is scheduler or stats; both clocks are read together; `boot` names the boot."""

    protocol: Count
    role: Text
    pid: Count
    ppid: Count
    monotonic_ns: Ns
    time_ns: Ns
    boot: Text
    facts: Facts


class Refused(Message, frozen=True, array_like=True, tag="refused"):
    """The recorder does not let us in."""

    sentence: Text


class Pong(Message, frozen=True, array_like=True, tag="pong"):
    """The answer to a ping, with both clocks."""

    number: Annotated[int, Meta(ge=-(2**62), le=2**62)]
    monotonic_ns: Ns
    time_ns: Ns


class RequestFacts(Message, frozen=True, array_like=True):
    """A request as it came: `age_ns` since the front end received it, whose wall clock then said `arrived_s`.

    `prompt` is None where the prompt is no tokens (embeddings).
    """

    id: Id
    age_ns: Ns
    arrived_s: float
    prompt_tokens: Count
    prompt: list[Count] | None
    max_tokens: Count | None
    priority: Annotated[int, Meta(ge=-(2**62), le=2**62)]


class Snapshot(Message, frozen=True, array_like=True, tag="snapshot"):
    """The state at `t_ns`; `known` messages of requests follow. `cached`: free blocks with a reusable content.

    `lost_steps` were dropped since the last snapshot because the listener was too slow.
    """

    t_ns: Ns
    lost_steps: Count
    known: Count
    running: Count
    waiting: Count
    free_blocks: Count
    cached: list[Count] | None


class Known(Message, frozen=True, array_like=True, tag="known"):
    """A request of a snapshot: positions computed, tokens generated, preemptions, and its block tables."""

    request: RequestFacts
    running: bool
    computed: Count
    generated: Count
    preemptions: Count
    tables: Tables


class RequestAdded(Message, frozen=True, array_like=True, tag="request"):
    """A request entered the queue; the rest is as in RequestFacts."""

    t_ns: Ns
    id: Id
    age_ns: Ns
    arrived_s: float
    prompt_tokens: Count
    prompt: list[Count] | None
    max_tokens: Count | None
    priority: Annotated[int, Meta(ge=-(2**62), le=2**62)]


class Ended(Message, frozen=True, array_like=True, tag="ended"):
    """A request has ended. `reason` is vLLM's word: stop, length, abort, error, repetition. `stop`: what stopped it."""

    t_ns: Ns
    id: Id
    reason: Text
    stop: int | Text | None


class Freed(Message, frozen=True, array_like=True, tag="freed"):
    """An ended request let go of its blocks; the last `uncached` of them hold nothing that may be reused."""

    t_ns: Ns
    id: Id
    uncached: Count


class Preempted(Message, frozen=True, array_like=True, tag="preempted"):
    """A running request lost its blocks and waits again; `uncached` as in Freed."""

    t_ns: Ns
    id: Id
    uncached: Count


class Started(Message, frozen=True, array_like=True):
    """A request that a step computes for the first time, or again after a preemption: its whole tables."""

    id: Id
    first: Count
    """Positions before the chunk: they came from the prefix cache."""
    tables: Tables


Inside = Annotated[list[Ended | Freed | Preempted], Meta(max_length=2**20)]


class Scheduled(Message, frozen=True, array_like=True, tag="step"):
    """A step was scheduled: `counts` positions of each of its members, of which the last `drafts` are drafts.

    Members are in `started`, or in `ids` with their first position and the blocks that were added to their tables
    (those in `resumed`: their whole tables). Counts of requests and blocks are those after the scheduling.
    """

    number: Count
    start_ns: Ns
    end_ns: Ns
    counts: dict[Id, Count]
    started: list[Started]
    ids: list[Id]
    firsts: list[Count]
    added: list[Tables | None]
    resumed: list[Id]
    drafts: dict[Id, Count]
    inside: Inside
    running: Count
    waiting: Count
    free_blocks: Count
    cached_blocks: Count


class Output(Message, frozen=True, array_like=True, tag="output"):
    """A step's tokens were taken into account. `number` is -1 for a step from before the snapshot.

    `tokens`: what each request was given, after the end of its text was cut off. `sampled`: for requests with drafts,
    how many tokens the step yielded before that. `inside`: what ended by it.
    """

    number: Annotated[int, Meta(ge=-1, le=2**31 - 1)]
    start_ns: Ns
    end_ns: Ns
    tokens: list[tuple[Id, list[Count]]]
    sampled: dict[Id, Count]
    inside: Inside


class Reset(Message, frozen=True, array_like=True, tag="reset"):
    """The prefix cache was emptied."""

    t_ns: Ns


class SwitchedOff(Message, frozen=True, array_like=True, tag="off"):
    """The recorder has failed and records nothing any more; the server goes on."""

    reason: Text


class Samples(Message, frozen=True, array_like=True, tag="samples"):
    """Figures of the front end, of one iteration of one engine."""

    t_ns: Ns
    engine: Count
    values: Annotated[list[tuple[Text, float]], Meta(max_length=256)]


AnyMessage = (
    Hello | Refused | Pong | Snapshot | Known | RequestAdded | Ended | Freed | Preempted | Scheduled | Output | Reset
    | SwitchedOff | Samples
)  # fmt: skip

_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)
_encoder = msgspec.msgpack.Encoder()


class Frames:
    """Bytes as they arrive, cut into messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def empty(self) -> bool:
        """Whether no part of a frame waits."""
        return not self._bytes

    def feed(self, data: bytes) -> Iterator[AnyMessage]:
        """The messages that these bytes complete. Raises RecorderError for what is none."""
        self._bytes += data
        place = 0
        try:
            while len(self._bytes) - place >= HEAD.size:
                (length,) = HEAD.unpack_from(self._bytes, place)
                if length > LARGEST_BYTES:
                    raise RecorderError(f"The recorder announced a message of {length} bytes; that is no recorder.")
                end = place + HEAD.size + length
                if len(self._bytes) < end:
                    return
                body = bytes(self._bytes[place + HEAD.size : end])
                place = end
                yield decode(body)
        finally:
            del self._bytes[:place]


def decode(body: bytes) -> AnyMessage:
    """The message in a frame's body; raises RecorderError for anything else."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise RecorderError(f"The recorder sent what is none of its messages: {one_line(error)}.") from error


def login(token: str) -> bytes:
    """The frame that a listener sends first; a Unix socket needs no token."""
    return _frame(("login", utf8(token)))


def ping(number: int) -> bytes:
    """A frame that a Pong with this number answers."""
    return _frame(("ping", number))


def _frame(command: tuple[str, str | int]) -> bytes:
    body = _encoder.encode(command)
    return HEAD.pack(len(body)) + body
