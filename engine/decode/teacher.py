"""The teacher-forced pass: the text of a finished request goes through the model at once, as in training."""

from __future__ import annotations

from dataclasses import dataclass

from engine.cache.build import make_cache
from engine.core.batch import Batch
from engine.core.request import Request
from engine.core.settings import Switches
from engine.decode.step_runner import StepRunner
from engine.measure.step_record import KvState, kv_state
from engine.model.loader import LoadedModel
from engine.session.schema import Launch
from engine.session.teacher_mark import spans


@dataclass(frozen=True, slots=True)
class TeacherPass:
    """One pass over a finished request: its number of generated `tokens`, and the positions that differ.

    A position differs where the pass finds another token likelier than the generated one.
    """

    batch: Batch
    kv: KvState
    attention_kernel: str
    launch: Launch
    tokens: int
    differing: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """The text that the session keeps: how many tokens agree, and the positions of those that do not."""
        text = f"{self.tokens - len(self.differing)} of {self.tokens} tokens agree"
        return f"{text}, not {spans(self.differing)}" if self.differing else text


def teacher_pass(model: LoadedModel, runner: StepRunner, request: Request) -> TeacherPass:
    """Run every position of a finished request but its last in one forward pass without a cache, as `runner` runs one.

    The likeliest token of each position that gave a token is compared with the token that was generated.
    """
    timer = runner.timer
    with timer("prepare"):
        known = request.tokens[:-1]
        rows = list(range(request.prompt_tokens - 1, len(known)))
        batch = Batch.of([(request.id, 0, known)], rows, str(model.device))
        cache = make_cache(Switches(kv="none"), model.config, model.device, model.dtype)
        kv = cache.begin(batch)
    logits, kernel, launch = runner.forward(batch, kv)  # [generated, vocab]
    with timer("sample"):
        best = logits.argmax(-1)
        timer.pause()
        found = best.tolist()
    emitted = request.tokens[request.prompt_tokens :]
    pairs = enumerate(zip(emitted, found, strict=True), request.prompt_tokens)
    differing = tuple(position for position, (token, likeliest) in pairs if token != likeliest)
    return TeacherPass(batch, kv_state(cache), kernel, launch, len(emitted), differing)
