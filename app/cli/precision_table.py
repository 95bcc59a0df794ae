"""The table of a comparison of precisions, for standard output."""

from __future__ import annotations

from typing import Final

from app.cli.table import columns
from app.look.units import MOST_OF_NAME, NOT_APPLICABLE, count, memory, percent, rate
from engine.figures.precision import PrecisionFigures, SideFigures, precision_figures
from engine.plain_text import one_line
from engine.session.store import Session

MOST_LAYERS: Final = 10
"""Layers that are printed; `--json` has all."""


def precision_text(session: Session) -> str:
    """The figures of A beside those of B, what differs, and the layers that do the most damage."""
    found = precision_figures(session)
    if found is None:
        return ""
    rows = [("", "A", "B", "B/A"), *_sides(found.a, found.b)]
    return "\n\n".join((columns(rows), columns(_agreement(found)), *_layers(found)))


def _sides(a: SideFigures, b: SideFigures) -> list[tuple[str, str, str, str]]:
    def row(name: str, of_a: float | None, of_b: float | None, words: list[str]) -> tuple[str, str, str, str]:
        ratio = NOT_APPLICABLE if of_a is None or of_b is None or not of_a else f"{of_b / of_a:.3f}"
        return name, words[0], words[1], ratio

    sides = (a, b)
    return [
        ("model", one_line(a.name, MOST_OF_NAME), one_line(b.name, MOST_OF_NAME), ""),
        ("weights held as", kinds_text(a.kinds), kinds_text(b.kinds), ""),
        ("computed in", a.dtype, b.dtype, ""),
        row("decode step", a.decode_tokens_per_s, b.decode_tokens_per_s,
            [rate(one.decode_tokens_per_s, "tokens/s") for one in sides]),
        row("prompt", a.prompt_tokens_per_s, b.prompt_tokens_per_s,
            [rate(one.prompt_tokens_per_s, "tokens/s") for one in sides]),
        row("weights read a token", a.read_bytes, b.read_bytes, [memory(one.read_bytes) for one in sides]),
        row("memory of weights", a.weight_bytes, b.weight_bytes, [memory(one.weight_bytes) for one in sides]),
        row("perplexity", a.perplexity, b.perplexity, [figure(one.perplexity) for one in sides]),
    ]  # fmt: skip


def _agreement(found: PrecisionFigures) -> list[tuple[str, str]]:
    return [
        ("tokens compared", f"{count(found.positions)} of {one_line(found.text, MOST_OF_NAME)}"),
        ("window", f"{count(found.window)} tokens"),
        ("same top token", percent(found.same_top)),
        ("KL divergence a token, mean", nats(found.kl)),
        ("KL divergence a token, p99", nats(found.kl_p99)),
        ("KL divergence a token, most", nats(found.kl_max)),
    ]


def _layers(found: PrecisionFigures) -> list[str]:
    if not found.layers:
        return []
    rows = [("layer of B alone", "KL", "same top token", "perplexity")]
    rows += [
        (str(one.layer), nats(one.kl), percent(one.same_top), figure(one.perplexity))
        for one in found.layers[:MOST_LAYERS]
    ]
    against = f"A's own perplexity there is {figure(found.layers_against)}"
    judged = f"on {count(found.layers[0].positions)} tokens, the most damage first; {against}"
    left = len(found.layers) - MOST_LAYERS
    more = f"; {count(left)} more layers in --json" if left > 0 else ""
    return [f"{columns(rows)}\n({judged}{more})"]


def nats(value: float | None) -> str:
    """A divergence with its unit."""
    return NOT_APPLICABLE if value is None else f"{value:.3g} nats"


def figure(value: float | None) -> str:
    """A perplexity."""
    return NOT_APPLICABLE if value is None else f"{value:.4g}"


def kinds_text(kinds: dict[str, int]) -> str:
    """The kinds of a model's weights, by the bytes of each."""
    return ", ".join(f"{one_line(kind, MOST_OF_NAME)} {memory(size)}" for kind, size in kinds.items()) or NOT_APPLICABLE
