"""Measure the pair: `python -m assets.demo.training.evaluate --corpus DIR --pair DIR`, DIR holding target and draft."""

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from assets.demo.training.checkpoint import load_decoder
from assets.demo.training.corpus import Corpus
from assets.demo.training.decoder import Decoder, parameter_count
from assets.demo.training.generate import continue_texts
from assets.demo.training.tokenizer import END_OF_TEXT, load_tokenizer
from assets.demo.training.train import mean_loss

PROMPTS = ("", "The cat sits on", "Once upon a time", "There was once a king who", '"Open the door," said the wolf')
"""Prompts a viewer may type; the first is the end-of-text token alone."""


@dataclass(frozen=True)
class Acceptance:
    """Counts of greedy speculation; `positions` holds how often the i-th drafted token was accepted."""

    drafted: int
    accepted: int
    drafts: int
    positions: tuple[int, ...]

    @property
    def rate(self) -> float:
        """Accepted tokens over drafted tokens."""
        return self.accepted / self.drafted

    @property
    def length(self) -> float:
        """Tokens emitted a draft: the accepted ones and the target's own."""
        return 1 + self.accepted / self.drafts


@torch.no_grad()
def greedy_acceptance(draft: Decoder, texts: Tensor, prompt: int, k: int) -> Acceptance:
    """Speculate greedily over `texts` [B, T], which the target wrote greedily after prompts of `prompt` tokens.

    One pass of the draft over the finished text is enough: up to its first rejection it reads just that text.
    """
    hidden = draft(texts[:, :-1])
    choices = (hidden @ draft.embedding.to(hidden.dtype).t()).argmax(-1)
    agreed = (choices == texts[:, 1:])[:, prompt - 1 :].tolist()
    drafted = accepted = drafts = 0
    positions = [0] * k
    for row in agreed:
        place = 0
        while place < len(row):
            window = row[place : place + k]
            right = next((i for i, same in enumerate(window) if not same), len(window))
            drafts, drafted, accepted = drafts + 1, drafted + len(window), accepted + right
            for i in range(right):
                positions[i] += 1
            place += right + 1
    return Acceptance(drafted, accepted, drafts, tuple(positions))


def held_out_prompts(stories: list[Tensor], length: int = 16) -> Tensor:
    """The first `length` tokens of each story, int64 [stories, length], `<|endoftext|>` first."""
    return torch.stack([story[:length] for story in stories])


def prompt_ids(prompt: str, tokenizer: Tokenizer) -> list[int]:
    """The ids of a prompt as typed; an empty one is `<|endoftext|>` alone."""
    ids: list[int] = tokenizer.encode(prompt or END_OF_TEXT).ids
    return ids


def repeated_share(tokens: list[int], size: int = 8) -> float:
    """The share of runs of `size` tokens that occurred before in the same text: near 1 in a loop."""
    runs = [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]
    return 1 - len(set(runs)) / len(runs)


def measure(corpus: Path, pair: Path, k: int, count: int) -> dict[str, object]:
    """Every figure of the model card, from the checkpoints in `pair`, computed in float32."""
    tokenizer = load_tokenizer(pair / "target")
    text = Corpus.read(corpus, tokenizer)
    models = {name: load_decoder(pair / name, torch.float32) for name in ("target", "draft")}
    target, draft = models["target"], models["draft"]
    result: dict[str, object] = {
        "parameters": {name: parameter_count(list(model.parameters())) for name, model in models.items()},
        "bytes": sum(file.stat().st_size for name in models for file in (pair / name).iterdir()),
    }
    for name, model in models.items():
        for part, stories in (("train", text.train[:28]), ("valid", text.valid)):
            for length in (256, 1024):
                loss = mean_loss(model, stories, length)
                result[f"{name} {part} {length}"] = {"loss": round(loss, 4), "perplexity": round(math.exp(loss), 2)}
    prompts = held_out_prompts(text.valid)
    texts, _ = continue_texts(target, prompts, count, 0.0)
    held_out = greedy_acceptance(draft, texts, prompts.shape[1], k)
    result["acceptance on held-out openings"] = [round(held_out.rate, 3), round(held_out.length, 3), held_out.positions]
    samples = {}
    for prompt in PROMPTS:
        ids = prompt_ids(prompt, tokenizer)
        texts, _ = continue_texts(target, torch.tensor([ids]), count, 0.0)
        accepted = greedy_acceptance(draft, texts, len(ids), k)
        written = texts[0].tolist()[len(ids) :]
        samples[prompt] = {
            "rate": round(accepted.rate, 3),
            "length": round(accepted.length, 3),
            "repeated": round(repeated_share(written), 3),
            "text": tokenizer.decode(written, skip_special_tokens=False),
        }
    result["samples"] = samples
    return result


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of fairy-tales-train.txt and -valid.txt")
    parser.add_argument("--pair", type=Path, required=True, help="folder of the checkpoints target and draft")
    parser.add_argument("--k", type=int, default=4, help="drafted tokens a step")
    parser.add_argument("--count", type=int, default=256, help="generated tokens a prompt")
    options = parser.parse_args(arguments)
    print(json.dumps(measure(options.corpus, options.pair, options.k, options.count), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
