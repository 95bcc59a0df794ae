"""How much two distributions of the next token differ: negative log-likelihood, KL divergence, likeliest token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from engine.errors import NotFiniteError


@dataclass(frozen=True, slots=True)
class Predictions:
    """The distributions of R rows: `log_p` float64 [R, vocab] in nats, `top` int64 [R], the likeliest tokens."""

    log_p: Tensor
    top: Tensor

    @classmethod
    def of(cls, logits: Tensor, model: str) -> Self:
        """From logits float32 [R, vocab]; raises NotFiniteError, which names the model, where one is not finite."""
        if not bool(torch.isfinite(logits).all()):
            raise NotFiniteError(f"{model} gives logits that are not finite numbers for this text.")
        return cls(torch.log_softmax(logits, -1, dtype=torch.float64), logits.argmax(-1))

    def nll(self, tokens: Tensor) -> Tensor:
        """−log p of tokens int64 [R], float64 [R]."""
        return -self.log_p.gather(-1, tokens[:, None])[:, 0]

    def divergence(self, other: Predictions) -> Tensor:
        """KL(self‖other), float64 [R] in nats; rounding never makes it negative."""
        return (self.log_p.exp() * (self.log_p - other.log_p)).sum(-1).clamp_min(0.0)
