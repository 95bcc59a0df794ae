"""A Hugging Face checkpoint folder: its `config.json`, and its safetensors mapped one tensor at a time.

Nothing is ever unpickled. The headers of all files are read and checked before the first weight is, so that a missing,
truncated or mis-shaped tensor is named at once. Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.errors import CheckpointError
from engine.model.folder import is_pointer, pointer_sentence, visible

DTYPES: Final = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
HEADER_LIMIT: Final = 100 * 2**20


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """Where one tensor lies and what it is."""

    file: Path
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    stored_name: str = ""
    """Its name in the file."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An opened folder: `config` and `generation` as read, `entries` by tensor name."""

    path: Path
    config: dict[str, Any]
    generation: dict[str, Any]
    entries: dict[str, TensorEntry] = field(repr=False)

    @property
    def bytes(self) -> int:
        """What all tensors take, as stored."""
        return sum(entry.bytes for entry in self.entries.values())

    @property
    def names_dtype(self) -> bool:
        """Whether config.json says which dtype the model was made in."""
        return bool(self.config.get("dtype") or self.config.get("torch_dtype"))

    @property
    def stored_dtype(self) -> torch.dtype:
        """The dtype that most bytes of the weights are stored in; float32 where none is one that can be read."""
        sizes = dict.fromkeys(DTYPES, 0)
        for entry in self.entries.values():
            if entry.dtype in sizes:
                sizes[entry.dtype] += entry.bytes
        return DTYPES[max(sizes, key=sizes.__getitem__)]

    def tensor(self, name: str, *shape: int) -> Tensor:
        """The tensor `name`, mapped from its file in the stored dtype.

        Each call maps the file anew and the mapping goes with the tensor, so weights that were converted or packed
        leave nothing of the file in memory. Raises CheckpointError where it is missing or not of this shape.
        """
        if name not in self.entries:  # a checkpoint of the model without its head lacks the first part of the names
            name = name.partition(".")[2] if name.partition(".")[2] in self.entries else name
        entry = self.entries.get(name)
        if entry is None:
            raise CheckpointError(f"The checkpoint {self.path} lacks the tensor {name!r}.")
        if entry.shape != shape:
            raise CheckpointError(
                f"The tensor {name!r} in {entry.file.name} has the shape {list(entry.shape)}, "
                f"but config.json asks for {list(shape)}."
            )
        if entry.dtype not in DTYPES:
            raise CheckpointError(
                f"The tensor {name!r} in {entry.file.name} is stored as {entry.dtype}; "
                f"only {', '.join(DTYPES)} can be read (quantised checkpoints are not supported)."
            )
        try:
            with safe_open(entry.file, framework="pt", device="cpu") as file:
                tensor: Tensor = file.get_tensor(entry.stored_name or name)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"The tensor {name!r} cannot be read from {entry.file}: {error}.") from error
        return tensor


def open_checkpoint(path: Path) -> Checkpoint:
    """Open the checkpoint folder `path`; raises CheckpointError with one sentence for whatever is wrong with it."""
    if not path.exists():
        raise CheckpointError(f"There is no folder {path}.")
    if not path.is_dir():
        raise CheckpointError(f"{path} is a file; a model is a folder with config.json and *.safetensors.")
    if not (path / "config.json").exists():
        raise CheckpointError(f"{path} is no model folder: it has no config.json.")
    config = read_json(path / "config.json")
    generation_file = path / "generation_config.json"
    generation = read_json(generation_file) if generation_file.exists() else {}
    entries: dict[str, TensorEntry] = {}
    for file in weight_files(path):
        entries.update(read_header(file))
    return Checkpoint(path, config, generation, unwrapped(entries))


def unwrapped(entries: dict[str, TensorEntry]) -> dict[str, TensorEntry]:
    """The entries by the model's own names, where it was saved from within what wrapped it for training.

    torch.compile puts `_orig_mod.` before the name of whatever it compiled, the whole model or each layer; parallel
    training puts `module.` before all.
    """
    own = {name.replace("_orig_mod.", ""): entry for name, entry in entries.items()}
    while own and all(name.startswith("module.") for name in own):
        own = {name.removeprefix("module."): entry for name, entry in own.items()}
    return own if len(own) == len(entries) else entries


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in `file`; raises CheckpointError where there is none."""
    try:
        raw = file.read_bytes()
        if is_pointer(raw):
            raise CheckpointError(pointer_sentence(file))
        value = json.loads(raw)
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise CheckpointError(f"{file} is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{file} should hold a JSON object.")
    return value


def weight_files(path: Path) -> list[Path]:
    """The safetensors files of a folder: those its index names, else all there are."""
    index_file = path / "model.safetensors.index.json"
    if index_file.exists():
        weight_map = read_json(index_file).get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise CheckpointError(f"{index_file} has no weight_map.")
        files = [path / str(name) for name in sorted(set(weight_map.values()))]
        for file in files:
            if not file.exists():
                tensor = next(name for name, where in weight_map.items() if path / where == file)
                raise CheckpointError(f"{file} is missing; the index says that it holds {tensor!r} and others.")
        return files
    files = visible(path, "*.safetensors")
    if not files:
        if visible(path, "*.bin") or visible(path, "*.pth"):
            raise CheckpointError(
                f"{path} holds pickled weights only; weights are read from *.safetensors, so convert it first."
            )
        raise CheckpointError(f"{path} has no *.safetensors file.")
    return files


def read_header(file: Path) -> dict[str, TensorEntry]:
    """The tensors that a safetensors file says it holds; raises CheckpointError where the file is cut or broken."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            head = stream.read(64)
            stream.seek(0)
            prefix = stream.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
            raw = stream.read(length) if 0 < length <= HEADER_LIMIT else b""
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror or error}.") from error
    if is_pointer(head):
        raise CheckpointError(pointer_sentence(file))
    if not 0 < length <= HEADER_LIMIT:
        raise CheckpointError(f"{file} is not a safetensors file.")
    if len(raw) < length:
        raise CheckpointError(f"{file} is truncated: it ends inside its header; fetch it again.")
    try:
        header = json.loads(raw)
        tensors = {name: facts for name, facts in header.items() if name != "__metadata__"}
        entries = {
            name: TensorEntry(file, tuple(facts["shape"]), facts["dtype"], end - start, name)
            for name, facts in tensors.items()
            for start, end in [facts["data_offsets"]]
        }
        ends = {name: 8 + length + int(facts["data_offsets"][1]) for name, facts in tensors.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{file} has a broken safetensors header.") from error
    for name in sorted(ends, key=ends.__getitem__):
        if ends[name] > size:
            raise CheckpointError(
                f"{file} is truncated: the tensor {name!r} ends at byte {ends[name]}, "
                f"but the file has {size}; fetch it again."
            )
    return entries
