"""What a runner is asked to do, and what it answers. Imports nothing but the standard library: any Python runs it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TextIO

PR_SET_PDEATHSIG: Final = 1
LIMIT_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Work:
    """Prompts of equal length, as texts and as ids, and `tokens` more for each; the end of a text ends nothing.

    After `limit_s` seconds, and two tokens of each, no further step is begun: a rate needs no more on a busy machine.
    A temperature of 0 is greedy. The last three fields concern DecodeScope alone: what it observes, and its switches.
    """

    texts: list[str]
    ids: list[list[int]]
    tokens: int
    limit_s: float = LIMIT_S
    temperature: float = 0.0
    top_p: float = 1.0
    detail: str = "phase"
    probed: bool = False
    switches: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """By prompt: the ids that followed it, and when each was there, in seconds since the first prompt was begun."""

    ids: list[list[int]]
    emitted_s: list[list[float]]
    sample_share: float | None = None
    """Of the time of the steps after the first, where a profiler tells it."""
    note: str = ""


class Wire:
    """The runner's end: works come as lines on standard input, outcomes go as lines to what standard output was.

    Libraries that print get standard error in place of standard output.
    """

    def __init__(self) -> None:
        _die_with_parent()
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def ready(self) -> None:
        """Say that the model is loaded."""
        print("ready", file=self._out, flush=True)

    def works(self) -> Iterator[Work]:
        """The works, until the other end is gone."""
        for line in sys.stdin:
            yield Work(**json.loads(line))

    def answer(self, outcome: Outcome) -> None:
        print(json.dumps(asdict(outcome)), file=self._out, flush=True)


def _die_with_parent() -> None:
    """A runner that is stopped (SIGSTOP) reads no end of file: Linux kills it when the benchmark dies."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
