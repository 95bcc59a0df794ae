"""Reads as many bytes a token as the weights have, and computes nothing else: `python -m ... MODEL THREADS`.

It is the fastest that a step can be while it reads all weights from memory. A small model's fit into the caches.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from engine.measure.readers import WIDTH, Read, readers
from tests.benchmarks.runners.work import Outcome, Wire, Work


def main() -> None:
    """Choose the fastest reader, then read for each work."""
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    wire = Wire()
    torch.set_num_threads(threads)
    file = folder / "model.safetensors" if folder.is_dir() else folder
    size = file.stat().st_size // 4 // WIDTH * WIDTH
    array = torch.ones(size)
    reads = {name: reader(array, 1) for name, reader in readers(torch.device("cpu"), torch.float32).items()}
    name = min(reads, key=lambda name: min(_seconds(reads[name]) for _ in range(5)))
    wire.ready()
    for work in wire.works():
        wire.answer(read(reads[name], name, work))


def read(one: Read, name: str, work: Work) -> Outcome:
    """The weights once a token."""
    start = time.perf_counter()
    emitted_s = []
    for _ in range(work.tokens):
        one()
        emitted_s.append(time.perf_counter() - start)
    return Outcome([[0] * work.tokens], [emitted_s], note=f"read by {name}")


def _seconds(one: Read) -> float:
    start = time.perf_counter()
    one()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
