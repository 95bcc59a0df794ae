"""Reads a small tensor of float32 numbers that belongs to a model's config."""

from __future__ import annotations

import numpy as np

from engine.errors import CheckpointError
from engine.gguf.header import TensorInfo
from engine.plain_text import one_line, path_text, quoted
from engine.regular_file import open_regular


def float32_numbers(name: str, tensor: TensorInfo, most: int) -> list[float]:
    """The numbers of a tensor with at most `most` of them, all above 0.

    Raises CheckpointError for another kind or more numbers, for 0, infinity and NaN, and where the file cannot be read.
    """
    if tensor.kind != "F32" or len(tensor.shape) != 1 or tensor.shape[0] > most:
        raise CheckpointError(
            f"The tensor {quoted(name)} should hold up to {most} numbers in F32, "
            f"not {list(tensor.shape)} in {tensor.kind}."
        )
    try:
        with open_regular(tensor.file) as stream:
            stream.seek(tensor.start)
            raw = stream.read(tensor.bytes)
    except OSError as error:
        reason = one_line(error.strerror or error)
        raise CheckpointError(f"{path_text(tensor.file)} cannot be read: {reason}.") from error
    found = np.frombuffer(raw[: len(raw) // 4 * 4], "<f4")
    if len(found) != tensor.shape[0] or not (np.isfinite(found) & (found > 0)).all():
        raise CheckpointError(f"The tensor {quoted(name)} should hold numbers above 0 only.")
    return [float(one) for one in found]
