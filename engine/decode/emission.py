"""Make drawn tokens known: their text, and whether one of them is the last of its request."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engine.decode.decide import Drawn
from engine.decode.request import Request
from engine.decode.sampler import Choice
from engine.session.schema import FinishReason, TokenSource


@dataclass(frozen=True, slots=True)
class Emission:
    """A token that a request got in a step, at index `position`, and the text it completed."""

    request: Request
    position: int
    choice: Choice
    text: str
    source: TokenSource


def emit_tokens(drawn: Drawn, eos_token_ids: Collection[int]) -> list[Emission]:
    """Append what was drawn to the request, up to the token that ends it; sets `finish_reason` there."""
    request = drawn.request
    emissions = []
    for index, choice in enumerate(drawn.choices):
        position = request.known
        request.tokens.append(choice.token_id)
        text = request.detokenizer.push(choice.token_id)
        request.text += text
        request.finish_reason = finish_reason(request, choice.token_id, len(text), eos_token_ids)
        if request.finished:
            text += request.detokenizer.flush()
        emissions.append(Emission(request, position, choice, text, source_of(drawn, index)))
        if request.finished:
            break
    return emissions


def source_of(drawn: Drawn, index: int) -> TokenSource:
    """Where the `index`-th token drawn in a step came from; the bonus follows drafts that all passed."""
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
    return "length" if request.known >= request.limit else None
