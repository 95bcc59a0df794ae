"""The training loop that target and draft share: deterministic by its seed, resumable at any saved step."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from assets.demo.training.checkpoint import Facts, load_state, save_state
from assets.demo.training.corpus import seeded
from assets.demo.training.decoder import Decoder
from assets.demo.training.optimiser import Optimiser, Rates, schedule

Forward = Callable[[Tensor], Tensor]
"""Token ids [B, T] to hidden states [B, T, C], with dropout where the model has any."""

Objective = Callable[[int, Forward], Tensor]
"""The loss of a step, a scalar, given the model's forward pass."""

Report = Callable[[str], None]
"""Receives one line of progress."""


@dataclass(frozen=True)
class Settings:
    """What a run depends on besides its text. Lengths are in tokens; `batch` is tokens a step."""

    seed: int = 1
    steps: int = 4000
    batch: int = 8192
    length: int = 256
    long_length: int = 1024
    long_share: float = 0.1
    warmup: int = 100
    dropout: float = 0.1
    rates: Rates = field(default_factory=Rates)
    save_every: int = 250
    report_every: int = 50
    compiled: bool = False

    def identity(self) -> Facts:
        """What two runs must share to be the same run: everything but how often they report and save."""
        return {k: v for k, v in asdict(self).items() if k not in ("save_every", "report_every", "compiled")}


def run(
    model: Decoder,
    settings: Settings,
    objective: Objective,
    validate: Callable[[], dict[str, float]],
    folder: Path,
    *,
    report: Report,
    stop_at: int | None = None,
) -> None:
    """Train `model` in place, or go on from the state in `folder`; `stop_at` ends the run early, at that step.

    A step's dropout follows from the seed and the step alone, and so must `objective`: a run that was interrupted then
    ends with the same weights as one that was not.
    """
    optimiser = Optimiser(model, settings.rates)
    facts = load_state(folder, model, optimiser)
    if facts is not None and facts["settings"] != settings.identity():
        raise ValueError(f"{folder} holds the state of a run with other settings: {facts['settings']}")
    step, seconds, smooth = (0, 0.0, 0.0)
    if facts is not None:
        step, seconds, smooth = int(str(facts["step"])), float(str(facts["seconds"])), float(str(facts["train"]))
    compiled = torch.compile(model) if settings.compiled else model
    last = settings.steps if stop_at is None else min(stop_at, settings.steps)
    mark, tokens = time.perf_counter(), 0

    def forward(ids: Tensor) -> Tensor:
        nonlocal tokens
        tokens += ids.numel()
        hidden: Tensor = compiled(ids, model.noise(ids, seeded(settings.seed, 0, step)))
        return hidden

    while step < last:
        loss = objective(step, forward)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(schedule(step, settings.steps, settings.warmup))
        step += 1
        smooth += (loss.item() - smooth) * (0.02 if smooth else 1.0)
        save = step % settings.save_every == 0 or step == last
        if step % settings.report_every and not save:
            continue
        passed = time.perf_counter() - mark
        seconds += passed
        line = f"step {step}/{settings.steps}  {seconds:.0f} s  {tokens / passed:.0f} tokens/s  train {smooth:.3f}"
        if save:
            figures = validate()
            line += "".join(f"  {name} {value:.3f}" for name, value in figures.items())
            progress: Facts = {"step": step, "seconds": seconds, "train": smooth, **figures}
            save_state(folder, model, optimiser, progress | {"settings": settings.identity()})
        report(line)
        mark, tokens = time.perf_counter(), 0
