"""How the files of a checkpoint are read: they came from other people, so only regular ones are, and none of any size.

A named pipe would be waited for, /dev/zero never ends, and JSON takes many times its own size in memory. Links are
followed: the Hugging Face cache, and whoever keeps weights on another disk, have links in place of the files.
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
"""Of config.json and its like; the largest there are, a tokenizer_config.json with thousands of tokens, take 2 MiB."""
INDEX_BYTES: Final = 64 * MIB
"""Of model.safetensors.index.json; those of checkpoints with 100,000 tensors take 10 MiB."""
JSON_VALUES: Final = 2_000_000
"""Values in a JSON file: each can take 150 bytes of memory and three of the file. An index has two a tensor."""


def is_there(file: Path) -> bool:
    """Whether something is at that path, of whatever kind; a link that leads nowhere is nothing."""
    try:
        return file.exists()
    except OSError:  # a folder that may not be looked into, a name too long for the system
        return False


def open_regular(file: Path) -> IO[bytes]:
    """The file, open for reading; raises CheckpointError where it is none, without waiting for a pipe or a device."""
    try:
        return regular_file.open_regular(file)
    except IsADirectoryError:
        raise CheckpointError(f"{path_text(file)} is a folder, not a file.") from None
    except regular_file.SpecialFileError as error:
        raise CheckpointError(f"{path_text(file)} is {error.kind}, not a file.") from None
    except OSError as error:
        raise unreadable(file, error) from error


def unreadable(file: Path, error: OSError) -> CheckpointError:
    """What the system said when a file was to be read, as a sentence."""
    return CheckpointError(f"{path_text(file)} cannot be read: {one_line(error.strerror or error)}.")


def read_bytes(file: Path, most: int) -> bytes:
    """What is in the file; raises CheckpointError where it is no file or has more than `most` bytes."""
    with open_regular(file) as stream:
        try:
            size = os.fstat(stream.fileno()).st_size
            if size > most:
                raise CheckpointError(
                    f"{path_text(file)} has {size / MIB:,.0f} MiB; such a file is read up to {most // MIB} MiB only."
                )
            raw = stream.read(most)  # of a file that grows meanwhile, no more
        except OSError as error:
            raise unreadable(file, error) from error
    if is_pointer(raw):
        raise CheckpointError(pointer_sentence(file))
    return raw


def read_text(file: Path, most: int) -> str:
    """The text in a file of UTF-8; raises CheckpointError as `read_bytes`, and where it is in another encoding."""
    try:
        return read_bytes(file, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(
            f"{path_text(file)} is not a text in UTF-8: byte {error.start} cannot be read as such."
        ) from error


def read_json(file: Path, most: int = CONFIG_BYTES) -> dict[str, Any]:
    """The JSON object in `file`, each text in it such that it can be encoded; raises CheckpointError for anything else.

    Raises it too where the file has more than `most` bytes or more values than any checkpoint's.
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
    """Raise CheckpointError where JSON may hold more than `most` values, by what stands between them: reading it would
    take many times its size.
    """
    if len(raw) > most and sum(map(raw.count, (b",", b":", b"[", b"{"))) > most:
        raise CheckpointError(f"{path_text(file)} holds more than {most:,} values, which no checkpoint's does.")


def without_surrogates(value: Any) -> Any:
    """What JSON held, with each lone surrogate in a name or a text as U+FFFD: nothing that has one can be sent on."""
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, list):
        return [without_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {utf8(name): without_surrogates(one) for name, one in value.items()}
    return value
