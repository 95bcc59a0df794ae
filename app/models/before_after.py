"""The table of improvements as texts: off, on, factor, textbook claim, or why one cannot run here. Needs no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.look.translation_marks import QT_TRANSLATE_NOOP
from app.look.units import DERIVED, MEASURED, NOT_APPLICABLE, PREDICTED, THIN_SPACE, percent, rate, seconds, significant
from engine.figures.before_after import PairFigures, SideFigures, before_after, recorded_runs
from engine.figures.improvements import IMPROVEMENTS, Improvement, reason
from engine.session.store import Session

CONTEXT: Final = "BeforeAfter"
Translate = Callable[[str], str]

NAMES: Final[dict[str, tuple[str, str]]] = {
    "kv": (
        QT_TRANSLATE_NOOP("BeforeAfter", "KV cache"),
        QT_TRANSLATE_NOOP("BeforeAfter", "Keeps keys and values, so that a step computes the new token only."),
    ),
    "paged": (
        QT_TRANSLATE_NOOP("BeforeAfter", "Paged cache"),
        QT_TRANSLATE_NOOP("BeforeAfter", "Takes memory block by block as requests grow, instead of all of it at once."),
    ),
    "draft": (
        QT_TRANSLATE_NOOP("BeforeAfter", "Speculation, draft model"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter", "A smaller model proposes tokens, and one pass of the large one checks them all."
        ),
    ),
    "ngram": (
        QT_TRANSLATE_NOOP("BeforeAfter", "Speculation, n-grams"),
        QT_TRANSLATE_NOOP("BeforeAfter", "What followed the same words before is proposed, and one pass checks it."),
    ),
    "sdpa": (
        QT_TRANSLATE_NOOP("BeforeAfter", "Fused attention (sdpa)"),
        QT_TRANSLATE_NOOP("BeforeAfter", "PyTorch's fused kernels in place of scores, softmax and sum one by one."),
    ),
    "triton": (
        QT_TRANSLATE_NOOP("BeforeAfter", "FlashAttention kernels (triton)"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter", "This project's tiled kernels in place of scores, softmax and sum one by one."
        ),
    ),
    "native": (
        QT_TRANSLATE_NOOP("BeforeAfter", "FlashAttention kernels (native)"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter", "This project's tiled kernels for a CPU in place of scores, softmax and sum one by one."
        ),
    ),
    "batching": (
        QT_TRANSLATE_NOOP("BeforeAfter", "Continuous batching"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter", "Four requests of different lengths together, joining and leaving at every step."
        ),
    ),
    "graphs": (
        QT_TRANSLATE_NOOP("BeforeAfter", "Step launched as one"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter",
            "A decode step is one native call over all layers on a CPU, and one CUDA graph of kernels on a GPU.",
        ),
    ),
}
MEASURES: Final = {
    "rate": QT_TRANSLATE_NOOP("BeforeAfter", "tokens a second"),
    "memory": QT_TRANSLATE_NOOP("BeforeAfter", "KV memory in use, of what is reserved"),
    "attention": QT_TRANSLATE_NOOP("BeforeAfter", "attention's time a token"),
}
CLAIM_OF_CACHE: Final = "O(T²) → O(T)"
HEADS: Final = (
    (QT_TRANSLATE_NOOP("BeforeAfter", "Improvement"), QT_TRANSLATE_NOOP("BeforeAfter", "What is switched on.")),
    (QT_TRANSLATE_NOOP("BeforeAfter", "Measure"), QT_TRANSLATE_NOOP("BeforeAfter", "What it is expected to improve.")),
    (
        QT_TRANSLATE_NOOP("BeforeAfter", "Off ●"),
        QT_TRANSLATE_NOOP("BeforeAfter", "Median of the repeats without it, and the least and most of them, measured."),
    ),
    (
        QT_TRANSLATE_NOOP("BeforeAfter", "On ●"),
        QT_TRANSLATE_NOOP("BeforeAfter", "Median of the repeats with it, and the least and most of them, measured."),
    ),
    (
        QT_TRANSLATE_NOOP("BeforeAfter", "Factor ƒ"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter", "How many times better it is with it; above 1 is better, whatever is measured."
        ),
    ),
    (
        QT_TRANSLATE_NOOP("BeforeAfter", "Textbook ~"),
        QT_TRANSLATE_NOOP("BeforeAfter", "The factor that textbooks claim."),
    ),
    (
        QT_TRANSLATE_NOOP("BeforeAfter", "Tokens"),
        QT_TRANSLATE_NOOP("BeforeAfter", "Whether every run gave the same tokens, as greedy decoding in float32 must."),
    ),
)
SAME: Final = QT_TRANSLATE_NOOP("BeforeAfter", "the same")
DIFFERENT: Final = QT_TRANSLATE_NOOP("BeforeAfter", "different")
NOT_MEASURED: Final = QT_TRANSLATE_NOOP("BeforeAfter", "not measured: press “Measure all”")
CANNOT: Final = QT_TRANSLATE_NOOP("BeforeAfter", "cannot run here: {reason}")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of texts in the order of HEADS, and the figures that the row was made of."""

    pair: PairFigures
    cells: tuple[str, ...]


def english(text: str) -> str:
    """The text itself: the command line speaks English."""
    return text


def pairs_of(session: Session | None, unavailable: dict[str, str]) -> list[PairFigures]:
    """The figures of every improvement in a session; without a session, only why an improvement cannot run here."""
    if session is not None:
        return before_after(session)
    return [PairFigures(one, None, None, None, reason(one, unavailable)) for one in IMPROVEMENTS]


def measured_with(session: Session | None) -> tuple[int, int] | None:
    """(tokens a request, counted repeats) of the improvements that a session measured; None where it measured none.

    The first request of a run has the full number of tokens, also in a batch.
    """
    if session is None or not session.requests:
        return None
    keys = {one.key for one in IMPROVEMENTS}
    repeats = max((run.repeat for run in recorded_runs(session) if run.key in keys), default=0)
    tokens = session.requests[min(session.requests)].params.get("max_new_tokens")
    return (int(tokens), repeats) if repeats and tokens is not None else None


def lines_of(pairs: Sequence[PairFigures], say: Translate = english) -> list[Line]:
    """The rows of the table."""
    return [Line(pair, _cells(pair, say)) for pair in pairs]


def claim_text(improvement: Improvement) -> str:
    """The factor that textbooks claim."""
    if improvement.key == "kv":
        return f"{CLAIM_OF_CACHE}{THIN_SPACE}{PREDICTED}"
    if improvement.claim is None:
        return NOT_APPLICABLE
    low, high = improvement.claim
    return f"{low:g}–{high:g}×{THIN_SPACE}{PREDICTED}"


def value_text(improvement: Improvement, value: float) -> str:
    """A figure of an improvement's measure, with its unit."""
    match improvement.measure:
        case "memory":
            return percent(value)
        case "attention":
            return seconds(value)
        case _:
            return rate(value, "tokens/s")


def side_text(improvement: Improvement, side: SideFigures) -> str:
    """Median, then least and most in brackets; these two without their unit where all three have the same."""
    texts = [value_text(improvement, value) for value in (side.median, side.least, side.most)]
    numbers, units = zip(
        *((text.partition(THIN_SPACE)[0], text.partition(THIN_SPACE)[2]) for text in texts), strict=True
    )
    low, high = numbers[1:] if len(set(units)) == 1 else texts[1:]
    return f"{texts[0]}{THIN_SPACE}{MEASURED} ({low}–{high})"


def _cells(pair: PairFigures, say: Translate) -> tuple[str, ...]:
    one = pair.improvement
    name, measure = say(NAMES[one.key][0]), say(MEASURES[one.measure])
    if pair.off is None or pair.on is None:
        why = say(CANNOT).format(reason=pair.reason) if pair.reason else say(NOT_MEASURED)
        return (name, measure, why, "", NOT_APPLICABLE, claim_text(one), NOT_APPLICABLE)
    factor = pair.factor
    return (
        name,
        measure,
        side_text(one, pair.off),
        side_text(one, pair.on),
        NOT_APPLICABLE if factor is None else f"{significant(factor)}×{THIN_SPACE}{DERIVED}",
        claim_text(one),
        NOT_APPLICABLE if pair.same_tokens is None else say(SAME if pair.same_tokens else DIFFERENT),
    )


def plain_rows(pairs: Sequence[PairFigures]) -> tuple[list[str], list[tuple[object, ...]]]:
    """(names of the columns, rows) for CSV and JSON: values in base units."""
    header = ["improvement", "measure", "off", "off_least", "off_most", "on", "on_least", "on_most", "factor",
              "claimed_from", "claimed_to", "same_tokens", "reason"]  # fmt: skip
    rows: list[tuple[object, ...]] = []
    for pair in pairs:
        sides: list[float | None] = []
        for side in (pair.off, pair.on):
            sides += [None] * 3 if side is None else [side.median, side.least, side.most]
        claim = pair.improvement.claim or (None, None)
        rows.append(
            (pair.improvement.key, pair.improvement.measure, *sides, pair.factor, *claim, pair.same_tokens, pair.reason)
        )
    return header, rows
