"""Where the memory of a session went: weights, KV cache, activations, allocator, and what is left of the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from engine.session.device_series import DeviceSeries
from engine.session.metrics import StepRange, step_slice
from engine.session.store import Session

Provenance = Literal["measured", "derived"]
LOGIT_BYTES: Final = 4
"""Logits are float32 whatever the model's dtype."""


@dataclass(frozen=True, slots=True)
class MemoryNode:
    """One part of the memory; `size` in bytes is None where the device does not report it. Parts sum to their whole."""

    name: str
    size: int | None
    provenance: Provenance
    parts: tuple[MemoryNode, ...] = ()


def memory_tree(session: Session, steps: StepRange = None, readings: DeviceSeries | None = None) -> MemoryNode:
    """The memory at the peak of the KV cache within a range of steps.

    Who asks again and again keeps `readings` of the session, so that only the samples that are new are sorted.

    `total` is the engine process (CPU) or the device's memory in use (GPU), the largest reading of the range, and its
    parts are `weights`, `kv` (`used`, `evictable`, `free`), `activations`, `allocator` (taken from a GPU and not handed
    out) and `rest` (libraries and what else the process holds). Activations are the allocator's peak less weights and
    KV where it was read (GPU), else the formula of `activation_bytes`. Other programs on the GPU are in its `rest`.
    """
    readings = readings if readings is not None else DeviceSeries(session)
    readings.update()
    rows = step_slice(session, steps)
    weights = int(session.model_config.get("weight_bytes", 0))
    used, reserved, evictable, computed, logits = 0, 0, 0, 0, 0
    if rows.start < rows.stop:
        table = session.steps
        peak = rows.start + int(np.argmax(table["kv_reserved_bytes"][rows]))
        used, reserved, evictable = (int(table[f"kv_{name}_bytes"][peak]) for name in ("used", "reserved", "evictable"))
        computed = int(table["positions_computed"][rows].max())
        logits = max(1, int((table["tokens_out"] + table["positions_rejected"])[rows].max()))
    on_gpu = session.meta.get("device", "cpu").startswith("cuda")
    device, in_use = ("cuda", "memory_used_bytes") if on_gpu else ("cpu", "process_rss_bytes")
    total = _largest(readings, device, in_use, rows)
    allocated_peak = _largest(readings, "cuda", "allocator_peak_bytes", rows)
    taken = _largest(readings, "cuda", "allocator_reserved_bytes", rows)
    if allocated_peak is not None:
        activations = MemoryNode("activations", max(0, allocated_peak - weights - reserved), "derived")
    else:
        activations = MemoryNode("activations", activation_bytes(session, computed, logits), "derived")
    spare = None if taken is None or allocated_peak is None else max(0, taken - allocated_peak)
    parts = (
        MemoryNode("weights", weights, "measured"),
        MemoryNode(
            "kv", reserved, "measured",
            (
                MemoryNode("used", used, "measured"),
                MemoryNode("evictable", evictable, "measured"),
                MemoryNode("free", max(0, reserved - used - evictable), "derived"),
            ),
        ),
        activations,
        MemoryNode("allocator", spare, "derived"),
    )  # fmt: skip
    known = sum(part.size or 0 for part in parts)
    rest = None if total is None else max(0, total - known)
    return MemoryNode("total", total, "measured", (*parts, MemoryNode("rest", rest, "derived")))


def activation_bytes(session: Session, positions: int, logits_rows: int) -> int | None:
    """The widest moment of a forward pass over so many positions: inside the feed-forward, or at the logits.

    In the feed-forward live the residual stream, its norm, the wide projection (gate and up) and what the activation
    makes of it; at the logits the last hidden rows and the logits in the model's dtype and in float32. None where the
    model's shape is not known.
    """
    facts = session.model_config
    try:
        hidden, ffn, vocab, itemsize = (int(facts[name]) for name in ("hidden", "ffn", "vocab", "itemsize"))
    except KeyError:
        return None
    inside = positions * (2 * hidden + 3 * ffn) * itemsize
    logits = positions * hidden * itemsize + logits_rows * vocab * (itemsize + LOGIT_BYTES)
    return max(inside, logits)


def _largest(readings: DeviceSeries, device: str, name: str, rows: slice) -> int | None:
    """The largest reading taken from a range's first step on to its last one's end, else the last one before it."""
    times, values = readings.reading(device, name)
    if not len(values) or rows.start >= rows.stop:
        return int(values.max()) if len(values) else None
    steps = readings.session.steps
    first = int(np.searchsorted(times, steps["start_ns"][rows.start]))
    end = int(np.searchsorted(times, steps["end_ns"][rows.stop - 1], "right"))
    inside = values[first:end] if end > first else values[max(0, first - 1) : max(1, first)]
    return int(inside.max())
