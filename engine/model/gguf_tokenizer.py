"""The tokenizer inside a GGUF file."""

from __future__ import annotations

from engine.errors import CheckpointError
from engine.gguf.tokenizer import tokenizer_json
from engine.gguf.vocabulary import Vocabulary, read_vocabulary
from engine.model.chat import ChatTemplate
from engine.model.chat_limits import MOST_SOURCE_BYTES
from engine.model.fast_tokenizer import FastTokenizer, fast_of
from engine.model.gguf_checkpoint import GgufCheckpoint
from engine.plain_text import path_text


def gguf_tokenizer(checkpoint: GgufCheckpoint, vocab: int) -> tuple[FastTokenizer, Vocabulary]:
    """The tokenizer for the library, and the vocabulary that it was made of.

    Raises CheckpointError where it cannot be made, and where it has more tokens than the model's `vocab`.
    """
    vocabulary = read_vocabulary(checkpoint.header.metadata)
    if len(vocabulary.tokens) > vocab:
        raise CheckpointError(
            f"{path_text(checkpoint.path)} has a vocabulary of {len(vocabulary.tokens)} tokens, "
            f"and embeddings of {vocab} only."
        )
    return fast_of(checkpoint.path, tokenizer_json(vocabulary)), vocabulary


def gguf_template(checkpoint: GgufCheckpoint, vocabulary: Vocabulary) -> ChatTemplate | None:
    """The chat template in the file; None where it has none. Raises CheckpointError for one that is too long."""
    source = vocabulary.chat_template
    if source is None:
        return None
    if len(source.encode()) > MOST_SOURCE_BYTES:
        raise CheckpointError(
            f"{path_text(checkpoint.path)} has a chat template of more than {MOST_SOURCE_BYTES // 2**20} MiB."
        )
    ids = {"bos_token": vocabulary.bos, "eos_token": vocabulary.eos, "unk_token": vocabulary.unknown}
    return ChatTemplate(source, {name: vocabulary.tokens[one] for name, one in ids.items() if one is not None})
