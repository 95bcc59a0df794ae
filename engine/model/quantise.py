"""Quantises a model into a GGUF file, a few rows at a time, so that a model of any size needs little memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from engine.errors import CheckpointError
from engine.gguf.mix import FILE_TYPES, Target, planned
from engine.gguf.quantise_protocol import Finished, Kept
from engine.gguf.quantising import quantised
from engine.gguf.write import QUANTISATION_VERSION, Planned, Value, encoded, header, write_tensor
from engine.model.files import is_there
from engine.model.loader import model_path, understood
from engine.model.processors import usable_cores
from engine.model.quantise_folder import folder_source
from engine.model.quantise_source import Source, gguf_source
from engine.plain_text import quoted

ROWS_OF: Final = 2**22
"""Weights that are in memory in single precision at once (16 MiB)."""
COPIED_BYTES: Final = 2**24

Told = Callable[[int, int], None]


def quantise(model: str, to: Target, path: Path, told: Told) -> Finished:
    """Write the model that `model` names as the new file `path`; `told` is called with the weights done and all.

    Raises CheckpointError for a model that cannot be read or written, and OSError where the file cannot be written.
    """
    begun = time.monotonic()
    told(0, 0)
    source = open_source(model)
    tensors = planned(source.shapes, to)
    own: dict[str, Value] = {
        "general.quantization_version": QUANTISATION_VERSION, "general.file_type": FILE_TYPES[to],
    }  # fmt: skip
    write_model(source, tensors, own, path, told)
    weights = sum(one.weights for one in tensors)
    size = path.stat().st_size
    return Finished(totals(tensors), weights, size, source.bytes, time.monotonic() - begun, list(source.notes))


def write_model(source: Source, tensors: list[Planned], own: dict[str, Value], path: Path, told: Told) -> None:
    """Write the new file `path`: the source's metadata with some of its `own`, and these tensors in their kinds."""
    weights = sum(one.weights for one in tensors)
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        told(done, weights)

    metadata = source.metadata | {key: encoded(value) for key, value in own.items()}
    with path.open("xb") as stream, ThreadPoolExecutor(usable_cores()) as workers:
        stream.write(header(metadata, tensors))
        for one in tensors:
            write_tensor(stream, one, pieces(source, one, workers, count))


def open_source(model: str) -> Source:
    """The model that a path or a name means: a GGUF file or a checkpoint folder."""
    path = model_path(model)
    with understood(path):
        return gguf_source(path) if is_there(path) and not path.is_dir() else folder_source(path)


def pieces(source: Source, one: Planned, workers: Executor, count: Callable[[int], None]) -> Iterator[memoryview]:
    """The bytes of a tensor in the kind it gets, piece by piece; raises CheckpointError where a weight has none."""
    kept = source.packed(one.name, one.kind)
    if kept is not None:
        for start in range(0, len(kept), COPIED_BYTES):
            yield kept[start : start + COPIED_BYTES]
        count(one.weights)
        return
    rows = source.rows(one.name)
    width = one.shape[-1]
    height, step = one.weights // width, max(1, ROWS_OF // width)
    for first in range(0, height, step):
        end = min(height, first + step)
        try:
            yield quantised(rows(first, end), one.kind, workers).data
        except ValueError as error:
            raise CheckpointError(f"The tensor {quoted(one.name)} cannot be written as {one.kind}: {error}.") from error
        count((end - first) * width)


def totals(tensors: list[Planned]) -> list[Kept]:
    """How many tensors are of each kind, and their bytes; the kind with most bytes first."""
    kinds = {one.kind: [two for two in tensors if two.kind == one.kind] for one in tensors}
    kept = [Kept(kind, len(of), sum(one.bytes for one in of)) for kind, of in kinds.items()]
    return sorted(kept, key=lambda one: -one.bytes)
