"""Distil the draft: `python -m assets.demo.training.distil --corpus DIR --run DIR`, after `train` finished in that run.

Speculation drafts on text that the target itself writes, so most of the draft's lessons are such text: greedy and
sampled continuations of prompts from the corpus. The rest is the corpus. The target's hidden states are computed once
and kept (512 bytes a token); each lesson forms its logits anew from them, and the draft learns the whole distribution.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from assets.demo.training.checkpoint import export, load_decoder
from assets.demo.training.corpus import Corpus, epoch_windows, fixed_windows, seeded
from assets.demo.training.decoder import DRAFT, Decoder, Shape
from assets.demo.training.evaluate import greedy_acceptance, held_out_prompts
from assets.demo.training.generate import continue_texts
from assets.demo.training.loop import Forward, Report, Settings, run
from assets.demo.training.loss import distillation
from assets.demo.training.optimiser import Rates
from assets.demo.training.tokenizer import load_tokenizer
from assets.demo.training.train import parsed_settings, settings_parser

_PROMPTS = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48)
"""Prompt lengths in tokens; the first is `<|endoftext|>` alone, which is also how an empty prompt runs."""

_TEMPERATURES = (0.0, 0.0, 1.0, 0.0, 0.7)


@dataclass(frozen=True)
class Lessons:
    """Texts and what the target thought at each place: ids [N, T], hidden states [N, T, C]."""

    tokens: Tensor
    hidden: Tensor


def spoken(target: Decoder, stories: list[Tensor], *, rounds: int, rows: int, length: int, seed: int) -> Lessons:
    """Texts of `length` tokens that `target` writes, `rounds` batches of `rows`, each of one length and temperature."""
    tokens, hidden = [], []
    starts = [int(story[0]) for story in stories]
    for number in range(rounds):
        draw = seeded(seed, 1, number)
        temperature = _TEMPERATURES[number % len(_TEMPERATURES)]
        size = _PROMPTS[number % len(_PROMPTS)]
        if size == 1 and temperature == 0.0:
            size = 2
        if size == 1:
            prompts = torch.tensor(starts[:1]).repeat(rows, 1)
        elif number % 2:
            openings = [story[:size] for story in stories if len(story) >= size]
            prompts = torch.stack([openings[int(i)] for i in torch.randint(len(openings), (rows,), generator=draw)])
        else:
            prompts = epoch_windows(stories, size, draw)[:rows, :-1]
        texts, states = continue_texts(target, prompts, length + 1 - prompts.shape[1], temperature, draw)
        tokens.append(texts[:, :-1])
        hidden.append(states)
    return Lessons(torch.cat(tokens), torch.cat(hidden))


@torch.no_grad()
def read_aloud(target: Decoder, stories: list[Tensor], length: int) -> Lessons:
    """The corpus in windows of `length`, with the target's hidden states."""
    tokens = fixed_windows(stories, length)[:, :-1].contiguous()
    hidden = [target(part) for part in torch.split(tokens, max(1, 4096 // length))]
    return Lessons(tokens, torch.cat(hidden))


def distil(
    shape: Shape,
    target: Decoder,
    lessons: list[Lessons],
    settings: Settings,
    folder: Path,
    *,
    sharpness: float,
    validate: Callable[[Decoder], dict[str, float]],
    report: Report = lambda line: None,
    stop_at: int | None = None,
) -> Decoder:
    """Train, or go on training, a draft of `shape` on `lessons`, each kind in turn, with its state in `folder`."""
    torch.manual_seed(settings.seed)
    draft = Decoder(shape, settings.dropout)
    with torch.no_grad():  # Begin with the target's embedding in the directions that hold most of it.
        _, _, directions = torch.linalg.svd(target.embedding.float(), full_matrices=False)
        draft.embedding.copy_(target.embedding @ directions[: shape.hidden_size].t())

    def objective(step: int, forward: Forward) -> Tensor:
        kind = lessons[step % len(lessons)]
        turn = step // len(lessons)
        size = min(len(kind.tokens), max(1, settings.batch // kind.tokens.shape[1]))
        epoch, place = divmod(turn, len(kind.tokens) // size)
        order = torch.randperm(len(kind.tokens), generator=seeded(settings.seed, 2, step % len(lessons), epoch))
        rows = order[place * size : (place + 1) * size]
        hidden = forward(kind.tokens[rows]).flatten(0, 1)
        return distillation(hidden, draft.embedding, (kind.hidden[rows].flatten(0, 1), target.embedding), sharpness)

    run(draft, settings, objective, lambda: validate(draft), folder, report=report, stop_at=stop_at)
    return draft


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    base = Settings(steps=3000, batch=8192, dropout=0.0, rates=Rates(0.01, 0.005, 0.0, 0.0), save_every=500)
    parser = settings_parser(__doc__, base)
    parser.add_argument("--rounds", type=int, default=20, help="batches of text that the target writes")
    parser.add_argument("--rows", type=int, default=192, help="texts in such a batch")
    parser.add_argument("--sharpness", type=float, default=0.3, help="share of the aim on the target's first choice")
    options = parser.parse_args(arguments)
    settings, folder = parsed_settings(options), options.run
    target = load_decoder(folder / "target")
    tokenizer = load_tokenizer(folder)
    corpus = Corpus.read(options.corpus, tokenizer)
    written = spoken(
        target, corpus.train, rounds=options.rounds, rows=options.rows, length=settings.length, seed=settings.seed
    )
    print(f"the target wrote {written.tokens.numel()} tokens", flush=True)
    read = read_aloud(target, corpus.train, settings.long_length)
    prompts = held_out_prompts(corpus.valid)
    judged, _ = continue_texts(target, prompts, 256, 0.0)

    def validate(draft: Decoder) -> dict[str, float]:
        result = greedy_acceptance(draft, judged, prompts.shape[1], 4)
        return {"rate": result.rate, "length": result.length}

    draft = distil(
        DRAFT,
        target,
        [written, written, read],
        settings,
        folder / "draft-state",
        sharpness=options.sharpness,
        validate=validate,
        report=lambda line: print(line, flush=True),
    )
    export(folder / "draft", draft, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
