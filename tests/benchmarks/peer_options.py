"""What of the comparison with peers is run: the options that `python -m tests.benchmarks peers` takes."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.cli.parser import switch_change

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "model": (
        "demo",
        "smollm2",
        "half-billion",
        "smollm2-q4_1",
        "half-billion-q8_0",
        "half-billion-q4_0",
        "half-billion-q4_k",
    ),
    "threads": ("1-thread", "2-threads"),
    "dtype": ("float32", "bfloat16"),
    "work": ("greedy", "sampled", "prompt", "batch"),
    "part": ("quiet", "window", "probed", "busy", "detail"),
    "peer": ("llama.cpp", "transformers"),
}
"""The words of `--only`: each kind of word narrows one thing, and a kind that is not named is taken whole."""

ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class PeerOptions:
    """How often, what of it, and where the peers and the models are."""

    rounds: int = ROUNDS
    chosen: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(CHOICES))
    llama_python: str = sys.executable
    real_model: Path | None = None
    """None: where `make real-model` puts it."""
    kept: Path | None = None
    """Where made checkpoints and GGUF files stay; None: in a temporary folder."""
    switches: dict[str, Any] = field(default_factory=dict)

    def takes(self, **words: str) -> bool:
        """Whether each of these words, named by its kind, is among the chosen ones."""
        return all(word in self.chosen[kind] for kind, word in words.items())


def add_peer_options(parser: argparse.ArgumentParser) -> None:
    """The group of options of the suite `peers`."""
    group = parser.add_argument_group("peers")
    words = "; ".join(", ".join(words) for words in CHOICES.values())
    group.add_argument("--only", type=chosen_of, metavar="WORD,...", help=f"a part of it, by words of: {words}")
    group.add_argument("--rounds", type=rounds_of, default=ROUNDS, metavar="N", help="default: %(default)s")
    group.add_argument(
        "--llama-python", metavar="PYTHON", default=os.environ.get("DECODESCOPE_LLAMA_PYTHON", sys.executable),
        help="the Python that has llama_cpp ($DECODESCOPE_LLAMA_PYTHON)",
    )  # fmt: skip
    group.add_argument("--real-model", type=Path, metavar="DIR", help="default: where `make real-model` puts it")
    group.add_argument("--keep", type=Path, metavar="DIR", help="keep made checkpoints and GGUF files there")
    group.add_argument("--switches", type=switches_of, metavar="NAME=VALUE,...", help="flip switches of DecodeScope")


def peer_options(options: argparse.Namespace) -> PeerOptions:
    """The options as they were parsed."""
    return PeerOptions(
        options.rounds, options.only or dict(CHOICES), options.llama_python, options.real_model, options.keep,
        options.switches or {},
    )  # fmt: skip


def chosen_of(text: str) -> dict[str, tuple[str, ...]]:
    """`smollm2,greedy,sampled` as the words of each kind."""
    named = text.split(",")
    known = {word for words in CHOICES.values() for word in words}
    unknown = [word for word in named if word not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(sorted(known))}")
    return {kind: tuple(word for word in words if word in named) or words for kind, words in CHOICES.items()}


def rounds_of(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rounds, 1 to 1000")
    return int(text)


def switches_of(text: str) -> dict[str, Any]:
    return switch_change(f"0:{text}").changes
