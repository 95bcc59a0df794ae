"""The layers of steps as slices of a trace: in the order in which the model runs, end to end.

Durations are measured, places derived, as in the window's lane of layers (`engine/figures/chronology.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from engine.figures.chronology import OUTSIDE, chronology
from engine.figures.told import told
from engine.session.schema import GROUP_OF, PHASES
from engine.session.store import Session

MOST_SLICES: Final = 400_000
"""About how many slices of layers a trace has; viewers become slow, and the file large, with more."""
LAYERS, LAYER_PHASES = "layers (order derived)", "phases by layer (order derived)"


def layered_steps(session: Session) -> int:
    """How many steps of a trace get their layers; 0 where none were timed by layer."""
    if session.meta.get("detail") != "layer" or not told(session, "phases"):
        return 0
    return MOST_SLICES // (8 * max(session.layers, 1))


def layer_slices(session: Session, step: int, lanes: tuple[dict[str, int], dict[str, int]]) -> Iterator[dict[str, Any]]:
    """The layers of one step and their phases, each on its own lane; `lanes` has the pid and tid of both.

    What no phase accounts for has no place, and so no slice.
    """
    detail = session.details.step(step)
    start_us, end_us = (float(session.steps[name][step]) / 1e3 for name in ("start_ns", "end_ns"))
    order = None if detail is None else chronology(detail[0], end_us - start_us)
    if order is None:
        return
    of_layers, of_phases = lanes
    place = {"place": "derived: measured durations end to end, in the order in which the model runs"}
    for layer, begin, end in order.layers():
        yield {
            "ph": "X", "name": f"layer {layer}", "cat": "layer", **of_layers, "ts": start_us + begin,
            "dur": end - begin, "args": place,
        }  # fmt: skip
    for layer, code, begin, us in zip(
        order.layer.tolist(), order.phase.tolist(), order.start_us.tolist(), order.us.tolist(), strict=True
    ):
        phase = PHASES[code]
        if phase == "other":
            continue
        where = {} if layer == OUTSIDE else {"layer": layer}
        yield {
            "ph": "X", "name": phase, "cat": GROUP_OF[phase], **of_phases, "ts": start_us + begin,
            "dur": max(0.0, min(us, end_us - start_us - begin)), "args": {**where, **place},
        }  # fmt: skip
