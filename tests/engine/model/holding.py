"""Which tensors the parts of a decoder hold, found by walking its objects: what its own counts are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import FunctionType
from typing import Any, Final

import torch
from torch import Tensor

CONSTANTS: Final = frozenset({"_averaging", "_epsilon"})
"""What a form of a norm computes with beside its weight."""


def held_bytes(*parts: object) -> int:
    """Bytes of all tensors that can be reached from these parts, each memory counted once."""
    return sum({place: size for part in parts for place, size in _tensors(part, set())}.values())


def _tensors(part: object, seen: set[int]) -> Iterator[tuple[object, int]]:
    if id(part) in seen:
        return
    seen.add(id(part))
    if isinstance(part, Tensor):
        if part.is_mkldnn:
            yield id(part), torch.ops.mkldnn._nbytes(part)
        else:
            yield (part.untyped_storage()._cdata, part.storage_offset()), part.nbytes
    else:
        for inner in _inside(part):
            yield from _tensors(inner, seen)


def _inside(part: object) -> list[Any]:
    """What an object of this project's own refers to."""
    if isinstance(part, (list, tuple)):
        return list(part)
    if isinstance(part, partial):
        return [part.func, *part.args, *part.keywords.values()]
    if isinstance(part, FunctionType):
        return [cell.cell_contents for cell in part.__closure__ or ()]
    if not type(part).__module__.startswith(("engine.", "kernels.")):
        return []
    names = {*getattr(part, "__dict__", {}), *getattr(type(part), "__slots__", ())} - CONSTANTS
    return [getattr(part, name) for name in names]
