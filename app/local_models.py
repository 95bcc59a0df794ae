"""Checkpoint folders on this machine that a person may want to pick: the demo pair and the Hugging Face cache."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model folder with the name a person knows it by."""

    name: str
    path: str


def hugging_face_cache() -> Path:
    """Where the Hugging Face libraries keep what they have downloaded."""
    if "HF_HUB_CACHE" in os.environ:
        return Path(os.environ["HF_HUB_CACHE"])
    home = os.environ.get("HF_HOME")
    return (Path(home) if home else Path.home() / ".cache" / "huggingface") / "hub"


def cached_models(cache: Path | None = None) -> list[LocalModel]:
    """Models of the cache that have a config and weights in safetensors, by name; nothing is downloaded."""
    folder = cache or hugging_face_cache()
    found = []
    try:
        models = sorted(folder.glob("models--*"))
    except OSError:
        return []
    for model in models:
        snapshot = newest_snapshot(model)
        if snapshot is not None:
            found.append(LocalModel(model.name.removeprefix("models--").replace("--", "/"), str(snapshot)))
    return found


def newest_snapshot(model: Path) -> Path | None:
    """The snapshot folder of a cached model that was used last and can be loaded; None where there is none."""
    usable = [path for path in model.glob("snapshots/*") if is_checkpoint(path)]
    return max(usable, key=lambda path: path.stat().st_mtime_ns, default=None)


def is_checkpoint(folder: Path) -> bool:
    """Whether this folder looks like a checkpoint: a config, and weights in safetensors."""
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
