"""The local Hugging Face cache: where it is, which folder of it is a model, and what a person calls that model.

Nothing here asks the network. Layout: `models--acme--tiny/refs/main` names one of `models--acme--tiny/snapshots/*`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.regular_file import open_regular

REFERENCE_BYTES: Final = 200
"""More than the name of any snapshot: a hash of 40 digits."""
PREFIX: Final = "models--"
REPOSITORY: Final = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*")


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where downloads are kept, by the same variables in the same order as `huggingface_hub` reads them."""
    cache_home = environment.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    home = expanded(environment.get("HF_HOME", os.path.join(cache_home, "huggingface")))
    hub = environment.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
    return Path(expanded(environment.get("HF_HUB_CACHE", hub)))


def expanded(path: str) -> str:
    """`path` with `~` and variables such as `$HOME` filled in."""
    return os.path.expandvars(os.path.expanduser(path))


def model_folder(model: str, cache: Path | None = None) -> Path | None:
    """The checkpoint folder that `model` names: a folder, a cached repository's folder, or a name such as `acme/tiny`.

    A folder of that name comes before the cache. None where there is neither.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder if (folder / "config.json").exists() else snapshot_of(folder) or folder
    if folder.exists():
        return folder
    if not REPOSITORY.fullmatch(model):
        return None
    name = model if model.startswith(PREFIX) else PREFIX + model.replace("/", "--")
    return snapshot_of((cache or cache_folder()) / name)


def snapshot_of(repository: Path) -> Path | None:
    """The snapshot that `refs/main` names, else the one used last; None where there is none with a config."""
    try:
        with open_regular(repository / "refs" / "main") as file:
            main = repository / "snapshots" / file.read(REFERENCE_BYTES).decode().strip()
    except (OSError, ValueError):
        main = None
    if main is not None and main.parent == repository / "snapshots" and (main / "config.json").exists():
        return main
    usable = [path for path in repository.glob("snapshots/*") if (path / "config.json").exists()]
    return max(usable, key=lambda path: path.stat().st_mtime_ns, default=None)


def model_name(path: str | Path) -> str:
    """What a person calls a model folder: its repository for a folder of the cache, else the folder's own name."""
    folder = Path(os.path.abspath(Path(path).expanduser()))
    repository = folder.parent.parent if folder.parent.name == "snapshots" else folder
    if repository.name.startswith(PREFIX):
        return repository.name.removeprefix(PREFIX).replace("--", "/")
    return folder.name or str(folder)
