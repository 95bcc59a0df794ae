"""llama.cpp on the same weights: `PYTHON -m ... FOLDER THREADS GGUF`, PYTHON being one with llama_cpp and gguf.

It is called through llama.h as llama-cpp-python exports it, so that no Python of that package's own is measured.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.benchmarks.runners.gguf_file import write_gguf
from tests.benchmarks.runners.work import Outcome, Wire, Work

MICRO_BATCH: Final = 512
CONTEXT: Final = 1024
"""Positions for each sequence."""
TRIES: Final = 2
"""Runs with and without flash attention, of which the fastest decides."""


def main() -> None:
    """Write the file where it is not there yet, load it, then decode for each work."""
    folder, threads, path = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    wire = Wire()
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}")
        write_gguf(folder, partial)
        partial.rename(path)
    model = Model(import_module("llama_cpp"), path, threads)
    wire.ready()
    for work in wire.works():
        wire.answer(model.do(work))


@dataclass(frozen=True, slots=True)
class Context:
    """A context of llama.cpp, and the batch that its calls are given."""

    pointer: Any
    batch: Any
    flash: bool


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
        both = [self._context(len(work.ids), flash) for flash in (False, True)]
        taken_s: list[list[float]] = [[], []]
        for _ in range(TRIES):
            for context, times in zip(both, taken_s, strict=True):
                times.append(self._run(context, work).emitted_s[0][-1])
        best = both[int(min(taken_s[1]) < min(taken_s[0]))]
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
        return Context(pointer, self._c.llama_batch_init(MICRO_BATCH, 0, 1), flash)

    def _run(self, context: Context, work: Work) -> Outcome:
        sequences = range(len(work.ids))
        draws = [self._draw(context, work, seed) for seed in sequences]
        self._c.llama_memory_clear(self._c.llama_get_memory(context.pointer), True)
        ids: list[list[int]] = [[] for _ in sequences]
        emitted_s: list[list[float]] = [[] for _ in sequences]
        start = time.perf_counter()
        for one, prompt in enumerate(work.ids):
            last = len(prompt) - 1
            self._decode(context, [(token, at, one, at == last) for at, token in enumerate(prompt)])
            ids[one].append(draws[one](last))
            emitted_s[one].append(time.perf_counter() - start)
        for step in range(work.tokens - 1):
            self._decode(context, [(ids[one][-1], len(work.ids[one]) + step, one, True) for one in sequences])
            for one in sequences:
                ids[one].append(draws[one](one))
            now = time.perf_counter() - start
            for times in emitted_s:
                times.append(now)
            if now > work.limit_s:
                break
        return Outcome(ids, emitted_s, note=f"flash attention {'on' if context.flash else 'off'}")

    def _decode(self, context: Context, rows: list[tuple[int, int, int, bool]]) -> None:
        """One call for rows of (token, position, sequence, whether its logits are wanted)."""
        batch = context.batch
        batch.n_tokens = len(rows)
        for row, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[row], batch.pos[row], batch.logits[row] = token, position, wanted
            batch.n_seq_id[row], batch.seq_id[row][0] = 1, sequence
        status = self._c.llama_decode(context.pointer, batch)
        assert status == 0, f"llama_decode answers {status}"

    def _draw(self, context: Context, work: Work, seed: int) -> Callable[[int], int]:
        """The token after a row of the last call: numpy's argmax, faster than its greedy sampler, or its sampler."""
        if not work.temperature:
            logits, vocab = self._c.llama_get_logits_ith, self._vocab
            return lambda row: int(np.ctypeslib.as_array(logits(context.pointer, row), (vocab,)).argmax())
        chain = self._c.llama_sampler_chain_init(self._c.llama_sampler_chain_default_params())
        for sampler in (
            self._c.llama_sampler_init_temp(work.temperature),
            self._c.llama_sampler_init_top_p(work.top_p, 1),
            self._c.llama_sampler_init_dist(seed),
        ):
            self._c.llama_sampler_chain_add(chain, sampler)
        return lambda row: int(self._c.llama_sampler_sample(chain, context.pointer, row))


if __name__ == "__main__":
    main()
