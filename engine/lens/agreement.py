"""How much two distributions of the next token differ: negative log-likelihood, KL divergence, likeliest token."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from engine.errors import NotFiniteError


class Predictions:
    """The distributions of R rows, in float64 from float32 logits; all logarithms are in nats."""

    def __init__(self, logits: Tensor, model: str) -> None:
        """From logits float32 [R, vocab]; raises NotFiniteError, which names the model, where one is not finite."""
        if not bool(torch.isfinite(logits).all()):
            raise NotFiniteError(f"{model} gives logits that are not finite numbers for this text.")
        self.top = logits.argmax(-1)
        """The likeliest tokens, int64 [R]."""
        self._logits = logits.double()  # [R, vocab]
        self._total = torch.logsumexp(self._logits, -1)  # [R]: log p = logit − total

    @cached_property
    def _p(self) -> Tensor:
        return torch.softmax(self._logits, -1)

    @cached_property
    def _own(self) -> Tensor:
        return self._mean_log_p(self)

    def nll(self, tokens: Tensor) -> Tensor:
        """−log p of tokens int64 [R], float64 [R]."""
        return self._total - self._logits.gather(-1, tokens[:, None])[:, 0]

    def divergence(self, other: Predictions) -> Tensor:
        """KL(self‖other), float64 [R]; exactly 0 for equal logits, and never below.

        What is of `self` alone is computed once, however many others it is compared with.
        """
        return (self._own - self._mean_log_p(other)).clamp_min(0.0)

    def _mean_log_p(self, other: Predictions) -> Tensor:
        """The mean of log p of `other` over the distribution `self`, [R]."""
        mean_logit: Tensor = torch.linalg.vecdot(self._p, other._logits)
        return mean_logit - other._total
