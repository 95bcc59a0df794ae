"""What the tests of back ends that read K and V in place share: a prompt, texts, and steps over a cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.core.attention import Attention
from engine.core.batch import Batch
from engine.core.kv_cache import commit_batch
from engine.core.settings import Switches
from engine.model.config import ModelConfig
from engine.session.schema import AnyEvent, Step
from tests.engine.model.checkpoints import VOCAB

CACHES: Final = ("none", "contiguous", "paged")
PROMPT: Final = torch.randint(3, VOCAB, (11,), generator=torch.Generator().manual_seed(7)).tolist()
"""Past every window."""
TEXTS: Final = ("abcabcab", "the the", "x")


def kernels_of(events: list[AnyEvent]) -> list[str]:
    return [event.attention_kernel for event in events if isinstance(event, Step)]


def attended(name: str, kv: Any, steps: Sequence[list[tuple[int, int, list[int]]]]) -> Attention:
    """A back end that ran over these steps of requests 0 and 1."""
    config = ModelConfig("x", 1, 32, 4, 2, 8, 8, 50, 128)
    cache = make_cache(Switches(kv=kv), config, torch.device("cpu"), torch.float32)
    attention = make_attention(name, config)
    cache.admit(0, 9)
    cache.admit(1, 9)
    for parts in steps:
        batch = Batch.of(parts)
        view = cache.begin(batch)
        view.write(0, torch.randn(batch.rows, 2, 8), torch.randn(batch.rows, 2, 8))
        attention(torch.randn(batch.rows, 4, 8), view, 0, batch)
        commit_batch(cache, batch)
    return attention
