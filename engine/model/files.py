"""Reads the files of a checkpoint. They came from other people, so only regular files up to a size limit are read.

Reading a named pipe would wait, /dev/zero never ends, and parsed JSON takes many times its size in memory. Links are
followed: the Hugging Face cache holds links in place of files, and so do folders whose weights are on another disk.
Imports no torch.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO, Any, Final

from engine import regular_file
from engine.errors import CheckpointError
from engine.lfs_pointer import is_pointer, pointer_sentence
from engine.plain_text import one_line, path_text, utf8

MIB: Final = 2**20
CONFIG_BYTES: Final = 16 * MIB
"""Limit for config.json and similar files. The largest known (tokenizer_config.json, thousands of tokens) has 2 MiB."""
INDEX_BYTES: Final = 64 * MIB
"""Limit for model.safetensors.index.json. With 100,000 tensors it has 10 MiB."""
JSON_VALUES: Final = 2_000_000
"""Limit of values in a JSON file: one can take 3 bytes there and 150 in memory. An index has two per tensor."""


def is_there(file: Path) -> bool:
    """Whether a file or folder of any kind is at that path; False for a broken link."""
    try:
        return file.exists()
    except OSError:  # no permission for the folder, or a name too long for the system
        return False


def open_regular(file: Path) -> IO[bytes]:
    """A regular file, open for reading; raises CheckpointError for anything else. It waits for no pipe or device."""
    try:
        return regular_file.open_regular(file)
    except IsADirectoryError:
        raise CheckpointError(f"{path_text(file)} is a folder, not a file.") from None
    except regular_file.SpecialFileError as error:
        raise CheckpointError(f"{path_text(file)} is {error.kind}, not a file.") from None
    except OSError as error:
        raise unreadable(file, error) from error


def unreadable(file: Path, error: OSError) -> CheckpointError:
    """The CheckpointError for a file that the system cannot read, with the system's reason."""
    return CheckpointError(f"{path_text(file)} cannot be read: {one_line(error.strerror or error)}.")


def read_bytes(file: Path, most: int) -> bytes:
    """The content of the file.

    Raises CheckpointError where it is not a regular file, has more than `most` bytes, or is a Git-LFS pointer.
    """
    with open_regular(file) as stream:
        try:
            size = os.fstat(stream.fileno()).st_size
            if size > most:
                raise CheckpointError(
                    f"{path_text(file)} has {size / MIB:,.0f} MiB; such a file is read up to {most // MIB} MiB only."
                )
            raw = stream.read(most)  # not more, even if the file grows meanwhile
        except OSError as error:
            raise unreadable(file, error) from error
    if is_pointer(raw):
        raise CheckpointError(pointer_sentence(file))
    return raw


def read_text(file: Path, most: int) -> str:
    """The text of a UTF-8 file; raises CheckpointError as `read_bytes`, and for another encoding."""
    try:
        return read_bytes(file, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(
            f"{path_text(file)} is not a text in UTF-8: byte {error.start} cannot be read as such."
        ) from error


def read_json(file: Path, most: int = CONFIG_BYTES) -> dict[str, Any]:
    """The JSON object in `file`, with lone surrogates replaced, so that UTF-8 can encode each text.

    Raises CheckpointError for anything else, and for more than `most` bytes or JSON_VALUES values.
    """
    raw = read_bytes(file, most)
    check_values(file, raw, JSON_VALUES)
    try:
        value = without_surrogates(json.loads(raw))
    except RecursionError as error:
        raise CheckpointError(f"{path_text(file)} is nested too deeply to be read.") from error
    except ValueError as error:
        raise CheckpointError(f"{path_text(file)} is not valid JSON: {one_line(error)}.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path_text(file)} should hold a JSON object.")
    return value


def check_values(file: Path, raw: bytes, most: int) -> None:
    """Raise CheckpointError where JSON may hold more than `most` values, counted by its separators and brackets.

    Parsing such a file would take many times its size in memory.
    """
    if len(raw) > most and sum(map(raw.count, (b",", b":", b"[", b"{"))) > most:
        raise CheckpointError(f"{path_text(file)} holds more than {most:,} values, which no checkpoint's does.")


def without_surrogates(value: Any) -> Any:
    """A JSON value with each lone surrogate in a name or a text replaced by U+FFFD: a surrogate cannot be sent on."""
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, list):
        return [without_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {utf8(name): without_surrogates(one) for name, one in value.items()}
    return value
