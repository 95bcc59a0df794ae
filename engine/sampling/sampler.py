"""Draws the next tokens of a whole batch on the device, and describes how likely they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from engine.core.sampling import FILTERS, Filter, Sampling
from engine.sampling.ranks import SearchedRanks

ALTERNATIVES: Final = 8
WIDE: Final = 16384
"""From this many columns on, a CPU finds the best few of a row faster in two rounds than by one `topk`."""
BLOCK: Final = 64


@dataclass(frozen=True, slots=True)
class Choice:
    """One drawn token; `logprob` and `entropy` (nats) are of the target's distribution before any filter.

    `alternatives` is int32 [n] token ids, then float32 [n] logprobs, best first; empty when none were asked for.
    """

    token_id: int
    logprob: float
    entropy: float
    alternatives: bytes


def sample(logits: Tensor, params: Sequence[Sampling], uniforms: Sequence[float], alternatives: int) -> Tensor:
    """Draw one token per row from logits float32 [R, vocab] and `describe` it.

    `uniforms` are one number in [0, 1) per row, which a greedy row does not use.
    """
    return describe(logits, draw_rows(logits, params, uniforms), alternatives)


def describe(logits: Tensor, tokens: Tensor, alternatives: int) -> Tensor:
    """How likely `tokens` [R] were: float64 [R, 3 + 2 · alternatives], still on the device; `choices` reads it.

    A row is token id, logprob, entropy, then the ids and the logprobs of the best alternatives.
    """
    logprobs = torch.log_softmax(logits, -1)  # [R, V]
    # A token with a logit of -inf adds nothing to the entropy: 0 · log 0 counts as 0, but the product is NaN.
    entropy = (logprobs.exp() * logprobs).nansum(-1, keepdim=True).neg_()  # [R, 1]
    columns = [tokens[:, None].double(), logprobs.gather(-1, tokens[:, None]).double(), entropy.double()]
    if alternatives:
        best, ids = best_few(logprobs, min(alternatives, logprobs.shape[-1]))  # [R, n]
        columns += [ids.double(), best.double()]
    return torch.cat(columns, -1)


def best_few(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest of each row of `values` [R, V], largest first, and their columns: each [R, count].

    On a CPU a wide row is divided into blocks. The `count` best values lie in the `count` blocks with the largest
    maxima (or in the columns left over), so only these are searched.
    """
    rows, columns = values.shape
    whole = columns // BLOCK * BLOCK
    if values.is_cuda or columns < WIDE or whole // BLOCK < count:
        best, ids = values.topk(count, -1)
        return best, ids
    blocks = values[:, :whole].view(rows, whole // BLOCK, BLOCK)  # [R, V / BLOCK, BLOCK]
    _, chosen = blocks.amax(-1).topk(count, -1)  # [R, count]
    candidates = blocks.gather(1, chosen[:, :, None].expand(-1, -1, BLOCK)).flatten(1)  # [R, count · BLOCK]
    places = (chosen[:, :, None] * BLOCK + torch.arange(BLOCK)).flatten(1)
    if whole < columns:
        candidates = torch.cat([candidates, values[:, whole:]], -1)
        places = torch.cat([places, torch.arange(whole, columns).expand(rows, -1)], -1)
    best, at = candidates.topk(count, -1)
    return best, places.gather(-1, at)


def likeliest(logits: Tensor) -> Tensor:
    """The best token of each row, the first of equal ones, int64 [R].

    On a CPU numpy finds it: its search is vectorised, and PyTorch's takes 28 times as long on 150 000 columns.
    """
    return logits.argmax(-1) if logits.is_cuda else torch.from_numpy(logits.numpy().argmax(-1))


def choices(sampled: Tensor) -> list[Choice]:
    """Read what `sample` drew; this waits for the device."""
    rows = sampled.cpu().numpy()
    n = (rows.shape[1] - 3) // 2
    ids = rows[:, 3 : 3 + n].astype(np.int32)
    best = rows[:, 3 + n :].astype(np.float32)
    heads = rows[:, :3].tolist()
    return [
        Choice(int(token), logprob, max(0.0, entropy), ids[row].tobytes() + best[row].tobytes())
        for row, (token, logprob, entropy) in enumerate(heads)
    ]


def draw_rows(logits: Tensor, params: Sequence[Sampling], uniforms: Sequence[float]) -> Tensor:
    """One token id per row, int64 [R]: the best where a row is greedy, else drawn from its filtered distribution."""
    greedy = likeliest(logits)
    if all(p.greedy for p in params):
        return greedy
    u = torch.tensor(uniforms, dtype=torch.float64, device=logits.device)
    drawn = draw(distribution(logits, params), u)
    keep = torch.tensor([p.greedy for p in params], device=logits.device)
    return torch.where(keep, greedy, drawn)


def distribution(logits: Tensor, params: Sequence[Sampling]) -> Tensor:
    """The distribution a token is drawn from: float64 [R, vocab], after the temperature and FILTERS.

    A greedy row has probability 1 on its best token. A filter that no row uses is not applied.
    """

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=logits.device)[:, None]  # [R, 1]

    def ranks(one: Filter) -> SearchedRanks:
        return SearchedRanks([float(getattr(p, one.name)) for p in params], logits.device)

    used = [one for one in FILTERS if any(one.used_by(p) for p in params)]
    x = logits.double() / column([1.0 if p.greedy else p.temperature for p in params])  # [R, V]
    for one in used:
        if not one.after_softmax:
            x = one.rule_out(x, ranks(one))
    probs = torch.softmax(x, -1)
    for one in used:
        if one.after_softmax:
            probs = one.rule_out(probs, ranks(one))
            probs = probs / probs.sum(-1, keepdim=True)
    if any(p.greedy for p in params):
        best_only = torch.zeros_like(probs).scatter_(-1, logits.argmax(-1, keepdim=True), 1.0)
        probs = torch.where(column([float(p.greedy) for p in params]) > 0, best_only, probs)
    return probs


def draw(probs: Tensor, u: Tensor) -> Tensor:
    """Invert the cumulative distribution: probs float64 [R, vocab] (any mass), u float64 [R] in [0, 1) to int64 [R]."""
    mass = probs.cumsum(-1)  # [R, V]
    total = mass[:, -1]
    # u · total may round up to total. With a threshold below total, the first index with more mass has probability > 0.
    threshold = torch.minimum(u * total, torch.nextafter(total, torch.zeros_like(total)))
    drawn = torch.searchsorted(mass, threshold[:, None], right=True)[:, 0]
    return drawn.clamp_(max=probs.shape[-1] - 1)  # where the mass is NaN there is no such index
