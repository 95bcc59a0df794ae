"""Train the target: `python -m assets.demo.training.train --corpus DIR --run DIR`.

The run folder receives the tokenizer, a resumable state and, at the end, the checkpoint folder `target`. Starting the
same command again goes on where the state stands.
"""

import argparse
import math
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from assets.demo.training.checkpoint import export, load_decoder
from assets.demo.training.corpus import Batches, Corpus, fixed_windows, read_stories
from assets.demo.training.decoder import TARGET, Decoder, Shape
from assets.demo.training.loop import Forward, Report, Settings, run
from assets.demo.training.loss import cross_entropy
from assets.demo.training.optimiser import Rates
from assets.demo.training.tokenizer import load_tokenizer, train_tokenizer


@torch.no_grad()
def mean_loss(model: Decoder, stories: list[Tensor], length: int) -> float:
    """Mean loss, nats a token, over `stories` in windows of `length`."""
    windows = fixed_windows(stories, length)
    total, count = 0.0, 0
    for part in torch.split(windows, max(1, 4096 // length)):
        labels = part[:, 1:].reshape(-1)
        hidden = model(part[:, :-1]).reshape(len(labels), -1)
        total += float(cross_entropy(hidden, model.embedding, labels)) * len(labels)
        count += len(labels)
    return total / count


def train(
    shape: Shape,
    settings: Settings,
    corpus: Corpus,
    folder: Path,
    *,
    report: Report = lambda line: None,
    stop_at: int | None = None,
    start: Path | None = None,
) -> Decoder:
    """Train, or go on training, a decoder of `shape` on `corpus`, with its state in `folder`.

    It begins with random weights, or with those of the checkpoint folder `start`.
    """
    torch.manual_seed(settings.seed)
    model = Decoder(shape, settings.dropout)
    if start is not None:
        model.load_state_dict(load_decoder(start).state_dict())
    short, long = (
        Batches(corpus.train, length, max(1, settings.batch // length), settings.seed)
        for length in (settings.length, settings.long_length)
    )
    turn = round(settings.steps * (1 - settings.long_share))

    def objective(step: int, forward: Forward) -> Tensor:
        tokens, labels = (short if step < turn else long)(step)
        return cross_entropy(forward(tokens).flatten(0, 1), model.embedding, labels.flatten())

    def validate() -> dict[str, float]:
        loss = mean_loss(model, corpus.valid, settings.length)
        return {"valid": loss, "perplexity": math.exp(loss)}

    run(model, settings, objective, validate, folder, report=report, stop_at=stop_at)
    return model


def settings_parser(description: str | None, base: Settings) -> argparse.ArgumentParser:
    """A parser of every setting of a run, with the defaults of `base`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of fairy-tales-train.txt and -valid.txt")
    parser.add_argument("--run", type=Path, required=True, help="folder for the tokenizer, the state and the result")
    for name, value in asdict(base).items():
        if name == "rates":
            for rate, peak in asdict(base.rates).items():
                parser.add_argument(f"--{rate.replace('_', '-')}", type=float, default=peak)
        elif name != "compiled":
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--compile", action="store_true", help="fuse with torch.compile; needs a C++ compiler")
    return parser


def parsed_settings(options: argparse.Namespace) -> Settings:
    """The settings that `settings_parser` read."""
    values = vars(options)
    rates = Rates(**{name: values[name] for name in Rates.__dataclass_fields__})
    plain = {name: values[name] for name in Settings.__dataclass_fields__ if name not in ("rates", "compiled")}
    return Settings(rates=rates, compiled=options.compile, **plain)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = settings_parser(__doc__, Settings())
    parser.add_argument("--start", type=Path, help="checkpoint folder to begin with, for a second stage of training")
    options = parser.parse_args(arguments)
    settings, folder = parsed_settings(options), options.run
    if not (folder / "tokenizer.json").exists():
        stories = read_stories(options.corpus / "fairy-tales-train.txt")
        train_tokenizer(stories, TARGET.vocab_size, TARGET.max_position_embeddings, folder)
    corpus = Corpus.read(options.corpus, load_tokenizer(folder))
    model = train(TARGET, settings, corpus, folder, report=lambda line: print(line, flush=True), start=options.start)
    export(folder / "target", model, folder)
    for length in (settings.length, settings.long_length):
        loss = mean_loss(model, corpus.valid, length)
        print(f"validation in windows of {length}: loss {loss:.4f}, perplexity {math.exp(loss):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
