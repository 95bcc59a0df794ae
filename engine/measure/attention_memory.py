"""Counts the memory that attention takes for itself: scores, masks, weights, its own buffers and its result."""

from __future__ import annotations

import weakref
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine.core.attention import Attention, TakesScratch
from engine.core.batch import Batch
from engine.core.kv_cache import StepKv


class Allocations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within `with`, the bytes of tensors that operations made and that still live, and the most of them at once.

    Every operation of PyTorch passes through here. A tensor counts from the operation that made its memory until that
    memory is released; views and what was there before do not count. What a kernel takes inside of itself is not seen.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live_bytes = self.peak_bytes = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given = {_memory_of(one) for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)}
        out = func(*args, **kwargs)
        for made in tree_leaves(out):
            if isinstance(made, Tensor) and (memory := _memory_of(made)) not in given and memory not in self._known:
                self._count(made, memory)
        return out

    def _count(self, made: Tensor, memory: int) -> None:
        storage = made.untyped_storage()
        self._known[memory] = storage.nbytes()
        self.live_bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        weakref.finalize(storage, self._released, memory)

    def _released(self, memory: int) -> None:
        self.live_bytes -= self._known.pop(memory)


def _memory_of(tensor: Tensor) -> int:
    """What identifies a tensor's memory as long as it lives."""
    return int(tensor.untyped_storage()._cdata)


class AttentionMemory:
    """The most bytes that any call of attention took, since `take` was called last."""

    def __init__(self) -> None:
        self._peak_bytes = 0

    def around(self, attention: Attention) -> Attention:
        """The same attention, counted."""
        return CountedAttention(attention, self)

    def add(self, peak_bytes: int) -> None:
        """A call took so many bytes."""
        self._peak_bytes = max(self._peak_bytes, peak_bytes)

    def take(self) -> int:
        """The most bytes of the calls since the last time."""
        found, self._peak_bytes = self._peak_bytes, 0
        return found


class CountedAttention:
    """An attention back end whose calls are counted; all else is the back end's own."""

    def __init__(self, attention: Attention, memory: AttentionMemory) -> None:
        self._attention = attention
        self._memory = memory
        self.name = attention.name

    @property
    def kernel(self) -> str:
        return self._attention.kernel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._attention, name)

    def __call__(self, q: Tensor, kv: StepKv, layer: int, batch: Batch) -> Tensor:
        with Allocations() as counted:
            mixed = self._attention(q, kv, layer, batch)
        scratch = self._attention.scratch_bytes if isinstance(self._attention, TakesScratch) else 0
        self._memory.add(counted.peak_bytes + scratch)
        return mixed
