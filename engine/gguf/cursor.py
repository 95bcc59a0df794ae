"""Reads a file's header from front to back, in pieces that never exceed what the file has."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO, Final

from engine.errors import CheckpointError
from engine.plain_text import one_line, path_text

HEADER_LIMIT: Final = 192 * 2**20
"""Limit for a header, in bytes. Those of the largest vocabularies (262,144 tokens with their merges) have 16 MiB."""
PIECE_BYTES: Final = 2**20
LENGTH: Final = struct.Struct("<Q")


class Cursor:
    """A place in a header. Every method raises CheckpointError where the file ends before what is asked for."""

    def __init__(self, stream: IO[bytes], path: Path, size: int) -> None:
        self._stream = stream
        self._path = path
        self._size = size
        self._held = bytearray()
        self.position = 0

    @property
    def left(self) -> int:
        """Bytes of the file after this place."""
        return self._size - self.position

    def cut(self) -> CheckpointError:
        """The error for a file that ends too early."""
        return CheckpointError(f"{path_text(self._path)} is truncated: it ends inside its header; fetch it again.")

    def peek(self, count: int) -> bytes:
        """The next bytes, fewer at the end of the file; the place stays."""
        self._hold(self.position + min(count, self.left))
        return bytes(self._held[self.position : self.position + count])

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        self._need(count)
        taken = bytes(memoryview(self._held)[self.position : self.position + count])
        self.position += count
        return taken

    def number(self, form: str) -> int:
        """The next number, of a form that `struct` knows."""
        number: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return number

    def text(self, most: int) -> str:
        """The next text, of at most `most` bytes after its length; bytes that are not UTF-8 become U+FFFD."""
        length = self.number("<Q")
        if length > most:
            if length > self.left:
                raise self.cut()
            raise CheckpointError(f"{path_text(self._path)} has a broken GGUF header: a name has {length} bytes.")
        return self.take(length).decode("utf-8", "replace")

    def texts(self, count: int) -> list[str]:
        """The next `count` texts, each with its length before it."""
        if count * LENGTH.size > self.left:
            raise self.cut()
        found: list[str] = []
        position, held, have = self.position, self._held, len(self._held)
        length_at = LENGTH.unpack_from
        for _ in range(count):  # hundreds of thousands of texts: no call of a method for each
            start = position + 8
            if start > have:
                have = self._reach(start)
            end = start + length_at(held, position)[0]
            if end > have:
                have = self._reach(end)
            found.append(held[start:end].decode("utf-8", "replace"))
            position = end
        self.position = position
        return found

    def _need(self, count: int) -> None:
        if count > self.left:
            raise self.cut()
        self._reach(self.position + count)

    def _reach(self, end: int) -> int:
        """Hold the file up to byte `end` at least; returns how much is held."""
        if end > self._size:
            raise self.cut()
        if end > HEADER_LIMIT:
            raise CheckpointError(
                f"{path_text(self._path)} has a header of more than {HEADER_LIMIT // 2**20} MiB, which no model's has."
            )
        self._hold(end)
        if len(self._held) < end:  # the file became shorter meanwhile
            raise self.cut()
        return len(self._held)

    def _hold(self, end: int) -> None:
        missing = end - len(self._held)
        if missing > 0:
            try:
                self._held += self._stream.read(max(missing, PIECE_BYTES, min(len(self._held), HEADER_LIMIT // 4)))
            except OSError as error:
                reason = one_line(error.strerror or error)
                raise CheckpointError(f"{path_text(self._path)} cannot be read: {reason}.") from error
