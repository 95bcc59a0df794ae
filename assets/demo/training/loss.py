"""Losses over a tied output layer that never hold the whole logits matrix.

Each function works through the rows in slices that fit a cache, and computes the gradient in the same sweep: the
logits of a batch (16 MB in float32 for 1 024 tokens and 4 096 entries) are formed once and never stored.
"""

from typing import Any

import torch
from torch import Tensor

_ROWS = 512


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, embedding: Tensor, labels: Tensor) -> Tensor:
        weight = embedding.detach().to(hidden.dtype)
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros(weight.shape, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float32)
        count = labels.numel()
        for start in range(0, count, _ROWS):
            rows, targets = hidden[start : start + _ROWS], labels[start : start + _ROWS, None]
            probabilities = torch.softmax(rows @ weight.t(), dim=-1, dtype=torch.float32)
            chosen = probabilities.gather(1, targets)
            total -= chosen.clamp_min(1e-30).log().sum()
            probabilities.scatter_(1, targets, chosen - 1)
            error = probabilities.to(hidden.dtype)
            grad_hidden[start : start + _ROWS] = error @ weight
            grad_weight += error.t() @ rows
        ctx.save_for_backward(grad_hidden, grad_weight)
        ctx.count = count
        return total / count

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        scale = gradients[0] / ctx.count
        return grad_hidden * scale.to(grad_hidden.dtype), grad_weight * scale, None


def cross_entropy(hidden: Tensor, embedding: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats a token.

    `hidden` [N, C] in the compute precision, `embedding` [V, C] float32, `labels` [N] token ids.
    """
    loss: Tensor = _CrossEntropy.apply(hidden, embedding, labels)  # type: ignore[no-untyped-call]
    return loss


class _Distillation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, embedding: Tensor, teacher: tuple[Tensor, Tensor], sharpness: float
    ) -> Tensor:
        teacher_hidden, teacher_embedding = teacher
        weight, teacher_weight = embedding.detach().to(hidden.dtype), teacher_embedding.detach().to(hidden.dtype)
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros(weight.shape, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float32)
        count = len(hidden)
        for start in range(0, count, _ROWS):
            rows = hidden[start : start + _ROWS]
            aim = torch.softmax(teacher_hidden[start : start + _ROWS] @ teacher_weight.t(), -1, dtype=torch.float32)
            best = aim.argmax(-1, keepdim=True)
            aim *= 1 - sharpness
            aim.scatter_add_(1, best, torch.full(best.shape, sharpness))
            scores = torch.log_softmax(rows @ weight.t(), -1, dtype=torch.float32)
            total -= (aim * scores).sum()
            error = (scores.exp_() - aim).to(hidden.dtype)
            grad_hidden[start : start + _ROWS] = error @ weight
            grad_weight += error.t() @ rows
        ctx.save_for_backward(grad_hidden, grad_weight)
        ctx.count = count
        return total / count

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, None, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        scale = gradients[0] / ctx.count
        return grad_hidden * scale.to(grad_hidden.dtype), grad_weight * scale, None, None


def distillation(hidden: Tensor, embedding: Tensor, teacher: tuple[Tensor, Tensor], sharpness: float) -> Tensor:
    """Mean cross-entropy, nats a token, of the student against the teacher's distribution.

    It differs from KL(teacher || student) by the teacher's entropy, which the student cannot change. The aim gives
    `sharpness` of its mass to the teacher's first choice and the rest to its distribution: greedy speculation accepts
    first choices only. `hidden` [N, C], `embedding` [V, C]; `teacher` is its [N, C'] and [V, C'].
    """
    loss: Tensor = _Distillation.apply(  # type: ignore[no-untyped-call]
        hidden, embedding, teacher, sharpness
    )
    return loss
