"""The comparison of two precisions of one model: what is checked before, and the events that it gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from engine.core.settings import CompareSpec
from engine.decode.token_texts import TokenTexts
from engine.errors import InputError
from engine.lens.layers import layer_damage
from engine.lens.positions import predictions
from engine.lens.stream import Passes
from engine.lens.timed import timings
from engine.model.loader import LoadedModel
from engine.plain_text import utf8
from engine.session.precision_fact import ModelSide, PrecisionFact
from engine.session.schema import StoredEvent

SHAPE: Final = ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab")
"""What two precisions of one model have in common."""
CHARACTERS_A_TOKEN: Final = 32
"""Of a long text so many characters are encoded for each token that is wanted; few tokens are longer."""


def check_same(a: LoadedModel, b: LoadedModel) -> None:
    """Raise InputError, which names the first difference, unless both are precisions of one model."""
    for name in SHAPE:
        of_a, of_b = getattr(a.config, name), getattr(b.config, name)
        if of_a != of_b:
            raise InputError(
                f"{b.name} (B) is no other precision of {a.name} (A): {name.replace('_', ' ')} {of_a} in A, "
                f"{of_b} in B."
            )


def common_ids(a: LoadedModel, b: LoadedModel, spec: CompareSpec) -> list[int]:
    """The tokens of the text that are compared, at most `most_tokens`.

    Raises InputError where the models' tokenizers disagree about the text, or where it has fewer than two tokens.
    """
    text = spec.text[: spec.most_tokens * CHARACTERS_A_TOKEN]
    ids, of_b = (model.tokenizer.encode(text)[: spec.most_tokens] for model in (a, b))
    if ids != of_b:
        raise InputError(f"The tokenizers of {a.name} (A) and {b.name} (B) make different tokens of {spec.text_name}.")
    if len(ids) < 2:
        raise InputError(f"{spec.text_name} has {len(ids)} tokens; a comparison needs at least 2.")
    return ids


def windows(ids: Sequence[int], size: int) -> list[tuple[int, list[int]]]:
    """(index of its first token, tokens) of each window of the text in which a token is predicted."""
    parts = ((start, list(ids[start : start + size])) for start in range(0, len(ids), size))
    return [(start, part) for start, part in parts if len(part) > 1]


class Comparison:
    """Two models over one text: `fact` says what is compared, `events` does the work."""

    def __init__(self, a: LoadedModel, b: LoadedModel, spec: CompareSpec) -> None:
        """Raises InputError where the two cannot be compared over this text."""
        check_same(a, b)
        self._a, self._b = a, b
        ids = common_ids(a, b, spec)
        window = min(spec.window, a.config.max_positions, b.config.max_positions)
        self._windows = windows(ids, window)
        self._layer_windows = windows(ids[: spec.layer_tokens], window)
        self.fact = PrecisionFact(
            side_of(a), side_of(b), spec.text_name, window, predicted(self._windows), predicted(self._layer_windows),
            a.config.layers,
        )  # fmt: skip

    def events(self) -> Iterator[Sequence[StoredEvent]]:
        """Timings, then each predicted token, then each layer; an empty list after each part that gives no row."""
        texts = TokenTexts(self._a.tokenizer)
        yield from timings(self._a, self._b, self._windows[0][1])
        a, b = Passes(self._a), Passes(self._b)
        told = 0
        for start, ids in self._windows:
            for rows in predictions(a, b, ids, start, told):
                shown = [one for row in rows for one in (row.token_id, row.top_a, row.top_b)]
                yield [*texts.of(shown), *rows]
            told += len(ids) - 1
        told = 0
        for _, ids in self._layer_windows:
            yield from layer_damage(a, b, ids, told)
            told += self._a.config.layers


def predicted(parts: list[tuple[int, list[int]]]) -> int:
    """The number of tokens that are predicted: all of each window but its first."""
    return sum(len(ids) - 1 for _, ids in parts)


def side_of(model: LoadedModel) -> ModelSide:
    """What the session keeps of one of the models."""
    reads = model.decoder.reads
    return ModelSide(
        model.name, utf8(str(model.path)), str(model.dtype).removeprefix("torch."), reads.weights + reads.position,
        model.weight_bytes, kinds_of(model),
    )  # fmt: skip


def kinds_of(model: LoadedModel) -> dict[str, int]:
    """The bytes of the weights by the kind of numbers in which they lie in memory, the largest first."""
    return dict(sorted(model.decoder.weight_kinds.items(), key=lambda one: -one[1]))
