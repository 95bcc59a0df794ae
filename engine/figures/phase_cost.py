"""What each phase of a step costs by arithmetic: FLOPs and bytes, from the model's shape and the recorded work.

The counts are those of `engine/measure/cost.py` (only matrix products are FLOPs, every weight is read once a pass, in
the form in which memory holds it), split by phase. This module needs a Session and no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.step_range import TEACHER, StepRange, step_slice
from engine.session.kv_shape import KvShape
from engine.session.schema import PHASES
from engine.session.store import LAUNCHES, Session
from engine.session.weight_reads import WeightReads, weight_reads_of

Table = NDArray[np.float64]
NEEDED: Final = ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab", "itemsize")
COLUMN: Final = {name: index for index, name in enumerate(PHASES)}


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The facts about a model that decide what its phases cost."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    itemsize: int
    """Bytes of a number in the KV cache."""
    reads: WeightReads
    ffn_matrices: int = 3
    """3 where the FFN is gated, 2 where it is not."""
    window: int | None = None
    window_layers: int = 0
    """Layers in which a position sees only the last `window` positions."""

    @property
    def q(self) -> int:
        return self.heads * self.head_dim

    @property
    def kv(self) -> int:
        return self.kv_heads * self.head_dim


def shape_of(facts: dict[str, Any]) -> ModelShape | None:
    """The shape in a session's `model_config`; None where a fact is missing."""
    if any(name not in facts for name in NEEDED):
        return None
    window = facts.get("sliding_window")
    matrices = 2 if facts.get("mlp") == "gelu" else 3
    return ModelShape(
        **{name: int(facts[name]) for name in NEEDED},
        reads=weight_reads_of(facts) or _reads_by_shape(facts, matrices),
        ffn_matrices=matrices,
        window=window,
        window_layers=int(facts.get("window_layers", facts["layers"])) if window is not None else 0,
    )


def _reads_by_shape(facts: dict[str, Any], ffn_matrices: int) -> WeightReads:
    """The reads of older sessions, which did not record them: every weight in the dtype of the computation."""
    layers, hidden, heads, kv_heads, head_dim, ffn, vocab, size = (int(facts[name]) for name in NEEDED)
    return WeightReads(
        position=hidden * size,
        norm=layers * 2 * hidden * size,
        qkv=layers * hidden * (heads + 2 * kv_heads) * head_dim * size,
        attn_out=layers * heads * head_dim * hidden * size,
        ffn=layers * ffn_matrices * hidden * ffn * size,
        final_norm=0,
        lm_head=hidden * vocab * size,
    )


def phase_costs(session: Session, steps: StepRange = None) -> tuple[Table, Table] | None:
    """(FLOPs, bytes) by step and phase, float64 [steps, len(PHASES)] each; None where the model's shape is not known.

    `norm` has bytes and no FLOPs; phases that only touch activations (rope, sampling) have neither. `draft` is what the
    step counted beyond the target's pass.
    """
    shape = shape_of(session.model_config)
    if shape is None:
        return None
    rows = step_slice(session, steps)
    count = max(rows.stop - rows.start, 0)
    flops, moved = np.zeros((count, len(PHASES))), np.zeros((count, len(PHASES)))
    positions, pairs, kv_read = _work_of_steps(session, shape, rows)
    q, kv, layers, reads = shape.q, shape.kv, shape.layers, shape.reads
    kv_bytes = KvShape(layers, shape.kv_heads, shape.head_dim, shape.itemsize).layer_bytes(1)
    matrices = {
        "qkv": (shape.hidden * (q + 2 * kv), reads.qkv),
        "attn_out": (q * shape.hidden, reads.attn_out),
        "ffn": (shape.ffn_matrices * shape.hidden * shape.ffn, reads.ffn),
    }
    for phase, (parameters, held) in matrices.items():
        flops[:, COLUMN[phase]] = 2 * layers * parameters * positions
        moved[:, COLUMN[phase]] = held
    flops[:, COLUMN["attention"]] = 4 * q * pairs
    moved[:, COLUMN["attention"]] = kv_bytes * kv_read
    moved[:, COLUMN["kv_write"]] = kv_bytes * layers * positions
    moved[:, COLUMN["embed"]] = reads.position * positions
    drafting = _drafting(session, rows)
    head = 2.0 * shape.hidden * shape.vocab
    recorded = session.steps["flops"][rows].astype(np.float64)
    beyond = np.rint(np.maximum(recorded - flops.sum(axis=1), 0.0) / head)
    # Every row of a captured step reaches the LM head, padding too.
    captured = np.isin(session.steps["launch"][rows], [LAUNCHES.index("graph"), LAUNCHES.index("twin")])
    verified = np.where(captured, positions, _verified_rows(session, rows))
    logits = np.where(drafting, verified, beyond)
    flops[:, COLUMN["lm_head"]] = head * logits
    moved[:, COLUMN["lm_head"]] = np.where(logits > 0, reads.lm_head, 0)
    moved[:, COLUMN["norm"]] = reads.norm + np.where(logits > 0, reads.final_norm, 0)
    for table, counted in ((flops, recorded), (moved, session.steps["bytes_moved"][rows].astype(np.float64))):
        table[:, COLUMN["draft"]] = np.where(drafting, np.maximum(counted - table.sum(axis=1), 0.0), 0.0)
    return flops, moved


def _work_of_steps(
    session: Session, shape: ModelShape, rows: slice
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """By step: positions computed; (query, key) pairs and positions read from the cache, summed over the layers."""
    count = max(rows.stop - rows.start, 0)
    work, total = session.work, len(session.work)
    ids = work["step_id"][:total]
    begin, end = np.searchsorted(ids, (rows.start, rows.stop)).tolist()
    step, slot, request = ids[begin:end] - rows.start, work["slot"][begin:end], work["request_id"][begin:end]
    # A request with holes has several rows, one after the other: its span is from the first start to the last end.
    # Padding beside a request in its slot is a span of its own.
    changes = ((np.diff(column, prepend=column[:1] - 1) != 0) for column in (step, slot, request))
    heads = np.flatnonzero(np.logical_or.reduce(list(changes)))
    first = work["first"][begin:end][heads]
    last = work["end"][begin:end][np.append(heads[1:], len(step)) - 1] if len(heads) else first
    step = step[heads]
    pairs, read = np.zeros(len(heads)), np.zeros(len(heads))
    full = shape.layers - shape.window_layers
    pairs += full * _triangle(first, last)
    read += full * last
    if shape.window is not None:
        bend = np.clip(shape.window, first, last)
        narrow = _triangle(first, bend) + (last - bend) * shape.window
        pairs += shape.window_layers * narrow
        read += shape.window_layers * (last - np.maximum(0, first + 1 - shape.window))
    positions = np.bincount(step, last - first, count).astype(np.int64)
    by_step = (np.bincount(step, values, count).astype(np.float64) for values in (pairs, read))
    return positions, next(by_step), next(by_step)


def _triangle(first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    """(query, key) pairs of the positions [first, end), each of which sees itself and all positions before it."""
    counts: NDArray[np.float64] = (end * (end + 1) - first * (first + 1)) / 2
    return counts


def _drafting(session: Session, rows: slice) -> NDArray[np.bool_]:
    """Which generating steps ran while a draft model was the proposer."""
    drafts = {config.id for config in session.configs if config.switches.get("speculate") == "draft"}
    generating = session.steps["kind"][rows] != TEACHER
    wanted: NDArray[np.bool_] = np.isin(session.steps["config_id"][rows], list(drafts)) & generating
    return wanted


def _verified_rows(session: Session, rows: slice) -> NDArray[np.float64]:
    """Rows that reach the LM head: one for each request that emitted a token, and one for each proposed token."""
    count = max(rows.stop - rows.start, 0)
    tokens = len(session.tokens)
    step, request = session.tokens["step_id"][:tokens], session.tokens["request_id"][:tokens]
    begin, end = np.searchsorted(step, (rows.start, rows.stop)).tolist()
    pairs = np.unique(np.stack([step[begin:end] - rows.start, request[begin:end]], axis=1), axis=0)
    emitting = np.bincount(pairs[:, 0], minlength=count).astype(np.float64)
    table, proposals = session.speculation, len(session.speculation)
    at = table["step_id"][:proposals]
    inside = (at >= rows.start) & (at < rows.stop)
    emitting += np.bincount(at[inside] - rows.start, table["proposed"][:proposals][inside], count)
    return emitting
