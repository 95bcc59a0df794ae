"""Training against inference, from a session: one parallel pass over the text against the steps that generated it.

The parallel pass is the teacher-forced one: the finished text of a request through the model at once. What was not
measured is left out, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.figures import metrics
from engine.figures.device_series import DeviceSeries
from engine.figures.step_range import TEACHER, StepRange, step_slice, token_rows
from engine.figures.told import total_of
from engine.session.kv_shape import kv_shape_of
from engine.session.store import Session

Metric = Literal["complexity", "memory", "utilisation", "busy", "throughput", "parallelism"]
Unit = Literal["positions", "FLOP", "bytes", "bytes/position", "share", "tokens/s", "passes", "tokens/pass", "ratio"]
Provenance = Literal["measured", "derived", "predicted"]
METRICS: Final[tuple[Metric, ...]] = ("complexity", "memory", "utilisation", "busy", "throughput", "parallelism")


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure, its unit and where it comes from."""

    value: float
    unit: Unit
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; an empty side was not measured. `gap` is how many times the sides differ."""

    metric: Metric
    training: tuple[Amount, ...]
    inference: tuple[Amount, ...]
    gap: Amount | None


@dataclass(frozen=True, slots=True)
class _Side:
    """The steps of one side (rows of `session.steps`), and how many tokens they gave."""

    rows: NDArray[np.int64]
    tokens: int


def compare(session: Session, steps: StepRange = None, readings: DeviceSeries | None = None) -> list[Row]:
    """Every row of the table, for the whole session or a range of its steps.

    A caller that calls this often passes its `readings` of the session, so that only new samples are sorted.
    """
    readings = DeviceSeries(session) if readings is None else readings
    readings.update()
    part = step_slice(session, steps)
    ids = np.arange(part.start, max(part.stop, part.start))
    taught = session.steps["kind"][part] == TEACHER
    training = _Side(ids[taught], _taught_tokens(session, ids[taught]))
    inference = _Side(ids[~taught], len(token_rows(session, steps)))
    return [
        _complexity(session, training, inference),
        _memory(session, training, inference, steps),
        _utilisation(session, training, inference),
        _busy(session, readings, training, inference),
        _throughput(session, training, inference, steps),
        _parallelism(training, inference),
    ]


def _taught_tokens(session: Session, rows: NDArray[np.int64]) -> int:
    """Tokens that the teacher-forced passes had to predict: those that their requests had generated."""
    work = session.work
    inside = np.isin(work["step_id"][: len(work)], rows)
    requests = set(work["request_id"][: len(work)][inside].tolist())
    return sum(len(session.requests[one].token_rows) for one in requests if one in session.requests)


def _total(session: Session, side: _Side, column: str) -> float:
    return float(session.steps[column][side.rows].sum())


def _flops(session: Session, side: _Side) -> float | None:
    """FLOPs of a side; None where nobody told them."""
    flops = total_of(session, "flops", side.rows)
    return None if flops is None else float(flops)


def _wall_s(session: Session, side: _Side) -> float:
    return (_total(session, side, "end_ns") - _total(session, side, "start_ns")) / 1e9


def _ratio(above: float | None, below: float | None) -> Amount | None:
    return Amount(above / below, "ratio", "derived") if above and below else None


def _complexity(session: Session, training: _Side, inference: _Side) -> Row:
    """Positions that were computed and their FLOPs; the gap is the ratio of FLOPs a token."""

    def amounts(side: _Side) -> tuple[Amount, ...]:
        if not len(side.rows):
            return ()
        flops = _flops(session, side)
        positions = Amount(_total(session, side, "positions_computed"), "positions", "measured")
        return (positions,) if flops is None else (positions, Amount(flops, "FLOP", "derived"))

    def a_token(side: _Side) -> float | None:
        flops = _flops(session, side)
        return flops / side.tokens if side.tokens and flops is not None else None

    return Row("complexity", amounts(training), amounts(inference), _ratio(a_token(inference), a_token(training)))


def _memory(session: Session, training: _Side, inference: _Side, steps: StepRange) -> Row:
    """Training keeps hidden states between two layers (by shape); inference keeps K and V of every layer."""
    facts = session.model_config
    held: tuple[Amount, ...] = ()
    state = float(facts["hidden"] * facts["itemsize"]) if {"hidden", "itemsize"} <= facts.keys() else None
    if state is not None and len(training.rows):
        positions = int(session.steps["positions_computed"][training.rows].max())
        held = (Amount(positions * state, "bytes", "derived"), Amount(state, "bytes/position", "derived"))
    kept: tuple[Amount, ...] = ()
    a_position: float | None = None
    if len(inference.rows):
        used = metrics.kv_figures(session, steps)["used_peak_bytes"]
        kept = () if used is None else (Amount(used, "bytes", "measured"),)
        shape = kv_shape_of(facts)
        if used and shape is not None:
            a_position = float(shape.total_bytes(1))
            kept += (Amount(a_position, "bytes/position", "derived"),)
    return Row("memory", held, kept, _ratio(a_position, state) if held else None)


def _utilisation(session: Session, training: _Side, inference: _Side) -> Row:
    """MFU of either side: counted FLOPs over wall time and the measured peak."""
    peak = metrics.ceilings(session).get("flops_per_s")

    def share(side: _Side) -> float | None:
        wall_s, flops = _wall_s(session, side), _flops(session, side)
        return flops / wall_s / peak if peak and wall_s > 0 and flops is not None else None

    return Row("utilisation", *_shares(share(training), share(inference), "derived"))


def _busy(session: Session, readings: DeviceSeries, training: _Side, inference: _Side) -> Row:
    """The mean utilisation that the device reported while the steps of each side ran: of the GPUs, else of the CPU."""
    gpus = [device for device, name in readings.readings if name == "utilisation_percent"]
    series = [readings.reading(gpu, "utilisation_percent") for gpu in gpus]
    series = series or [readings.reading("cpu", "system_cpu_percent")]
    t_ns, values = np.concatenate([t for t, _ in series]), np.concatenate([v for _, v in series])

    def mean(side: _Side) -> float | None:
        step = np.searchsorted(session.steps["start_ns"], t_ns, "right") - 1
        inside = np.isin(step, side.rows) & (t_ns <= session.steps["end_ns"][np.maximum(step, 0)])
        return float(values[inside].mean()) / 100 if inside.any() else None

    found = (mean(training), mean(inference)) if len(t_ns) and len(session.steps) else (None, None)
    return Row("busy", *_shares(*found, "measured"))


def _shares(
    training: float | None, inference: float | None, provenance: Provenance
) -> tuple[tuple[Amount, ...], tuple[Amount, ...], Amount | None]:
    sides = [() if value is None else (Amount(value, "share", provenance),) for value in (training, inference)]
    return sides[0], sides[1], _ratio(training, inference)


def _throughput(session: Session, training: _Side, inference: _Side, steps: StepRange) -> Row:
    """Tokens a second: all tokens of the parallel pass over its time; generated ones over the run's wall time."""
    pass_s = _wall_s(session, training)
    fast = training.tokens / pass_s if training.tokens and pass_s > 0 else None
    slow = metrics.tokens_per_s(session, steps) if inference.tokens else None
    return Row(
        "throughput",
        () if fast is None else (Amount(fast, "tokens/s", "measured"),),
        () if slow is None else (Amount(slow, "tokens/s", "measured"),),
        _ratio(fast, slow),
    )


def _parallelism(training: _Side, inference: _Side) -> Row:
    """Forward passes, and tokens a pass."""

    def amounts(side: _Side) -> tuple[Amount, ...]:
        if not len(side.rows) or not side.tokens:
            return ()
        return (
            Amount(len(side.rows), "passes", "measured"),
            Amount(side.tokens / len(side.rows), "tokens/pass", "derived"),
        )

    sides = amounts(training), amounts(inference)
    return Row("parallelism", *sides, _ratio(sides[0][1].value, sides[1][1].value) if all(sides) else None)
