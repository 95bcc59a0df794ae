"""What the comparison with peers must reach: the smallest ratio, or the largest where less is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mark:
    """A limit of a ratio."""

    value: float
    least: bool = True

    def met(self, ratio: float) -> bool:
        return ratio >= self.value if self.least else ratio <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.value:g}"


AGAINST_LLAMA_CPP: Final = {
    ("demo", "greedy"): Mark(1.0),
    ("smollm2", "greedy"): Mark(1.3),
    ("half-billion", "greedy"): Mark(1.3),
    ("smollm2", "prompt"): Mark(1.3),
    ("smollm2", "batch"): Mark(1.0),
    **{(model, work): Mark(1.0) for model in (
        "smollm2-q4_1", "half-billion-q8_0", "half-billion-q4_0", "half-billion-q4_k",
    ) for work in ("greedy", "prompt")},
}  # fmt: skip
"""By model and work; the 0.49 B shape and SmolLM2 store bfloat16 where no kind is named."""
AGAINST_GENERATE: Final = Mark(2.0)
"""Decoding in bfloat16 against transformers in bfloat16."""
SAMPLING: Final = {"smollm2": Mark(0.05, least=False), "half-billion": Mark(0.03, least=False)}
"""The phase `sample` as a share of a step."""
WINDOW: Final = Mark(0.97)
WINDOW_P99: Final = Mark(1.5, least=False)
BUSY: Final = Mark(0.45)
DETAIL: Final = {"phase": Mark(0.99), "layer": Mark(0.98)}
