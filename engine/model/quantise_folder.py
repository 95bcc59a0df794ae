"""A Hugging Face checkpoint to be quantised, its tensors in the form that GGUF has them in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from engine.errors import CheckpointError
from engine.gguf.names import LAYER_PARTS, gguf_name
from engine.gguf.of_config import (
    architecture_of,
    config_metadata,
    head_dim_of,
    lost_settings,
    query_factor,
    rope_factors,
)
from engine.gguf.of_tokenizer import special_metadata, tokenizer_metadata
from engine.gguf.write import Value, encoded
from engine.model.checkpoint import Checkpoint, open_folder
from engine.model.config_values import integer
from engine.model.families import FAMILIES
from engine.model.fast_tokenizer import TOKENIZER_BYTES, TOKENIZER_VALUES
from engine.model.files import check_values, is_there, read_bytes, read_json
from engine.model.hub import model_name
from engine.model.quantise_source import Floats, Rows
from engine.model.rope import interleave_pairs
from engine.model.sizes import check_layers, check_sizes, check_tensors
from engine.model.tokenizer import Tokenizer, given_ids, load_tokenizer, named_token
from engine.plain_text import path_text, quoted

NO_WEIGHTS: Final = re.compile(r".*\.(rotary_emb\.inv_freq|attn\.bias|attn\.masked_bias)")
"""Tensors that older checkpoints hold beside the weights: tables that every program makes for itself."""
ROPE_FACTORS: Final = "rope_freqs.weight"
OTHER_TOKENS: Final = {"unknown": "unk_token", "padding": "pad_token"}
"""GGUF's names of special tokens by those in tokenizer_config.json."""


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A checkpoint folder; `names` are the checkpoint's by GGUF's."""

    checkpoint: Checkpoint
    architecture: str
    metadata: dict[str, bytes]
    names: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    notes: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """Of all tensors."""
        return self.checkpoint.bytes

    def rows(self, name: str) -> Rows:
        """Reads rows from the mapped file; Llama's q and k, Gemma's norms and GPT-2's matrices become GGUF's form."""
        tensor = self._changed(name)
        table = tensor.reshape(1, -1) if tensor.dim() < 2 else tensor

        def converted(first: int, end: int) -> Floats:
            return np.ascontiguousarray(table[first:end].float().contiguous().numpy())

        return converted

    def packed(self, name: str, kind: str) -> memoryview | None:
        """Nothing is stored packed in a checkpoint."""
        return None

    def _changed(self, name: str) -> Tensor:
        config = self.checkpoint.config
        if name == ROPE_FACTORS:
            return torch.tensor(rope_factors(config))
        entry = self.checkpoint.entries[self.names[name]]
        tensor = self.checkpoint.tensor(self.names[name], *entry.shape)
        if self.architecture == "llama" and re.search(r"\.attn_[qk]\.", name):
            return interleave_pairs(tensor, head_dim_of("llama", config))  # llama.cpp rotates neighbours here
        if self.architecture == "gpt2" and name.endswith(".weight") and name.startswith("blk.") and tensor.dim() == 2:
            return tensor.t()
        if self.architecture in ("gemma2", "gemma3"):
            if name.endswith("norm.weight"):
                tensor = 1.0 + tensor.float()
            if name.endswith("attn_q_norm.weight" if self.architecture == "gemma3" else "attn_q.weight"):
                factor = query_factor(self.architecture, config)
                return tensor if factor == 1.0 else tensor.float() * factor
        return tensor


def folder_source(path: Path) -> FolderSource:
    """Open a checkpoint folder; raises CheckpointError where anything is missing, and for what GGUF does not have."""
    if not is_there(path):
        raise CheckpointError(f"There is no folder or file {path_text(path)}.")
    return source_of(open_folder(path), vocabulary)


def source_of(checkpoint: Checkpoint, vocabulary_of: Callable[[Checkpoint, int], dict[str, Value]]) -> FolderSource:
    """A checkpoint as a source; `vocabulary_of` gives the metadata of its tokenizer for an embedding of so many rows.

    Raises CheckpointError where anything is missing, and for what GGUF does not have.
    """
    architecture = architecture_of(checkpoint.config)
    if checkpoint.config.get("quantization_config") is not None:
        raise CheckpointError(f"The weights in {path_text(checkpoint.path)} are quantised already.")
    check(checkpoint)
    names = gguf_names(architecture, checkpoint)
    shapes = {name: shape_of(architecture, name, checkpoint.entries[own].shape) for name, own in names.items()}
    factors = rope_factors(checkpoint.config) if architecture == "llama" else None
    if factors is not None:
        shapes[ROPE_FACTORS] = (len(factors),)
    metadata: dict[str, Value] = {
        "general.architecture": architecture,
        "general.type": "model",
        "general.name": model_name(checkpoint.path),
        **config_metadata(checkpoint.config),
        **vocabulary_of(checkpoint, shapes["token_embd.weight"][0]),
    }
    return FolderSource(
        checkpoint,
        architecture,
        {key: encoded(value) for key, value in metadata.items()},
        names,
        shapes,
        lost_settings(checkpoint.config),
    )


def check(checkpoint: Checkpoint) -> None:
    """Raise CheckpointError where a tensor is missing or has another shape than the config says, as before a run."""
    family = FAMILIES.get(checkpoint.config["architectures"][0])
    if family is not None:
        check_layers(family, checkpoint)
        config = family.config(checkpoint.config)
        check_sizes(config)
        check_tensors(family, config, checkpoint)


def gguf_names(architecture: str, checkpoint: Checkpoint) -> dict[str, str]:
    """The checkpoint's name of each tensor by GGUF's, the embedding first, then layer by layer.

    Raises CheckpointError for a tensor that the architecture does not have, and where one is missing.
    """
    tied = checkpoint.config.get("tie_word_embeddings", architecture in ("gpt2", "gemma2", "gemma3"))
    prefix = "transformer." if architecture == "gpt2" else "model."
    found: dict[str, str] = {}
    for own in checkpoint.entries:
        name = gguf_name(architecture, own) or gguf_name(architecture, prefix + own)
        if NO_WEIGHTS.fullmatch(own) or (name == "output.weight" and tied):
            continue
        if name is None:
            raise CheckpointError(f"GGUF has no place for the tensor {quoted(own)} of this architecture.")
        found[name] = own
    layers = integer(checkpoint.config, "n_layer" if architecture == "gpt2" else "num_hidden_layers")
    parts = [f"blk.{layer}.{part}.weight" for layer in range(layers) for part in LAYER_PARTS[architecture].values()]
    for name in ("token_embd.weight", "output_norm.weight", *parts):
        if name not in found:
            raise CheckpointError(f"The checkpoint {path_text(checkpoint.path)} lacks the tensor for {quoted(name)}.")
    return dict(sorted(found.items(), key=lambda pair: place(pair[0])))


def place(name: str) -> tuple[int, str]:
    """Where a tensor stands in the file: before all layers, in layer n, or after them."""
    if name.startswith("blk."):
        return int(name.split(".")[1]) + 1, name
    return 0 if "embd" in name else 2**20, name


def shape_of(architecture: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in GGUF; GPT-2 stores the matrices of its layers as [in, out]."""
    return shape[::-1] if architecture == "gpt2" and name.startswith("blk.") else shape


def vocabulary(checkpoint: Checkpoint, rows: int) -> dict[str, Value]:
    """The tokenizer, its special tokens and the chat template as metadata."""
    tokenizer = load_tokenizer(checkpoint, rows)
    file = checkpoint.path / "tokenizer.json"
    raw = read_bytes(file, TOKENIZER_BYTES)
    check_values(file, raw, TOKENIZER_VALUES)
    config_file = checkpoint.path / "tokenizer_config.json"
    config = read_json(config_file) if is_there(config_file) else {}
    others = {name: named_token(tokenizer.fast, config.get(own)) for name, own in OTHER_TOKENS.items()}
    template = None if tokenizer.chat is None else tokenizer.chat.source
    return tokenizer_metadata(json.loads(raw), rows) | special_metadata(
        tokenizer.bos_token_id, ends_of(tokenizer, checkpoint, config), others, added_around(tokenizer), template
    )


def ends_of(tokenizer: Tokenizer, checkpoint: Checkpoint, config: dict[str, Any]) -> list[int]:
    """The tokens that end a text: first the one that tokenizer_config.json names, then as the checkpoint lists them."""
    listed = [named_token(tokenizer.fast, config.get("eos_token")), *given_ids(checkpoint, "eos_token_id")]
    return [one for one in dict.fromkeys(listed) if one in tokenizer.eos_token_ids and one is not None]


def added_around(tokenizer: Tokenizer) -> tuple[bool, bool]:
    """Whether the tokenizer puts its bos token before a text, and an eos token after it."""
    alone, around = (tokenizer.fast.encode("a", add_special_tokens=special) for special in (False, True))
    added = len(around) > len(alone)
    return (
        added and around[0] == tokenizer.bos_token_id,
        added and around[-1] in tokenizer.eos_token_ids and around[-1:] != alone[-1:],
    )
