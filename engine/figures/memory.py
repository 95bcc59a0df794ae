"""Where the memory of a session went: weights, KV cache, activations, allocator, and the rest of the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from engine.figures.device_series import DeviceSeries
from engine.figures.kv_classes import KvClasses, kv_classes
from engine.figures.step_range import StepRange, step_slice
from engine.figures.told import told
from engine.session.store import Session

Provenance = Literal["measured", "derived"]
LOGIT_BYTES: Final = 4
"""Bytes of a logit: logits are float32 for every dtype of the model."""


@dataclass(frozen=True, slots=True)
class MemoryNode:
    """One part of the memory; `size` in bytes is None where the device does not report it, the server does not tell it,
    or it was not recorded.

    Parts sum to their whole where all of them are known.
    """

    name: str
    size: int | None
    provenance: Provenance
    parts: tuple[MemoryNode, ...] = ()


def peak_step(session: Session, steps: StepRange = None) -> int | None:
    """The first step of a range at which the KV caches of the model and of the draft model together reserved most.

    The sum counts, because it is the most that an allocator's peak holds of them. Besides, the draft's cache takes its
    memory a step after the model's: at the peak of the model's cache alone it may not exist yet. A server's cache
    keeps its size: of its session it is the first step at which requests held most. None without a step.
    """
    rows = step_slice(session, steps)
    if rows.start >= rows.stop:
        return None
    table = session.steps
    if session.serving is not None:
        return int(rows.start) + int(np.argmax(table["kv_held_bytes"][rows]))
    reserved = table["kv_reserved_bytes"][rows] + table["draft_kv_reserved_bytes"][rows]
    return int(rows.start) + int(np.argmax(reserved))


def memory_tree(session: Session, steps: StepRange = None, readings: DeviceSeries | None = None) -> MemoryNode:
    """The memory at the peak of a range, `peak_step`.

    A caller that calls this often passes its `readings` of the session, so that only new samples are sorted.

    `total` is the engine process (CPU) or the device's memory in use (GPU), the largest reading of the range. Its parts
    are `weights`, `kv` (the classes of `kv_classes`), `draft` where a draft model is loaded (`draft_weights`,
    `draft_kv` with `draft_kv_used` and `draft_kv_free`), `activations`, `allocator` (taken from a GPU and not handed
    out) and `rest` (libraries and all else that the process holds). Activations are the allocator's peak less weights,
    KV and draft where that peak was read (GPU), else the formula of `activation_bytes`. Other programs on the GPU are
    in its `rest`.
    """
    readings = readings if readings is not None else DeviceSeries(session)
    readings.update()
    rows = step_slice(session, steps)
    peak, computed, logits = peak_step(session, steps), 0, 0
    if rows.start < rows.stop:
        table = session.steps
        computed = int(table["positions_computed"][rows].max())
        logits = max(1, int((table["tokens_out"] + table["positions_rejected"])[rows].max()))
    on_gpu = session.meta.get("device", "cpu").startswith("cuda")
    device, in_use = ("cuda", "memory_used_bytes") if on_gpu else ("cpu", "process_rss_bytes")
    total = _largest(readings, device, in_use, rows)
    allocated_peak = _largest(readings, "cuda", "allocator_peak_bytes", rows)
    taken = _largest(readings, "cuda", "allocator_reserved_bytes", rows)
    of_engine = session.serving is None  # a server tells of its memory no more than the size of its cache
    stored = session.model_config.get("weight_bytes", 0 if of_engine else None)
    weights = MemoryNode("weights", None if stored is None else int(stored), "measured")
    kept = (weights, _cache(session, peak), *_draft(session, peak))
    if allocated_peak is not None:
        beside = max(0, allocated_peak - sum(part.size or 0 for part in kept))
        activations = MemoryNode("activations", beside, "derived")
    else:
        formula = activation_bytes(session, computed, logits) if of_engine else None
        activations = MemoryNode("activations", formula, "derived")
    spare = None if taken is None or allocated_peak is None else max(0, taken - allocated_peak)
    parts = (*kept, activations, MemoryNode("allocator", spare, "derived"))
    known = sum(part.size or 0 for part in parts)
    rest = None if total is None else max(0, total - known)
    return MemoryNode("total", total, "measured", (*parts, MemoryNode("rest", rest, "derived")))


def _cache(session: Session, step: int | None) -> MemoryNode:
    """The model's KV cache after a step."""
    classes = KvClasses(0, 0, 0, 0, 0) if step is None else kv_classes(session, step)
    if not told(session, "steps", "kv"):
        parts = ("used", "unfilled", "kept", "evictable", "free")
        return MemoryNode("kv", None, "measured", tuple(MemoryNode(name, None, "measured") for name in parts))
    return MemoryNode(
        "kv", classes.reserved, "measured",
        (
            MemoryNode("used", classes.used, "measured"),
            MemoryNode("unfilled", classes.unfilled, "derived"),
            MemoryNode("kept", classes.kept, "measured"),
            MemoryNode("evictable", classes.evictable, "measured"),
            MemoryNode("free", classes.free, "derived"),
        ),
    )  # fmt: skip


def _draft(session: Session, step: int | None) -> tuple[MemoryNode, ...]:
    """The draft model and its KV cache after a step; nothing where no draft model is loaded."""
    facts = session.draft_config
    if not facts:
        return ()
    weights = int(facts.get("weight_bytes", 0))
    used, reserved = (_bytes(session, f"draft_kv_{name}_bytes", step) for name in ("used", "reserved"))
    cache = MemoryNode(
        "draft_kv", reserved, "measured",
        (
            MemoryNode("draft_kv_used", used, "measured"),
            MemoryNode("draft_kv_free", max(0, reserved - used), "derived"),
        ),
    )  # fmt: skip
    parts = (MemoryNode("draft_weights", weights, "measured"), cache)
    return (MemoryNode("draft", weights + reserved, "derived", parts),)


def _bytes(session: Session, column: str, step: int | None) -> int:
    return 0 if step is None else int(session.steps[column][step])


def activation_bytes(session: Session, positions: int, logits_rows: int) -> int | None:
    """The most bytes of activations in a forward pass over these positions: inside the feed-forward, or at the logits.

    In the feed-forward these are the residual stream, its norm, the wide projection (gate and up) and the output of the
    activation function. At the logits these are the last hidden rows and the logits in the model's dtype and in
    float32. None where the model's shape is not known.
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
    """The largest reading between the start of a range's first step and the end of its last one.

    If none was taken then: the last one before, or the first one of all. In an empty range: the largest of all.
    """
    times, values = readings.reading(device, name)
    if not len(values) or rows.start >= rows.stop:
        return int(values.max()) if len(values) else None
    steps = readings.session.steps
    first = int(np.searchsorted(times, steps["start_ns"][rows.start]))
    end = int(np.searchsorted(times, steps["end_ns"][rows.stop - 1], "right"))
    inside = values[first:end] if end > first else values[max(0, first - 1) : max(1, first)]
    return int(inside.max())
