"""A real model as a GGUF file, where it is on this machine: `make real-model` puts it into the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from platformdirs import user_cache_dir

USERS_CACHE: Final = "DECODESCOPE_USERS_CACHE"
"""Names the user's own cache folder to tests, which run with another."""


def real_gguf() -> Path:
    """Where SmolLM2-135M-Instruct in Q4_1 is, or would be."""
    cache = os.environ.get(USERS_CACHE) or user_cache_dir("decodescope")
    return Path(cache) / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
