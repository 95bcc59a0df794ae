"""The fact `serving` of a session: which server was attached to, at which levels, and what it does not tell.

An imported trace is a source of the same kind: it tells less than our own engine, and says what.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, get_args

import msgspec

Level = Literal["probe", "metrics", "kv_events", "recorder", "trace"]
LEVELS: Final[tuple[str, ...]] = get_args(Level)
"""How a server was attached to: our own streamed requests; its page of metrics; its stream of KV events; the recorder
inside it. The column `told_by` of a row holds one of these. `trace`: nothing was attached to; a profiler's trace was
imported."""

Topic = Literal[
    "steps", "phases", "device_time", "attention", "flops", "bytes_moved", "kv", "kv_layers", "slots", "padding",
    "token_ids", "logprobs", "entropy", "switches", "requests of others", "positions", "tokens", "step_kinds",
]  # fmt: skip
"""What a session can lack because nobody told it."""
TOPICS: Final[tuple[str, ...]] = get_args(Topic)
NOT_TOLD: Final = "Not told by this server."
NOT_TRACED: Final = "Not told by a profiler's trace."
NO_STEPS_TRACED: Final = (
    "No range of the trace names its steps: call the profiler's step(), or name ranges decode, prefill or step."
)
MOST_TEXT: Final = 2000
"""The most characters of any text in the fact."""


class Serving(msgspec.Struct, frozen=True):
    """A server as a session's source. `kind` is "vLLM" and so on, `version` its own word for it, "" where not told.

    `url` is the address that was attached to, without a key. `levels` are those that were in use. `not_told` maps each
    topic that this source does not tell to a sentence which says why, and what would add it. `clock` says which clock
    the times of each level come from.
    """

    kind: str
    version: str
    url: str
    levels: tuple[Level, ...]
    not_told: dict[Topic, str] = {}
    clock: dict[Level, str] = {}

    @property
    def imported(self) -> bool:
        """Whether this is no server but a trace that was imported."""
        return "trace" in self.levels


_decoder: Final = msgspec.json.Decoder(Serving)


@lru_cache(maxsize=8)  # panels ask again and again
def serving_of(text: str) -> Serving | None:
    """The fact from the text of `meta.serving`; None where there is none. Raises ValueError where it is no such
    fact.
    """
    if not text:
        return None
    fact = _decoder.decode(text)
    texts = (fact.kind, fact.version, fact.url, *fact.not_told.values(), *fact.clock.values())
    if any(len(one) > MOST_TEXT for one in texts):
        raise ValueError("a text about the server is too long")
    return fact


def as_fact(serving: Serving) -> str:
    """The text that `serving_of` reads."""
    return msgspec.json.encode(serving).decode()
