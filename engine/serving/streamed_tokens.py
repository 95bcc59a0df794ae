"""Turns what the probe reports of our own requests into events of the session."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from engine.core.settings import RequestSpec
from engine.plain_text import one_line
from engine.serving.probe.probe_events import Chunk, Ended, ProbeEvent, Prompted, Sent, Usage
from engine.session import schema

PROBE: Final = "probe"
NAN: Final = math.nan
REASONS: Final[dict[str, schema.FinishReason]] = {
    "length": "length", "max_tokens": "length", "stop": "eos", "eos": "eos", "eos_token": "eos",
    "stop_sequence": "stop",
}  # fmt: skip
"""What servers call the end of a request; any other word counts as cancelled. `stop` is a stop text where one was
asked for and the server does not say which of the two it was."""


@dataclass(frozen=True, slots=True)
class Received:
    """One token of a stream; what the server did not tell is -1, NaN or empty.

    The text of a chunk of several tokens stands at its first one, unless the server gives the text of each.
    """

    t_ns: int
    token_id: int
    text: str
    logprob: float


@dataclass(slots=True)
class _Own:
    """What is known of one of our requests."""

    spec: RequestSpec
    arrived: bool = False
    prompt_tokens: int | None = None
    received: int = 0
    ended: bool = False


class StreamedTokens:
    """Our own requests of one run. `at` turns CLOCK_MONOTONIC ns into ns from the session's zero.

    Where a recorder tells the tokens (`joins`), chunks become `Received` for `take_received`; else they become Token
    events with step -1. A chunk whose number of tokens is not told counts as one token: nothing is known about it.
    """

    def __init__(self, at: Callable[[int], int]) -> None:
        self._at = at
        self._own: dict[int, _Own] = {}
        self._tokens = 0
        self.counts_told = True
        """Whether every chunk so far said how many tokens it holds."""

    def expect(self, first_index: int, requests: Sequence[RequestSpec]) -> None:
        """Requests that will be sent, with the indices from `first_index` on."""
        for index, spec in enumerate(requests, first_index):
            self._own[index] = _Own(spec)

    def expects(self, request: int) -> bool:
        """Whether this request is ours."""
        return request in self._own

    def arrived(self, request: int, due_ns: int) -> list[schema.AnyEvent]:
        """The event of a request's arrival, once: it arrives when it was due, whatever kept us from sending it."""
        own = self._own[request]
        if own.arrived:
            return []
        own.arrived = True
        params = json.dumps(asdict(own.spec))
        return [schema.RequestArrived(request, own.spec.prompt, [], [], params, self._at(due_ns), PROBE)]

    def events(self, event: ProbeEvent) -> list[schema.AnyEvent]:
        """The events of a report other than a Chunk's tokens."""
        match event:
            case Sent():
                return self.arrived(event.request, event.due_ns)
            case Prompted():
                return self.prompted(event.request, event.token_ids)
            case Usage(request, _, int(count)):
                own = self._own[request]
                if own.prompt_tokens is None and not own.received:  # later, the positions of its tokens are fixed
                    return self.prompted(request, (-1,) * count)
            case Ended():
                return self._ended(event)
        return []

    def prompted(self, request: int, token_ids: Sequence[int]) -> list[schema.AnyEvent]:
        """The event of a prompt's tokens, once."""
        own = self._own[request]
        if own.prompt_tokens is not None:
            return []
        own.prompt_tokens = len(token_ids)
        return [schema.PromptTold(request, list(token_ids), [])]

    def received(self, chunk: Chunk) -> list[Received]:
        """The tokens of a chunk."""
        own = self._own[chunk.request]
        count = chunk.token_count
        if count is None:
            self.counts_told = False
            count = 1
        own.received += count
        t_ns = self._at(chunk.t_ns)
        chances = chunk.chances or ()
        spelled = chances and "".join(one.text for one in chances) == chunk.text
        found = []
        for place in range(count):
            token_id = chunk.token_ids[place] if chunk.token_ids is not None else -1
            chance = chances[place] if place < len(chances) else None
            text = chance.text if chance is not None and spelled else (chunk.text if place == 0 else "")
            logprob = chance.logprob if chance is not None and chance.logprob is not None else NAN
            found.append(Received(t_ns, token_id, text, logprob))
        return found

    def tokens(self, chunk: Chunk) -> list[schema.AnyEvent]:
        """The Token events of a chunk, where no recorder tells of the steps."""
        own = self._own[chunk.request]
        position = (own.prompt_tokens or 0) + own.received
        events: list[schema.AnyEvent] = []
        for place, one in enumerate(self.received(chunk)):
            events.append(
                schema.Token(
                    self._tokens, chunk.request, -1, position + place, one.token_id, one.text, one.logprob, NAN,
                    "target", one.t_ns, b"", one.t_ns, PROBE,
                )
            )  # fmt: skip
            self._tokens += 1
        return events

    def ended(self, request: int) -> bool:
        """Whether the stream of a request is over; also for one that is not ours."""
        own = self._own.get(request)
        return own is None or own.ended

    def _ended(self, event: Ended) -> list[schema.AnyEvent]:
        own = self._own[event.request]
        own.ended = True
        t_ns = self._at(event.t_ns)
        events = self.arrived(event.request, event.t_ns)
        for sentence in filter(None, (event.error, event.doubt)):
            kind = "fault" if sentence == event.error else "server"
            events.append(schema.Mark(t_ns, kind, f"request {event.request}: {one_line(sentence)}"))
        return [*events, schema.RequestFinished(event.request, t_ns, self._reason(own, event))]

    def _reason(self, own: _Own, event: Ended) -> schema.FinishReason:
        if event.error:
            return "cancelled"
        reason = REASONS.get(event.finish_reason, "cancelled")
        return "stop" if reason == "eos" and own.spec.stop else reason
