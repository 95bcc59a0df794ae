"""A checkpoint as a GGUF file without a tokenizer, its matrices in the dtype they are stored in."""

from __future__ import annotations

from pathlib import Path

from engine.gguf.mix import IN_FULL
from engine.gguf.of_config import architecture_of
from engine.gguf.write import Planned, Value
from engine.model.checkpoint import Checkpoint, open_folder
from engine.model.quantise import write_model
from engine.model.quantise_folder import source_of


def write_gguf(folder: Path, path: Path) -> None:
    """Write the checkpoint of a folder to `path`; vectors are written in single precision."""
    source = source_of(open_folder(folder), _no_vocabulary)
    plan = [
        Planned(name, "F32" if len(shape) < 2 or name.endswith(IN_FULL) else stored(source.checkpoint), shape)
        for name, shape in source.shapes.items()
    ]
    write_model(source, plan, {}, path, lambda done, weights: None)


def stored(checkpoint: Checkpoint) -> str:
    """The dtype of most weights, as GGUF writes it."""
    return {"bfloat16": "BF16", "float16": "F16"}.get(str(checkpoint.stored_dtype).removeprefix("torch."), "F32")


def _no_vocabulary(checkpoint: Checkpoint, rows: int) -> dict[str, Value]:
    return {"tokenizer.ggml.model": "none", f"{architecture_of(checkpoint.config)}.vocab_size": rows}
