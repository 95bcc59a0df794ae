"""Emission: drawn tokens become known, with their text and finish reason; caches keep the accepted drafts only."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from engine.core.kv_cache import KVCache
from engine.core.request import Request
from engine.core.scheduled_chunk import ScheduledChunk
from engine.core.timing import StepTimer
from engine.decode.not_finite import NotANumberError, check_finite, not_finite
from engine.decode.proposer import Proposer
from engine.decode.step_runner import LandedStep
from engine.model.loader import LoadedModel
from engine.sampling.sample_and_verify import Drawn
from engine.sampling.sampler import Choice
from engine.session.schema import FinishReason, Token, TokenSource


class Emission(msgspec.Struct, frozen=True):
    """A token that a request got in a step, at index `position`, and the text it completed."""

    request: Request
    position: int
    choice: Choice
    text: str
    source: TokenSource


def token_event(emission: Emission, token: int, step: int, emitted_ns: int) -> Token:
    """The event of an emission: the `token`-th token of the run, emitted by a step."""
    choice = emission.choice
    return Token(
        id=token,
        request_id=emission.request.id,
        step_id=step,
        position=emission.position,
        token_id=choice.token_id,
        text=emission.text,
        logprob=choice.logprob,
        entropy=choice.entropy,
        source=emission.source,
        emitted_ns=emitted_ns,
        alternatives=choice.alternatives,
    )


def emit(landed: LandedStep, model: LoadedModel, timer: StepTimer) -> list[Emission]:
    """Append a step's drawn tokens to their requests; raises NotFiniteError where the logits were not finite."""
    eos = model.tokenizer.eos_token_ids
    try:
        with timer("detokenize"):
            return [emission for one in landed.drawn for emission in emit_tokens(one, eos)]
    except NotANumberError as found:
        for one in landed.drawn:  # no token of this step is sent, so no request ended in it
            one.request.finish_reason = None
        fed = next([*c.request.tokens[: c.end], *c.drafts] for c in landed.chunks if c.request is found.request)
        raise not_finite(model, fed) from None


def settle(
    chunks: Sequence[ScheduledChunk], emissions: Sequence[Emission], void: Collection[int], cache: KVCache,
    proposer: Proposer | None,
) -> dict[int, int]:  # fmt: skip
    """Roll the caches back over drafts that did not become tokens; returns {request id: number of drafts that did}.

    Requests in `void` had ended before the step and are left out.
    """
    live = [(chunk, chunk.request.id) for chunk in chunks if chunk.request and chunk.request.id not in void]
    kept = {request_id: 0 for _, request_id in live}
    for emission in emissions:
        kept[emission.request.id] += emission.source == "draft"
    for chunk, request_id in live:
        if kept[request_id] < len(chunk.drafts):
            cache.truncate(request_id, chunk.end + kept[request_id])
    if proposer is not None:
        proposer.settle()
    return kept


def emit_tokens(drawn: Drawn, eos_token_ids: Collection[int]) -> list[Emission]:
    """Append the drawn tokens to the request, up to the token that ends it; sets `finish_reason` there.

    Raises NotANumberError at a token whose logits were not finite; tokens after the end of the text are not checked.
    """
    request = drawn.request
    emissions = []
    for index, choice in enumerate(drawn.choices):
        check_finite(choice, request)
        position = request.known
        request.tokens.append(choice.token_id)
        text = request.detokenizer.push(choice.token_id)
        if request.spec.stop:
            request.text += text
        request.finish_reason = finish_reason(request, choice.token_id, len(text), eos_token_ids)
        if request.finished:
            text += request.detokenizer.flush()
        emissions.append(Emission(request, position, choice, text, source_of(drawn, index)))
        if request.finished:
            break
    return emissions


def source_of(drawn: Drawn, index: int) -> TokenSource:
    """Where the `index`-th token drawn in a step came from; `bonus` is the token after drafts that all passed."""
    if index < drawn.accepted:
        return "draft"
    return "bonus" if drawn.proposed and drawn.accepted == drawn.proposed else "target"


def finish_reason(
    request: Request, token_id: int, new_text: int, eos_token_ids: Collection[int]
) -> FinishReason | None:
    """Why a request ends with its newest token, which added `new_text` characters; None where it goes on."""
    if not request.spec.ignore_eos and token_id in eos_token_ids:
        return "eos"
    for stop in request.spec.stop:
        if stop and stop in request.text[-(new_text + len(stop)) :]:
            return "stop"
    if request.known < request.limit:
        return None
    return "length" if request.generated >= request.spec.max_new_tokens else "context"
