"""From what a user asks for to a request that can wait in the queue."""

from __future__ import annotations

from engine.decode.request import Request, stream_of
from engine.decode.settings import RequestSpec, Switches
from engine.errors import InputError
from engine.model.loader import LoadedModel


def make_request(spec: RequestSpec, request_id: int, start_ns: int, model: LoadedModel) -> Request:
    """The request, its arrival counted from `start_ns`; its tokens come when it arrives, as TTFT counts encoding.

    Raises InputError for a prompt that leaves no room for a new token in the model's context, of which no token can be
    made, or with a token that the model has no embedding for.
    """
    try:
        text = model.tokenizer.render(spec.prompt, spec.chat, spec.messages)
        ids = model.tokenizer.encode_rendered(text, spec.from_template)
    except InputError as error:
        raise InputError(f"Request {request_id}: {error}") from error
    context = model.config.max_positions
    if len(ids) >= context:
        raise InputError(
            f"The prompt of request {request_id} has {len(ids)} tokens, and the model's context of {context} leaves no "
            "room for a new one."
        )
    check_known(ids, request_id, model)
    return Request(
        id=request_id,
        spec=spec,
        prompt=text,
        tokens=[],
        prompt_tokens=len(ids),
        limit=min(len(ids) + spec.max_new_tokens, context),
        arrived_ns=start_ns + round(spec.arrival_s * 1e9),
        detokenizer=model.tokenizer.detokenizer(),
        stream=stream_of(spec.sampling.seed, request_id),
    )


def check_room(request: Request, switches: Switches, model: LoadedModel) -> None:
    """Raise InputError for a request that would find no room even alone: it never runs, whoever gives way to it.

    Captured steps need blocks of either cache, and one that nobody gets.
    """
    if switches.kv_memory is None or switches.kv == "none":
        return
    size = 1 if switches.kv == "contiguous" and not switches.graphs else switches.block_size
    blocks = -(-request.limit // size) + switches.graphs
    needed = blocks * size * model.config.kv_bytes_per_position(model.dtype.itemsize)
    if needed > switches.kv_memory:
        raise InputError(
            f"Request {request.id} may come to {request.limit} tokens, which need {needed} bytes of KV memory, and the "
            f"limit is {switches.kv_memory}: raise the limit, or ask for fewer new tokens."
        )


def check_known(ids: list[int], request_id: int, model: LoadedModel) -> None:
    """Raise InputError for a token beyond the embedding: a tokenizer may have been given more than its model has."""
    known = model.config.vocab
    beyond = next((token for token in ids if not 0 <= token < known), None)
    if beyond is not None:
        named = f"{model.tokenizer.token_text(beyond)!r} (id {beyond})" if 0 <= beyond < 2**32 else f"of id {beyond}"
        raise InputError(
            f"The prompt of request {request_id} has the token {named}, and the model has embeddings for {known} "
            f"tokens only, 0 to {known - 1}."
        )
