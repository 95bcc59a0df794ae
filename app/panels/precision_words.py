"""The texts of the Precision panel: the table of both models, the layers, the tokens at which they part."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication

from app.look.theme import theme
from app.look.units import DERIVED, MEASURED, NOT_APPLICABLE, count, memory, name_of, percent, rate, significant
from app.models.precision import token_at
from app.widgets.bar_list import Bar
from app.widgets.themed_table import Cell
from engine.figures.precision import LayerFigures, PrecisionFigures, SideFigures
from engine.session.store import Session

LITTLE: Final = 0.01
"""Share of the weights below which a kind is only in the tool tip: norms are a thousandth."""


def nats(value: float | None) -> str:
    """A divergence with its unit."""
    return NOT_APPLICABLE if value is None else f"{significant(value)}\u2009nats"


def plain_number(value: float | None) -> str:
    """A number without a unit, such as a perplexity."""
    return NOT_APPLICABLE if value is None else significant(value, 4)


def ratio(of_a: float | None, of_b: float | None) -> str:
    """B over A: `0.53×`."""
    return NOT_APPLICABLE if of_a is None or of_b is None or not of_a else f"{significant(of_b / of_a)}×"


def main_kinds(side: SideFigures) -> str:
    """The kinds in which most of the weights of a model are held."""
    total = sum(side.kinds.values())
    return ", ".join(name_of(kind) for kind, size in side.kinds.items() if size >= LITTLE * total) or NOT_APPLICABLE


def kinds_text(side: SideFigures) -> str:
    """The kinds in which the weights of a model are held, with the bytes of each."""
    return " · ".join(f"{name_of(kind)} {memory(size)}" for kind, size in side.kinds.items()) or NOT_APPLICABLE


def side_heads() -> list[tuple[str, str]]:
    """The heads of the table of both models."""
    return [
        ("", ""),
        ("A", QCoreApplication.translate("PrecisionPanel", "The reference")),
        ("B", QCoreApplication.translate("PrecisionPanel", "The model that is compared with it")),
        ("B/A", QCoreApplication.translate("PrecisionPanel", "B divided by A")),
    ]


def side_rows(found: PrecisionFigures) -> list[list[Cell]]:
    """Each figure of A, of B, and B over A."""
    a, b, translate = found.a, found.b, QCoreApplication.translate

    def texts(name: str, of_a: str, of_b: str, tip: str) -> list[Cell]:
        return [Cell(name, tip), Cell(of_a), Cell(of_b), Cell("")]

    def row(name: str, mark: str, tip: str, words: list[str], values: tuple[float | None, float | None]) -> list[Cell]:
        return [Cell(f"{name} {mark}", tip), *map(Cell, words), Cell(ratio(*values))]

    sides = (a, b)
    return [
        texts(translate("PrecisionPanel", "Model"), name_of(a.name), name_of(b.name), ""),
        [
            Cell(
                translate("PrecisionPanel", "Weights held as"),
                translate(
                    "PrecisionPanel", "Kinds of weights as they lie in memory; the tool tip of each has their bytes"
                ),
            ),
            *(Cell(main_kinds(one), kinds_text(one)) for one in sides),
            Cell(""),
        ],
        texts(
            translate("PrecisionPanel", "Computed in"), a.dtype, b.dtype,
            translate("PrecisionPanel", "The precision of activations and sums"),
        ),
        row(
            translate("PrecisionPanel", "Decode step"), MEASURED,
            translate(
                "PrecisionPanel", "Steps of one position, without sampling: the median of those that were timed in turn"
            ),
            [rate(one.decode_tokens_per_s, "tokens/s") for one in sides],
            (a.decode_tokens_per_s, b.decode_tokens_per_s),
        ),
        row(
            translate("PrecisionPanel", "Prompt"), MEASURED,
            translate("PrecisionPanel", "One pass over the first window, but for its last tokens: the median"),
            [rate(one.prompt_tokens_per_s, "tokens/s") for one in sides],
            (a.prompt_tokens_per_s, b.prompt_tokens_per_s),
        ),
        row(
            translate("PrecisionPanel", "Weights read a token"), DERIVED,
            translate("PrecisionPanel", "Bytes of weights that a step of one position reads"),
            [memory(one.read_bytes) for one in sides], (a.read_bytes, b.read_bytes),
        ),
        row(
            translate("PrecisionPanel", "Memory of weights"), DERIVED,
            translate("PrecisionPanel", "Bytes that all weights take in memory"),
            [memory(one.weight_bytes) for one in sides], (a.weight_bytes, b.weight_bytes),
        ),
        row(
            translate("PrecisionPanel", "Perplexity"), MEASURED,
            translate("PrecisionPanel", "How many tokens the model wavers between: exp of the mean of −log p"),
            [plain_number(one.perplexity) for one in sides], (a.perplexity, b.perplexity),
        ),
    ]  # fmt: skip


def layer_bars(layers: list[LayerFigures]) -> list[Bar]:
    """A bar for each layer: the divergence that it causes when it alone is B's."""
    translate, colours = QCoreApplication.translate, theme()
    most = max((one.kl for one in layers), default=0.0)
    tip = translate("PrecisionPanel", "KL {kl} a token · same top token {same} · perplexity {perplexity} · {n} tokens")
    return [
        Bar(
            translate("PrecisionPanel", "layer {}").format(one.layer), one.kl / most if most > 0 else 0.0,
            f"{nats(one.kl)} · {percent(one.same_top)}", colours.accent,
            tip=tip.format(
                kl=nats(one.kl), same=percent(one.same_top), perplexity=plain_number(one.perplexity),
                n=count(one.positions),
            ),
        )
        for one in layers
    ]  # fmt: skip


def parted_heads() -> list[tuple[str, str]]:
    """The heads of the table of tokens at which the two models part."""
    translate = QCoreApplication.translate
    return [
        (
            translate("PrecisionPanel", "Position"),
            translate("PrecisionPanel", "The index of the predicted token in the text"),
        ),
        (translate("PrecisionPanel", "Token"), translate("PrecisionPanel", "The token that the text has there")),
        (translate("PrecisionPanel", "A's top"), translate("PrecisionPanel", "The token that A finds likeliest")),
        (translate("PrecisionPanel", "B's top"), translate("PrecisionPanel", "The token that B finds likeliest")),
        (f"KL {MEASURED}", translate("PrecisionPanel", "KL(A‖B) of the two distributions there")),
        (f"−log p A {MEASURED}", translate("PrecisionPanel", "Of the token that the text has, in nats")),
        (f"−log p B {MEASURED}", translate("PrecisionPanel", "Of the token that the text has, in nats")),
    ]


def parted_cells(session: Session, row: int) -> list[Cell]:
    """The cells of one prediction."""
    table = session.precision_positions
    return [
        Cell(count(int(table["position"][row]))),
        *(Cell(token_at(session, int(table[name][row]))) for name in ("token_id", "top_a", "top_b")),
        *(Cell(nats(float(table[name][row]))) for name in ("kl", "nll_a", "nll_b")),
    ]


def position_words(session: Session, row: int) -> str:
    """The tool tip of one prediction in the chart."""
    table, translate = session.precision_positions, QCoreApplication.translate
    lines = [
        translate("PrecisionPanel", "{position}: {token} after {n} tokens").format(
            position=count(int(table["position"][row])), token=token_at(session, int(table["token_id"][row])),
            n=count(int(table["context"][row])),
        ),
        translate("PrecisionPanel", "KL {kl} · −log p: A {a}, B {b}").format(
            kl=nats(float(table["kl"][row])), a=nats(float(table["nll_a"][row])), b=nats(float(table["nll_b"][row])),
        ),
    ]  # fmt: skip
    top_a, top_b = int(table["top_a"][row]), int(table["top_b"][row])
    if top_a == top_b:
        lines.append(translate("PrecisionPanel", "likeliest: {}").format(token_at(session, top_a)))
    else:
        lines.append(
            translate("PrecisionPanel", "likeliest: A {a}, B {b}").format(
                a=token_at(session, top_a), b=token_at(session, top_b)
            )
        )
    return "\n".join(lines)
