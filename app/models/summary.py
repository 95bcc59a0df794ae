"""The comparison of training and inference as a table of texts: reference values beside this session's figures.

Each figure has its provenance mark; where a figure is missing, the cell says why. Needs no Qt: the panel, the report
and the command line write the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.look.translation_marks import QT_TRANSLATE_NOOP
from app.look.units import DERIVED, MEASURED, PREDICTED, THIN_SPACE, count, memory, percent, rate, significant
from engine.figures.comparison import Amount, Metric, Row, compare
from engine.figures.device_series import DeviceSeries
from engine.figures.step_range import StepRange, token_rows
from engine.figures.told import column_told
from engine.session.store import Session

CONTEXT: Final = "Summary"
MARKS: Final = {"measured": MEASURED, "derived": DERIVED, "predicted": PREDICTED}
Translate = Callable[[str], str]

HEADS: Final = (
    (QT_TRANSLATE_NOOP("Summary", "Metric"), QT_TRANSLATE_NOOP("Summary", "What is compared.")),
    (
        QT_TRANSLATE_NOOP("Summary", "Training (parallel)"),
        QT_TRANSLATE_NOOP("Summary", "One teacher-forced pass over the finished text: all its tokens at once."),
    ),
    (
        QT_TRANSLATE_NOOP("Summary", "Reference ~"),
        QT_TRANSLATE_NOOP("Summary", "What the reference claims for training."),
    ),
    (
        QT_TRANSLATE_NOOP("Summary", "Inference (serial)"),
        QT_TRANSLATE_NOOP("Summary", "The steps that generated the text: each waits for the one before."),
    ),
    (
        QT_TRANSLATE_NOOP("Summary", "Reference ~"),
        QT_TRANSLATE_NOOP("Summary", "What the reference claims for inference."),
    ),
    (
        QT_TRANSLATE_NOOP("Summary", "Gap"),
        QT_TRANSLATE_NOOP("Summary", "How many times the two differ here, derived from both."),
    ),
    (QT_TRANSLATE_NOOP("Summary", "Reference ~"), QT_TRANSLATE_NOOP("Summary", "The gap that the reference claims.")),
)
NAMES: Final[dict[Metric, tuple[str, str]]] = {
    "complexity": (
        QT_TRANSLATE_NOOP("Summary", "Computation"),
        QT_TRANSLATE_NOOP("Summary", "Positions the model ran its layers over, and their operations; gap a token."),
    ),
    "memory": (
        QT_TRANSLATE_NOOP("Summary", "Memory"),
        QT_TRANSLATE_NOOP(
            "Summary",
            "A pass holds one hidden state a position; generation keeps K and V of every layer; gap a position.",
        ),
    ),
    "utilisation": (
        QT_TRANSLATE_NOOP("Summary", "Utilisation (MFU)"),
        QT_TRANSLATE_NOOP("Summary", "Counted operations over the time and the measured peak of this device."),
    ),
    "busy": (
        QT_TRANSLATE_NOOP("Summary", "Device busy"),
        QT_TRANSLATE_NOOP("Summary", "What the device itself reports while the steps run."),
    ),
    "throughput": (
        QT_TRANSLATE_NOOP("Summary", "Throughput"),
        QT_TRANSLATE_NOOP(
            "Summary",
            "A pass's tokens over its time; generated ones over the run's, first arrival to last token, no pauses.",
        ),
    ),
    "parallelism": (
        QT_TRANSLATE_NOOP("Summary", "Parallelism"),
        QT_TRANSLATE_NOOP("Summary", "Forward passes, and how many tokens each gives."),
    ),
}
REFERENCE: Final[dict[Metric, tuple[str, str, str]]] = {
    "complexity": ("O(T)", "O(T²)", "T×"),
    "memory": ("O(batch×T)", "O(batch×T×N×2)", "2N×"),
    "utilisation": ("80–90 %", "20–40 %", "2–4×"),
    "busy": ("80–90 %", "20–40 %", "2–4×"),
    "throughput": ("1000+ tokens/s", "10–50 tokens/s", "20–100×"),
    "parallelism": (
        QT_TRANSLATE_NOOP("Summary", "fully parallel"), QT_TRANSLATE_NOOP("Summary", "serial dependence"), "—",
    ),
}  # fmt: skip
"""What the reference claims: training, inference, gap."""
NO_PASS: Final = QT_TRANSLATE_NOOP("Summary", "not measured: no teacher-forced pass")
NO_TOKENS: Final = QT_TRANSLATE_NOOP("Summary", "not measured: run a prompt")
NO_CEILING: Final = QT_TRANSLATE_NOOP("Summary", "not measured: record anew to measure this device's ceilings")
OWN_ENGINE: Final = QT_TRANSLATE_NOOP("Summary", "needs DecodeScope's own engine")
UNTOLD: Final = QT_TRANSLATE_NOOP("Summary", "not told by this server")
NO_FLOPS: Final = QT_TRANSLATE_NOOP("Summary", "FLOPs not told by this server")
NO_READING: Final = QT_TRANSLATE_NOOP(
    "Summary", "not reported: no reading fell into these steps; longer runs hold some"
)
WORDS: Final = {
    "positions": QT_TRANSLATE_NOOP("Summary", "{n} positions"),
    "passes": QT_TRANSLATE_NOOP("Summary", "{n} passes"),
    "pass": QT_TRANSLATE_NOOP("Summary", "1 pass"),
    "tokens/pass": QT_TRANSLATE_NOOP("Summary", "{n} tokens a pass"),
    "bytes/position": QT_TRANSLATE_NOOP("Summary", "{n} a position"),
}


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a cell; `figure` is false for a claim and for the reason of a missing figure."""

    text: str
    figure: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One row of texts in the order of HEADS, and the row of figures that it was made of."""

    row: Row
    cells: tuple[Text, ...]
    served: bool = False
    """Whether it is of a session of a server."""


def english(text: str) -> str:
    """The text itself: the command line and the reports speak English."""
    return text


def summary_lines(
    session: Session, steps: StepRange = None, say: Translate = english, readings: DeviceSeries | None = None
) -> list[Line]:
    """The rows of the table of a session, or of a range of its steps (`readings`: see `compare`)."""
    lines = []
    served = session.serving is not None
    no_flops = not column_told(session, "flops")
    for row in compare(session, steps, readings):
        claims = REFERENCE[row.metric]
        lines.append(
            Line(
                row,
                (
                    Text(say(NAMES[row.metric][0])),
                    _side(row, row.training, say, training=True, served=served),
                    Text(say(claims[0])),
                    _side(
                        row,
                        row.inference,
                        say,
                        training=False,
                        served=served,
                        lacks=NO_FLOPS if no_flops and row.metric == "complexity" else "",
                    ),
                    Text(say(claims[1])),
                    Text("—") if row.gap is None else Text(amount_text(row.gap, say), figure=True),
                    Text(claimed_gap(session, row.metric, steps)),
                ),
                served,
            )
        )
    return lines


def claimed_gap(session: Session, metric: Metric, steps: StepRange = None) -> str:
    """The gap that the reference claims; a formula is followed by its value for this session."""
    claim = REFERENCE[metric][2]
    if metric == "complexity" and session.requests:
        tokens = len(token_rows(session, steps)) / len(session.requests)
        return f"{claim} ({significant(tokens)}×)" if tokens else claim
    if metric == "memory" and session.layers:
        return f"{claim} ({2 * session.layers}×)"
    return claim


def amount_text(amount: Amount, say: Translate = english) -> str:
    """A figure with its unit and its mark: `412 tokens/s ●`."""
    value = amount.value
    match amount.unit:
        case "FLOP" | "tokens/s":
            text = rate(value, amount.unit)
        case "bytes":
            text = memory(value)
        case "share":
            text = percent(value)
        case "ratio":
            text = f"{significant(value)}×"
        case "bytes/position":
            text = say(WORDS["bytes/position"]).format(n=memory(value))
        case "tokens/pass":
            text = say(WORDS["tokens/pass"]).format(n=significant(value))
        case "passes" if value == 1:
            text = say(WORDS["pass"])
        case _:
            text = say(WORDS[amount.unit]).format(n=count(int(value)))
    return f"{text}{THIN_SPACE}{MARKS[amount.provenance]}"


def missing(row: Row, training: bool, served: bool = False) -> str:
    """Why a side has no figure, and how to get one; `served`: of a session of a server."""
    if served:
        return OWN_ENGINE if training else UNTOLD
    if row.metric == "busy":
        return NO_READING
    if row.metric == "utilisation" and not row.training and not row.inference:
        return NO_CEILING
    return NO_PASS if training else NO_TOKENS


def _side(
    row: Row, amounts: Sequence[Amount], say: Translate, training: bool, served: bool, lacks: str = ""
) -> Text:  # fmt: skip
    """The figures of a side, and which figure it lacks; or why it has none."""
    if not amounts:
        return Text(say(missing(row, training, served)))
    words = [amount_text(one, say) for one in amounts]
    return Text(" · ".join([*words, say(lacks)] if lacks else words), figure=True)


def markdown(lines: Sequence[Line], say: Translate = english) -> str:
    """The table as Markdown."""
    table = [[say(name) for name, _ in HEADS], ["---"] * len(HEADS)]
    table += [[cell.text.replace("|", "\\|") for cell in line.cells] for line in lines]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in table)


def plain_rows(lines: Sequence[Line]) -> tuple[list[str], list[tuple[object, ...]]]:
    """(names of the columns, rows) for CSV: a row a figure, its value in base units."""
    header = ["metric", "side", "value", "unit", "provenance", "reference"]
    rows: list[tuple[object, ...]] = []
    for line in lines:
        claims = REFERENCE[line.row.metric]
        sides = (("training", line.row.training), ("inference", line.row.inference),
                 ("gap", () if line.row.gap is None else (line.row.gap,)))  # fmt: skip
        for (side, amounts), claim in zip(sides, claims, strict=True):
            rows += [(line.row.metric, side, one.value, one.unit, one.provenance, claim) for one in amounts]
            if not amounts:
                why = "not told" if line.served and side == "inference" else "not measured"
                rows.append((line.row.metric, side, None, None, why, claim))
    return header, rows
