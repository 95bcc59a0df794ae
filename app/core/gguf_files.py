"""Finds the GGUF files that other programs keep on this machine, which the user can pick.

These are llama.cpp's, LM Studio's and Ollama's, and those in the Hugging Face cache; all are plain files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.core.local_models import MOST_MODELS, LocalModel
from engine.errors import CheckpointError
from engine.model.folder import listed
from engine.model.gguf_file import begins_as_gguf, is_later_part, size_of, title_of
from engine.model.hub import cache_folder, changed_ns
from engine.model.ollama import ollama_folders, ollama_models

ASIDE: Final = ("mmproj", "ggml-vocab")
"""Parts of names of files that hold no language model: projectors of pictures, and vocabularies alone."""


def gguf_models(
    wanted: Callable[[], bool] = lambda: True, environment: Mapping[str, str] = os.environ
) -> list[LocalModel]:
    """GGUF files of other programs, sorted by name; a file that two programs keep is in the list once.

    Folders and files that cannot be read are skipped. `wanted` is called before each file; the search ends once it is
    False.
    """
    found: dict[Path, LocalModel] = {}
    for name, path in candidates(environment):
        if not wanted() or len(found) == MOST_MODELS:
            break
        with suppress(OSError, ValueError, CheckpointError):
            real = path.resolve()
            if real not in found and begins_as_gguf(path):
                found[real] = LocalModel(name, str(path), size_of(path))
    return sorted(found.values(), key=lambda one: one.name.lower())


def candidates(environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Files that may be models, each with the name to show."""
    for folder, pattern in plain_folders(environment):
        # Of the same file in several snapshots the newest comes first, and the others are links to the same place.
        for path in sorted(listed(folder, pattern), key=lambda path: -changed_ns(path.parent)):
            if not is_later_part(path) and not any(word in path.name.lower() for word in ASIDE):
                yield title_of(path), path
    for folder in ollama_folders(environment):
        yield from ollama_models(folder)


def plain_folders(environment: Mapping[str, str]) -> list[tuple[Path, str]]:
    """Folders in which the programs keep files under their own names, each with the pattern of these."""
    home = Path(os.path.expanduser("~"))
    caches = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    if sys.platform == "darwin":
        caches = home / "Library" / "Caches"
    elif sys.platform == "win32":
        caches = Path(environment.get("LOCALAPPDATA") or home)
    return [
        (Path(environment.get("LLAMA_CACHE") or caches / "llama.cpp"), "*.gguf"),
        (home / ".lmstudio" / "models", "*/*/*.gguf"),
        (home / ".cache" / "lm-studio" / "models", "*/*/*.gguf"),
        (cache_folder(environment), "models--*/snapshots/*/*.gguf"),
    ]
