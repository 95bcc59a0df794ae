"""What a server tells, from all levels, as the events of one session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from engine.core.settings import RequestSpec
from engine.serving.observe.metrics_page import Reading
from engine.serving.probe.probe_events import Chunk, Ended, ProbeEvent, Stalled
from engine.serving.recorder.recorded_steps import RecordedSteps
from engine.serving.recorder.recorder_wire import AnyMessage, Facts
from engine.serving.streamed_tokens import StreamedTokens
from engine.serving.token_join import TokenJoin
from engine.serving.token_texts import TokenTexts
from engine.session.schema import (
    CLIENT_STALLED,
    AnyEvent,
    Mark,
    MetricSample,
    PromptTold,
    RequestArrived,
    RequestFinished,
    Token,
)

LONG_STALL_S: Final = 1.0
PROBE_NAMES: Final = ("cmpl-", "chatcmpl-")
"""What vLLM puts before the id that a client gave."""


class ServedEvents:
    """Translates reports into events. The requests of a run's start are 0, 1, ... in their order; all others, ours and
    those of other clients, are numbered as they come.

    With a recorder, its steps, tokens and times are kept, and our streams add texts, logprobs and when they were
    received; of our requests the recorder knows when they ended, and the stream why. Without one, each chunk's tokens
    are kept with the moment of its arrival. Nothing here reads a clock or a socket.
    """

    def __init__(self, facts: Facts | None, model_path: str, request_name: str) -> None:
        """`facts` of the recorder, None without one; `request_name` is what our requests' ids begin with."""
        self._facts = facts
        self._request_name = request_name
        self._texts = TokenTexts(model_path)
        self._zero_ns = 0
        self.streams = StreamedTokens(self.at)
        self._join = TokenJoin(lambda request: not self.streams.ended(request), self._texts.of)
        self._steps: RecordedSteps | None = None
        self._requests = 0
        self._recorded: set[int] = set()
        """Our requests that the recorder told of."""
        self._ends: dict[int, RequestFinished] = {}
        """The ends of our requests that the recorder told, while their streams are open."""
        self._streamed_ends: dict[int, RequestFinished] = {}
        """The ends of our streams, while the recorder has not told them."""

    def begin(self, zero_ns: int) -> None:
        """The session's zero, CLOCK_MONOTONIC ns."""
        self._zero_ns = zero_ns

    def expect(self, requests: Sequence[RequestSpec]) -> int:
        """Requests that will be sent; returns the number of the first."""
        first = self._requests
        self.streams.expect(first, requests)
        self._requests += len(requests)
        return first

    def at(self, monotonic_ns: int) -> int:
        """ns from the session's zero; what was before it is at 0."""
        return max(0, monotonic_ns - self._zero_ns)

    @property
    def owed(self) -> bool:
        """Whether the recorder has not told the end yet of a request of ours whose stream has ended."""
        return bool(self._streamed_ends)

    def probed(self, event: ProbeEvent) -> list[AnyEvent]:
        """A report of the probe."""
        if isinstance(event, Stalled):
            return self._stalled(event)
        if isinstance(event, Chunk):
            if self._facts is None:
                return self.streams.tokens(event)
            self._join.receive(event.request, self.streams.received(event))
            return [*self._join.take(self.at(event.t_ns))]
        events = self.streams.events(event)
        if isinstance(event, Ended) and event.request in self._recorded:
            self._streamed_ends |= {one.id: one for one in events if isinstance(one, RequestFinished)}
            events = [one for one in events if not isinstance(one, RequestFinished)]
            events += self._both_ended(event.request)
        return [self._with_texts(one) for one in events]

    def _stalled(self, event: Stalled) -> list[AnyEvent]:
        """A time in which our own client did not read: a reading, and a mark if it was long."""
        seconds = (event.to_ns - event.t_ns) / 1e9
        until_ns = self.at(event.to_ns)
        events: list[AnyEvent] = [MetricSample(until_ns, "probe", CLIENT_STALLED, "", seconds)]
        if seconds >= LONG_STALL_S:
            events.append(Mark(until_ns, "server", f"Our own client did not read for {seconds:.1f} s."))
        return events

    def recorded(self, message: AnyMessage, offset_ns: int) -> list[AnyEvent]:
        """A message of the recorder; raises RecorderError for one that cannot follow those before."""
        assert self._facts is not None, "there is no recorder"
        if self._steps is None:
            self._steps = RecordedSteps(self._facts, self._zero_ns, self._number_of, offset_ns)
        found: list[AnyEvent] = []
        tokens: list[Token] = []
        for event in self._steps.feed(message):
            match event:
                case Token():
                    tokens.append(event)
                case RequestArrived() if self.streams.expects(event.id):
                    self._recorded.add(event.id)
                    found += self.streams.arrived(event.id, event.arrived_ns + self._zero_ns)
                    found += self.streams.prompted(event.id, event.prompt_token_ids)
                case RequestFinished() if event.id in self._recorded:
                    self._ends[event.id] = event
                    found += self._both_ended(event.id)
                case _:
                    found.append(event)
        self._join.put(tokens)
        last_ns = tokens[-1].emitted_ns if tokens else 0
        return [*map(self._with_texts, found), *self._join.take(last_ns)]

    def metrics(self, t_ns: int, readings: Iterable[Reading]) -> list[AnyEvent]:
        """Readings of the server's page of metrics."""
        return [MetricSample(self.at(t_ns), "metrics", one.name, one.labels, one.value) for one in readings]

    def let_out(self, now_ns: int) -> list[AnyEvent]:
        """The tokens that have waited long enough for their streams."""
        return [*self._join.take(self.at(now_ns))]

    def end(self, now_ns: int) -> list[AnyEvent]:
        """The last events of the session: all tokens that still wait, and ends that only one side told."""
        events: list[AnyEvent] = [*self._join.take(self.at(now_ns), all_of_them=True), *self._ends.values()]
        events += self._streamed_ends.values()
        self._ends, self._streamed_ends = {}, {}
        if self._join.disagreed:
            told = f"{self._join.disagreed} streams had other token ids than the recorder told."
            events.append(Mark(self.at(now_ns), "server", told))
        if not self.streams.counts_told:
            told = "The server did not tell how many tokens its chunks hold: each of those counts as one token."
            events.append(Mark(self.at(now_ns), "server", told))
        return events

    def _number_of(self, client_id: str) -> int:
        """The session's number of a request, by the id that its client knows."""
        for prefix in PROBE_NAMES:
            own = client_id.removeprefix(prefix + self._request_name)
            if own != client_id and own.isdecimal() and self.streams.expects(int(own)):
                return int(own)
        self._requests += 1
        return self._requests - 1

    def _both_ended(self, request: int) -> list[AnyEvent]:
        """The end of a request of ours once both have told of it: the recorder when, the stream why."""
        if request not in self._ends or request not in self._streamed_ends:
            return []
        recorded, streamed = self._ends.pop(request), self._streamed_ends.pop(request)
        return [replace(recorded, finish_reason=streamed.finish_reason)]

    def _with_texts(self, event: AnyEvent) -> AnyEvent:
        """The event with the texts of a prompt, where only its tokens were told."""
        match event:
            case RequestArrived(prompt=""):
                prompt, texts = self._texts.of_prompt(event.prompt_token_ids)
                return replace(event, prompt=prompt, prompt_token_texts=texts or event.prompt_token_texts)
            case PromptTold():
                return replace(event, prompt_token_texts=self._texts.of_prompt(event.prompt_token_ids)[1])
        return event
