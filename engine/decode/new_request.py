"""Makes requests for the queue from a user's request specs, and checks that they can run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from engine.core.request import Request, in_order, stream_of
from engine.core.settings import RequestSpec, Switches
from engine.errors import InputError
from engine.model.loader import LoadedModel

CHARACTERS_A_TOKEN: Final = 16
"""A generous bound: ordinary text has 3 to 6, some tokens of spaces have more."""
LEAST_CHARACTERS: Final = 2**20
"""A text up to this length is not refused for its characters, for any context; encoding it takes up to 200 MB."""
MOST_CHARACTERS: Final = 2**23
"""A longer text is refused for every context; this is about two million tokens."""
PIECE_CHARACTERS: Final = 2**16


class RequestMaker:
    """Makes the requests of one run and numbers them; a request's random numbers depend on its number."""

    def __init__(self, model: LoadedModel, captures: bool = False) -> None:
        """`captures`: the device captures steps where `Switches.graphs` is on."""
        self.longest = 0
        """The largest limit of the requests made so far, in tokens."""
        self._model = model
        self._captures = captures
        self._made = 0

    def make(self, specs: Iterable[RequestSpec], start_ns: int, switches: Switches) -> list[Request]:
        """Requests sorted by arrival, which counts from `start_ns`.

        Raises InputError for a request that cannot run under these switches; then none is made, and no number is used.
        """
        requests: list[Request] = []
        for spec in specs:
            request = make_request(spec, self._made + len(requests), start_ns, self._model)
            check_room(request, switches, self._model, self._captures and bool(switches.graphs))
            requests.append(request)
        self._made += len(requests)
        self.longest = max([self.longest, *(request.limit for request in requests)])
        return in_order(requests)


def make_request(spec: RequestSpec, request_id: int, start_ns: int, model: LoadedModel) -> Request:
    """The request; its arrival counts from `start_ns`. Its tokens are set when it arrives, as TTFT includes encoding.

    Raises InputError for a prompt that leaves no room for a new token in the model's context, that gives no token, or
    that has a token without an embedding in the model.
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


def prompt_tokens(spec: RequestSpec, model: LoadedModel) -> int:
    """How many tokens a request's prompt has; -1 where it cannot be encoded or is far too long for the context."""
    try:
        text = model.tokenizer.render(spec.prompt, spec.chat, spec.messages)
        check_length(text, model.config.max_positions, model.tokenizer.count)
        return len(model.tokenizer.encode_rendered(text, spec.from_template))
    except InputError:
        return -1


def check_length(text: str, context: int, count: Callable[[str], int]) -> None:
    """Raise InputError for a text that cannot fit into a context of so many tokens, before all of it is encoded.

    Encoding takes some 200 bytes of memory per character, so the tokens of a long text are counted piece by piece, up
    to twice the context: a text cut into pieces may have more tokens than in one piece.
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


def check_room(request: Request, switches: Switches, model: LoadedModel, captured: bool) -> None:
    """Raise InputError for a request that has no room even alone: preempting all others could not make it run.

    Captured steps need blocks in either cache, and one more for padding (the null block).
    """
    if switches.kv_memory is None or switches.kv == "none":
        return
    size = 1 if switches.kv == "contiguous" and not captured else switches.block_size
    blocks = -(-request.limit // size) + captured
    needed = blocks * size * model.config.kv_bytes_per_position(model.dtype.itemsize)
    if needed > switches.kv_memory:
        raise InputError(
            f"Request {request.id} may come to {request.limit} tokens, which need {needed} bytes of KV memory, and the "
            f"limit is {switches.kv_memory}: raise the limit, or ask for fewer new tokens."
        )


def check_known(ids: list[int], request_id: int, model: LoadedModel) -> None:
    """Raise InputError for a token beyond the embedding: a tokenizer may have more tokens than its model."""
    known = model.config.vocab
    beyond = next((token for token in ids if not 0 <= token < known), None)
    if beyond is not None:
        named = f"{model.tokenizer.token_text(beyond)!r} (id {beyond})" if 0 <= beyond < 2**32 else f"of id {beyond}"
        raise InputError(
            f"The prompt of request {request_id} has the token {named}, and the model has embeddings for {known} "
            f"tokens only, 0 to {known - 1}."
        )
