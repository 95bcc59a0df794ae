"""The local Hugging Face cache: where it is, which of its folders is a model, and the name of a model to show.

Nothing here uses the network. Layout: `models--acme--tiny/refs/main` names one of `models--acme--tiny/snapshots/*`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.errors import CheckpointError
from engine.model.files import is_there, read_text
from engine.model.folder import listed
from engine.model.gguf_file import SUFFIX, title_of
from engine.model.ollama import ollama_name

PREFIX: Final = "models--"
REF_BYTES: Final = 4096
"""Limit for refs/main, which holds one name."""
SNAPSHOT: Final = re.compile(r"[\w-][\w.-]*")
REPOSITORY: Final = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*")


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of downloads, from the same environment variables in the same order as in `huggingface_hub`."""
    cache_home = environment.get("XDG_CACHE_HOME", os.path.join(os.path.expanduser("~"), ".cache"))
    home = expanded(environment.get("HF_HOME", os.path.join(cache_home, "huggingface")))
    hub = environment.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
    return Path(expanded(environment.get("HF_HUB_CACHE", hub)))


def expanded(path: str) -> str:
    """`path` with `~` and variables such as `$HOME` filled in."""
    return os.path.expandvars(os.path.expanduser(path))


def model_folder(model: str, cache: Path | None = None) -> Path | None:
    """The checkpoint that `model` names: a folder or GGUF file, a cached repository's folder, or `acme/tiny`.

    A folder of that name has priority over the cache. None where neither exists.
    """
    folder = expanded_path(model)
    if is_folder(folder):
        return folder if is_there(folder / "config.json") else snapshot_of(folder) or folder
    if is_there(folder):
        return folder
    if not REPOSITORY.fullmatch(model):
        return None
    name = model if model.startswith(PREFIX) else PREFIX + model.replace("/", "--")
    return snapshot_of((cache or cache_folder()) / name)


def snapshot_of(repository: Path) -> Path | None:
    """The snapshot that `refs/main` names, else the one changed last; None where no snapshot has a config.json."""
    try:
        named = read_text(repository / "refs" / "main", REF_BYTES).strip()
    except CheckpointError:
        named = ""
    main = repository / "snapshots" / named
    if SNAPSHOT.fullmatch(named) and is_there(main / "config.json"):
        return main
    usable = [path for path in listed(repository, "snapshots/*") if is_there(path / "config.json")]
    return max(usable, key=changed_ns, default=None)


def changed_ns(path: Path) -> int:
    """When the path was changed last, ns since 1970; 0 where the system cannot say, for example after a deletion."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def is_folder(path: Path) -> bool:
    """Whether the path is a folder."""
    try:
        return path.is_dir()
    except OSError:  # a name too long for the system, or no permission for the folder
        return False


def expanded_path(path: str | Path) -> Path:
    """The path with `~` replaced by the home folder; unchanged where that home is unknown."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def model_name(path: str | Path) -> str:
    """The name to show for a model: its repository for a folder of the cache, else the folder's or the file's own.

    A GGUF file's name has no suffix, and a file of Ollama's has the name that Ollama gives the model.
    """
    folder = Path(os.path.abspath(expanded_path(path)))
    if folder.suffix.lower() == SUFFIX:
        return title_of(folder)
    if (of_ollama := ollama_name(folder)) is not None:
        return of_ollama
    repository = folder.parent.parent if folder.parent.name == "snapshots" else folder
    if repository.name.startswith(PREFIX):
        return repository.name.removeprefix(PREFIX).replace("--", "/")
    return folder.name or str(folder)
