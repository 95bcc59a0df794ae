"""The next token of each row of logits on a CPU, without sorting the vocabulary: one call for all rows (sampling.c)."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from functools import cache
from itertools import chain
from struct import Struct
from typing import Final, NamedTuple

import torch
from torch import Tensor

from kernels.cpu import library

FILTERS: Final = ("min_p", "top_k", "top_p")
"""The filters that the C code knows, in the order in which it applies them."""
HEAD: Final = Struct("=qdd")


class Wanted(NamedTuple):
    """What is wanted of a row: a token to describe, or with `token` -1 the draw of one.

    `row` is its index in the logits; `temperature` 0 draws the likeliest token, the first of equal ones. Otherwise the
    filters rule tokens out first: `min_p` what has less than this times the best token's probability, `top_k` what is
    below the k-th best, `top_p` all but the fewest best tokens with that much probability, those with the lower ids of
    equal ones. `uniform`, in [0, 1), is the place in the distribution of what is left, in the order of ids.
    """

    row: int
    token: int = -1
    temperature: float = 0.0
    uniform: float = 0.0
    min_p: float = 0.0
    top_k: float = 0
    top_p: float = 1.0


class Sampled(NamedTuple):
    """A token, and its logprob and the entropy (nats) of the whole row at temperature 1, without any filter.

    Both are NaN where a logit of the row is NaN or +inf, or where all are -inf. `alternatives` is int32 [n] token ids,
    then float32 [n] logprobs, best first, of equal ones the lower ids first.
    """

    token_id: int
    logprob: float
    entropy: float
    alternatives: bytes


def sample(logits: Tensor, wanted: Sequence[Wanted], alternatives: int) -> list[Sampled]:
    """One token per entry of `wanted` from logits float32 [R, vocab], each with min(alternatives, vocab) others.

    A row's result does not depend on the others. Raises KernelUnavailableError, ValueError for logits that do not fit
    or an index out of range, and MemoryError.
    """
    if not wanted:
        return []
    logits, vocab, asked = _checked(logits, wanted)
    few = min(alternatives, vocab)
    row_bytes = HEAD.size + 8 * few
    out = ctypes.create_string_buffer(len(wanted) * row_bytes)
    threads = min(len(wanted), torch.get_num_threads())
    failed = _function("sample", 5)(
        logits.data_ptr(), asked.buffer_info()[0], ctypes.addressof(out), len(wanted), vocab, logits.stride(0), few,
        threads,
    )  # fmt: skip
    if failed:
        raise MemoryError
    read, sampled = out.raw, []
    for at in range(0, len(read), row_bytes):
        token, logprob, entropy = HEAD.unpack_from(read, at)
        sampled.append(Sampled(token, logprob, entropy, read[at + HEAD.size : at + row_bytes]))
    return sampled


def distribution(logits: Tensor, wanted: Sequence[Wanted]) -> Tensor:
    """The distribution that `sample` would draw each entry of `wanted` from: float64 [len(wanted), vocab].

    Where a row's logits are not finite as above, a probability is NaN. Raises the errors of `sample`.
    """
    logits, vocab, asked = _checked(logits, wanted)
    out = torch.zeros(len(wanted), vocab, dtype=torch.float64)
    if wanted and _function("distribution", 3)(
        logits.data_ptr(), asked.buffer_info()[0], out.data_ptr(), len(wanted), vocab, logits.stride(0),
        min(len(wanted), torch.get_num_threads()),
    ):  # fmt: skip
        raise MemoryError
    return out


def _checked(logits: Tensor, wanted: Sequence[Wanted]) -> tuple[Tensor, int, array[float]]:
    """The logits with adjacent columns, the number of columns, and `wanted` as C reads it."""
    rows, vocab = logits.shape
    if logits.dtype is not torch.float32 or not vocab:
        raise ValueError(f"logits {tuple(logits.shape)} of {logits.dtype} must be float32 rows")
    if logits.stride(1) != 1:
        logits = logits.contiguous()
    for one in wanted:
        if not 0 <= one.row < rows or one.token >= vocab:
            raise ValueError(f"there is no token {one.token} of row {one.row} in logits {tuple(logits.shape)}")
    return logits, vocab, array("d", chain.from_iterable(wanted))


@cache
def _function(name: str, sizes: int) -> ctypes._NamedFuncPointer:
    """A function of sampling.c, which returns 0 or, without memory, -1."""
    found = library.function(name, 3, sizes - 1, torch.float32)
    found.restype = ctypes.c_int
    return found
