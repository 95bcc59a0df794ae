"""The text of a trace, piece by piece: plain or gzipped, of bounded length, with what cut it short."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from engine.errors import InputError
from engine.plain_text import path_text
from engine.regular_file import open_regular
from engine.session.patience import Patience

PIECE: Final = 2**22
"""Bytes of one piece of text."""
MOST_TEXT: Final = 2**34
"""Bytes of text that are read at most: forty times a trace of 400 MB."""
GZIP: Final = b"\x1f\x8b"
ZIPPED: Final = 2**18
"""Bytes of compressed text that are read at once: what is behind the end of a member is copied for each member."""
MOST_MEMBERS: Final = 100_000
FEW: Final = 64
"""Bytes at once of compressed text that is damaged near by."""

Progress = Callable[[float], None]
"""Called with the share of the file that has been read, 0 to 1."""


class TraceError(InputError):
    """A trace cannot be imported; the sentence says why."""


class TraceText:
    """Iterating gives the text in pieces. `cut_short` then says why it ended before its end, "" where it did not.

    Raises TraceError where the file cannot be opened or read, is too large, or `patience` was given up.
    """

    def __init__(self, path: Path, patience: Patience, progress: Progress) -> None:
        self.path = path
        self.cut_short = ""
        self._patience = patience
        self._progress = progress
        try:
            self._file = open_regular(path)
            self._size = max(1, path.stat().st_size)
        except FileNotFoundError:
            raise TraceError(f"There is no file {path_text(path)}.") from None
        except IsADirectoryError:
            raise TraceError(f"{path_text(path)} is a folder, not a trace.") from None
        except OSError as error:
            raise TraceError(f"{path_text(path)} cannot be read: {error.strerror}.") from error

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        head = self._read(2)
        self._file.seek(0)
        length = 0
        for piece in _joined(self._unzipped() if head == GZIP else self._plain(), self._go_on):
            length += len(piece)
            if length > MOST_TEXT:
                raise TraceError(
                    f"{path_text(self.path)} is too large: it holds more than {MOST_TEXT >> 30} GiB of text."
                )
            yield piece
            self._progress(min(1.0, self._file.tell() / self._size))

    def _go_on(self) -> None:
        if self._patience.over:
            raise TraceError(f"Reading {path_text(self.path)} was given up.")

    def _plain(self) -> Iterator[bytes]:
        while piece := self._read(PIECE):
            yield piece

    def _unzipped(self) -> Iterator[bytes]:
        """The text of each member of a gzip file; never more than PIECE at once, however much a byte may hold."""
        unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        members, rest = 1, b""
        while rest or (rest := self._read(ZIPPED)):
            if unzip.eof:  # another member, or zeros after the last
                rest = rest.lstrip(b"\0")
                members += bool(rest)
                if members > MOST_MEMBERS:
                    self.cut_short = "its compressed text has too many parts"
                    return
                unzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if rest else unzip
                if not rest:
                    continue
            before = unzip.copy()
            try:
                text = unzip.decompress(rest, PIECE)
            except zlib.error:
                self.cut_short = "its compressed text is damaged"
                yield from _until_damage(before, rest)
                return
            rest = unzip.unused_data if unzip.eof else unzip.unconsumed_tail
            yield text
        if not unzip.eof:
            self.cut_short = "its compressed text ends too early"

    def _read(self, most: int) -> bytes:
        file: BinaryIO = self._file
        try:
            return file.read(most)
        except OSError as error:
            raise TraceError(f"{path_text(self.path)} cannot be read: {error.strerror}.") from error


def _until_damage(unzip: zlib._Decompress, rest: bytes) -> Iterator[bytes]:
    """What can be unpacked of compressed text that is damaged somewhere: a failing call gives nothing of its own."""
    for at in range(0, len(rest), FEW):
        part = rest[at : at + FEW]
        while part:
            try:
                yield unzip.decompress(part, PIECE)
            except zlib.error:
                return
            part = unzip.unconsumed_tail


def _joined(pieces: Iterator[bytes], go_on: Callable[[], None]) -> Iterator[bytes]:
    """The same text in pieces of about PIECE bytes: what reads them looks at some bytes again for each piece."""
    kept: list[bytes] = []
    length = 0
    for piece in pieces:
        go_on()
        kept.append(piece)
        length += len(piece)
        if length >= PIECE // 2:
            yield b"".join(kept)
            kept, length = [], 0
    if kept:
        yield b"".join(kept)
