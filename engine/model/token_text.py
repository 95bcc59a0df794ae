"""One token of a vocabulary as text to show."""

from __future__ import annotations

import re
from typing import Final

from engine.model.fast_tokenizer import FastTokenizer

UNFINISHED: Final = "\ufffd"
"""What a decoder writes for bytes that are not (yet) a whole character."""
BYTE_PIECE: Final = re.compile(r"<0x[0-9A-Fa-f]{2}>")


def text_of(fast: FastTokenizer, token_id: int) -> str:
    """A token's text, a special token's name, or `<0xE4>` for bytes of a character; raises CheckpointError."""
    piece = fast.id_to_token(token_id)
    if piece is None:
        return f"<{token_id}>"
    text = fast.decode([token_id], skip_special_tokens=False)
    if UNFINISHED in text:
        return "".join(f"<0x{byte:02X}>" for byte in byte_level_bytes(piece)) or text
    if piece.startswith("▁"):  # SentencePiece marks a leading space, which decoding one token alone strips
        return " " * (len(piece) - len(piece.lstrip("▁"))) + text.lstrip(" ")
    return text or piece


def byte_level_bytes(piece: str) -> bytes:
    """The bytes behind a piece of a byte-level vocabulary, or of a `<0xE4>` piece; empty where it is neither.

    Such vocabularies write each byte as one printable character (GPT-2's `bytes_to_unicode`): printable Latin-1 as
    itself, the others as U+0100 onwards in order.
    """
    if BYTE_PIECE.fullmatch(piece):
        return bytes.fromhex(piece[3:-1])
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
    return bytes(table[char] for char in piece) if all(char in table for char in piece) else b""
