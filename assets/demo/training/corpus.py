"""The text: stories as token ids, cut into training windows that differ in every epoch."""

from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from assets.demo.training.tokenizer import END_OF_TEXT

_OPENINGS = 0.1
"""The share of windows that begin where a story begins: a prompt is an opening far more often than a middle."""


def read_stories(file: Path) -> list[str]:
    """The stories of a corpus file, in which a line `<|endoftext|>` ends each."""
    stories = file.read_text(encoding="utf-8").split(END_OF_TEXT)
    return [story.strip() for story in stories if story.strip()]


def encode_stories(stories: list[str], tokenizer: Tokenizer) -> list[Tensor]:
    """Each story as int64 ids with `<|endoftext|>` in front."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    return [torch.tensor([end, *encoding.ids]) for encoding in tokenizer.encode_batch(stories)]


@dataclass(frozen=True)
class Corpus:
    """Training and validation stories, each int64 ids that begin with `<|endoftext|>`."""

    train: list[Tensor]
    valid: list[Tensor]

    @classmethod
    def read(cls, folder: Path, tokenizer: Tokenizer) -> "Corpus":
        """Read `fairy-tales-train.txt` and `fairy-tales-valid.txt`."""
        train, valid = (
            encode_stories(read_stories(folder / f"fairy-tales-{part}.txt"), tokenizer) for part in ("train", "valid")
        )
        return cls(train, valid)


def seeded(seed: int, *where: int) -> torch.Generator:
    """A generator that depends on the seed and on a place (an epoch, a step) only, so that a run can be resumed."""
    mixed = seed
    for part in where:
        mixed = (mixed * 1_000_003 + part + 1) % (2**61 - 1)
    return torch.Generator().manual_seed(mixed)


def epoch_windows(stories: list[Tensor], length: int, generator: torch.Generator) -> Tensor:
    """One epoch as int64 [windows, length + 1]: stories in random order, cut at a random phase, shuffled.

    Each window holds `length` inputs and, one place later, their labels.
    """
    order = torch.randperm(len(stories), generator=generator).tolist()
    stream = torch.cat([stories[i] for i in order])
    shift = int(torch.randint(length, (1,), generator=generator))
    count = (len(stream) - shift - 1) // length
    places = shift + length * torch.arange(count)
    starts = torch.cumsum(torch.tensor([0] + [len(stories[i]) for i in order]), 0)
    starts = starts[starts < len(stream) - length - 1]
    chosen = torch.randint(len(starts), (int(_OPENINGS * count),), generator=generator)
    places = torch.cat((places, starts[chosen]))
    windows = stream[places[:, None] + torch.arange(length + 1)]
    return windows[torch.randperm(len(windows), generator=generator)]


def fixed_windows(stories: list[Tensor], length: int) -> Tensor:
    """The stories in order as int64 [windows, length + 1]; each token is a label once, a last partial window none."""
    stream = torch.cat(stories)
    count = (len(stream) - 1) // length
    return stream[length * torch.arange(count)[:, None] + torch.arange(length + 1)]


class Batches:
    """The training batch of any step, without the steps before it."""

    def __init__(self, stories: list[Tensor], length: int, size: int, seed: int) -> None:
        """Batches of `size` windows of `length` tokens."""
        self.stories, self.length, self.size, self.seed = stories, length, size, seed
        self.per_epoch = max(1, len(epoch_windows(stories, length, seeded(seed, 0))) // size - 1)
        self._epoch = -1
        self._windows = torch.empty(0)

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and labels, int64 [size, length] each."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._windows = epoch_windows(self.stories, self.length, seeded(self.seed, epoch))
            self._epoch = epoch
        windows = self._windows[place * self.size : (place + 1) * self.size]
        return windows[:, :-1].contiguous(), windows[:, 1:].contiguous()
