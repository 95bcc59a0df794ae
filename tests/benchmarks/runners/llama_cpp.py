"""llama.cpp on the same weights: `PYTHON -m ... THREADS GGUF`, PYTHON being one with llama_cpp and numpy.

It is called through llama.h as llama-cpp-python exports it, so that no Python of that package's own is measured.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.peer_figures import tokens_per_s
from tests.benchmarks.runners.work import Outcome, Wire, Work

MICRO_BATCH: Final = 512
CONTEXT: Final = 1024
"""Positions for each sequence."""
TRIED_TOKENS: Final = 32
TRIES: Final = 2
"""Runs with and without flash attention, of which the fastest decides."""


def main() -> None:
    """Load the file, then decode for each work."""
    threads, path = int(sys.argv[1]), Path(sys.argv[2])
    wire = Wire()
    model = Model(import_module("llama_cpp"), path, threads)
    wire.ready()
    for work in wire.works():
        wire.answer(model.do(work))


@dataclass(frozen=True, slots=True)
class Context:
    """A context of llama.cpp, the batch that its calls are given, and that batch's rows as numpy sees them."""

    pointer: Any
    batch: Any
    flash: bool
    tokens: NDArray[np.int32]
    positions: NDArray[np.int32]
    wanted: NDArray[np.int8]


class Model:
    """The model, and for each kind of work the context that is fastest for it: with flash attention or without."""

    def __init__(self, library: Any, path: Path, threads: int) -> None:
        self._c, self._threads = library, threads
        library.llama_backend_init()
        self._model = library.llama_model_load_from_file(os.fsencode(path), library.llama_model_default_params())
        assert self._model, f"llama.cpp cannot load {path}"
        self._vocab: int = library.llama_vocab_n_tokens(library.llama_model_get_vocab(self._model))
        self._contexts: dict[tuple[int, bool], Context] = {}

    def do(self, work: Work) -> Outcome:
        """Prompts one after another, then one call a step for all of them."""
        kind = (len(work.ids), work.tokens == 1)
        if kind not in self._contexts:
            self._contexts[kind] = self._fastest(work)
        return self._run(self._contexts[kind], work)

    def _fastest(self, work: Work) -> Context:
        tried = work if work.tokens == 1 else replace(work, tokens=TRIED_TOKENS)
        both = [self._context(len(work.ids), flash) for flash in (False, True)]
        rates = [0.0, 0.0]
        for _ in range(TRIES):
            rates = [
                max(rate, tokens_per_s(tried, self._run(one, tried))) for rate, one in zip(rates, both, strict=True)
            ]
        best = both[int(rates[1] > rates[0])]
        for context in both:
            if context is not best:
                self._c.llama_batch_free(context.batch)
                self._c.llama_free(context.pointer)
        return best

    def _context(self, sequences: int, flash: bool) -> Context:
        settings = self._c.llama_context_default_params()
        settings.n_ctx = CONTEXT * sequences
        settings.n_batch = settings.n_ubatch = MICRO_BATCH
        settings.n_seq_max = sequences
        settings.n_threads = settings.n_threads_batch = self._threads
        settings.flash_attn_type = int(flash)
        pointer = self._c.llama_init_from_model(self._model, settings)
        assert pointer, "llama.cpp makes no context"
        batch = self._c.llama_batch_init(MICRO_BATCH, 0, 1)
        for row in range(MICRO_BATCH):
            batch.n_seq_id[row], batch.seq_id[row][0] = 1, 0
        tokens, positions, wanted = (
            np.ctypeslib.as_array(rows, (MICRO_BATCH,)) for rows in (batch.token, batch.pos, batch.logits)
        )
        return Context(pointer, batch, flash, tokens, positions, wanted)

    def _run(self, context: Context, work: Work) -> Outcome:
        prompts = [np.array(ids, np.int32) for ids in work.ids]
        draws = [self._draw(context, work, seed) for seed in range(len(prompts))]
        self._c.llama_memory_clear(self._c.llama_get_memory(context.pointer), True)
        ids: list[list[int]] = [[] for _ in prompts]
        emitted_s: list[list[float]] = [[] for _ in prompts]
        start = time.perf_counter()
        for one, prompt in enumerate(prompts):
            self._decode_prompt(context, prompt, one, len(prompts))
            ids[one].append(draws[one].token(len(prompt) - 1))
            emitted_s[one].append(time.perf_counter() - start)
        if len(prompts) > 1:
            for one in range(len(prompts)):
                context.batch.seq_id[one][0] = one
        for step in range(work.tokens - 1):
            self._decode_step(context, [of_one[-1] for of_one in ids], len(prompts[0]) + step)
            for one, draw in enumerate(draws):
                ids[one].append(draw.token(one))
            now = time.perf_counter() - start
            for times in emitted_s:
                times.append(now)
            if now > work.limit_s:
                break
        for draw in draws:
            draw.free()
        return Outcome(ids, emitted_s, note=f"flash attention {'on' if context.flash else 'off'}")

    def _decode_prompt(self, context: Context, prompt: NDArray[np.int32], sequence: int, sequences: int) -> None:
        rows = len(prompt)
        context.tokens[:rows], context.positions[:rows], context.wanted[:rows] = prompt, np.arange(rows), 0
        context.wanted[rows - 1] = 1
        if sequences > 1:
            for row in range(rows):
                context.batch.seq_id[row][0] = sequence
        self._decode(context, rows)

    def _decode_step(self, context: Context, last: list[int], position: int) -> None:
        rows = len(last)
        context.tokens[:rows], context.positions[:rows], context.wanted[:rows] = last, position, 1
        self._decode(context, rows)

    def _decode(self, context: Context, rows: int) -> None:
        context.batch.n_tokens = rows
        status = self._c.llama_decode(context.pointer, context.batch)
        assert status == 0, f"llama_decode answers {status}"

    def _draw(self, context: Context, work: Work, seed: int) -> Draw:
        if not work.temperature:
            return Greedy(self._c, context.pointer, self._vocab)
        return Sampled(self._c, context.pointer, work, seed)


class Draw(Protocol):
    """Draws the token after a row of the last call."""

    def token(self, row: int) -> int: ...

    def free(self) -> None: ...


class Greedy:
    """numpy's argmax, which is faster than llama.cpp's greedy sampler."""

    def __init__(self, library: Any, context: Any, vocab: int) -> None:
        self._c, self._context, self._vocab = library, context, vocab
        self._rows: dict[int, NDArray[np.float32]] = {}
        """The logits at an address: a view is made once."""

    def token(self, row: int) -> int:
        logits = self._c.llama_get_logits_ith(self._context, row)
        address = ctypes.addressof(logits.contents)
        if address not in self._rows:
            self._rows[address] = np.ctypeslib.as_array(logits, (self._vocab,))
        return int(self._rows[address].argmax())

    def free(self) -> None:
        """Nothing was taken."""


class Sampled:
    """llama.cpp's samplers: temperature, then top-p, then the draw."""

    def __init__(self, library: Any, context: Any, work: Work, seed: int) -> None:
        self._c, self._context = library, context
        self._chain = library.llama_sampler_chain_init(library.llama_sampler_chain_default_params())
        for sampler in (
            library.llama_sampler_init_temp(work.temperature),
            library.llama_sampler_init_top_p(work.top_p, 1),
            library.llama_sampler_init_dist(seed),
        ):
            library.llama_sampler_chain_add(self._chain, sampler)

    def token(self, row: int) -> int:
        return int(self._c.llama_sampler_sample(self._chain, self._context, row))

    def free(self) -> None:
        self._c.llama_sampler_free(self._chain)


if __name__ == "__main__":
    main()
