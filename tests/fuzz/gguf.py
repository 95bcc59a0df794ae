"""GGUF files from other people: counts and places that lie, metadata of other types, vocabularies that do harm.

A file is taken apart into its pairs and tensors, changed, and written again without any check.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from gguf import GGMLQuantizationType

from tests.fuzz import hostile
from tests.fuzz.cases import Case, one_more
from tests.fuzz.kinds import put_something_else
from tests.fuzz.models import TEMPLATES

KINDS: Final = ("llama", "llama", "qwen2", "pieces")
PROMPTS: Final = (
    ("--prompt", "the License of x"),
    ("--prompt", "the", "--prompt", "1234 语  \n"),
    ("--prompt", ""),
    ("--prompt", "x " * 1000),
    ("--prompt", "the", "--chat"),
)
FORMS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""How the numbers of each value type are packed."""
TEXT, ARRAY = 8, 9
ALIGN: Final = 32
NAMES: Final = ("block_count", "embedding_length", "attention.head_count", "context_length", "feed_forward_length")


@dataclass(slots=True)
class Taken:
    """A file in pieces: values as (type, value) by key, an array as (type of its values, values); tensors by name."""

    version: int
    pairs: list[tuple[str, int, Any]]
    tensors: list[list[Any]]
    """[name, ggml's shape, kind, offset]"""
    data: bytes
    counts: list[int] = field(default_factory=list)
    """Tensors and pairs as the file will say; the true ones where it is empty."""


def make(rng: random.Random, bases: Path, folder: Path) -> Case:
    """A GGUF file that nobody should have made, and a run of it."""
    kind = rng.choice(KINDS)
    target = folder / "model.gguf"
    taken = take_apart((bases / f"{kind}.gguf").read_bytes())
    done: list[str] = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        change = rng.choices(list(CHANGES), list(CHANGES.values()))[0]
        one_more(done, partial(change, rng, taken), (ValueError,))
    data = put_together(taken)
    if rng.random() < 0.3:
        head = len(data) - len(taken.data) if rng.random() < 0.7 else len(data)
        data = hostile.damaged(rng, data[:head]) + data[head:]
        done.append("bytes")
    target.write_bytes(data)
    if rng.random() < 0.02:
        done.append(put_something_else(rng, target))
    asked = rng.choice(PROMPTS)
    command = ("record", "--model", str(target), *asked, "--max-new-tokens", "3", "--threads", "1", "--json")
    return Case(f"{kind}: {'; '.join(done)}"[:400], target, (command,))


def take_apart(data: bytes) -> Taken:
    """The pieces of an unharmed file."""
    at = 0

    def number(form: str) -> Any:
        nonlocal at
        found = struct.unpack_from(f"<{form}", data, at)[0]
        at += struct.calcsize(form)
        return found

    def text() -> str:
        nonlocal at
        length = number("Q")
        at += length
        return data[at - length : at].decode()

    def value(kind: int) -> Any:
        if kind == ARRAY:
            of = number("I")
            return of, [value(of) for _ in range(number("Q"))]
        return text() if kind == TEXT else number(FORMS[kind])

    number("I")
    version, tensor_count, pair_count = number("I"), number("Q"), number("Q")
    pairs = [(text(), kind := number("I"), value(kind)) for _ in range(pair_count)]
    tensors = [
        [text(), [number("Q") for _ in range(number("I"))], number("I"), number("Q")] for _ in range(tensor_count)
    ]
    return Taken(version, pairs, tensors, data[-(-at // ALIGN) * ALIGN :])


def put_together(taken: Taken) -> bytes:
    """The file of these pieces."""
    parts: list[bytes] = []

    def number(form: str, value: Any) -> None:
        parts.append(struct.pack(f"<{form}", value))

    def text(value: str) -> None:
        raw = value.encode("utf-8", "surrogatepass")
        number("Q", len(raw))
        parts.append(raw)

    def put(kind: int, value: Any) -> None:
        if kind == ARRAY:
            number("I", value[0])
            number("Q", len(value[1]))
            for one in value[1]:
                put(value[0], one)
        elif kind == TEXT:
            text(value)
        else:
            number(FORMS[kind], value)

    counts = taken.counts or [len(taken.tensors), len(taken.pairs)]
    parts.append(b"GGUF" + struct.pack("<IQQ", taken.version, *counts))
    for key, kind, value in taken.pairs:
        text(key)
        number("I", kind)
        put(kind, value)
    for name, shape, kind, offset in taken.tensors:
        text(name)
        number("I", len(shape))
        for one in shape:
            number("Q", one)
        number("I", kind)
        number("Q", offset)
    head = b"".join(parts)
    return head + bytes(-len(head) % ALIGN) + taken.data


def any_value(rng: random.Random) -> tuple[int, Any]:
    """A value of any type, mostly from the edges of it."""
    match rng.randrange(6):
        case 0:
            return TEXT, rng.choice(hostile.TEXTS)
        case 1:
            return 6, rng.choice([0.0, -1.0, 1e-40, float("inf"), float("nan"), 3e38, 0.5])
        case 2:
            return 7, rng.random() < 0.5
        case 3:
            return ARRAY, (4, [rng.choice([0, 1, 2**31, 2**32 - 1]) for _ in range(rng.choice([0, 1, 2, 500]))])
        case 4:
            return 11, rng.choice([-1, -(2**63), 2**63 - 1, 0])
        case _:
            return 4, rng.choice([0, 1, 2, 3, 5, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1])


def value_of(rng: random.Random, taken: Taken) -> str:
    """A value is another, or of another type."""
    index = rng.randrange(len(taken.pairs))
    if rng.random() < 0.5:
        shapes = [number for number, (key, _, _) in enumerate(taken.pairs) if key.partition(".")[2] in NAMES]
        index = rng.choice(shapes)
    key = taken.pairs[index][0]
    kind, value = any_value(rng)
    taken.pairs[index] = (key, kind, value)
    return f"{key} = {repr(value)[:40]}"


def pair(rng: random.Random, taken: Taken) -> str:
    """A pair is missing, is there twice, or is new."""
    index = rng.randrange(len(taken.pairs))
    match rng.randrange(3):
        case 0:
            return f"no {taken.pairs.pop(index)[0]}"
        case 1:
            taken.pairs.append(taken.pairs[index])
            return f"{taken.pairs[index][0]} twice"
        case _:
            key = rng.choice([
                "general.alignment", "split.count", "llama.expert_count", "llama.attention.key_length",
                "llama.rope.scaling.type", "llama.rope.scaling.factor", "tokenizer.ggml.eot_token_id",
                "tokenizer.ggml.scores", "general.sampling.temp", "general.name", "llama.rope.dimension_count", "",
            ])  # fmt: skip
            taken.pairs.append((key, *any_value(rng)))
            return f"new {key} = {repr(taken.pairs[-1][2])[:40]}"


def vocabulary(rng: random.Random, taken: Taken) -> str:
    """A list of the vocabulary is shorter, longer, twice as much, or holds what no one expects."""
    lists = [number for number, (key, kind, _) in enumerate(taken.pairs) if kind == ARRAY and "ggml" in key]
    index = rng.choice(lists)
    key, kind, (of, values) = taken.pairs[index]
    match rng.randrange(5):
        case 0:
            values = values[: rng.randrange(len(values))]
        case 1:
            values = values * rng.choice([2, 30])
        case 2:
            of, values = rng.choice(
                [(TEXT, ["x"] * len(values)), (4, [2**31] * len(values)), (6, [float("nan")] * 700)]
            )
        case 3 if of == TEXT:
            for _ in range(rng.choice([1, 20])):
                values[rng.randrange(len(values))] = rng.choice([*hostile.TEXTS, " ", "a  b", "<0x41>", "▁", "\ud800"])
        case _:
            rng.shuffle(values)
    taken.pairs[index] = (key, kind, (of, values))
    return f"{key}: {len(values)}"


def tensor(rng: random.Random, taken: Taken) -> str:
    """A tensor is elsewhere, of another kind or shape, missing, there twice, or of another name."""
    one = rng.choice(taken.tensors)
    match rng.randrange(6):
        case 0:
            one[1] = rng.choice([[], [0], [2**62, 8], [2**40], [1] * 9, [*one[1], 1], one[1][::-1], [one[1][0] + 1]])
        case 1:
            one[2] = rng.choice([*(kind.value for kind in GGMLQuantizationType), 4, 5, 99, 2**32 - 1])
        case 2:
            one[3] = rng.choice([1, 32, 2**40, 2**63, 2**64 - 32, len(taken.data), one[3] + 32])
        case 3:
            taken.tensors.remove(one)
        case 4:
            taken.tensors.append(list(one))
        case _:
            one[0] = rng.choice(
                ["", "a\nb", "x" * 70_000, "blk.99999999999.attn_q.weight", "blk.", "rope_freqs.weight"]
            )
    return f"tensor {one[0][:30]!r} {one[1:]}"[:100]


def counts(rng: random.Random, taken: Taken) -> str:
    """How many there are of each is a lie."""
    taken.counts = [rng.choice([0, 1, len(taken.tensors), 2**17, 2**31, 2**63, 2**64 - 1]) for _ in range(2)]
    if rng.random() < 0.3:
        taken.version = rng.choice([0, 1, 2, 4, 2**24 * 3, 2**32 - 1])
    return f"counts {taken.counts}, version {taken.version}"


def numbers(rng: random.Random, taken: Taken) -> str:
    """Weights that are no numbers, or are cut."""
    size = len(taken.data)
    taken.data = rng.choice([b"\xff" * size, bytes(size), rng.randbytes(size), taken.data[: rng.randrange(size)], b""])
    return "numbers of the weights"


def template(rng: random.Random, taken: Taken) -> str:
    """A chat template that does not end, does not parse, asks for all memory, or wants out."""
    text = rng.choice(TEMPLATES)
    taken.pairs = [one for one in taken.pairs if one[0] != "tokenizer.chat_template"]
    taken.pairs.append(("tokenizer.chat_template", TEXT, text))
    return f"template {text[:40]!r}"


CHANGES: Final[dict[Callable[[random.Random, Taken], str], float]] = {
    value_of: 5, pair: 2, vocabulary: 3, tensor: 4, counts: 1, numbers: 0.7, template: 0.5,
}  # fmt: skip
"""What is done to a file, and how often."""
