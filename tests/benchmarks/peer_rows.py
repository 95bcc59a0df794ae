"""The rows of the comparison with peers, made of what was measured in turn."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.benchmarks.peer_cases import Case
from tests.benchmarks.peer_figures import agreeing, p99_ms, tokens_per_s
from tests.benchmarks.peer_marks import (
    AGAINST_GENERATE,
    AGAINST_LLAMA_CPP,
    BUSY,
    DETAIL,
    SAMPLING,
    WINDOW,
    WINDOW_P99,
    Mark,
)
from tests.benchmarks.runners.work import Outcome


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked for which work, and beside what; `detail` "" is what users have, `phase`.

    Without a window, `beside` a window is the run that it is held against.
    """

    who: str
    dtype: str
    work: str
    beside: str = ""
    probed: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """The outcomes of each, in the order of rounds."""

    outcomes: dict[Asked, list[Outcome]] = field(default_factory=dict)

    def add(self, asked: Asked, outcome: Outcome) -> None:
        self.outcomes.setdefault(asked, []).append(outcome)

    def of(self, asked: Asked) -> list[Outcome]:
        """Empty where nobody asked."""
        return self.outcomes.get(asked, [])


def rows_of(case: Case, measured: Measured, missing: dict[str, str]) -> list[dict[str, Any]]:
    """Every ratio that was measured; for a peer that is missing, a row that says so."""
    rows = [row for work in case.works for dtype in case.dtypes for row in _Rows(case, measured, work, dtype).all()]
    for peer, why in missing.items():
        rows.append(_row(case, "", "", peer, note=f"not installed: {why.splitlines()[-1]}"))
    return rows


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one work in one dtype."""

    case: Case
    measured: Measured
    work: str
    dtype: str

    def all(self) -> Iterator[dict[str, Any]]:
        ours = Asked("ours", self.dtype, self.work)
        model = (self.case.name, self.work)
        theirs = Asked("llama.cpp", "", self.work)
        yield from self._rates("llama.cpp", ours, theirs, AGAINST_LLAMA_CPP.get(model))
        decodes = self.dtype == "bfloat16" and self.work == "greedy"
        generate = Asked("transformers", self.dtype, self.work)
        yield from self._rates("transformers", ours, generate, AGAINST_GENERATE if decodes else None)
        yield from self._rates("reading weights", ours, Asked("reading", "", self.work), None)
        if self.work == "sampled":
            yield from self._sampling(ours)
        window = Asked("window", self.dtype, self.work, probed=True)
        headless = replace(ours, beside="window")
        yield from self._rates("headless", window, headless, WINDOW, "window")
        yield from self._p99(window, headless)
        yield from self._rates("not recorded", replace(headless, probed=True), headless, None, "attention recorded")
        unticked = replace(window, probed=False)
        yield from self._rates("headless", unticked, headless, None, "window, attention not recorded")
        yield from self._busy(ours, theirs)
        if self.work == "greedy":
            off = replace(ours, detail="off")
            for detail, mark in DETAIL.items():
                yield from self._rates("detail off", replace(ours, detail=detail), off, mark, f"detail {detail}")

    def _rates(
        self, against: str, ours: Asked, theirs: Asked, mark: Mark | None, beside: str = "", note: str = ""
    ) -> Iterator[dict[str, Any]]:
        a, b = (self._each(asked) for asked in (ours, theirs))
        if a and b:
            first, other = self.measured.of(ours)[-1], self.measured.of(theirs)[-1]
            words = [first.note]
            if theirs.who != "ours":
                generated = self.work == "greedy" and theirs.who != "reading"
                words += [other.note, agreeing(first, other) if generated else ""]
            note = "; ".join(filter(None, [*words, note]))
            yield _row(self.case, self.work, self.dtype, against, "tokens/s", a, b, mark, beside, note)

    def _each(self, asked: Asked) -> list[float]:
        work = self.case.works[self.work]
        return [tokens_per_s(work, outcome) for outcome in self.measured.of(asked)]

    def _sampling(self, ours: Asked) -> Iterator[dict[str, Any]]:
        shares = [one.sample_share for one in self.measured.of(ours) if one.sample_share is not None]
        if shares:
            steps = [1.0] * len(shares)
            mark = SAMPLING.get(self.case.name)
            yield _row(self.case, "sample", self.dtype, "a step", "of a step", shares, steps, mark)

    def _p99(self, window: Asked, ours: Asked) -> Iterator[dict[str, Any]]:
        shown, headless = (self.measured.of(asked) for asked in (window, ours))
        if not shown or not headless or self.case.works[self.work].tokens == 1:
            return
        by_round = [[p99_ms([one]) for one in outcomes] for outcomes in (shown, headless)]
        row = _row(
            self.case, self.work, self.dtype, "headless", "ms, p99 of a step", by_round[0], by_round[1], beside="window"
        )
        whole = (p99_ms(shown), p99_ms(headless))  # of all rounds' steps: one round has few beyond the 99th of 100
        yield row | {
            "ours": round(whole[0], 2), "theirs": round(whole[1], 2), "ratio": round(whole[0] / whole[1], 3),
            "least": "", "most": "", **_marked(WINDOW_P99, whole[0] / whole[1]),
        }  # fmt: skip

    def _busy(self, ours: Asked, theirs: Asked) -> Iterator[dict[str, Any]]:
        quiet, busy = (self._each(one) for one in (theirs, replace(theirs, beside="busy")))
        note = ""
        if quiet and busy:
            note = f"llama.cpp {statistics.median(busy):.4g}, {statistics.median(busy) / statistics.median(quiet):.3f}"
        yield from self._rates("quiet", replace(ours, beside="busy"), ours, BUSY, "a busy process", note)


def _row(
    case: Case, work: str, dtype: str, against: str, unit: str = "", ours: list[float] | None = None,
    theirs: list[float] | None = None, mark: Mark | None = None, beside: str = "", note: str = "",
) -> dict[str, Any]:  # fmt: skip
    ratios = [a / b for a, b in zip(ours or [], theirs or [], strict=True)]
    ratio = statistics.median(ratios) if ratios else 0.0
    return {
        "model": case.title, "threads": case.threads, "work": work, "dtype": dtype, "beside": beside,
        "ours": _figure(ours), "unit": unit, "against": against, "theirs": _figure(theirs),
        "ratio": round(ratio, 4) if ratios else "", "least": round(min(ratios), 4) if ratios else "",
        "most": round(max(ratios), 4) if ratios else "", **_marked(mark, ratio), "note": note,
    }  # fmt: skip


def _figure(values: list[float] | None) -> float | str:
    return float(f"{statistics.median(values):.4g}") if values else ""


def _marked(mark: Mark | None, ratio: float) -> dict[str, str]:
    return {"mark": str(mark or ""), "met": "" if mark is None else "yes" if mark.met(ratio) else "NO"}
