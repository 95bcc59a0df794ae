"""The proposer with a draft model, which runs ahead of the target, one token at a time, with its own KV cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.core.batch import Batch
from engine.core.request import Request
from engine.core.scheduled_chunk import Proposal
from engine.core.settings import Switches
from engine.core.timing import NoTimer
from engine.decode.not_finite import not_finite
from engine.measure.cost import CostModel
from engine.model.loader import LoadedModel
from engine.sampling.sampler import distribution, draw


@dataclass(slots=True)
class DraftedRequest:
    """A request as the draft model knows it."""

    request: Request
    stream: np.random.Generator
    fed: list[int] = field(default_factory=list)
    """The tokens its cache holds, some of them drafts that the target may have thrown away since."""
    sure: int = 0
    """The first `sure` of them were known tokens when they were fed."""
    drafts: list[int] = field(default_factory=list)
    probs: list[Tensor] = field(default_factory=list)
    """What each draft was drawn from; empty for a greedy request, whose drafts were the only choice."""
    wanted: int = 0
    uniforms: list[float] = field(default_factory=list)
    """The first numbers of `stream`, as many as were asked for: one for each token that may be generated."""

    def held(self) -> int:
        """How many tokens fed are the request's own still; at least one known token is left to feed."""
        tokens, count = self.request.tokens, self.sure
        while count < min(len(self.fed), len(tokens)) and self.fed[count] == tokens[count]:
            count += 1
        return min(count, len(tokens) - 1)

    def uniform(self) -> float:
        """The number that the next draft is drawn with: that of its place in the text.

        Drafts that were never tested change nothing: for the same place, the same draft is drawn again. A number
        serves again only after drafts that went untested, as the first of them that fails ends the test.
        """
        place = self.request.generated + len(self.drafts)
        while len(self.uniforms) <= place:
            self.uniforms.append(float(self.stream.random()))
        return self.uniforms[place]


class DraftProposer:
    """Draws up to k tokens a request from a draft model that shares the target's vocabulary, all requests in one batch.

    A draft is drawn with the request's own sampling parameters from a stream of its own, so that the target's test is
    independent of it. The cache is rolled back to the tokens that became known when they are, and again before it goes
    on, as it may be asked for drafts of what nobody settled.

    Both may pad their vocabulary otherwise: nothing is drafted that only one of them has a row for.
    """

    name = "draft"

    def __init__(self, model: LoadedModel, vocab: int | None = None) -> None:
        """`vocab` is the number of the target's logits; None: as many as the draft's."""
        self._model = model
        self._vocab = model.config.vocab if vocab is None else vocab
        self._cache = make_cache(Switches(kv="contiguous"), model.config, model.device, model.dtype)
        self._attention = make_attention("sdpa", model.config)
        self._cost = CostModel(model.config, model.decoder.reads)
        self._spent = (0, 0)
        self._runs: dict[int, DraftedRequest] = {}

    def propose(self, requests: Sequence[Request], counts: Sequence[int]) -> list[Proposal]:
        runs = [self._run_of(request) for request in requests]
        context = self._model.config.max_positions
        for run, count in zip(runs, counts, strict=True):
            run.wanted = count if run.request.known + count <= min(context, run.request.limit) else 0
            run.drafts, run.probs = [], []
            self._roll_back(run)
        for index in range(max(counts, default=0)):
            active = [run for run in runs if run.wanted > index]
            if active:
                self._draft_one(active)
        return [Proposal(tuple(run.drafts), torch.stack(run.probs) if run.probs else None) for run in runs]

    def forget(self, request_id: int) -> None:
        if self._runs.pop(request_id, None) is not None:
            self._cache.free(request_id)

    def settle(self) -> None:
        for run in self._runs.values():
            self._roll_back(run)

    def take_cost(self) -> tuple[int, int]:
        spent, self._spent = self._spent, (0, 0)
        return spent

    def kv_bytes(self) -> tuple[int, int]:
        layers = self._cache.layer_bytes()
        return sum(used for used, _ in layers), sum(reserved for _, reserved in layers)

    def _roll_back(self, run: DraftedRequest) -> None:
        """Keep only known tokens of what was fed."""
        held = run.held()
        self._cache.truncate(run.request.id, held)
        del run.fed[held:]
        run.sure = run.request.known

    def _run_of(self, request: Request) -> DraftedRequest:
        run = self._runs.get(request.id)
        if run is None:
            seed = np.random.SeedSequence((request.spec.sampling.seed, request.id, 1))
            run = self._runs[request.id] = DraftedRequest(request, np.random.Generator(np.random.Philox(seed)))
            self._cache.admit(request.id, min(request.limit, self._model.config.max_positions))
        return run

    def _check_finite(self, logits: Tensor, runs: list[DraftedRequest]) -> None:
        """Raise NotFiniteError where a row's largest logit is no finite number: NaN is greater than any."""
        finite = torch.isfinite(logits.amax(-1)).tolist()
        if not all(finite):
            run = runs[finite.index(False)]
            raise not_finite(self._model, self._known([*run.request.tokens, *run.drafts]), "The draft model's logits")

    def _known(self, tokens: list[int]) -> list[int]:
        """The tokens as the draft model is fed them; an id beyond its vocabulary still takes a position."""
        return [min(token, self._model.config.vocab - 1) for token in tokens]

    def _draft_one(self, runs: list[DraftedRequest]) -> None:
        """One pass of the draft model: each run is fed what it lacks and draws one more token."""
        parts = []
        for run in runs:
            text = [*run.request.tokens, *run.drafts]
            first = len(run.fed)
            parts.append((run.request.id, first, self._known(text[first:])))
            run.fed = text
        batch = Batch.of(parts, device=str(self._model.device))
        kv = self._cache.begin(batch)
        logits = self._model.decoder.forward(batch, kv, self._attention, NoTimer())  # [R, V]
        for request_id, _, tokens in parts:
            self._cache.commit(request_id, tokens)
        self._check_finite(logits, runs)
        logits = logits[:, : self._vocab]
        spans = ((span.first, span.end) for span in batch.spans)
        flops, moved = self._cost.of(spans, len(runs), self._cache.position_bytes)
        self._spent = (self._spent[0] + flops, self._spent[1] + moved)
        drawn = logits.argmax(-1)  # [R]
        # By request, not by batch: who else drafts beside it must not change what a request's drafts were drawn from.
        rows = [row for row, run in enumerate(runs) if not run.request.spec.sampling.greedy]
        if rows:
            drawing = [runs[row] for row in rows]
            probs = distribution(logits[rows], [run.request.spec.sampling for run in drawing])
            uniforms = [run.uniform() for run in drawing]
            drawn[rows] = draw(probs, torch.tensor(uniforms, dtype=torch.float64, device=logits.device))
            for run, own in zip(drawing, pad(probs, (0, self._vocab - probs.shape[-1])), strict=True):
                run.probs.append(own)
        for run, token in zip(runs, drawn.tolist(), strict=True):
            run.drafts.append(token)
