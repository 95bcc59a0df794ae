"""Checks a config against the tensors that are really in the files, before memory is allocated for a model.

One wrong number in a config can ask for any amount of memory or time. The headers cannot: the tensors that they
describe were checked to be in the files (`safetensors_header`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from engine.errors import CheckpointError
from engine.model.checkpoint import Checkpoint
from engine.model.config import ModelConfig
from engine.model.config_values import integer
from engine.model.families import Family
from engine.model.gguf_checkpoint import GgufCheckpoint

MOST: Final = {
    "layers": 4096, "heads": 4096, "kv_heads": 4096, "head_dim": 2048, "hidden": 2**18, "ffn": 2**21, "vocab": 2**22,
}  # fmt: skip
"""At least eight times the sizes of the largest models (126 layers, 128 heads, head_dim 256, hidden 16384, ffn 53248,
vocab 262144). The size of the files alone is no limit: a projection with one number per row is small in a file, but
what a run makes of its rows (keys and values, rotations, logits in float32) takes thousands of times as much memory.
"""
WIDEST_HEADS: Final = 2**18
"""Most channels of all heads of a layer together, in q and in the cache's rows."""
LAYER: Final = re.compile(r"(?:^|\.)(?:layers|h|blk)\.(\d{1,9})\.", re.ASCII)


def check_layers(family: Family, checkpoint: Checkpoint | GgufCheckpoint) -> None:
    """Raise CheckpointError where the config asks for more layers than the files hold."""
    asked = integer(checkpoint.config, family.layers)
    stored = layers_of(checkpoint.names)
    if asked > stored:
        raise CheckpointError(
            f"{checkpoint.says} asks for {asked} layers ({family.layers}), but the weights of the "
            f"checkpoint hold {stored}."
        )


def layers_of(names: Iterable[str]) -> int:
    """The number of different layers in these tensor names."""
    return len({found[1] for name in names if (found := LAYER.search(name))})


def check_sizes(config: ModelConfig, says: str = "config.json") -> None:
    """Raise CheckpointError for a size above its limit, and for heads that cannot be shared or rotated."""
    for name, most in MOST.items():
        value = getattr(config, name)
        if value > most:
            raise CheckpointError(f"{says} gives {value} as {name}; models with up to {most} can be run.")
    if max(config.heads, config.kv_heads) * config.head_dim > WIDEST_HEADS:
        raise CheckpointError(
            f"{says} gives {config.heads} attention heads of {config.head_dim}; models with up to "
            f"{WIDEST_HEADS} channels in all heads can be run."
        )
    if config.heads % config.kv_heads:
        raise CheckpointError(
            f"{says} gives {config.heads} attention heads, which {config.kv_heads} key/value heads "
            "cannot be shared among."
        )
    if config.positions == "rope" and config.head_dim % 2:
        raise CheckpointError(f"{says} gives a head_dim of {config.head_dim}; rotary positions need an even one.")


def check_tensors(family: Family, config: ModelConfig, checkpoint: Checkpoint | GgufCheckpoint) -> None:
    """Raise CheckpointError where any tensor is missing or of another shape than the config asks for.

    The whole reading is done once without memory (on PyTorch's `meta` device), so the first weight is only loaded where
    all weights can be.
    """
    family.model(checkpoint.shape_only, config)
    for index in range(config.layers):
        family.layer(checkpoint.shape_only, config, index)
