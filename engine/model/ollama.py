"""The models of Ollama on this machine: which file holds which model.

Layout: `manifests/HOST/NAMESPACE/MODEL/TAG` is JSON that names the model's file by its hash, `blobs/sha256-HASH`.
Imports no torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from engine.errors import CheckpointError
from engine.model.files import is_there, read_json
from engine.model.folder import listed

BLOB: Final = "sha256-"
MODEL_LAYER: Final = "application/vnd.ollama.image.model"
HOST, NAMESPACE = "registry.ollama.ai", "library"
"""Left out of the name to show, as Ollama does."""
MANIFEST_BYTES: Final = 2**20
MOST_MANIFESTS: Final = 1000


def ollama_folders(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Where Ollama may keep models: where its variable says, in the user's home, and that of its service on Linux."""
    given = environment.get("OLLAMA_MODELS")
    folders = [Path(given)] if given else []
    with suppress(RuntimeError):  # a home that is unknown
        folders.append(Path.home() / ".ollama" / "models")
    return [*folders, Path("/usr/share/ollama/.ollama/models")]


def ollama_models(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each model's name and its file, in the order of their manifests; manifests that cannot be read are skipped."""
    for manifest in sorted(listed(folder, "manifests/*/*/*/*"))[:MOST_MANIFESTS]:
        with suppress(CheckpointError, OSError):
            blob = folder / "blobs" / blob_of(read_json(manifest, MANIFEST_BYTES))
            if is_there(blob):
                yield name_of(manifest), blob


def blob_of(manifest: dict[str, Any]) -> str:
    """The name of the file that holds the model's weights; raises CheckpointError where the manifest names none."""
    layers = manifest.get("layers")
    for layer in layers if isinstance(layers, list) else ():
        digest = layer.get("digest") if isinstance(layer, dict) and layer.get("mediaType") == MODEL_LAYER else None
        if isinstance(digest, str) and digest.startswith("sha256:") and digest[7:].isalnum():
            return BLOB + digest[7:]
    raise CheckpointError("The manifest names no model.")


def name_of(manifest: Path) -> str:
    """The name to show: `llama3.2:1b`, with a namespace and a host where these are not the usual ones."""
    host, namespace, model, tag = manifest.parts[-4:]
    before = [] if host == HOST else [host]
    before += [] if namespace == NAMESPACE and not before else [namespace]
    return f"{'/'.join([*before, model])}:{tag}"


def ollama_name(blob: Path) -> str | None:
    """The name of the model that this file of Ollama's holds; None where it is none of them."""
    if not blob.name.startswith(BLOB) or blob.parent.name != "blobs":
        return None
    return next((name for name, file in ollama_models(blob.parent.parent) if file == blob), None)
