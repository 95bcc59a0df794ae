"""DecodeScope against llama.cpp and transformers: same weights, prompt and threads, in turn; window; company; detail.

The rows say what they are a ratio to. DecodeScope runs as users run it, its engine in a process of its own, at detail
`phase`. `window` shows the run in a window with every panel visible, which records attention, too, as the window does
until the user unticks it, against a run of the same length without one, right before or after it; `probed` takes the
two apart: attention recorded without a window, a window with it unticked. `busy` is beside one process of equal
priority that computes all the time.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from engine.errors import UnavailableError
from tests.benchmarks.gguf_file import write_gguf
from tests.benchmarks.peer_cases import Case, cases, check_real_model
from tests.benchmarks.peer_options import PeerOptions
from tests.benchmarks.peer_rows import Asked, Measured, rows_of
from tests.benchmarks.runners.process import Runner, busy_process, plain_environment
from tests.benchmarks.runners.work import Work

DETAILS: Final = ("off", "phase", "layer")
DETAIL_TURNS: Final = 5
"""How often a round takes each level of detail, for a third of the tokens: a percent needs many short turns."""

FEWER: Final = 3
"""transformers, the slowest, makes a third of the tokens that the others make; its rate is a little higher for it."""
WINDOW_TOKENS: Final = 384
"""A window draws what is new in a run at its begin, 30 ms once, so its run, and the headless one it is held against, is
not shorter than this, or than a work's limit of time."""


def run(options: PeerOptions) -> list[dict[str, Any]]:
    """One row a ratio, with the mark that it must reach; medians of rounds, the first of which is left out.

    Ctrl-C ends it early, with the rows of the rounds so far. Raises UnavailableError where the real model is not there,
    and where the options leave nothing to compare.
    """
    check_real_model(options)
    rows: list[dict[str, Any]] = []
    ended = False
    with tempfile.TemporaryDirectory() as folder:
        made = options.kept or Path(folder)
        made.mkdir(parents=True, exist_ok=True)
        for case in cases(options, made):
            with ExitStack() as open_runners:
                measuring = Measuring(case, options, made, Path(folder), open_runners)
                try:
                    for number in range(options.rounds + 1):
                        say(f"{case.title}, threads {case.threads}, round {number} of {options.rounds}")
                        measuring.round(number)
                except KeyboardInterrupt:
                    say("ended early: the rows are of the rounds so far")
                    ended = True
            rows += rows_of(case, measuring.measured, measuring.missing)
            if ended:
                break
    if not rows:
        raise UnavailableError("There is nothing to compare: the words of --only leave nothing, or no round was ended.")
    return rows


def say(words: str) -> None:
    """Progress goes to standard error."""
    print(words, file=sys.stderr, flush=True)


@dataclass
class Measuring:
    """The rounds of one case; runners start when they are first asked, which the first round does."""

    case: Case
    options: PeerOptions
    made: Path
    home: Path
    """Holds the settings and recordings of the windows, in place of the user's."""
    opened: ExitStack
    runners: dict[Asked, Runner | None] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)
    missing: dict[str, str] = field(default_factory=dict)
    """Peers that cannot run here, and why."""

    def round(self, number: int) -> None:
        """Every work once by everyone who does it, in turn; every second round the other way round.

        The first round, number 0, warms up. A round that is broken off counts for nothing.
        """
        turns = list(self._turns(DETAIL_TURNS if number else 1))
        outcomes = []
        for asked in turns if number % 2 else reversed(turns):
            runner = self._runner(asked)
            if runner is None:
                continue
            with busy_process() if asked.beside == "busy" else nullcontext():
                outcomes.append((asked, runner.ask(self._work(asked))))
        for asked, outcome in outcomes if number else ():
            self.measured.add(asked, outcome)

    def _turns(self, detail_turns: int) -> Iterator[Asked]:
        takes = self.options.takes
        for work in self.case.works:
            if takes(part="quiet") and work == "greedy":
                yield Asked("reading", "", work)
            if takes(part="quiet", peer="llama.cpp"):
                yield Asked("llama.cpp", "", work)
            for dtype in self.case.dtypes:
                yield Asked("ours", dtype, work)
                if takes(part="quiet", peer="transformers") and self.case.folder.is_dir():
                    yield Asked("transformers", dtype, work)
                yield from self._window_turns(dtype, work)
            if takes(part="busy"):
                if takes(peer="llama.cpp"):
                    yield Asked("llama.cpp", "", work, "busy")
                yield from (Asked("ours", dtype, work, "busy") for dtype in self.case.dtypes)
        if takes(part="detail") and "greedy" in self.case.works:
            for _ in range(detail_turns):
                for dtype in self.case.dtypes:
                    yield from (Asked("ours", dtype, "greedy", detail=detail) for detail in DETAILS)

    def _window_turns(self, dtype: str, work: str) -> Iterator[Asked]:
        shown, takes_apart = self.options.takes(part="window"), self.options.takes(part="probed") and work == "greedy"
        if shown:
            yield Asked("window", dtype, work, probed=True)
        if shown or takes_apart:
            yield Asked("ours", dtype, work, "window")
        if takes_apart:
            yield Asked("window", dtype, work)
            yield Asked("ours", dtype, work, "window", probed=True)

    def _work(self, asked: Asked) -> Work:
        work = self.case.works[asked.work]
        tokens = work.tokens
        if asked.detail or asked.who == "transformers":
            tokens = -(-tokens // FEWER)
        elif "window" in (asked.who, asked.beside) and tokens > 1:
            tokens = max(tokens, WINDOW_TOKENS)
        return replace(work, tokens=tokens, detail=asked.detail or "phase", probed=asked.probed)

    def _runner(self, asked: Asked) -> Runner | None:
        who = Asked(asked.who, asked.dtype, "")
        if who not in self.runners:
            try:
                self.runners[who] = self.opened.enter_context(self._started(who))
            except UnavailableError as error:
                if asked.who != "llama.cpp":
                    raise
                self.runners[who], self.missing[asked.who] = None, str(error)
        return self.runners[who]

    def _started(self, who: Asked) -> Runner:
        folder, threads = str(self.case.folder), str(self.case.threads)
        module = "tests.benchmarks.runners."
        if who.who == "llama.cpp":
            gguf = self.case.folder
            if gguf.is_dir():
                gguf = self.made / f"{self.case.name}.gguf"
                if not gguf.exists():
                    partial = gguf.with_suffix(f".{os.getpid()}")
                    write_gguf(self.case.folder, partial)
                    partial.rename(gguf)
            command = [self.options.llama_python, "-m", f"{module}llama_cpp", threads, str(gguf)]
            return Runner(command, plain_environment())
        name = "transformers_generate" if who.who == "transformers" else who.who
        environment = plain_environment()
        if who.who == "window":
            environment |= {f"XDG_{kind}_HOME": str(self.home / kind) for kind in ("DATA", "CONFIG")}
            if not os.environ.get("DISPLAY"):
                environment["QT_QPA_PLATFORM"] = "offscreen"
        return Runner([sys.executable, "-m", module + name, folder, threads, *filter(None, [who.dtype])], environment)
