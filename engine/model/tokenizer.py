"""Text to token ids and back, from a checkpoint's `tokenizer.json` or from a GGUF file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import CheckpointError, InputError
from engine.model.chat import ChatTemplate, load_chat_template
from engine.model.checkpoint import Checkpoint
from engine.model.config_values import MOST, token_ids
from engine.model.fast_tokenizer import FastTokenizer, load_fast
from engine.model.files import is_there, read_json
from engine.model.gguf_checkpoint import GgufCheckpoint
from engine.model.gguf_tokenizer import gguf_template, gguf_tokenizer
from engine.model.token_text import UNFINISHED, text_of
from engine.plain_text import path_text

HELD_BACK: Final = 64
"""Most tokens held back until a character is complete; then their text is given out even if it is not."""
END_OF_TEXT: Final = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>")


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Encodes as the checkpoint's own tokenizer does; `bos_token_id` None where a family has none."""

    fast: FastTokenizer
    bos_token_id: int | None
    end_of_text_id: int | None
    eos_token_ids: frozenset[int]
    chat: ChatTemplate | None = None

    def encode(self, prompt: str) -> list[int]:
        """Token ids of a prompt, with the special tokens the checkpoint asks for; BOS or end-of-text where it is empty.

        Raises InputError for an empty prompt where the tokenizer has neither, and where other text gives no token.
        """
        if not prompt:
            return [self._first_of_nothing()]
        ids = self.fast.encode(prompt)
        if not ids:
            raise InputError("The tokenizer makes no token of this prompt.")
        return ids

    def count(self, text: str) -> int:
        """How many tokens a text has, without those that a checkpoint puts around it."""
        return len(self.fast.encode(text, add_special_tokens=False))

    def decode(self, ids: list[int]) -> str:
        """The text of token ids, special tokens left out."""
        return self.fast.decode(ids, skip_special_tokens=True)

    def token_text(self, token_id: int) -> str:
        """One token as text to show (`token_text.text_of`)."""
        return text_of(self.fast, token_id)

    def render(self, prompt: str, chat: bool, messages: Sequence[tuple[str, str]] = ()) -> str:
        """The text of a request's prompt: the prompt itself, or a conversation as the template writes it.

        The conversation is these (role, content) messages or, with `chat`, the prompt as its one message. A template
        may write the date or random choices, so a request's prompt is rendered only once. Raises InputError where the
        checkpoint has no chat template, or its template refuses these messages.
        """
        if messages:
            return self._render([{"role": role, "content": content} for role, content in messages])
        return self._render([{"role": "user", "content": prompt}]) if chat else prompt

    def encode_rendered(self, text: str, chat: bool) -> list[int]:
        """Token ids of the text that `render` returned.

        `chat` says that a template wrote the text: it holds the special tokens already, so none are added. Raises
        InputError where the text gives no token.
        """
        if not chat:
            return self.encode(text)
        ids = self.fast.encode(text, add_special_tokens=False)
        if not ids:
            raise InputError("The chat template makes no token of this prompt; give it as plain text.")
        return ids

    def _render(self, messages: Sequence[Mapping[str, str]]) -> str:
        if self.chat is None:
            raise InputError("This checkpoint has no chat template; give the prompt as plain text.")
        return self.chat.render(messages)

    def detokenizer(self) -> Detokenizer:
        """Turns one request's tokens into text, one by one."""
        return Detokenizer(self.fast)

    def _first_of_nothing(self) -> int:
        first = self.bos_token_id if self.bos_token_id is not None else self.end_of_text_id
        if first is None:
            raise InputError(
                "An empty prompt needs a BOS or end-of-text token, and this tokenizer has neither; give some text."
            )
        return first


class Detokenizer:
    """Incremental decoding: the text that each token adds, held back while it ends within a character.

    A token's text can depend on the tokens before it (leading spaces, bytes that join). So the texts of two tails of
    the sequence are compared: the tokens last given out, and the same tokens with the new ones. Tokens that decoding
    leaves out (special tokens and unknown ids) are in neither: after a tail of only such tokens, the next token would
    be decoded like the first one of a text.
    """

    def __init__(self, fast: FastTokenizer) -> None:
        self._fast = fast
        self._skipped = fast.special_ids()
        self._ids: list[int] = []
        self._given = 0
        """How many of `_ids` have been given out."""
        self._given_text = ""
        """The text of those tokens alone."""

    def push(self, token_id: int) -> str:
        """The text that this token completes; may be empty."""
        if token_id in self._skipped or self._fast.alone(token_id) is None:
            return ""
        self._ids.append(token_id)
        text = self._fast.decode(self._ids, skip_special_tokens=True)
        if text.endswith(UNFINISHED) and len(self._ids) - self._given < HELD_BACK:
            return ""
        return self._give(text)

    def flush(self) -> str:
        """The rest of the text, after the last token; an unfinished character becomes the replacement character."""
        return self._give(self._fast.decode(self._ids, skip_special_tokens=True)) if self._ids else ""

    def _give(self, text: str) -> str:
        new = text[len(self._given_text) :]
        added = self._ids[self._given :]
        rest = self._fast.alone(added[0]) if len(added) == 1 else self._fast.decode(added, skip_special_tokens=True)
        if rest or len(self._ids) >= HELD_BACK:  # tokens without a text of their own give no context alone
            del self._ids[: self._given]
            text = rest or ""
        self._given, self._given_text = len(self._ids), text
        return new


def load_tokenizer(checkpoint: Checkpoint | GgufCheckpoint, vocab: int = MOST) -> Tokenizer:
    """The tokenizer of a checkpoint; raises CheckpointError where there is no usable one.

    Of the ids for the beginning and the end of a text only those from 0 to below `vocab` count, as others cannot occur
    in a text: many checkpoints write -1 for none.
    """
    return of_gguf(checkpoint, vocab) if isinstance(checkpoint, GgufCheckpoint) else of_folder(checkpoint, vocab)


def of_gguf(checkpoint: GgufCheckpoint, vocab: int) -> Tokenizer:
    """The tokenizer inside a GGUF file."""
    fast, vocabulary = gguf_tokenizer(checkpoint, vocab)
    begins = vocabulary.add_bos or vocabulary.names_bos
    end_of_text = next(iter(known(map(fast.token_to_id, END_OF_TEXT), vocab)), None)
    return Tokenizer(
        fast,
        vocabulary.bos if begins else None,
        min(vocabulary.ends, default=None) if end_of_text is None else end_of_text,
        vocabulary.ends,
        gguf_template(checkpoint, vocabulary),
    )


def of_folder(checkpoint: Checkpoint, vocab: int) -> Tokenizer:
    """The tokenizer of a folder, in its `tokenizer.json`."""
    file = checkpoint.path / "tokenizer.json"
    if not is_there(file):
        also = " (a tokenizer.model alone cannot be read)" if is_there(checkpoint.path / "tokenizer.model") else ""
        raise CheckpointError(f"{path_text(checkpoint.path)} has no tokenizer.json{also}.")
    fast = load_fast(file)
    config_file = checkpoint.path / "tokenizer_config.json"
    config = read_json(config_file) if is_there(config_file) else {}
    bos = named_token(fast, config.get("bos_token"))
    if bos is None and "bos_token" not in config:
        bos = next(iter(given_ids(checkpoint, "bos_token_id")), None)
    bos = next(iter(known([bos], vocab)), None)
    eos = frozenset(known([*given_ids(checkpoint, "eos_token_id"), named_token(fast, config.get("eos_token"))], vocab))
    end_of_text = next(iter(known(map(fast.token_to_id, END_OF_TEXT), vocab)), None)
    if end_of_text is None and eos:
        end_of_text = min(eos)
    return Tokenizer(fast, bos, end_of_text, eos, load_chat_template(checkpoint.path, config))


def named_token(fast: FastTokenizer, name: Any) -> int | None:
    """The id of a token that tokenizer_config.json names, as a string or as {"content": ...}."""
    content = name.get("content") if isinstance(name, dict) else name
    return fast.token_to_id(content) if isinstance(content, str) else None


def known(ids: Iterable[int | None], vocab: int) -> list[int]:
    """The ids that can occur in a text: from 0 to below `vocab`."""
    return [token for token in ids if token is not None and 0 <= token < vocab]


def given_ids(checkpoint: Checkpoint, name: str) -> tuple[int, ...]:
    """Token ids of that name in generation_config.json, else in config.json."""
    if name in checkpoint.generation:
        return token_ids(checkpoint.generation, name, "generation_config.json")
    return token_ids(checkpoint.config, name)
