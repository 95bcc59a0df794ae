"""The kinds of numbers in which a weight may be stored, by the names that GGUF gives them (kinds.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

KINDS: Final = ("F32", "BF16", "F16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K")
"""In the order of `enum Kind`."""
BLOCKS: Final = {
    "Q8_0": (32, 34), "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24),
    "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210),
}  # fmt: skip
"""Of each quantised kind, the weights of a block and its bytes."""
KIND_OF: Final = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}


@dataclass(frozen=True, slots=True)
class StoredRows:
    """Rows of a quantised weight as a file stores them: `bytes` uint8 [out, bytes of a row], of one of BLOCKS.

    Raises ValueError where the bytes are no whole rows of `channels` weights.
    """

    kind: str
    channels: int
    bytes: Tensor

    def __post_init__(self) -> None:
        weights, size = BLOCKS[self.kind]
        if self.channels % weights or self.bytes.shape[1:] != (self.channels // weights * size,):
            raise ValueError(f"{tuple(self.bytes.shape)} bytes are no rows of {self.channels} weights in {self.kind}")

    @property
    def shape(self) -> tuple[int, int]:
        """[out, in] in weights."""
        return self.bytes.shape[0], self.channels

    @property
    def nbytes(self) -> int:
        return self.bytes.nbytes

    def __getitem__(self, rows: Tensor | slice) -> StoredRows:
        """Some of the rows, or all of them in another order."""
        return StoredRows(self.kind, self.channels, self.bytes[rows])
