"""What the page of a server tells, under one name for each meaning (`engine.session.server_names`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from engine.serving.observe.metrics_page import Reading
from engine.session.server_names import FIGURES, NAMES, base_name


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram summed over its series."""

    count: float
    total: float
    """The sum of what was observed, in the figure's unit."""
    buckets: tuple[tuple[float, float], ...]
    """Upper bound (the last may be infinity) and how many were at most that; in order."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The KV cache's blocks, which vLLM tells as labels of `vllm:cache_config_info`."""

    blocks: int
    block_size: int
    """Positions in a block."""


_COUNT, _SUM, _BUCKET = "_count", "_sum", "_bucket"


def told_figures(readings: Iterable[Reading]) -> dict[str, float]:
    """The figures that the page of a server tells, by name; histograms are in `told_distributions`.

    A figure that is split by a label has an entry for each part: `requests_ended/length`. A fraction above 1 is in a
    unit that nobody has told, so it is left out.
    """
    found = _by_name(reading for reading in readings if reading.kind != "histogram" or reading.name.endswith(_SUM))
    told: dict[str, float] = {}
    for named in NAMES:
        figure = FIGURES[named.figure]
        if named.figure in told or any(key.startswith(f"{named.figure}/") for key in told):
            continue
        for labels, value in found.get(named.name, ()):
            if figure.unit == "fraction" and not 0 <= value <= 1:
                continue
            if any(labels.get(label) != wanted for label, wanted in named.labels):
                continue
            key = f"{named.figure}/{labels.get(figure.split_by, '')}" if figure.split_by else named.figure
            before = told.get(key)
            told[key] = value if before is None else before + value if figure.combine == "sum" else max(before, value)
    return told


def told_distributions(readings: Iterable[Reading]) -> dict[str, Distribution]:
    """The histograms that the page of a server tells, by the figure's name, each summed over its series."""
    found = _by_name(reading for reading in readings if reading.kind == "histogram")
    told: dict[str, Distribution] = {}
    for named in NAMES:
        counts = found.get(named.name + _COUNT)
        if named.figure in told or not counts:
            continue
        buckets: dict[float, float] = {}
        for labels, value in found.get(named.name + _BUCKET, ()):
            bound = _bound(labels.get("le", ""))
            if bound is not None:
                buckets[bound] = buckets.get(bound, 0) + value
        told[named.figure] = Distribution(
            sum(value for _, value in counts),
            sum(value for _, value in found.get(named.name + _SUM, ())),
            tuple(sorted(buckets.items())),
        )
    return told


def told_pool(readings: Iterable[Reading]) -> Pool | None:
    """The size of vLLM's pool of blocks; None where the page does not tell it, or tells several different ones."""
    pools: set[Pool] = set()
    for labels, _ in _by_name(readings).get("vllm:cache_config_info", ()):
        try:
            pools.add(Pool(int(labels.get("num_gpu_blocks", "")), int(labels.get("block_size", ""))))
        except ValueError:
            continue
    return pools.pop() if len(pools) == 1 else None


def _by_name(readings: Iterable[Reading]) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The series of the table's names: their labels and values. A name is with and without `_total` the same."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for reading in readings:
        name = reading.name if reading.kind == "histogram" else base_name(reading.name)
        found.setdefault(name, []).append((msgspec.json.decode(reading.labels, type=dict[str, str]), reading.value))
    return found


def _bound(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
