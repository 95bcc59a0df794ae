"""The teacher-forced pass: the text of a finished request through the model at once, as training does it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.attention.base import Attention
from engine.cache.build import make_cache
from engine.decode.request import Request
from engine.decode.settings import Switches
from engine.measure.account import KvState, kv_state
from engine.measure.timers import StepTimer
from engine.model.batch import Batch
from engine.model.loader import LoadedModel


@dataclass(frozen=True, slots=True)
class TeacherPass:
    """One pass over a finished request: of its generated `tokens`, `agreeing` are what the pass finds likeliest."""

    batch: Batch
    kv: KvState
    tokens: int
    agreeing: int


def teacher_pass(model: LoadedModel, attention: Attention, request: Request, timer: StepTimer) -> TeacherPass:
    """Run every position of a finished request but its last in one forward pass without a cache.

    The logits of each position that gave a token are compared with the token that came.
    """
    with timer("prepare"):
        known = request.tokens[:-1]
        rows = list(range(request.prompt_tokens - 1, len(known)))
        batch = Batch.of([(request.id, 0, known)], rows, str(model.device))
        cache = make_cache(Switches(kv="none"), model.config, model.device, model.dtype)
        cache.begin(batch)
    logits = model.decoder.forward(batch, cache, attention, timer)  # [generated, vocab]
    with timer("sample"):
        best = logits.argmax(-1)
        timer.finish()
        found = best.tolist()
    emitted = request.tokens[request.prompt_tokens :]
    agreeing = sum(token == likeliest for token, likeliest in zip(emitted, found, strict=True))
    return TeacherPass(batch, kv_state(cache), len(emitted), agreeing)
