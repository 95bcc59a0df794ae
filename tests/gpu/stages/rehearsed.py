"""The sizes at which a CPU rehearses what the benchmarks measure on a GPU."""

from __future__ import annotations

from typing import Final

import torch

from engine.core.settings import Switches
from engine.graphs.device import PlainDevice
from engine.measure.triton_cases import Sizes
from tests.benchmarks.gpu_decode import AttentionSizes, Decoding
from tests.benchmarks.random_llama import Shape

SHAPE: Final = Shape("tiny shape", 2, 64, 4, 2, 96, 5000, tied=True, context=256)
DECODING: Final = Decoding(48, 1, Switches(kv="paged", attention="sdpa", graphs=True), PlainDevice())
ATTENTION: Final = AttentionSizes(2, 64, 64, 4, 2, 32, torch.float32)
TINY: Final = Sizes((1, 3), 96, 80, 4, 2, 32, 24, ((1, 40), (3, 24)), "tiny")
