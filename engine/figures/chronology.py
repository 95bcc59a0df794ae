"""A step in the order in which the model runs: its phases by layer, laid end to end.

The durations are measured. The places are derived: no moments are recorded within a step, but the order of the work is
that of the decoder (`Decoder.forward`), so a place is the sum of what comes before. A phase that runs several times in
a layer is recorded as one sum and has one place: `norm` (before the attention, and again before the feed-forward part)
stands where it first runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.schema import PHASES

OUTSIDE: Final = -1
"""The layer of what belongs to no layer."""
BEFORE: Final = ("schedule", "draft", "prepare", "embed")
IN_LAYER: Final = ("norm", "qkv", "rope", "kv_write", "attention", "attn_out", "ffn")
AFTER: Final = ("norm", "lm_head", "sample", "verify", "detokenize")
_OTHER: Final = PHASES.index("other")


def _codes(first: tuple[str, ...], phases: tuple[str, ...]) -> list[int]:
    """Indices into PHASES: those named, then the rest of `phases` in their own order, without `other`."""
    rest = [one for one in phases if one not in first and one != "other"]
    return [PHASES.index(one) for one in (*first, *rest)]


_IN_LAYER: Final = _codes(IN_LAYER, PHASES)
_BEFORE: Final = [PHASES.index(one) for one in BEFORE]
_AFTER: Final = _codes(AFTER, tuple(one for one in PHASES if one not in BEFORE))


@dataclass(frozen=True, slots=True)
class Chronology:
    """The pieces of one step in order, an element each: `layer` int64 (OUTSIDE: of no layer), `phase` int64 (index into
    PHASES), `start_us` and `us` float64. The last is `other`, what no phase accounts for; its place is unknown.
    """

    layer: NDArray[np.int64]
    phase: NDArray[np.int64]
    start_us: NDArray[np.float64]
    us: NDArray[np.float64]

    @property
    def span_us(self) -> float:
        """The time of the whole step."""
        return float(self.us.sum())

    def layers(self) -> list[tuple[int, float, float]]:
        """(layer, start, end) in µs of each layer that took time, in order."""
        found: list[tuple[int, float, float]] = []
        inside = np.flatnonzero(self.layer >= 0)
        for layer in np.unique(self.layer[inside]).tolist():
            of_it = np.flatnonzero(self.layer == layer)
            first, last = of_it[0], of_it[-1]
            found.append((layer, float(self.start_us[first]), float(self.start_us[last] + self.us[last])))
        return found

    def at(self, us: float) -> int | None:
        """The index of the piece at a time after the step's begin; None outside."""
        if not 0 <= us < self.span_us:
            return None
        return int(self.start_us.searchsorted(us, "right")) - 1


def chronology(phases_us: NDArray[np.float32], wall_us: float) -> Chronology | None:
    """The order of a step from its table [layers + 1, len(PHASES)] in µs; None where no layer was timed."""
    if len(phases_us) < 2 or not phases_us[:-1].any():
        return None
    inside, outside = phases_us[:-1].astype(np.float64), phases_us[-1].astype(np.float64)
    layers = len(inside)
    us = np.concatenate([outside[_BEFORE], inside[:, _IN_LAYER].ravel(), outside[_AFTER]])
    phase = np.concatenate([_BEFORE, np.tile(_IN_LAYER, layers), _AFTER]).astype(np.int64)
    in_layers = np.repeat(np.arange(layers), len(_IN_LAYER))
    layer = np.concatenate([np.full(len(_BEFORE), OUTSIDE), in_layers, np.full(len(_AFTER), OUTSIDE)])
    kept = us > 0
    rest = max(wall_us - float(us[kept].sum()), 0.0)
    us, phase, layer = us[kept], phase[kept], layer[kept]
    if rest > 0:
        us, phase, layer = np.append(us, rest), np.append(phase, _OTHER), np.append(layer, OUTSIDE)
    return Chronology(layer.astype(np.int64), phase, np.cumsum(us) - us, us)
