"""Muon for the layers' matrices, AdamW for the embedding and the norms, and the schedule both follow."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from assets.demo.training.decoder import Decoder


@dataclass(frozen=True)
class Rates:
    """Peak learning rates and decays of the two optimisers."""

    matrix: float = 0.02
    embedding: float = 0.003
    matrix_decay: float = 0.1
    embedding_decay: float = 0.1


class Optimiser:
    """The two optimisers behind one `step`, with a state that is a flat dictionary of tensors."""

    def __init__(self, model: Decoder, rates: Rates) -> None:
        matrices = model.matrices()
        chosen = {id(p) for p in matrices}
        others = [p for p in model.parameters() if id(p) not in chosen]
        norms = [p for p in others if p.ndim == 1]
        tables = [p for p in others if p.ndim == 2]
        self._muon = torch.optim.Muon(
            matrices, lr=rates.matrix, weight_decay=rates.matrix_decay, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        )
        self._adam = torch.optim.AdamW(
            [
                {"params": tables, "lr": rates.embedding, "weight_decay": rates.embedding_decay},
                {"params": norms, "lr": rates.embedding, "weight_decay": 0.0},
            ],
            betas=(0.9, 0.98),
            fused=True,
        )
        self._peaks = [[g["lr"] for g in part.param_groups] for part in self._parts()]

    def _parts(self) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
        return self._muon, self._adam

    def step(self, scale: float) -> None:
        """Apply the gradients at `scale` times the peak learning rates, and clear them."""
        for part, peaks in zip(self._parts(), self._peaks, strict=True):
            for group, peak in zip(part.param_groups, peaks, strict=True):
                group["lr"] = peak * scale
            part.step()
            part.zero_grad(set_to_none=True)

    def _slots(self) -> Iterator[tuple[str, torch.optim.Optimizer, Tensor]]:
        for index, part in enumerate(self._parts()):
            parameters = [p for group in part.param_groups for p in group["params"]]
            for number, parameter in enumerate(parameters):
                yield f"{index}.{number}", part, parameter

    def state(self) -> dict[str, Tensor]:
        """Every moment and counter, by name."""
        return {
            f"{slot}.{key}": value
            for slot, part, parameter in self._slots()
            for key, value in part.state[parameter].items()
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` returned."""
        for slot, part, parameter in self._slots():
            prefix = f"{slot}."
            part.state[parameter] = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}


def schedule(step: int, steps: int, warmup: int, floor: float = 0.0) -> float:
    """The learning rate at `step` as a share of its peak: a linear warm-up, then a cosine down to `floor`."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
