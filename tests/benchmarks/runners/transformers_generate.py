"""`transformers.generate` as it is: `python -m ... FOLDER THREADS DTYPE`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.benchmarks.runners.work import Outcome, Wire, Work


class Stamps:
    """A streamer that keeps each step's ids and when they came; the first it gets are the prompts'."""

    def __init__(self) -> None:
        self.ids: list[list[int]] = []
        self.times_s: list[float] = []

    def over(self, limit_s: float) -> bool:
        """Whether so much time has passed since the prompts' ids came, with two steps done."""
        return len(self.times_s) > 2 and time.perf_counter() - self.times_s[0] > limit_s

    def put(self, ids: Tensor) -> None:
        self.times_s.append(time.perf_counter())
        self.ids.append(ids.flatten().tolist())

    def end(self) -> None:
        """Nothing is left to do."""


def main() -> None:
    """Load, then generate for each work."""
    from transformers import AutoModelForCausalLM

    folder, threads, dtype = sys.argv[1:]
    wire = Wire()
    torch.set_num_threads(int(threads))
    model = AutoModelForCausalLM.from_pretrained(Path(folder), dtype=getattr(torch, dtype)).eval()
    wire.ready()
    for work in wire.works():
        wire.answer(generate(model, work))


def generate(model: Any, work: Work) -> Outcome:
    """One call for all prompts; the mask is given, since a pad id within a prompt would be masked otherwise."""
    from transformers import GenerationConfig

    drawn: dict[str, Any] = {"do_sample": False}
    if work.temperature:
        drawn = {"do_sample": True, "temperature": work.temperature, "top_p": work.top_p, "top_k": 0}
    config = GenerationConfig(max_new_tokens=work.tokens, eos_token_id=None, pad_token_id=0, **drawn)
    model.generation_config = config  # the checkpoint's own would fill what this one leaves open
    ids, stamps = torch.tensor(work.ids), Stamps()

    def limit(input_ids: Tensor, _scores: object, **_: object) -> Tensor:
        return torch.full((len(input_ids),), stamps.over(work.limit_s))

    start = time.perf_counter()
    with torch.inference_mode():
        model.generate(ids, attention_mask=torch.ones_like(ids), streamer=stamps, stopping_criteria=[limit])
    emitted_s = [at - start for at in stamps.times_s[1:]]
    return Outcome([list(one) for one in zip(*stamps.ids[1:], strict=True)], [emitted_s for _ in work.ids])


if __name__ == "__main__":
    main()
