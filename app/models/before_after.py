"""The table of improvements as texts: what ran, off, on, factor, reference, or why one cannot run here. Needs no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.look.translation_marks import QT_TRANSLATE_NOOP
from app.look.units import (
    DERIVED,
    MEASURED,
    NOT_APPLICABLE,
    PREDICTED,
    THIN_SPACE,
    count,
    memory,
    percent,
    rate,
    seconds,
    significant,
)
from app.models.references import Subject
from engine.figures.before_after import LoadFigures, PairFigures, SideFigures, before_after, recorded_runs
from engine.figures.improvements import IMPROVEMENTS, Improvement, reason
from engine.session.store import Session

CONTEXT: Final = "BeforeAfter"
Translate = Callable[[str], str]

TILES: Final = QT_TRANSLATE_NOOP(
    "BeforeAfter",
    "Scores written out are a matrix of the context's length squared for each head; tiles never hold it. Counted: the "
    "tensors that the attention of a layer makes and holds at once, and its kernel's own buffers.",
)
NAMES: Final[dict[str, tuple[str, str]]] = {
    "kv": (
        QT_TRANSLATE_NOOP("BeforeAfter", "KV cache"),
        QT_TRANSLATE_NOOP("BeforeAfter", "Keeps keys and values, so that a step computes the new token only."),
    ),
    "paged": (
        QT_TRANSLATE_NOOP("BeforeAfter", "Paged cache: memory"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter",
            "Nobody knows how long an answer becomes. A contiguous cache reserves for the longest that is allowed, a "
            "paged one takes block after block as requests grow.",
        ),
    ),
    "paged_together": (
        QT_TRANSLATE_NOOP("BeforeAfter", "Paged cache: requests that fit"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter",
            "The same runs: both caches have the same memory, and as many requests run as fit into it; others wait.",
        ),
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
        QT_TRANSLATE_NOOP("BeforeAfter", "Fused attention (sdpa): time"),
        QT_TRANSLATE_NOOP("BeforeAfter", "PyTorch's fused kernels in place of scores, softmax and sum one by one."),
    ),
    "triton": (
        QT_TRANSLATE_NOOP("BeforeAfter", "FlashAttention (triton): time"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter", "This project's tiled kernels in place of scores, softmax and sum one by one."
        ),
    ),
    "triton_memory": (QT_TRANSLATE_NOOP("BeforeAfter", "FlashAttention (triton): memory"), TILES),
    "native": (
        QT_TRANSLATE_NOOP("BeforeAfter", "FlashAttention (native): time"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter", "This project's tiled kernels for a CPU in place of scores, softmax and sum one by one."
        ),
    ),
    "native_memory": (QT_TRANSLATE_NOOP("BeforeAfter", "FlashAttention (native): memory"), TILES),
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
    "memory": QT_TRANSLATE_NOOP("BeforeAfter", "KV memory in use, of what is reserved, while others wait"),
    "together": QT_TRANSLATE_NOOP("BeforeAfter", "requests in a step while others wait, on average"),
    "attention": QT_TRANSLATE_NOOP("BeforeAfter", "attention's time in the whole run"),
    "attention_memory": QT_TRANSLATE_NOOP("BeforeAfter", "most memory of one layer's attention"),
}
SUBJECTS: Final[dict[str, Subject]] = {
    "kv": "kv", "paged": "paged", "paged_together": "paged", "draft": "speculation", "ngram": "speculation",
    "sdpa": "flash", "triton": "flash", "native": "flash",
}  # fmt: skip
"""The section of the reference that an improvement's claim is from; the others have none."""
ONE_REQUEST: Final = QT_TRANSLATE_NOOP("BeforeAfter", "{prompt} + {made} tokens")
REQUESTS: Final = QT_TRANSLATE_NOOP("BeforeAfter", "{n} requests, {prompt} + {made} tokens")
UP_TO: Final = QT_TRANSLATE_NOOP("BeforeAfter", "of at most {most}")
IN_MEMORY: Final = QT_TRANSLATE_NOOP("BeforeAfter", "in {memory} of KV")
ALIKE: Final = QT_TRANSLATE_NOOP("BeforeAfter", "{n} alike")
CLAIM_OF_CACHE: Final = "O(T²) → O(T)"
HEADS: Final = (
    (QT_TRANSLATE_NOOP("BeforeAfter", "Improvement"), QT_TRANSLATE_NOOP("BeforeAfter", "What is switched on.")),
    (QT_TRANSLATE_NOOP("BeforeAfter", "Measure"), QT_TRANSLATE_NOOP("BeforeAfter", "What it is expected to improve.")),
    (
        QT_TRANSLATE_NOOP("BeforeAfter", "Ran ●"),
        QT_TRANSLATE_NOOP(
            "BeforeAfter",
            "The requests of both sides: tokens of the prompt + tokens generated. The paged cache and attention's "
            "kernels have requests of their own.",
        ),
    ),
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
        QT_TRANSLATE_NOOP("BeforeAfter", "Reference ~"),
        QT_TRANSLATE_NOOP("BeforeAfter", "The factor that the reference claims."),
    ),
    (
        QT_TRANSLATE_NOOP("BeforeAfter", "Tokens"),
        QT_TRANSLATE_NOOP("BeforeAfter", "Whether every run gave the same tokens, as greedy decoding in float32 must."),
    ),
)
MEASURE, RAN, OFF, ON, FACTOR, REFERENCE, SAME_TOKENS = range(1, len(HEADS))
"""The columns of HEADS after the first."""
SAME: Final = QT_TRANSLATE_NOOP("BeforeAfter", "the same")
DIFFERENT: Final = QT_TRANSLATE_NOOP("BeforeAfter", "different")
NOT_MEASURED: Final = QT_TRANSLATE_NOOP("BeforeAfter", "not measured: press “Measure all”")
NOT_YET: Final = QT_TRANSLATE_NOOP("BeforeAfter", "not measured yet")
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


def lines_of(
    pairs: Sequence[PairFigures],
    say: Translate = english,
    missing: str = NOT_MEASURED,
    say_reason: Translate = english,
) -> list[Line]:
    """The rows of the table; why a pair cannot run is said once, not again for what else its runs are measured for.

    `missing` stands where nothing was measured; NOT_YET while a measurement goes on. `say_reason` translates what the
    engine says.
    """
    shown = [pair for pair in pairs if not (pair.improvement.runs and pair.reason)]
    whys = [say(CANNOT).format(reason=say_reason(pair.reason)) if pair.reason else say(missing) for pair in shown]
    return [Line(pair, _cells(pair, say, why)) for pair, why in zip(shown, whys, strict=True)]


def claim_text(improvement: Improvement) -> str:
    """The factor that the reference claims."""
    if improvement.key == "kv":
        return f"{CLAIM_OF_CACHE}{THIN_SPACE}{PREDICTED}"
    if improvement.claim is None:
        return NOT_APPLICABLE
    low, high = improvement.claim
    return f"{low:g}–{high:g}×{THIN_SPACE}{PREDICTED}"


def load_text(load: LoadFigures, say: Translate = english) -> str:
    """What ran: requests, tokens of the prompts and generated ones; most tokens and memory where they were limits."""
    prompt, made = (
        count(least) if least == most else f"{count(least)}–{count(most)}"
        for least, most in (load.prompt_tokens, load.generated)
    )
    text = say(ONE_REQUEST if load.requests == 1 else REQUESTS).format(n=count(load.requests), prompt=prompt, made=made)
    if load.kv_limit_bytes is None:
        return text
    limits = say(UP_TO).format(most=count(load.most_tokens)), say(IN_MEMORY).format(memory=memory(load.kv_limit_bytes))
    return f"{text} {limits[0]}, {limits[1]}"


def value_text(improvement: Improvement, value: float) -> str:
    """A figure of an improvement's measure, with its unit."""
    match improvement.measure:
        case "memory":
            return percent(value)
        case "together":
            return significant(value)
        case "attention":
            return seconds(value)
        case "attention_memory":
            return memory(value)
        case "rate":
            return rate(value, "tokens/s")


def side_text(improvement: Improvement, side: SideFigures, say: Translate = english) -> str:
    """Median, then least and most in brackets; these two without their unit where all three have the same.

    Where all repeats are alike, how many there were; nothing in brackets where there was one.
    """
    texts = [value_text(improvement, value) for value in (side.median, side.least, side.most)]
    shown = f"{texts[0]}{THIN_SPACE}{MEASURED}"
    if len(side.values) == 1:
        return shown
    if side.least == side.most:
        return f"{shown} ({say(ALIKE).format(n=count(len(side.values)))})"
    numbers, units = zip(
        *((text.partition(THIN_SPACE)[0], text.partition(THIN_SPACE)[2]) for text in texts), strict=True
    )
    low, high = numbers[1:] if len(set(units)) == 1 else texts[1:]
    return f"{shown} ({low}–{high})"


def _cells(pair: PairFigures, say: Translate, why: str) -> tuple[str, ...]:
    """The texts of a row; `why` stands in the place of its figures where it has none."""
    one = pair.improvement
    name, measure = say(NAMES[one.key][0]), say(MEASURES[one.measure])
    load = NOT_APPLICABLE if pair.load is None else load_text(pair.load, say)
    if pair.off is None or pair.on is None:
        return (name, measure, load, why, "", NOT_APPLICABLE, claim_text(one), NOT_APPLICABLE)
    factor = pair.factor
    return (
        name,
        measure,
        load,
        side_text(one, pair.off, say),
        side_text(one, pair.on, say),
        NOT_APPLICABLE if factor is None else f"{significant(factor)}×{THIN_SPACE}{DERIVED}",
        claim_text(one),
        NOT_APPLICABLE if pair.same_tokens is None else say(SAME if pair.same_tokens else DIFFERENT),
    )


def plain_rows(pairs: Sequence[PairFigures]) -> tuple[list[str], list[tuple[object, ...]]]:
    """(names of the columns, rows) for CSV and JSON: values in base units."""
    header = ["improvement", "measure", "off", "off_least", "off_most", "on", "on_least", "on_most", "factor",
              "reference_from", "reference_to", "same_tokens", "reason", "requests", "prompt_tokens_least",
              "prompt_tokens_most", "generated_least", "generated_most", "most_tokens", "kv_limit_bytes"]  # fmt: skip
    rows: list[tuple[object, ...]] = []
    for pair in pairs:
        sides: list[float | None] = []
        for side in (pair.off, pair.on):
            sides += [None] * 3 if side is None else [side.median, side.least, side.most]
        claim = pair.improvement.claim or (None, None)
        load = pair.load
        ran: tuple[object, ...] = (None,) * 7
        if load is not None:
            ran = (load.requests, *load.prompt_tokens, *load.generated, load.most_tokens, load.kv_limit_bytes)
        rows.append(
            (
                pair.improvement.key, pair.improvement.measure, *sides, pair.factor, *claim, pair.same_tokens,
                pair.reason, *ran,
            )
        )  # fmt: skip
    return header, rows
