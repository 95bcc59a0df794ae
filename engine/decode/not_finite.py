"""Logits that are not finite: detected by the logprob that each step reads anyway, located by one more pass."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.core.batch import Batch
from engine.core.kv_cache import commit_batch
from engine.core.request import Request
from engine.core.settings import Switches
from engine.core.timing import NoTimer
from engine.errors import NotFiniteError
from engine.model.loader import LoadedModel
from engine.sampling.sampler import Choice

PIECE_TOKENS: Final = 256
"""Tokens per pass of the search: the memory of plain attention grows with the square of the length."""


class NotANumberError(Exception):
    """The logits of a token that `request` was about to get were not finite."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.id)
        self.request = request


def check_finite(choice: Choice, request: Request) -> None:
    """Raise NotANumberError where the logprob of a request's next token is NaN.

    It is NaN where any logit of the token's row is NaN or +inf, so the logits themselves need not be read.
    """
    if math.isnan(choice.logprob):
        raise NotANumberError(request)


def not_finite(model: LoadedModel, tokens: list[int], whose: str = "The logits") -> NotFiniteError:
    """The error for these tokens, which names the first part of the model whose output is not finite."""
    try:
        where = first_not_finite(model, tokens)
    except RuntimeError:  # for example no memory for one more pass; the error is reported all the same
        where = "where they come from could not be found out"
    return NotFiniteError(f"{whose} are not finite (NaN or infinite): {where}.")


@torch.inference_mode()
def first_not_finite(model: LoadedModel, tokens: list[int]) -> str:
    """The first part whose output is not finite in a pass over `tokens`, as the end of a sentence.

    The pass uses a contiguous cache and the reference attention.
    """
    found: list[str] = []

    def watch(part: str, *values: Tensor | None) -> None:
        if not found and not all(value is None or bool(torch.isfinite(value).all()) for value in values):
            found.append(part)

    cache = make_cache(Switches(kv="contiguous"), model.config, model.device, model.dtype)
    cache.admit(0, len(tokens))
    attention = make_attention("reference", model.config)
    for first in range(0, len(tokens), PIECE_TOKENS):
        batch = Batch.of([(0, first, tokens[first : first + PIECE_TOKENS])], None, str(model.device))
        logits = model.decoder.forward(batch, cache.begin(batch), attention, NoTimer(), watch=watch)  # [R, vocab]
        commit_batch(cache, batch)
        watch("the LM head's", logits)
        if found:
            return f"{found[0]} output is the first that is not"
    return "a pass over the same text with plain attention gives finite ones, so they come from how this run computes"
