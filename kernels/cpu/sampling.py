"""The next token of each row of logits on a CPU, without sorting the vocabulary: one call for all rows.

sampling.c draws and describes, verify.c tests drafts; filtered.h has the filters.
"""

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


class Proposed(NamedTuple):
    """The rows of a proposal of drafts: one with each draft as its `token`, and one for the draw after them.

    The number `uniform` of each row tests its draft, or draws. `probs` float64 [drafts, vocab] is what the drafts were
    drawn from; None: they were certain.
    """

    rows: Sequence[Wanted]
    probs: Tensor | None


def sample(logits: Tensor, wanted: Sequence[Wanted], alternatives: int) -> list[Sampled]:
    """One token per entry of `wanted` from logits float32 [R, vocab], each with min(alternatives, vocab) others.

    A row's result does not depend on the others. Raises KernelUnavailableError, ValueError for logits that do not fit
    or an index out of range, and MemoryError.
    """
    if not wanted:
        return []
    call = _function("sample", 3, 4)
    logits, asked = _checked(logits, wanted)
    vocab = logits.shape[1]
    few = min(alternatives, vocab)
    row_bytes = HEAD.size + 8 * few
    out = ctypes.create_string_buffer(len(wanted) * row_bytes)
    _run(call, len(wanted), logits, (asked.buffer_info()[0], ctypes.addressof(out)), (few,))
    read, sampled = out.raw, []
    for at in range(0, len(read), row_bytes):
        token, logprob, entropy = HEAD.unpack_from(read, at)
        sampled.append(Sampled(token, logprob, entropy, read[at + HEAD.size : at + row_bytes]))
    return sampled


def draw(logits: Tensor, wanted: Sequence[Wanted]) -> tuple[list[int], Tensor]:
    """The tokens that `sample` draws, and the distributions that they are drawn from, float64 [len(wanted), vocab].

    Where a row is no distribution (see `Sampled`), a probability is NaN. Raises the errors of `sample`.
    """
    out = torch.empty(len(wanted), logits.shape[1], dtype=torch.float64)
    tokens = array("q", bytes(8 * len(wanted)))
    if wanted:
        call = _function("draw", 4, 3)
        logits, asked = _checked(logits, wanted)
        _run(call, len(wanted), logits, (asked.buffer_info()[0], out.data_ptr(), tokens.buffer_info()[0]))
    return tokens.tolist(), out


def verify(logits: Tensor, proposals: Sequence[Proposed]) -> list[tuple[int, int]]:
    """For each proposal how many of its drafts are accepted, and the token that follows them (verify.c).

    Raises the errors of `sample`, and ValueError for `probs` that do not fit.
    """
    if not proposals:
        return []
    call = _function("verify", 4, 3)
    logits, asked = _checked(logits, [row for one in proposals for row in one.rows])
    numbers, first, kept = array("Q"), 0, []
    for one in proposals:
        drafts, q = len(one.rows) - 1, one.probs
        if q is not None:
            if q.shape != (drafts, logits.shape[1]) or q.dtype is not torch.float64:
                raise ValueError(f"probs {tuple(q.shape)} of {q.dtype} must be float64 [{drafts}, {logits.shape[1]}]")
            kept.append(q := q.contiguous())
        numbers.extend((first, drafts, 0 if q is None else q.data_ptr()))
        first += len(one.rows)
    verdicts = array("q", bytes(16 * len(proposals)))
    _run(call, len(proposals), logits, (asked.buffer_info()[0], numbers.buffer_info()[0], verdicts.buffer_info()[0]))
    return list(zip(verdicts[::2], verdicts[1::2], strict=True))


def _checked(logits: Tensor, wanted: Sequence[Wanted]) -> tuple[Tensor, array[float]]:
    """The logits with adjacent columns, and `wanted` as C reads it."""
    rows, vocab = logits.shape
    if logits.dtype is not torch.float32 or not vocab:
        raise ValueError(f"logits {tuple(logits.shape)} of {logits.dtype} must be float32 rows")
    for one in wanted:
        if not 0 <= one.row < rows or one.token >= vocab:
            raise ValueError(f"there is no token {one.token} of row {one.row} in logits {tuple(logits.shape)}")
    return logits if logits.stride(1) == 1 else logits.contiguous(), array("d", chain.from_iterable(wanted))


@cache
def _function(name: str, pointers: int, sizes: int) -> ctypes._NamedFuncPointer:
    """A C function that returns 0, or -1 where there was no memory."""
    found = library.function(name, pointers, sizes, torch.float32)
    found.restype = ctypes.c_int
    return found


def _run(
    call: ctypes._NamedFuncPointer, chunks: int, logits: Tensor, pointers: Sequence[int], sizes: Sequence[int] = ()
) -> None:
    threads = min(chunks, torch.get_num_threads())
    if call(logits.data_ptr(), *pointers, chunks, logits.shape[1], logits.stride(0), *sizes, threads):
        raise MemoryError
