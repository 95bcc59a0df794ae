"""From what a user asks for to requests that can wait in the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from engine.core.request import Request, in_order, stream_of
from engine.core.settings import RequestSpec, Switches
from engine.errors import InputError
from engine.model.loader import LoadedModel

CHARACTERS_A_TOKEN: Final = 16
"""Texts of people have 3 to 6; some tokens of spaces have more."""
LEAST_CHARACTERS: Final = 2**20
"""So long a text is looked at for any context: it takes 200 MB to encode."""
MOST_CHARACTERS: Final = 2**23
"""And a longer one for none: two million tokens."""
PIECE_CHARACTERS: Final = 2**16


class RequestMaker:
    """Makes the requests of one run and numbers them; what a request draws depends on its own number."""

    def __init__(self, model: LoadedModel) -> None:
        self.longest = 0
        """The most tokens that a request made so far may come to."""
        self._model = model
        self._made = 0

    def make(self, specs: Iterable[RequestSpec], start_ns: int, switches: Switches) -> list[Request]:
        """Requests by arrival, which is counted from `start_ns`.

        Raises InputError for one that cannot run under these switches; then none is made, and no number is used.
        """
        requests: list[Request] = []
        for spec in specs:
            request = make_request(spec, self._made + len(requests), start_ns, self._model)
            check_room(request, switches, self._model)
            requests.append(request)
        self._made += len(requests)
        self.longest = max([self.longest, *(request.limit for request in requests)])
        return in_order(requests)


def make_request(spec: RequestSpec, request_id: int, start_ns: int, model: LoadedModel) -> Request:
    """The request, its arrival counted from `start_ns`; its tokens come when it arrives, as TTFT counts encoding.

    Raises InputError for a prompt that leaves no room for a new token in the model's context, of which no token can be
    made, or with a token that the model has no embedding for.
    """
    try:
        text = model.tokenizer.render(spec.prompt, spec.chat, spec.messages)
        check_length(text, model.config.max_positions, model.tokenizer.count)
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


def check_length(text: str, context: int, count: Callable[[str], int]) -> None:
    """Raise InputError for a text that cannot fit into a context of so many tokens, before all of it is encoded.

    Encoding takes some 200 bytes of memory a character, so a text that is long for its context is counted a piece at a
    time, and no further than to twice the context: at the cuts it may have more tokens than in one piece.
    """
    most = min(max(CHARACTERS_A_TOKEN * context, LEAST_CHARACTERS), MOST_CHARACTERS)
    if len(text) > most:
        raise InputError(
            f"The prompt has {len(text)} characters, and at most {most} are encoded for the model's context of "
            f"{context} tokens."
        )
    if len(text) <= max(PIECE_CHARACTERS, context):
        return
    tokens = 0
    for start in range(0, len(text), PIECE_CHARACTERS):
        tokens += count(text[start : start + PIECE_CHARACTERS])
        if tokens > 2 * context:
            raise InputError(
                f"The prompt has more than {context} tokens in its first {start + PIECE_CHARACTERS} of {len(text)} "
                f"characters, and the model's context of {context} leaves no room for a new one."
            )


def check_room(request: Request, switches: Switches, model: LoadedModel) -> None:
    """Raise InputError for a request that would find no room even alone: it never runs, whoever gives way to it.

    Captured steps need blocks in either cache, and one more for padding (the null block).
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
