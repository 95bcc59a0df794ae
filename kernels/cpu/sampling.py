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
WANTED_BYTES: Final = 7 * 8


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


Sampled = tuple[int, float, float, bytes]
"""A token, its logprob, the entropy (nats) of the row at temperature 1 without any filter, and the best alternatives.

Logprob and entropy are NaN where a logit of the row is NaN or +inf, or where all are -inf. The alternatives are int32
[n] token ids, then float32 [n] logprobs, best first, of equal ones the lower ids first.
"""


class Proposed(NamedTuple):
    """The rows of a proposal of drafts: one with each draft as its `token`, and one for the draw after them.

    The number `uniform` of each row tests its draft, or draws. `probs` float64 [drafts, vocab] is what the drafts were
    drawn from; None: they were certain.
    """

    rows: Sequence[Wanted]
    probs: Tensor | None


def sample(logits: Tensor, wanted: Sequence[Wanted], alternatives: int) -> list[Sampled]:
    """One token per entry of `wanted` from logits float32 [R, vocab], each with min(alternatives, vocab) others.

    A row's result does not depend on the others. Raises KernelUnavailableError, ValueError for logits of another dtype
    or for a row or token that they do not have, and MemoryError.
    """
    if not wanted:
        return []
    few = min(alternatives, logits.shape[1])
    row_bytes = HEAD.size + 8 * few
    # One piece of memory and few calls: the weights of the step have pushed the code of each call out of the caches.
    memory = array("d", chain.from_iterable(wanted))
    memory.frombytes(bytes(len(wanted) * row_bytes))
    at, _ = memory.buffer_info()
    _run(_function("sample", 3, 5), logits, len(wanted), (at, at + len(wanted) * WANTED_BYTES), few)
    read, sampled = memory.tobytes(), []
    for first in range(len(wanted) * WANTED_BYTES, len(read), row_bytes):
        alike = read[first + HEAD.size : first + row_bytes]
        sampled.append((*HEAD.unpack_from(read, first), alike))
    return sampled


def draw(logits: Tensor, wanted: Sequence[Wanted]) -> tuple[list[int], Tensor]:
    """The tokens that `sample` draws, and the distributions that they are drawn from, float64 [len(wanted), vocab].

    Where a row is no distribution (see `Sampled`), a probability is NaN. Raises the errors of `sample`.
    """
    out = torch.empty(len(wanted), logits.shape[1], dtype=torch.float64)
    tokens = array("q", bytes(8 * len(wanted)))
    if wanted:
        asked = array("d", chain.from_iterable(wanted))
        pointers = asked.buffer_info()[0], out.data_ptr(), tokens.buffer_info()[0]
        _run(_function("draw", 4, 4), logits, len(wanted), pointers)
    return tokens.tolist(), out


def verify(logits: Tensor, proposals: Sequence[Proposed]) -> list[tuple[int, int]]:
    """For each proposal how many of its drafts are accepted, and the token that follows them (verify.c).

    Raises the errors of `sample`, and ValueError for `probs` that do not fit.
    """
    if not proposals:
        return []
    asked = array("d", chain.from_iterable(row for one in proposals for row in one.rows))
    numbers, first, held = array("Q"), 0, []
    for one in proposals:
        drafts, q = len(one.rows) - 1, one.probs
        if q is not None:
            if q.shape != (drafts, logits.shape[1]) or q.dtype is not torch.float64:
                raise ValueError(f"probs {tuple(q.shape)} of {q.dtype} must be float64 [{drafts}, {logits.shape[1]}]")
            held.append(q := q.contiguous())
        numbers.extend((first, drafts, 0 if q is None else q.data_ptr()))
        first += len(one.rows)
    verdicts = array("q", bytes(16 * len(proposals)))
    pointers = asked.buffer_info()[0], numbers.buffer_info()[0], verdicts.buffer_info()[0]
    _run(_function("verify", 4, 4), logits, len(proposals), pointers)
    return list(zip(verdicts[::2], verdicts[1::2], strict=True))


def _run(call: ctypes._NamedFuncPointer, logits: Tensor, count: int, pointers: tuple[int, ...], *sizes: int) -> None:
    """Call a function of `count` chunks."""
    if logits.dtype is not torch.float32:
        raise ValueError(f"logits must be float32, not {logits.dtype}")
    apart, within = logits.stride()
    if within != 1:
        logits = logits.contiguous()
        apart = logits.stride(0)
    threads = 1 if count == 1 else min(count, torch.get_num_threads())
    if failed := call(logits.data_ptr(), *pointers, count, *logits.shape, apart, *sizes, threads):
        if failed < 0:
            raise MemoryError
        raise ValueError(f"a row or a token is not in logits {tuple(logits.shape)}")


@cache
def _function(name: str, pointers: int, sizes: int) -> ctypes._NamedFuncPointer:
    """A C function that returns 0, -1 where there was no memory, or 1 where a row or a token is not there."""
    found = library.function(name, pointers, sizes, torch.float32)
    found.restype = ctypes.c_int
    return found
