"""From what a user asks for to a request that can wait in the queue."""

from __future__ import annotations

from engine.decode.request import Request, stream_of
from engine.decode.settings import RequestSpec
from engine.errors import InputError
from engine.model.loader import LoadedModel


def make_request(spec: RequestSpec, request_id: int, start_ns: int, model: LoadedModel) -> Request:
    """The request, its arrival counted from `start_ns`; its tokens come when it arrives.

    Raises InputError for a prompt that leaves no room for a new token in the model's context.
    """
    tokens = len(model.tokenizer.encode_prompt(spec.prompt, spec.chat, spec.messages))
    context = model.config.max_positions
    if tokens >= context:
        raise InputError(
            f"The prompt has {tokens} tokens, and the model's context of {context} leaves no room for a new one."
        )
    return Request(
        id=request_id,
        spec=spec,
        tokens=[],
        prompt_tokens=tokens,
        limit=min(tokens + spec.max_new_tokens, context),
        arrived_ns=start_ns + round(spec.arrival_s * 1e9),
        detokenizer=model.tokenizer.detokenizer(),
        stream=stream_of(spec.sampling.seed, request_id),
    )
