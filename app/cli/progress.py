"""Progress on standard error: one line that is rewritten in a terminal, a new line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Final, TextIO

from app.look.units import NOT_APPLICABLE, rate, seconds
from engine.client.changes import Change
from engine.figures.metrics import tokens_per_s
from engine.session import schema
from engine.session.store import Session

TERMINAL_EVERY_S: Final = 0.1
LOG_EVERY_S: Final = 5.0


class ProgressLine:
    """What is told now and then of something that takes long."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._every_s = TERMINAL_EVERY_S if self._terminal else LOG_EVERY_S
        self._told_at = time.monotonic()
        self._width = 0

    @property
    def due(self) -> bool:
        """Whether it is time to tell something."""
        return time.monotonic() - self._told_at >= self._every_s

    def tell(self, text: str) -> None:
        """Show this text in place of the one before."""
        self._told_at = time.monotonic()
        if self._terminal:
            self._print("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._print(text + "\n")

    def done(self) -> None:
        """Erase the line in a terminal."""
        if self._terminal and self._width:
            self._print("\r" + " " * self._width + "\r")

    def _print(self, text: str) -> None:
        with suppress(OSError):  # the process that reads standard error has ended; the work goes on
            print(text, end="", file=self._stream, flush=True)


class Progress:
    """Reports loading, and then the tokens: generated and wanted, tokens/s, time left."""

    def __init__(self, tokens_wanted: int, stream: TextIO = sys.stderr, paced: bool = False) -> None:
        """`paced`: the run is slowed down, so that its rate does not tell how long it goes on."""
        self._wanted = tokens_wanted
        self._paced = paced
        self._line = ProgressLine(stream)
        self._step: schema.StepProgress | None = None
        """How far the step is that takes long, as told last."""

    def want(self, tokens: int) -> None:
        """So many tokens are to come."""
        self._wanted = tokens

    def watch(self, session: Session, changes: list[Change]) -> None:
        """Take the changes, and print a line if it is time."""
        self._step = next((e for e in reversed(changes) if isinstance(e, schema.StepProgress)), self._step)
        if not self._line.due:
            return
        loading = next((e for e in reversed(changes) if isinstance(e, schema.Loading)), None)
        if loading is not None:
            self._line.tell(f"loading: {loading.stage} {round(100 * loading.fraction)} %")
        elif session.meta:
            runs = self._step is not None and self._step.step >= len(session.steps)
            self._line.tell(
                f"{self.line(session)}, {step_text(self._step)}" if self._step and runs else self.line(session)
            )

    def line(self, session: Session) -> str:
        """`64/128 tokens, 412 tokens/s, 155 ms left`."""
        count = len(session.tokens)
        if count < 2:
            return f"{count}/{self._wanted} tokens"
        speed = tokens_per_s(session)
        if self._paced:
            return f"{count}/{self._wanted} tokens, {rate(speed, 'tokens/s')} without the rests"
        left = seconds((self._wanted - count) / speed) if speed else NOT_APPLICABLE
        return f"{count}/{self._wanted} tokens, {rate(speed, 'tokens/s')}, {left} left"

    def done(self) -> None:
        """Erase the line in a terminal."""
        self._line.done()


def step_text(step: schema.StepProgress) -> str:
    """`step 0 computes 3039 positions, 40 % done after 12.3 s`: a step that takes long."""
    share = "" if step.share < 0 else f", {round(100 * min(step.share, 1.0))} % done"
    return f"step {step.step} computes {step.positions} positions{share} after {step.elapsed_s:.1f} s"
