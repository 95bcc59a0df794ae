"""What the probe reports of its own requests. Every `t_ns` is CLOCK_MONOTONIC ns of this machine.

`request` is the request's index in the run; `Stalled` concerns all of them. What a server does not tell is None, and
never a number made up here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """A request was written to its connection at `t_ns`, where its arrival was due at `due_ns`.

    `request_id` went along as X-Request-Id; servers put it into their own ids, with something before and after it. A
    request that is sent again without some of `asked` (the names of the options) is Sent again: the last one counts.
    """

    request: int
    t_ns: int
    due_ns: int
    request_id: str
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """The first event of a request's stream came; `server_request_id` is what the server calls the request."""

    request: int
    t_ns: int
    server_request_id: str


@dataclass(frozen=True, slots=True)
class Prompted:
    """The ids of the prompt's tokens."""

    request: int
    t_ns: int
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TokenChance:
    """The drawn token's logprob, and (text, logprob) of the likeliest tokens there, as many as were asked for."""

    text: str
    logprob: float | None
    alternatives: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens that came in one event of the stream; `t_ns` is when its last bytes were read.

    Events that were read at once have the same `t_ns`, and nothing is known about the times within a chunk. The text
    of a token may come in a later chunk than its id, or than the server counted it: there are chunks of a text and no
    token, and of tokens and no text. `chances` has one entry a token.
    """

    request: int
    t_ns: int
    text: str
    token_ids: tuple[int, ...] | None
    token_count: int | None
    chances: tuple[TokenChance, ...] | None


@dataclass(frozen=True, slots=True)
class Usage:
    """The server's own count of a request's tokens, as it said it last."""

    request: int
    t_ns: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None


@dataclass(frozen=True, slots=True)
class Timings:
    """The server's own times of a request, ms, and its counts of drafted tokens.

    `accepted_by_step` and `drafted_by_step` have one entry a step that verified a draft of this request.
    """

    request: int
    t_ns: int
    queue_ms: float | None = None
    first_token_ms: float | None = None
    prompt_ms: float | None = None
    generation_ms: float | None = None
    drafted: int | None = None
    accepted: int | None = None
    accepted_by_step: tuple[int, ...] | None = None
    drafted_by_step: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A request is over: `finish_reason` as the server names it (empty: not told), "cancelled", or "error".

    `error` is then one sentence. `doubt` is a sentence where the server contradicts itself; what it sent is kept.
    """

    request: int
    t_ns: int
    finish_reason: str
    error: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Stalled:
    """This program did not run from `t_ns` to `to_ns`: what was read just after may have come at any time in it."""

    t_ns: int
    to_ns: int


ProbeEvent = Sent | Answered | Prompted | Chunk | Usage | Timings | Ended | Stalled
