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
from engine.graphs.build import make_compiled
from engine.measure.cost import CostModel
from engine.model.loader import LoadedModel
from engine.sampling.choosing import drafted
from engine.sampling.sampler import likeliest


@dataclass(slots=True)
class DraftedRequest:
    """The draft model's state of one request."""

    request: Request
    stream: np.random.Generator
    fed: list[int] = field(default_factory=list)
    """The tokens in the draft model's cache. Some may be drafts that the target has rejected since."""
    sure: int = 0
    """The first `sure` tokens of `fed` were known tokens when they were fed."""
    drafts: list[int] = field(default_factory=list)
    probs: list[Tensor] = field(default_factory=list)
    """The distribution each draft was drawn from; empty for a greedy request, whose drafts are not drawn."""
    wanted: int = 0
    uniforms: list[float] = field(default_factory=list)
    """The numbers taken from `stream` so far: number i belongs to the i-th generated token."""

    def held(self) -> int:
        """How many tokens of `fed` are still the request's tokens; at least one known token is left to feed."""
        tokens, count = self.request.tokens, self.sure
        while count < min(len(self.fed), len(tokens)) and self.fed[count] == tokens[count]:
            count += 1
        return min(count, len(tokens) - 1)

    def uniform(self) -> float:
        """The uniform number for drawing the next draft; it depends only on the draft's place in the text.

        So drafts that were never tested change nothing: the same draft is drawn for the same place again. Only numbers
        of untested drafts are used again: the test ends at the first draft that fails, and the next drafts follow it.
        """
        place = self.request.generated + len(self.drafts)
        while len(self.uniforms) <= place:
            self.uniforms.append(float(self.stream.random()))
        return self.uniforms[place]


class DraftProposer:
    """Draws up to k tokens a request from a draft model that shares the target's vocabulary, all requests in one batch.

    A draft is drawn with the request's own sampling parameters from a separate stream, so that the target's test is
    independent of it. `settle` rolls the cache back to the known tokens. `propose` does so too, because it may be
    called twice without `settle` in between.

    The two models may pad their vocabulary to different sizes: only tokens that both have logits for are drafted.
    """

    name = "draft"

    def __init__(self, model: LoadedModel, switches: Switches, vocab: int | None = None) -> None:
        """`vocab` is the number of the target's logits; None: the same number as the draft model's."""
        self._model = model
        self._vocab = model.config.vocab if vocab is None else vocab
        self._cache = make_cache(Switches(kv="contiguous"), model.config, model.device, model.dtype)
        self._attention = make_attention("sdpa", model.config)
        self.follow(switches)
        self._cost = CostModel(model.config, model.decoder.reads)
        self._spent = (0, 0)
        self._runs: dict[int, DraftedRequest] = {}

    def follow(self, switches: Switches) -> None:
        self._compiled = make_compiled(self._model, switches)

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
        """Forget the fed tokens that are not the request's known tokens."""
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
        """Raise NotFiniteError where a row's largest logit is not finite; for a row with NaN, `amax` gives NaN."""
        finite = torch.isfinite(logits.amax(-1)).tolist()
        if not all(finite):
            run = runs[finite.index(False)]
            raise not_finite(self._model, self._known([*run.request.tokens, *run.drafts]), "The draft model's logits")

    def _known(self, tokens: list[int]) -> list[int]:
        """The tokens to feed: an id beyond the draft model's vocabulary becomes the last id, and keeps its position."""
        return [min(token, self._model.config.vocab - 1) for token in tokens]

    def _draft_one(self, runs: list[DraftedRequest]) -> None:
        """One pass of the draft model: each run is fed its missing tokens and draws one more draft."""
        parts = []
        for run in runs:
            text = [*run.request.tokens, *run.drafts]
            first = len(run.fed)
            parts.append((run.request.id, first, self._known(text[first:])))
            run.fed = text
        batch = Batch.of(parts, device=str(self._model.device))
        kv = self._cache.begin(batch)
        if self._compiled is not None:
            logits = self._compiled(batch, kv, NoTimer())  # [R, V]
        else:
            logits = self._model.decoder.forward(batch, kv, self._attention, NoTimer())
        for request_id, _, tokens in parts:
            self._cache.commit(request_id, tokens)
        self._check_finite(logits, runs)
        logits = logits[:, : self._vocab]
        spans = ((span.first, span.end) for span in batch.spans)
        flops, moved = self._cost.of(spans, len(runs), self._cache.position_bytes)
        self._spent = (self._spent[0] + flops, self._spent[1] + moved)
        # By request, not by batch: other requests must not change the distribution of a request's drafts.
        rows = [row for row, run in enumerate(runs) if not run.request.spec.sampling.greedy]
        tokens = likeliest(logits).tolist() if len(rows) < len(runs) else [0] * len(runs)
        if rows:
            drawing = [runs[row] for row in rows]
            params = [run.request.spec.sampling for run in drawing]
            drawn, probs = drafted(logits[rows], params, [run.uniform() for run in drawing])
            wide = pad(probs, (0, self._vocab - probs.shape[-1]))
            for row, run, token, own in zip(rows, drawing, drawn, wide, strict=True):
                tokens[row] = token
                run.probs.append(own)
        for run, token in zip(runs, tokens, strict=True):
            run.drafts.append(token)
