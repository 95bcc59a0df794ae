"""Finds the checkpoint folders in the Hugging Face cache of this machine, which the user can pick."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.model.folder import listed, visible
from engine.model.gguf_file import SUFFIX
from engine.model.hub import cache_folder, changed_ns, model_name, snapshot_of

MODEL_FILES: Final = f"*{SUFFIX}"
"""What a dialog for model files offers."""
MOST_MODELS: Final = 1000
"""Limit of the models in the list: the user picks from it with the mouse."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model folder or GGUF file, and the name to show for it; of a file, its size, and of a folder 0."""

    name: str
    path: str
    bytes: int = 0


def cached_models(cache: Path | None = None, wanted: Callable[[], bool] = lambda: True) -> list[LocalModel]:
    """Models of the cache with a config and weights in safetensors, sorted by name; nothing is downloaded.

    Folders that cannot be read are skipped. `wanted` is called before each model; the search ends once it is False.
    """
    folder = cache or cache_folder()
    found: list[LocalModel] = []
    try:
        models = sorted(folder.glob("models--*"))
    except OSError:
        return []
    for model in models:
        if not wanted() or len(found) == MOST_MODELS:
            break
        with suppress(OSError, ValueError):
            snapshot = newest_snapshot(model)
            if snapshot is not None:
                found.append(LocalModel(model_name(model), str(snapshot)))
    return found


def newest_snapshot(model: Path) -> Path | None:
    """The snapshot that the model's name refers to if it is a checkpoint, else the newest that is one, else None."""
    named = snapshot_of(model)
    if named is not None and is_checkpoint(named):
        return named
    usable = [path for path in listed(model, "snapshots/*") if is_checkpoint(path)]
    return max(usable, key=changed_ns, default=None)


def is_model_file(path: str) -> bool:
    """Whether this is the path of a model in a GGUF file, by its suffix."""
    return path.lower().endswith(SUFFIX)


def is_checkpoint(folder: Path) -> bool:
    """Whether this folder looks like a checkpoint: a config, and weights in safetensors."""
    try:
        return (folder / "config.json").is_file() and bool(visible(folder, "*.safetensors"))
    except (OSError, ValueError):
        return False
