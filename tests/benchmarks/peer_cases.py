"""The models of the comparison with peers, and the works that each of them is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle, islice, permutations
from pathlib import Path
from typing import Final

from engine.errors import UnavailableError
from engine.gguf.mix import Target
from engine.model.checkpoint import open_checkpoint
from engine.model.quantise import quantise
from engine.model.tokenizer import Tokenizer, load_tokenizer
from tests.benchmarks.peer_options import PeerOptions
from tests.benchmarks.real_model import real_model_folder
from tests.benchmarks.runners.work import Work
from tests.benchmarks.shapes import DEMO, qwen2_half_billion
from tests.real_model import real_gguf

PROMPT: Final = "The cat sits on the"
QUANTISED: Final[tuple[Target, ...]] = ("q8_0", "q4_0", "q4_k")
WORDS: Final = (" old", " man", " went", " to", " the", " house", " and", " saw", " a", " small", " dog", " in", " it")
"""Words of one token each, for prompts of any length, and different ones of one length."""
PROMPT_TOKENS: Final = 512
SEQUENCES: Final = 16
TEMPERATURE: Final = 0.8
TOP_P: Final = 0.95


@dataclass(frozen=True, slots=True)
class Case:
    """A model on so many threads: the dtypes that DecodeScope runs it in, and what is asked of it, by name.

    `folder` may be a GGUF file, which llama.cpp then reads as it is, and transformers not at all.
    """

    name: str
    title: str
    folder: Path
    threads: int
    dtypes: tuple[str, ...]
    works: dict[str, Work]


def cases(options: PeerOptions, made: Path) -> Iterator[Case]:
    """Those of the options, each made when it is its turn; `made` is the folder for checkpoints of random weights."""
    for threads in (1, 2):
        if options.takes(model="demo", threads=_word(threads)):
            dtypes = ("float32",) if threads == 1 else ("float32", "bfloat16")
            yield _case(options, "demo", "demo target", DEMO, threads, dtypes, tokens=600)
    if not options.takes(threads="2-threads"):
        return
    both = ("float32", "bfloat16")
    if options.takes(model="smollm2"):
        folder = options.real_model or real_model_folder()
        yield _case(options, "smollm2", "SmolLM2-135M-Instruct", folder, 2, both, tokens=96, many=True)
    if options.takes(model="half-billion"):
        folder = qwen2_half_billion(made, "bfloat16")
        yield _case(options, "half-billion", "0.49 B shape", folder, 2, ("bfloat16",), tokens=32)
    if options.takes(model="smollm2-q4_1"):
        yield _case(
            options, "smollm2-q4_1", "SmolLM2-135M-Instruct Q4_1", real_gguf(), 2, ("float32",), tokens=96, many=True
        )
    for kind in QUANTISED:
        if options.takes(model=f"half-billion-{kind}"):
            file = quantised(qwen2_half_billion(made, "bfloat16"), kind)
            yield _case(
                options, f"half-billion-{kind}", f"0.49 B shape {kind}", file, 2, ("float32",), tokens=32, many=True
            )


def quantised(folder: Path, kind: Target) -> Path:
    """A checkpoint as the command `quantise` writes it."""
    file = folder.with_name(f"{folder.name}-{kind}.gguf")
    if not file.exists():
        partial = file.with_suffix(".partial")
        quantise(str(folder), kind, partial, lambda done, weights: None)
        partial.rename(file)
    return file


def check_real_model(options: PeerOptions) -> None:
    """Raises UnavailableError where the options take the real model and it is not there."""
    folder = options.real_model or real_model_folder()
    if options.takes(model="smollm2") and not (folder / "config.json").is_file():
        raise UnavailableError(
            f"There is no model in {folder}: run `make real-model`, or choose others with --only demo,half-billion."
        )
    if options.takes(model="smollm2-q4_1") and not real_gguf().is_file():
        raise UnavailableError(f"There is no file {real_gguf()}: run `make real-model`.")


def _word(threads: int) -> str:
    return "1-thread" if threads == 1 else f"{threads}-threads"


def _case(
    options: PeerOptions, name: str, title: str, folder: Path, threads: int, dtypes: tuple[str, ...], tokens: int,
    many: bool = False,
) -> Case:  # fmt: skip
    asked = works(load_tokenizer(open_checkpoint(folder)), tokens, many)
    return Case(
        name, title, folder, threads, tuple(dtype for dtype in dtypes if options.takes(dtype=dtype)),
        {
            word: replace(work, switches=options.switches | work.switches)
            for word, work in asked.items() if options.takes(work=word)
        },
    )  # fmt: skip


def works(tokenizer: Tokenizer, tokens: int, many: bool) -> dict[str, Work]:
    """Greedy and sampled decoding of `tokens`; with `many` a long prompt and 16 requests at once, too."""
    greedy = Work([PROMPT], [tokenizer.encode(PROMPT)], tokens)
    found = {"greedy": greedy, "sampled": replace(greedy, temperature=TEMPERATURE, top_p=TOP_P)}
    if many:
        long = text_of(tokenizer, PROMPT_TOKENS)
        found["prompt"] = Work([long], [tokenizer.encode(long)], 1)
        texts = [PROMPT + first + second for first, second in islice(permutations(WORDS, 2), SEQUENCES)]
        ids = [tokenizer.encode(text) for text in texts]
        assert len({len(one) for one in ids}) == 1, "prompts of one length need no padding"
        switches = {"batching": "continuous", "max_batch": SEQUENCES}
        found["batch"] = Work(texts, ids, 24, switches=switches)
    return found


def text_of(tokenizer: Tokenizer, tokens: int) -> str:
    """A text of exactly so many tokens."""
    text = "The" + "".join(islice(cycle(WORDS), tokens - len(tokenizer.encode("The"))))
    assert len(tokenizer.encode(text)) == tokens, "each of the words must be one token"
    return text
