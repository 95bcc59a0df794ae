"""Keeps account of one request's stream: turns its events into what the probe reports, and checks them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from engine.errors import ServerError
from engine.plain_text import one_line, utf8
from engine.serving.probe.probe_events import Answered, Chunk, ProbeEvent, Prompted, Timings, TokenChance, Usage
from engine.serving.probe.streaming import (
    DONE,
    LARGEST_ID,
    Choice,
    LlamaTimings,
    Logprobs,
    StreamEvent,
    UsageTold,
    VllmMetrics,
    decode_event,
)
from engine.serving.server.connection import Connection, error_message

MOST_EVENTS: Final = 1000
"""Events of a stream beyond four for each token that was asked for."""
MOST_TEXT_OF_A_REASON: Final = 100


class StreamAccount:
    """What one request's stream has told so far."""

    def __init__(self, request: int, max_new_tokens: int, connection: Connection) -> None:
        self.is_done = False
        self.finish_reason = ""
        self._request = request
        self._connection = connection
        self._events_left = 4 * max_new_tokens + MOST_EVENTS
        self._answered = False
        self._prompted = False
        self._sized = False
        self._counted: int | None = 0
        """The tokens of all chunks; None once a chunk came with a number that was not told."""
        self._told: int | None = 0
        """The tokens so far as a running count of the server would have them; None where that is not known."""
        self._last_usage: UsageTold | None = None
        self._broken_text = False

    def read(self, data: bytes, t_ns: int) -> Iterator[ProbeEvent]:
        """What one event tells; raises ServerError where it is no event of tokens, or reports an error."""
        if data == DONE:
            self.is_done = True
            return
        self._events_left -= 1
        if self._events_left < 0:
            raise ServerError("The server sent many more events than the tokens that it was asked for.")
        event, broken = decode_event(data)
        self._broken_text |= broken
        self._raise_error(event, data)
        if not self._answered:
            self._answered = True
            yield Answered(self._request, t_ns, self._name(event.id or ""))
        choice = next((one for one in event.choices or () if one.index == 0), None)
        yield from self._prompt(event, choice, t_ns)
        yield from self._chunk(event, choice, t_ns)
        yield from self._usage(event, choice, t_ns)
        if event.metrics is not None:
            yield _of_vllm(self._request, t_ns, event.metrics)
        if event.timings is not None and (choice is None or choice.finish_reason):
            yield _of_llama(self._request, t_ns, event.timings)

    @property
    def doubt(self) -> str:
        """Where the server contradicts itself, as a sentence; empty where it does not."""
        told = self._last_usage.completion_tokens if self._last_usage is not None else None
        if told is not None and self._counted is not None and told != self._counted:
            return f"The server's usage says {told} tokens, but its stream had {self._counted}."
        if self._broken_text:
            return "The server sent bytes that are not UTF-8; they are shown as \ufffd."
        return ""

    def _raise_error(self, event: StreamEvent, data: bytes) -> None:
        told = bytes(event.error) not in (b"", b"null")
        if told or event.object == "error" or (event.choices is None and error_message(data)):
            raise ServerError(f"The server reported an error in its stream: {self._connection.said(data)}.")

    def _prompt(self, event: StreamEvent, choice: Choice | None, t_ns: int) -> Iterator[ProbeEvent]:
        ids = event.prompt_token_ids or (choice.prompt_token_ids if choice is not None else None)
        if ids and not self._prompted:
            self._prompted = True
            yield Prompted(self._request, t_ns, _checked(ids))
        size = _prompt_size(event)
        if size is not None and not (self._prompted or self._sized):
            self._sized = True
            yield Usage(self._request, t_ns, size, None, None)

    def _chunk(self, event: StreamEvent, choice: Choice | None, t_ns: int) -> Iterator[ProbeEvent]:
        if choice is None:
            return
        if choice.finish_reason:
            self.finish_reason = one_line(self._connection.hidden(choice.finish_reason), MOST_TEXT_OF_A_REASON)
        text = self._connection.hidden(utf8(_text(choice)))
        chances = _chances(choice.logprobs) if choice.logprobs is not None else None
        ids = _ids(event, choice)
        count = self._count(event, ids, chances)
        if text or ids or chances or count:
            self._counted = None if count is None or self._counted is None else self._counted + count
            fitting = chances if chances and count in (None, len(chances)) else None
            yield Chunk(self._request, t_ns, text, ids, count, fitting)

    def _count(
        self, event: StreamEvent, ids: tuple[int, ...] | None, chances: tuple[TokenChance, ...] | None
    ) -> int | None:
        """How many tokens a chunk holds: the ids it lists, else what a running count grew by, else its logprobs.

        A running count tells nothing of this chunk if chunks of an unknown number came since it was told last.
        """
        so_far = event.usage.completion_tokens if event.usage is not None else None
        if so_far is None and event.timings is not None:
            so_far = event.timings.predicted_n
        grown = None
        if so_far is not None and self._told is not None and self._told <= so_far < LARGEST_ID:
            grown = so_far - self._told
        listed = len(ids) if ids is not None else None
        count = next((one for one in (listed, grown, len(chances) if chances else None) if one is not None), None)
        if so_far is not None:
            self._told = so_far
        elif self._told is not None:
            self._told = self._told + count if count is not None else None
        return count

    def _usage(self, event: StreamEvent, choice: Choice | None, t_ns: int) -> Iterator[ProbeEvent]:
        told = event.usage
        if told is None:
            return
        self._last_usage = told
        details = told.prompt_tokens_details
        cached = details.cached_tokens if details is not None else None
        if choice is None or choice.finish_reason:
            yield Usage(self._request, t_ns, _size(told.prompt_tokens), _size(told.completion_tokens), _size(cached))

    def _name(self, text: str) -> str:
        return one_line(self._connection.hidden(text))


def _text(choice: Choice) -> str:
    """The text of a chunk; of a chat also its reasoning, which is generated like the rest."""
    if choice.delta is None:
        return choice.text or ""
    return (choice.delta.reasoning_content or choice.delta.reasoning or "") + (choice.delta.content or "")


def _prompt_size(event: StreamEvent) -> int | None:
    """How many tokens the prompt has, from a running usage or from llama.cpp's count of computed and cached ones."""
    if event.usage is not None:
        return _size(event.usage.prompt_tokens)
    if event.timings is None or event.timings.prompt_n is None:
        return None
    return _size(event.timings.prompt_n + (event.timings.cache_n or 0))


def _ids(event: StreamEvent, choice: Choice) -> tuple[int, ...] | None:
    """The ids of a chunk's tokens, in whichever way this server tells them."""
    if choice.token_ids is not None:
        return _checked(choice.token_ids)
    if event.verbose is not None and event.verbose.tokens is not None:
        return _checked(event.verbose.tokens)
    listed = choice.logprobs.content if choice.logprobs is not None else None
    ids = [one.id for one in listed or () if one.id is not None]
    return _checked(ids) if listed and len(ids) == len(listed) else None


def _checked(ids: list[int]) -> tuple[int, ...]:
    if any(not 0 <= one < LARGEST_ID for one in ids):
        raise ServerError("The server sent a token id that is negative or too large.")
    return tuple(ids)


def _chances(told: Logprobs) -> tuple[TokenChance, ...]:
    """The logprobs of a chunk in either of the two forms."""
    if told.content is not None:
        return tuple(
            TokenChance(
                utf8(one.token),
                one.logprob,
                tuple((utf8(other.token), other.logprob) for other in one.top_logprobs or ()),
            )
            for one in told.content
        )
    tokens = told.tokens or []
    logprobs = (told.token_logprobs or [])[: len(tokens)]
    tops = (told.top_logprobs or [])[: len(tokens)]
    return tuple(
        TokenChance(utf8(text or ""), logprob, tuple((utf8(other), value) for other, value in (top or {}).items()))
        for text, logprob, top in zip_longest(tokens, logprobs, tops)
    )


def _size(count: int | None) -> int | None:
    """A count as told; None where it cannot be one."""
    return count if count is not None and 0 <= count < LARGEST_ID else None


def _sizes(counts: list[int] | None) -> tuple[int, ...] | None:
    return tuple(counts) if counts is not None and all(0 <= one < LARGEST_ID for one in counts) else None


def _of_vllm(request: int, t_ns: int, told: VllmMetrics) -> Timings:
    drafts = told.speculative_decoding
    return Timings(
        request,
        t_ns,
        queue_ms=told.queue_time_ms,
        first_token_ms=told.time_to_first_token_ms,
        generation_ms=told.generation_time_ms,
        drafted=_size(drafts.num_draft_tokens) if drafts is not None else None,
        accepted=_size(drafts.num_accepted_draft_tokens) if drafts is not None else None,
        accepted_by_step=_sizes(drafts.per_step_accepted) if drafts is not None else None,
        drafted_by_step=_sizes(drafts.per_step_drafted) if drafts is not None else None,
    )


def _of_llama(request: int, t_ns: int, told: LlamaTimings) -> Timings:
    return Timings(
        request,
        t_ns,
        prompt_ms=told.prompt_ms,
        generation_ms=told.predicted_ms,
        drafted=_size(told.draft_n),
        accepted=_size(told.draft_n_accepted),
    )
