"""Decoding against `transformers` `generate` with a static cache and compile, in turn, on the same weights."""

from __future__ import annotations

import gc

import torch

from tests.benchmarks.gpu_decode import BUDGETS, Decoding, generate_rows
from tests.benchmarks.random_llama import random_llama
from tests.gpu.stages.attention import tell
from tests.gpu.stages.rehearsed import DECODING, SHAPE
from tests.gpu.stages.setting import Setting

ROUNDS = 3


def run(setting: Setting) -> None:
    """The 7 B shape first: it is what is asked for most."""
    dtype = torch.float32 if setting.rehearse else torch.bfloat16
    for shape in (SHAPE,) if setting.rehearse else [shape for shape, _ in BUDGETS]:
        theirs, ours = random_llama(shape, setting.device, dtype)
        how = DECODING if setting.rehearse else Decoding(rounds=ROUNDS)
        for row in generate_rows(shape, theirs, ours, how):
            if setting.rehearse:
                row["budget"] = ""
            tell(setting, row)
        del theirs, ours
        gc.collect()
        if not setting.rehearse:
            torch.cuda.empty_cache()
