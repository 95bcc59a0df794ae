"""Reads single values of a GGUF file's metadata; raises CheckpointError for a missing value, a wrong type or range."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from engine.errors import CheckpointError
from engine.plain_text import quoted

MOST: Final = 2**31 - 1
"""No size in a model is larger."""


class Metadata:
    """Metadata by key. Keys of `architecture` are asked for without its name before them."""

    def __init__(self, values: dict[str, Any], architecture: str = "") -> None:
        self._values = values
        self.architecture = architecture

    def has(self, key: str) -> bool:
        """Whether the file has a value of this key."""
        return self._full(key) in self._values

    def value(self, key: str) -> Any:
        """A value as it is; None where there is none."""
        return self._values.get(self._full(key))

    def integer(self, key: str, default: int | None = None, least: int = 1) -> int:
        """A whole number from `least` to `MOST`, or an equal one for every layer; `default` where it is missing."""
        value = self.value(key)
        if value is None and default is not None:
            return default
        if isinstance(value, np.ndarray) and value.size:
            if (value != value[0]).any():
                raise CheckpointError(f"A model whose layers differ in {self._full(key)} is not supported.")
            value = value[0].item()
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MOST:
            raise self.wrong(key, f"a whole number above {least - 1}", value)
        return value

    def number(self, key: str, default: float | None) -> float:
        """A number that is not negative; `default` where it is missing, and an error where there is no default."""
        value = self.value(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
            raise self.wrong(key, "a number that is not negative", value)
        return float(value)

    def text(self, key: str, default: str | None = None) -> str:
        """A text; `default` where it is missing, and an error where there is no default."""
        value = self.value(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, "a text", value)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false; `default` where it is missing."""
        value = self.value(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false", value)
        return value

    def token(self, name: str) -> int | None:
        """The id of the special token `name` (bos, eos, ...); None where the file names none."""
        value = self._values.get(f"tokenizer.ggml.{name}_token_id")
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST else None

    def wrong(self, key: str, kind: str, value: object) -> CheckpointError:
        """The error for a value that is missing or wrong."""
        shown = value.tolist()[:10] if isinstance(value, np.ndarray) else value
        return CheckpointError(f"The GGUF file should give {self._full(key)} as {kind}, not {quoted(shown)}.")

    def _full(self, key: str) -> str:
        prefix = self.architecture and not key.startswith(("general.", "tokenizer."))
        return f"{self.architecture}.{key}" if prefix else key
