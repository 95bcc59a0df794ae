"""Server-sent events, as servers stream tokens: bytes into events, and an event into what a server says of its tokens.

Method: the "text/event-stream" section of the HTML standard. Lines and events are bounded, and so is all that is kept
between two calls; an event's JSON is decoded into the fields that are known, and others are skipped.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.errors import ServerError

MOST_EVENT_BYTES: Final = 2**22
"""The most bytes of one event, and of one line: some servers send the ids of a whole prompt in one."""
DONE: Final = b"[DONE]"
LARGEST_ID: Final = 2**31
"""Token ids and counts are below this."""


class EventParser:
    """Turns the bytes of one stream into the data of its events, in whatever pieces the bytes come."""

    def __init__(self, most_bytes: int = MOST_EVENT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._rest = bytearray()
        """The beginning of a line whose end has not come."""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._at_start = True
        self._after_cr = False
        """The last piece ended with CR: an LF at the start of the next one belongs to it."""

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of every event that is whole now; raises ServerError for a line or an event that is too long."""
        events: list[bytes] = []
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *ended, rest = piece.split(b"\n")
        for end in ended:
            self._check(len(self._rest) + len(end))
            self._line(bytes(self._rest) + end if self._rest else end, events)
            self._rest.clear()
        self._rest += rest
        self._check(len(self._rest))
        return events

    @property
    def is_within_event(self) -> bool:
        """Whether the stream ends in the middle of an event if it ends now."""
        return bool(self._rest or self._data) and not self.ends_with_done

    @property
    def ends_with_done(self) -> bool:
        """Whether what is left is the final mark without its empty line, as some servers leave it."""
        data = [*self._data, _value(bytes(self._rest))] if self._rest else self._data
        return data == [DONE]

    def _line(self, line: bytes, events: list[bytes]) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            if self._data:
                events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data.clear()
                self._data_bytes = 0
        elif line == b"data" or line.startswith(b"data:"):
            self._data_bytes += len(line)
            self._check(self._data_bytes)
            self._data.append(_value(line))

    def _check(self, size: int) -> None:
        if size > self._most_bytes:
            raise ServerError(f"The server sent an event of more than {self._most_bytes >> 10} KiB.")


def _value(line: bytes) -> bytes:
    """What stands after the colon of a line, without the one space that may follow it."""
    return line.partition(b":")[2].removeprefix(b" ")


class TopToken(msgspec.Struct, frozen=True, gc=False):
    """One alternative of a chat's or of llama.cpp's logprobs."""

    token: str = ""
    logprob: float | None = None


class LikelyToken(msgspec.Struct, frozen=True):
    """A token of a chat's logprobs; `id` is llama.cpp's."""

    token: str = ""
    logprob: float | None = None
    id: int | None = None
    top_logprobs: list[TopToken] | None = None


class Logprobs(msgspec.Struct, frozen=True):
    """The logprobs of a chunk: `content` as chats have them, the other three as completions do."""

    content: list[LikelyToken] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float | None] | None] | None = None


class Delta(msgspec.Struct, frozen=True, gc=False):
    """What a chunk adds to a chat's message; the reasoning has one name or the other."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """What a chunk adds to one answer."""

    index: int = 0
    text: str | None = None
    delta: Delta | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None
    token_ids: list[int] | None = None
    prompt_token_ids: list[int] | None = None


class PromptDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int | None = None


class UsageTold(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None


class VllmSpeculation(msgspec.Struct, frozen=True):
    """`metrics.speculative_decoding` of vLLM's last event; the lists hold one entry a step that verified a draft."""

    num_draft_tokens: int | None = None
    num_accepted_draft_tokens: int | None = None
    num_spec_steps: int | None = None
    per_step_accepted: list[int] | None = None
    per_step_drafted: list[int] | None = None


class VllmMetrics(msgspec.Struct, frozen=True):
    """`metrics` of vLLM's last event."""

    time_to_first_token_ms: float | None = None
    generation_time_ms: float | None = None
    queue_time_ms: float | None = None
    speculative_decoding: VllmSpeculation | None = None


class LlamaTimings(msgspec.Struct, frozen=True, gc=False):
    """`timings` of llama.cpp: of the request so far, in its last event or in all."""

    cache_n: int | None = None
    prompt_n: int | None = None
    prompt_ms: float | None = None
    predicted_n: int | None = None
    predicted_ms: float | None = None
    draft_n: int | None = None
    draft_n_accepted: int | None = None


class Verbose(msgspec.Struct, frozen=True, gc=False):
    """`__verbose` of llama.cpp."""

    tokens: list[int] | None = None


class StreamEvent(msgspec.Struct, frozen=True):
    """One event of a stream of tokens; what a server does not tell is None."""

    id: str | None = None
    choices: list[Choice] | None = None
    usage: UsageTold | None = None
    prompt_token_ids: list[int] | None = None
    metrics: VllmMetrics | None = None
    timings: LlamaTimings | None = None
    verbose: Verbose | None = msgspec.field(default=None, name="__verbose")
    error: msgspec.Raw = msgspec.Raw()
    object: str | None = None


_DECODER: Final = msgspec.json.Decoder(StreamEvent)


def decode_event(data: bytes) -> tuple[StreamEvent, bool]:
    """An event of a stream, and whether it held bytes that are not UTF-8 (read as U+FFFD).

    Raises ServerError for an event that is not JSON of the known form.
    """
    try:
        try:
            return _DECODER.decode(data), False
        except (UnicodeDecodeError, msgspec.DecodeError):  # bytes that are not UTF-8 raise the one or the other
            text = data.decode("utf-8", "replace")
            if text.encode() == data:
                raise
            return _DECODER.decode(text), True
    except (msgspec.DecodeError, RecursionError) as error:
        raise ServerError(f"The server sent an event that cannot be read as tokens: {_why(error)}") from error


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "its brackets are too deep."
    return f"{str(error).rstrip('.')}."
