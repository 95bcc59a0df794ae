"""Loads the model that a user asks for (a folder, a device, a precision), ready to run."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Final

import torch

from engine.core.settings import Dtype, LoadSpec
from engine.errors import CheckpointError, DecodeScopeError, UnavailableError
from engine.model.checkpoint import Checkpoint, open_checkpoint
from engine.model.config import ModelConfig
from engine.model.decoder import Decoder, build_decoder
from engine.model.device import choose_device, device_name, free_bytes, make_current
from engine.model.families import family_of
from engine.model.gguf_checkpoint import GgufCheckpoint
from engine.model.gguf_layers import gguf_family_of
from engine.model.gguf_weights import needed_bytes, unpacked_note
from engine.model.hub import REPOSITORY, cache_folder, expanded_path, model_folder, model_name
from engine.model.memory import size_text
from engine.model.processors import usable_cores
from engine.model.sizes import check_layers, check_sizes, check_tensors
from engine.model.suggested import suggested_sampling
from engine.model.tokenizer import Tokenizer, load_tokenizer
from engine.plain_text import one_line, path_text
from kernels.cpu import library
from kernels.cpu.streamed_linear import PAIRS

Progress = Callable[[str, float], None]

DTYPES: Final[dict[Dtype, torch.dtype]] = {
    "float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16,
}  # fmt: skip

SMALL_MODEL_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to run. `weight_bytes` is the memory of its weights on the device, as they are held there."""

    config: ModelConfig
    decoder: Decoder
    tokenizer: Tokenizer
    path: Path
    name: str
    device: torch.device
    dtype: torch.dtype
    weight_bytes: int
    device_name: str
    suggested: dict[str, float] = field(default_factory=dict)
    """Sampling settings by name, as the checkpoint suggests them."""
    note: str = ""
    """What of the weights could not stay as the file has it, as a sentence."""


def load_model(spec: LoadSpec, progress: Progress, kernels: bool | None = None) -> LoadedModel:
    """Load the checkpoint that `spec` names; `progress` is called with the stage and the fraction done, 0 to 1.

    `kernels` says whether the small operations of a step use this project's Triton kernels; None: on a GPU with Triton.

    The model's device becomes the current device of this thread. Only this thread may run the model.
    Raises CheckpointError for a folder that cannot be loaded, UnavailableError for a device that is missing or has too
    little memory.
    """
    device = choose_device(spec.device)
    make_current(device)
    path = model_path(spec.model)
    progress("Reading the checkpoint", 0.0)
    with understood(path):
        checkpoint = open_checkpoint(path)
        is_gguf = isinstance(checkpoint, GgufCheckpoint)
        _, family = (gguf_family_of if is_gguf else family_of)(checkpoint.config)
        check_layers(family, checkpoint)
        config = family.config(checkpoint.config)
        check_sizes(config, checkpoint.says)
        check_tensors(family, config, checkpoint)
        if not checkpoint.names_dtype:
            config = replace(config, dtype=checkpoint.stored_dtype)
        tokenizer = load_tokenizer(checkpoint, config.vocab)
        suggested = suggested_sampling(checkpoint.generation)
    dtype = choose_dtype(spec.dtype, device, config)
    if device.type == "cpu" and library.must_compile():
        progress("Compiling the kernels", 0.0)
    check_memory(config, device, dtype, checkpoint)
    torch.set_num_threads(spec.threads or choose_threads(config.parameters * dtype.itemsize))
    decoder: Decoder | None = None
    for stage in build_decoder(family, config, checkpoint.tensor, device, dtype, kernels):
        if isinstance(stage, Decoder):
            decoder = stage
        else:
            progress("Loading weights", stage)
    assert decoder is not None
    note = unpacked_note(checkpoint.header, device, dtype) if isinstance(checkpoint, GgufCheckpoint) else ""
    progress("Ready", 1.0)
    return LoadedModel(
        config, decoder, tokenizer, path, "demo" if spec.model == "demo" else one_line(model_name(path)), device, dtype,
        decoder.weight_bytes, device_name(device), suggested, note,
    )  # fmt: skip


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turn any unexpected error in this block into a CheckpointError: the block reads a checkpoint and runs no model.

    Known faults are checked where a file is read, and described better there. This is for unforeseen faults, so the
    message also names the place in the code.
    """
    try:
        yield
    except (DecodeScopeError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise CheckpointError(
            f"The checkpoint {path_text(path)} could not be understood: {one_line(error) or 'no reason given'} "
            f"({type(error).__name__} in {Path(place.filename).name}, line {place.lineno})."
        ) from error


def model_path(model: str) -> Path:
    """The folder of a model: "demo" is the bundled one, and a name such as acme/tiny may be in the Hugging Face cache.

    Raises CheckpointError for a repository name without a folder or a cached model; nothing is downloaded. Any other
    path that does not exist is returned as it is.
    """
    if model == "demo":
        return Path(str(resources.files("assets") / "demo" / "target"))
    folder = model_folder(model)
    if folder is None and REPOSITORY.fullmatch(model):
        raise CheckpointError(
            f"There is no folder {path_text(model)}, and no model of that name in the Hugging Face cache "
            f"{path_text(cache_folder())}; "
            "nothing is downloaded."
        )
    return folder or expanded_path(model)


def choose_dtype(name: Dtype, device: torch.device, config: ModelConfig) -> torch.dtype:
    """The precision to run in: as asked, else float32 on a CPU and the checkpoint's own on a GPU."""
    if name != "auto":
        return DTYPES[name]
    return torch.float32 if device.type == "cpu" else config.dtype


def choose_threads(weight_bytes: int) -> int:
    """CPU threads for a model of so many bytes: one where dispatch dominates, else one per core that it may use.

    A small model's matrix products are too short to share. A second thread gains little on an idle machine. On a busy
    one it costs most of the speed, as each product waits for the slower thread.
    """
    return 1 if weight_bytes <= SMALL_MODEL_BYTES else usable_cores()


def kept_dtype(stored: torch.dtype, device: torch.device, dtype: torch.dtype) -> torch.dtype:
    """The dtype of large weights in memory: as stored where a kernel widens them while it reads (kernels/cpu)."""
    return stored if library.serves(device, dtype) and (stored, dtype) in PAIRS else dtype


def check_memory(
    config: ModelConfig, device: torch.device, dtype: torch.dtype, checkpoint: Checkpoint | GgufCheckpoint
) -> None:
    """Raise UnavailableError, with the size needed, where the weights alone do not fit into free memory."""
    free = free_bytes(device)
    if isinstance(checkpoint, GgufCheckpoint):
        needed = needed_bytes(checkpoint.header, device, dtype)
        if needed > free:
            raise UnavailableError(
                f"The weights need {size_text(needed)}, and {device} has {size_text(free)} free; "
                "choose a smaller model."
            )
        return
    kept = kept_dtype(config.dtype, device, dtype)
    needed = config.parameters * kept.itemsize
    if needed > free:
        raise UnavailableError(
            f"The weights need {size_text(needed)} in {str(kept).removeprefix('torch.')}, "
            f"and {device} has {size_text(free)} free; choose a smaller model or precision."
        )
