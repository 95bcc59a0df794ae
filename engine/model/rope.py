"""Rotary position embedding: each pair of a head's channels is a complex number that turns with its position.

Method: Su et al. 2021, "RoFormer"; scaling for long contexts as in Llama 3.1.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from engine.model.config import ModelConfig, Rope

FIRST_POSITIONS: Final = 4096
"""Positions in a table at the start."""


def frequencies(rope: Rope, head_dim: int) -> Tensor:
    """Radians per position for each pair of channels: float64 [head_dim / 2]."""
    exponent = torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim
    frequency = rope.theta**-exponent
    if rope.scaling == "linear":
        return frequency / rope.factor
    if rope.scaling == "factors":
        return frequency / torch.tensor(rope.factors, dtype=torch.float64)
    if rope.scaling == "llama3":
        # Wavelengths below `short` stay, those above `long` are multiplied by `factor`, and those between are blended.
        wavelength = 2 * math.pi / frequency
        long = rope.original_max_positions / rope.low_freq_factor
        short = rope.original_max_positions / rope.high_freq_factor
        keep = (rope.original_max_positions / wavelength - rope.low_freq_factor) / (
            rope.high_freq_factor - rope.low_freq_factor
        )
        keep = torch.where(wavelength > long, 0.0, torch.where(wavelength < short, 1.0, keep))
        return keep * frequency + (1 - keep) * frequency / rope.factor
    return frequency


def rotations(rope: Rope, head_dim: int, positions: int, device: torch.device) -> Tensor:
    """magnitude · e^(i · position · frequency): complex64 [positions, 1, head_dim / 2]."""
    position = torch.arange(positions, dtype=torch.float64)
    angle = torch.outer(position, frequencies(rope, head_dim))
    return torch.polar(torch.full_like(angle, rope.magnitude), angle).to(torch.complex64).unsqueeze(1).to(device)


class RotationTable:
    """The rotations of a model's positions. It grows as a run needs it: a context may have millions of positions."""

    def __init__(self, rope: Rope, config: ModelConfig, device: torch.device) -> None:
        self._rope = rope
        self._config = config
        self._device = device
        self.values = rotations(rope, config.head_dim, min(FIRST_POSITIONS, config.max_positions), device)
        """complex64 [positions, 1, head_dim / 2]."""
        self._outgrown: list[Tensor] = []
        """Earlier tables on a GPU, kept because a captured step reads the table at the address it had at capture."""

    def reach(self, positions: int) -> None:
        """Extend the table to at least the first `positions`, and to twice its size where the context is that long."""
        if positions > self.values.shape[0]:
            wanted = min(max(positions, 2 * self.values.shape[0]), max(positions, self._config.max_positions))
            if self._device.type == "cuda":
                self._outgrown.append(self.values)
            self.values = rotations(self._rope, self._config.head_dim, wanted, self._device)


def rotate_(qkv: Tensor, rotation: Tensor, heads: int) -> None:
    """Rotate the first `heads` heads of qkv [P, all, head_dim] in place by rotation complex64 [P, 1, head_dim / 2].

    Channels (2i, 2i + 1) are a pair.
    """
    x = qkv[:, :heads]
    pairs = x.view(*x.shape[:-1], -1, 2)  # [P, heads, head_dim / 2, 2]
    if x.dtype == torch.float32:
        torch.view_as_complex(pairs).mul_(rotation)
    else:
        pairs.copy_(torch.view_as_real(torch.view_as_complex(pairs.float()).mul_(rotation)))


def interleave_pairs(weight: Tensor, head_dim: int) -> Tensor:
    """Reorder the rows [heads · head_dim, ...] of a q or k projection so that the channels of a pair are adjacent.

    Checkpoints pair channel i with i + head_dim / 2. q·k does not change when both are reordered alike, and
    adjacent channels can be rotated in place as complex numbers.
    """
    rows, rest = weight.shape[0], weight.shape[1:]
    return weight.reshape(rows // head_dim, 2, head_dim // 2, *rest).transpose(1, 2).reshape(rows, *rest)
