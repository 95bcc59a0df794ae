"""A checkpoint: a GGUF file, or a Hugging Face folder: its `config.json` and its safetensors, mapped one at a time.

Nothing is ever unpickled. The headers of all files are read and checked before the first weight is read, so that a
missing, truncated or wrongly shaped tensor is reported at once.
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import torch
from torch import Tensor

from engine.errors import CheckpointError
from engine.model.files import INDEX_BYTES, is_there, open_regular, read_json
from engine.model.folder import visible
from engine.model.gguf_checkpoint import GgufCheckpoint, open_gguf
from engine.model.gguf_file import SUFFIX, is_gguf
from engine.model.safetensors_header import TensorEntry, read_header
from engine.plain_text import one_line, path_text, quoted

DTYPES: Final = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
WHOLE_MODEL: Final = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An opened folder: `config` and `generation` as read, `entries` by tensor name."""

    path: Path
    config: dict[str, Any]
    generation: dict[str, Any]
    entries: dict[str, TensorEntry] = field(repr=False)

    @property
    def bytes(self) -> int:
        """Bytes of all tensors as stored."""
        return sum(entry.bytes for entry in self.entries.values())

    @property
    def names_dtype(self) -> bool:
        """Whether config.json says which dtype the model was made in."""
        return bool(self.config.get("dtype") or self.config.get("torch_dtype"))

    @property
    def stored_dtype(self) -> torch.dtype:
        """The dtype that most bytes of the weights are stored in; float32 where no tensor has a readable dtype."""
        sizes = dict.fromkeys(DTYPES, 0)
        for entry in self.entries.values():
            if entry.dtype in sizes:
                sizes[entry.dtype] += entry.bytes
        return DTYPES[max(sizes, key=sizes.__getitem__)]

    def entry(self, name: str, *shape: int) -> TensorEntry:
        """The entry of the tensor `name`; raises CheckpointError where missing, not of this shape, or quantised."""
        if name not in self.entries:  # a checkpoint saved without the LM head lacks the first part of the names
            name = name.partition(".")[2] if name.partition(".")[2] in self.entries else name
        entry = self.entries.get(name)
        if entry is None:
            raise CheckpointError(f"The checkpoint {path_text(self.path)} lacks the tensor {quoted(name)}.")
        if entry.shape != shape:
            raise CheckpointError(
                f"The tensor {quoted(name)} in {one_line(entry.file.name)} has the shape {quoted(list(entry.shape))}, "
                f"but config.json asks for {list(shape)}."
            )
        if entry.dtype not in DTYPES:
            raise CheckpointError(
                f"The tensor {quoted(name)} in {one_line(entry.file.name)} is stored as {one_line(entry.dtype)}; "
                f"only {', '.join(DTYPES)} can be read (quantised checkpoints are not supported)."
            )
        return entry

    def tensor(self, name: str, *shape: int) -> Tensor:
        """The tensor `name`, mapped from its file in the stored dtype.

        Each call maps the file again, and the mapping is freed with the tensor: after weights are converted or packed,
        no part of the file stays in memory. Raises CheckpointError as `entry`, and where the file cannot be mapped.
        """
        return mapped(self.entry(name, *shape))


def mapped(entry: TensorEntry) -> Tensor:
    """A tensor's part of its file as private memory: writes to it never reach the file.

    The safetensors library would read the header again for each tensor: its time grows with the square of their number.
    """
    dtype = DTYPES[entry.dtype]
    before = entry.start % mmap.ALLOCATIONGRANULARITY
    with open_regular(entry.file) as stream:
        try:
            memory = mmap.mmap(
                stream.fileno(), before + entry.bytes, access=mmap.ACCESS_COPY, offset=entry.start - before
            )
        except (OSError, ValueError) as error:  # ValueError: the file was shortened after its header was read
            raise CheckpointError(f"{path_text(entry.file)} cannot be mapped: {one_line(error)}.") from error
    if before % dtype.itemsize:  # the tensor is not aligned: most writers pad the header, some do not
        return torch.frombuffer(bytearray(memory[before:]), dtype=dtype).view(entry.shape)
    return torch.frombuffer(memory, dtype=dtype, count=math.prod(entry.shape), offset=before).view(entry.shape)


def open_checkpoint(path: Path) -> Checkpoint | GgufCheckpoint:
    """Open a checkpoint folder or a GGUF file; raises CheckpointError, one sentence, where anything is wrong with it.

    A file is one of GGUF by its first bytes: Ollama names its files by their hashes, without a suffix.
    """
    if not is_there(path):
        what = "file" if path.suffix.lower() == SUFFIX else "folder"
        raise CheckpointError(f"There is no {what} {path_text(path)}.")
    if path.is_dir():
        return open_folder(path)
    if is_gguf(path):
        return open_gguf(path)
    raise CheckpointError(
        f"{path_text(path)} is a file; a model is a folder with config.json and *.safetensors, or a GGUF file."
    )


def open_folder(path: Path) -> Checkpoint:
    """Open the checkpoint folder `path`; raises CheckpointError, one sentence, where anything is wrong with it."""
    if not is_there(path / "config.json"):
        raise CheckpointError(f"{path_text(path)} is no model folder: it has no config.json.")
    config = read_json(path / "config.json")
    generation_file = path / "generation_config.json"
    generation = read_json(generation_file) if is_there(generation_file) else {}
    return Checkpoint(path, config, generation, unwrapped(read_entries(path)))


def unwrapped(entries: dict[str, TensorEntry]) -> dict[str, TensorEntry]:
    """The entries by the model's own names, without the prefixes of training wrappers.

    torch.compile puts `_orig_mod.` before the name of a compiled module, the whole model or a layer; parallel training
    puts `module.` before every name. Where two names would become the same, the names stay as they are.
    """
    own = {name.replace("_orig_mod.", ""): entry for name, entry in entries.items()}
    while own and all(name.startswith("module.") for name in own):
        own = {name.removeprefix("module."): entry for name, entry in own.items()}
    return own if len(own) == len(entries) else entries


def read_entries(path: Path) -> dict[str, TensorEntry]:
    """Every tensor of a folder by name: from the files in its index, or from all safetensors files without an index.

    Where two files hold a tensor of the same name and `model.safetensors` exists, only that file counts. Raises
    CheckpointError where a file is missing or broken, and for such a pair of files without `model.safetensors`.
    """
    index_file = path / "model.safetensors.index.json"
    entries: dict[str, TensorEntry] = {}
    if is_there(index_file):
        weight_map = read_weight_map(index_file)
        for shard in sorted(set(weight_map.values())):
            held = read_header(path / shard)
            entries |= {name: entry for name, entry in held.items() if weight_map.get(name, shard) == shard}
        return entries
    for file in weight_files(path):
        held = read_header(file)
        twice = next((name for name in held if name in entries), None)
        if twice is not None:
            if is_there(path / WHOLE_MODEL):  # the other files are a second copy, for example in another precision
                return read_header(path / WHOLE_MODEL)
            raise CheckpointError(
                f"{path_text(path)} holds the tensor {quoted(twice)} twice, in {one_line(entries[twice].file.name)} "
                f"and in {one_line(file.name)}."
            )
        entries |= held
    return entries


def read_weight_map(index_file: Path) -> dict[str, str]:
    """The index's `weight_map`: the file of each tensor, by the tensor's name.

    Raises CheckpointError where the index has no weight_map, and where a file is missing or outside the folder.
    """
    folder = index_file.parent
    weight_map = read_json(index_file, INDEX_BYTES).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{path_text(index_file)} has no weight_map.")
    for tensor, file in weight_map.items():
        if not isinstance(file, str) or not is_inside(file):
            raise CheckpointError(
                f"{path_text(index_file)} has the tensor {quoted(tensor)} in {quoted(file)}, which names no file of "
                "this folder."
            )
    for file in sorted(set(weight_map.values())):
        if not is_there(folder / file):
            tensor = next(name for name, where in weight_map.items() if where == file)
            raise CheckpointError(
                f"{path_text(folder)}/{one_line(file)} is missing; the index says that it holds "
                f"{quoted(tensor)} and others."
            )
    return weight_map


def is_inside(name: str) -> bool:
    """Whether a file name stays inside the folder by the path rules of every system, Windows included."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not set(name) & set("\\:\0")


def weight_files(path: Path) -> list[Path]:
    """The safetensors files of a folder without an index."""
    files = visible(path, "*.safetensors")
    if not files:
        if visible(path, "*.bin") or visible(path, "*.pth"):
            raise CheckpointError(
                f"{path_text(path)} holds pickled weights only; weights are read from *.safetensors, "
                "so convert it first."
            )
        raise CheckpointError(f"{path_text(path)} has no *.safetensors file.")
    return files
