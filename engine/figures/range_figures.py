"""What the panels show of a session, or of a range of its steps, beside the summary: a plain object for each subject.

Every value comes from the function that the panel itself calls; this module only names it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.figures import metrics
from engine.figures.acceptance import acceptance_by_request
from engine.figures.batch_comparison import batch_comparison
from engine.figures.before_after import PairFigures, SideFigures, before_after
from engine.figures.ceilings import ceiling_facts
from engine.figures.comparison import Amount, compare
from engine.figures.culprits import delay_of
from engine.figures.delays import CAUSES, MOST_LATE, delays_of
from engine.figures.device_series import DeviceSeries, in_range, joules_per_token, mean_of
from engine.figures.first_tokens import first_tokens
from engine.figures.kv_blocks import BlockHistory, blocks_recorded
from engine.figures.kv_classes import kv_classes
from engine.figures.latency import LatencySeries, outlier_us
from engine.figures.memory import MemoryNode, memory_tree, peak_step
from engine.figures.request_table import request_times
from engine.figures.roofline import Point, Roof, RooflineTotals, roof_of
from engine.figures.running_totals import RunningTotals
from engine.figures.server_series import server_figures
from engine.figures.slot_runs import SlotRuns
from engine.figures.slots import SlotTotals, batch_parts
from engine.figures.step_range import StepRange, step_slice
from engine.figures.streams import StreamSeries
from engine.figures.switches import switches_at
from engine.figures.told import column_told, told
from engine.session.kv_shape import kv_shape_of
from engine.session.store import Session


def range_figures(session: Session, steps: StepRange) -> dict[str, Any]:
    """One object for each subject, in the order of the panels."""
    rows = step_slice(session, steps)
    found = rows.start < rows.stop
    compared = batch_comparison(session)
    return {
        "range": {"first": rows.start, "last": rows.stop - 1} if found else None,
        "timeline": timeline(session, steps),
        "latency": latency(session, steps),
        "delays": delays(session, steps),
        "totals": totals(session, rows),
        "kv_end": kv_end(session, rows.stop - 1) if found else None,
        "streams": streams(session) if steps is None else None,
        "memory": {"step": peak_step(session, steps), **memory(memory_tree(session, steps))},
        "devices": devices(session, steps),
        "server": server_figures(session, steps),
        "roofline": roofline(session, steps),
        "batch": batch(session, steps),
        "static_continuous": None if compared is None else compared.to_json(),
        "acceptance_by_request": acceptance_by_request(session, steps),
        "request_times": request_times(session, steps),
        "comparison": {
            row.metric: {
                "training": [asdict(one) for one in row.training],
                "inference": [asdict(one) for one in row.inference],
                "gap": _amount(row.gap),
            }
            for row in compare(session, steps)
        },
        "before_after": {pair.improvement.key: _pair(pair) for pair in before_after(session)},
    }


def timeline(session: Session, steps: StepRange) -> dict[str, Any]:
    """Time from the first step's start to the last one's end, and the part of it between steps.

    Where no steps are told, only the number of tokens.
    """
    figures = asdict(metrics.timeline_figures(session, steps))
    return figures if told(session, "steps") else {**dict.fromkeys(figures), "tokens": len(session.tokens)}


def streams(session: Session) -> dict[str, Any]:
    """What requests and tokens alone tell, of the whole session; a chunk is the tokens of a request at one moment."""
    series = StreamSeries(session)
    series.update()
    figures = series.figures()
    times = (figures.ttft, figures.itl, figures.tpot, figures.latency)
    gaps_us = series.gaps_us
    fence_us = outlier_us(gaps_us)
    return {
        "chunks": figures.chunks,
        **{part.part: _without(asdict(part), "part", "share") for part in times},
        "outliers_from_s": None if fence_us is None else fence_us / 1e6,
        "outliers": 0 if fence_us is None else int((gaps_us >= fence_us).sum()),
    }


def latency(session: Session, steps: StepRange) -> dict[str, Any]:
    """Seconds a token of one request by part, in decode steps; the time of prompts; the gaps between tokens; and the
    outliers among the steps. What the steps give is None where no steps are told.
    """
    series = LatencySeries(session)
    series.update()
    figures = series.figures(steps)
    walls_us = series.walls_us(steps)
    fence_us = outlier_us(walls_us)
    of_steps = series.step_percentiles_us(steps)
    found = {
        "steps": figures.steps,
        "tokens": figures.tokens,
        "busy_s": figures.busy_s,
        "gap_s": figures.gap_s,
        "device_s": figures.device_s,
        "tokens_per_busy_s": figures.tokens / figures.busy_s if figures.tokens and figures.busy_s else None,
        "decode_steps": figures.decode_steps,
        "decode_tokens": figures.decode_tokens,
        "requests_a_step": figures.requests_a_step,
        "amortised_s": figures.amortised_s,
        "prefill": {
            "steps": figures.prefill.steps,
            "mixed_steps": figures.prefill.mixed_steps,
            "busy_s": figures.prefill.busy_s,
            "a_request": _without(asdict(figures.prefill.a_request), "part", "share"),
        },
        "a_token": {part.part: _without(asdict(part), "part") for part in figures.parts},
        "between_tokens": _without(asdict(figures.itl), "part", "share"),
        "step_p50_s": None if of_steps is None else of_steps[0] / 1e6,
        "step_p99_s": None if of_steps is None else of_steps[1] / 1e6,
        "outliers_from_s": None if fence_us is None else fence_us / 1e6,
        "outliers": 0 if fence_us is None else int((walls_us >= fence_us).sum()),
    }
    if told(session, "steps"):
        return found
    return {**_nothing(found), "tokens": len(session.tokens), "between_tokens": found["between_tokens"]}


def delays(session: Session, steps: StepRange) -> dict[str, Any]:
    """Seconds by which gaps were longer than their request's median, by cause; the most delayed tokens, each with what
    delayed it; and the wait for first tokens.
    """
    found = delays_of(session)
    chosen, firsts = found.within(session, steps), first_tokens(session, steps)
    figures = found.totals(chosen)
    return {
        "gaps": found.gaps(session, steps),
        "late": figures.late,
        "excess_s": figures.excess_s,
        "causes": {one: {"seconds": figures.seconds[one], "late": figures.main[one]} for one in CAUSES},
        "most_delayed": [
            delay_of(session, found, at).to_json(session) for at in found.most_delayed(chosen, MOST_LATE).tolist()
        ],
        "first_tokens": {
            "requests": len(firsts),
            "ttft_s": sum(one.ttft_s for one in firsts),
            "queue_s": sum(one.queue_s for one in firsts),
            "positions": sum(one.positions for one in firsts),
            "reused": sum(one.reused for one in firsts),
        },
    }


def totals(session: Session, rows: slice) -> dict[str, Any]:
    """FLOPs of the range, and the positions that the same tokens take without a cache and with one."""
    running = RunningTotals(session)
    running.update()
    names = ("flops", "without_cache", "with_cache")
    return {
        name: running.between(name, rows.start, rows.stop - 1) if column_told(session, name) else None for name in names
    }


def kv_end(session: Session, step: int) -> dict[str, Any]:
    """The KV cache after a step: bytes, positions, the formula, every layer, and the blocks where it has any."""
    classes = kv_classes(session, step)
    positions = int(metrics.cached_positions(session, (step, step), would=True)[0])
    shape = kv_shape_of(session.model_config)
    a_layer = shape.layer_bytes(positions) if shape is not None else None
    detail = session.details.step(step)
    layers = detail[1].tolist() if detail is not None else []
    by_layer = [{"used_bytes": one, "reserved_bytes": two, "formula_bytes": a_layer} for one, two in layers]
    return {
        "step": step,
        "kv": switches_at(session, step).get("kv", ""),
        "used_bytes": classes.used,
        "reserved_bytes": classes.reserved,
        "held_bytes": classes.held,
        "unfilled_bytes": classes.unfilled,
        "kept_bytes": classes.kept,
        "evictable_bytes": classes.evictable,
        "free_bytes": classes.free,
        "fragmentation": classes.fragmentation,
        "positions": positions,
        "formula_bytes": None if a_layer is None else session.layers * a_layer,
        "layers": by_layer if told(session, "kv_layers") else None,
        "blocks": blocks(session, step),
    }


def blocks(session: Session, step: int) -> dict[str, Any] | None:
    """How many blocks of the paged cache are in each state after a step; None without one, or if not recorded."""
    if switches_at(session, step).get("kv") != "paged" or not blocks_recorded(session):
        return None
    history = BlockHistory(session)
    history.update()
    state = history.at(step)
    free, evictable, held, shared = state.counts()
    return {
        "blocks": len(state),
        "block_size": state.block_size,
        "held": held + shared,
        "shared": shared,
        "kept": state.kept,
        "evictable": evictable,
        "free": free,
        "fill": state.fill_share,
        "by_request": dict(state.owners()),
    }


def memory(node: MemoryNode) -> dict[str, int | None]:
    """Bytes by part, the whole first."""
    found = {node.name: node.size}
    for part in node.parts:
        found |= memory(part)
    return found


def devices(session: Session, steps: StepRange) -> dict[str, Any]:
    """What each device reported, its ceilings, and the rates that the steps reached."""
    series = DeviceSeries(session)
    series.update()
    readings: dict[str, dict[str, Any]] = {}
    for device, name in series.readings:
        chosen = in_range(series.reading(device, name), session, steps)
        values = chosen[1]
        if len(values):
            readings.setdefault(device, {})[name] = {
                "count": len(values),
                "last": float(values[-1]),
                "mean": mean_of(chosen, session),
                "most": float(values.max()),
            }
    return {
        "readings": readings,
        "joules_per_token": joules_per_token(series, steps),
        "ceilings": ceilings(session),
        "read_ceiling_bytes_per_s": metrics.read_ceiling(session, steps),
        "bytes_per_s": metrics.rate_of_steps(session, "bytes_moved", steps),
        "flops_per_s": metrics.rate_of_steps(session, "flops", steps),
    }


def ceilings(session: Session) -> dict[str, Any]:
    """The measured ceilings of the device, by level of memory, and the load meanwhile; empty where there are none."""
    facts = ceiling_facts(session)
    if facts is None:
        return {}
    return {
        **metrics.ceilings(session),
        "levels": [asdict(level) for level in facts.levels],
        "reader": facts.reader,
        "busy": facts.busy,
        "conditions": facts.conditions,
    }


def roofline(session: Session, steps: StepRange) -> dict[str, Any]:
    """The roof, and a point for every kind of step and every phase of each kind."""
    roof = roof_of(session)
    sums = RooflineTotals(session, steps)
    sums.update()
    points = sums.kind_points()
    return {
        "dtype": session.meta.get("dtype", ""),
        "bytes_per_s": roof.bytes_per_s if roof is not None else None,
        "flops_per_s": roof.flops_per_s if roof is not None else None,
        "ridge": roof.ridge if roof is not None else None,
        "data_sheet": _data_sheet(roof),
        "kinds": {one.name: _point(one, roof) for one in points},
        "phases": {kind.name: {one.name: _point(one, roof) for one in sums.phase_points(kind.name)} for kind in points},
    }


def batch(session: Session, steps: StepRange) -> list[dict[str, Any]]:
    """The figures of the slots, for each part of the range with one value of the `batching` switch."""
    sums, runs = SlotTotals(session), SlotRuns(session)
    sums.update()
    runs.update()
    return [
        {
            **asdict(part),
            **sums.between(part.first, part.last).to_json(),
            "preempted": sum(part.first <= one.step <= part.last for one in runs.preemptions),
        }
        for part in batch_parts(session, steps)
    ]


def _nothing(values: dict[str, Any]) -> dict[str, Any]:
    """The same names, each with None."""
    return {name: _nothing(one) if isinstance(one, dict) else None for name, one in values.items()}


def _without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _amount(amount: Amount | None) -> dict[str, Any] | None:
    return None if amount is None else asdict(amount)


def _point(point: Point, roof: Roof | None) -> dict[str, Any]:
    limits: dict[str, Any] = dict.fromkeys(
        ("bound", "roof_flops_per_s", "roof_bytes_per_s", "ridge", "level", "roof_over_rate")
    )
    if roof is not None:
        limits = {
            "bound": roof.of(point).bound(point.intensity),
            "roof_flops_per_s": roof.of(point).limit(point.intensity),
            "roof_bytes_per_s": roof.of(point).bytes_per_s,
            "ridge": roof.of(point).ridge,
            "level": point.level,
            "roof_over_rate": point.factor(roof),
        }
    return {
        "flops": point.flops,
        "bytes": point.moved,
        "seconds": point.seconds,
        "flop_per_byte": point.intensity,
        "flops_per_s": point.flops_per_s,
        **limits,
    }


def _data_sheet(roof: Roof | None) -> dict[str, Any] | None:
    """What the maker states, in the dtype of the run; None where it is not known."""
    if roof is None or roof.sheet is None:
        return None
    sheet = roof.sheet
    return {
        "device": sheet.device,
        "bytes_per_s": sheet.bytes_per_s,
        "flops_per_s": sheet.flops_per_s(roof.dtype),
    }


def _pair(pair: PairFigures) -> dict[str, Any]:
    return {
        "measure": pair.improvement.measure,
        "off": _side(pair.off),
        "on": _side(pair.on),
        "factor": pair.factor,
        "same_tokens": pair.same_tokens,
        "reason": pair.reason,
        "load": None if pair.load is None else asdict(pair.load),
    }


def _side(side: SideFigures | None) -> dict[str, float] | None:
    if side is None:
        return None
    return {"median": side.median, "least": side.least, "most": side.most, "repeats": len(side.values)}
