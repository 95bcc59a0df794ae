"""What each kind of server understands of a request beyond the OpenAI API, and how it is asked to tell more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from engine.core.sampling import FILTERS, Sampling
from engine.core.settings import RequestSpec
from engine.errors import InputError

Kind = Literal["vllm", "sglang", "llama.cpp", "llama-cpp-python", "tgi", "openai"]
"""`openai` is any other server that speaks the OpenAI API."""

TITLES: Final[dict[Kind, str]] = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "llama.cpp": "llama.cpp's server",
    "llama-cpp-python": "llama-cpp-python's server",
    "tgi": "Text Generation Inference",
    "openai": "a server of unknown kind",
}
SEEDS: Final = 2**31
"""A seed is sent modulo this, because some servers hold it in 32 bits and give the last number another meaning."""


@dataclass(frozen=True, slots=True)
class Option:
    """Something that a server may be asked to tell. `completion` and `chat` are fields of the request's body.

    A field that is present in several options is a dictionary, and gets the entries of each.
    """

    name: str
    completion: Mapping[str, Any]
    chat: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server.

    `filters` gives for each filter it knows the value that turns it off, which is sent because a server's own value
    may be another; None where it refuses that value, which is then left out. `always` is sent with each request: it
    turns off what our own engine does not have. `fewest_alternatives` is what logprobs can be asked with (None: they
    are not asked for). `options` are in the order in which they are given up.
    """

    filters: Mapping[str, float | None]
    ignores_eos: bool = False
    always: Mapping[str, Any] = field(default_factory=dict)
    fewest_alternatives: int | None = 1
    options: tuple[Option, ...] = ()


def _both(name: str, **fields: Any) -> Option:
    return Option(name, fields, fields)


_USAGE: Final = _both("usage", stream_options={"include_usage": True})
_USAGE_EACH: Final = _both("usage of each chunk", stream_options={"continuous_usage_stats": True})
TOKEN_IDS: Final = "token ids"
"""The option by which a stream lists the ids of its tokens."""
_TOKEN_IDS: Final = _both(TOKEN_IDS, return_token_ids=True)
_NO_PENALTIES: Final = {"presence_penalty": 0.0, "frequency_penalty": 0.0}

DIALECTS: Final[dict[Kind, Dialect]] = {
    "vllm": Dialect(
        {"top_k": 0, "top_p": 1.0, "min_p": 0.0},
        ignores_eos=True,
        always={"repetition_penalty": 1.0, **_NO_PENALTIES},  # else the checkpoint's generation_config.json decides
        fewest_alternatives=0,
        options=(_TOKEN_IDS, _USAGE_EACH, _USAGE),
    ),
    "sglang": Dialect(
        {"top_k": -1, "top_p": 1.0, "min_p": 0.0},
        ignores_eos=True,
        always={"repetition_penalty": 1.0, **_NO_PENALTIES},
        options=(_TOKEN_IDS, _USAGE_EACH, _USAGE),
    ),
    "llama.cpp": Dialect(
        {"top_k": 0, "top_p": 1.0, "min_p": 0.0},
        ignores_eos=True,
        always={"repeat_penalty": 1.0, **_NO_PENALTIES},
        options=(
            # `__verbose` is where a chunk of the OpenAI form holds its token ids; a chat's chunks have none.
            Option(TOKEN_IDS, {"return_tokens": True, "verbose": True}, {}),
            _both("timings of each chunk", timings_per_token=True),
            _USAGE,
        ),
    ),
    "llama-cpp-python": Dialect(
        {"top_k": 0, "top_p": 1.0, "min_p": 0.0},
        always={"repeat_penalty": 1.0, **_NO_PENALTIES},
        fewest_alternatives=None,  # it answers 500 unless it was started with logits_all
    ),
    "tgi": Dialect({"top_p": None}, options=(_USAGE,)),
    "openai": Dialect({"top_p": 1.0}, options=(_USAGE,)),
}


def options_of(kind: Kind, alternatives: int | None) -> tuple[Option, ...]:
    """What a server of this kind is asked to tell, in the order in which it is given up.

    `alternatives` is how many tokens each logprob is given with (0: the drawn one alone); None asks for no logprobs.
    """
    dialect = DIALECTS[kind]
    if alternatives is None or dialect.fewest_alternatives is None:
        return dialect.options
    asked = max(alternatives, dialect.fewest_alternatives)
    logprobs = Option("logprobs", {"logprobs": asked}, {"logprobs": True, "top_logprobs": asked})
    return (logprobs, *dialect.options)


def request_body(spec: RequestSpec, index: int, model: str, kind: Kind, options: tuple[Option, ...]) -> dict[str, Any]:
    """The body of a streamed request; for `/v1/chat/completions` where the spec is a chat, else `/v1/completions`.

    Request i draws with the seed of its spec plus i, as each request of our own engine has draws of its own; a greedy
    one names no seed. Raises InputError for what this kind of server does not know.
    """
    body: dict[str, Any] = {"model": model, "stream": True, "max_tokens": spec.max_new_tokens}
    if spec.from_template:
        messages = spec.messages or (("user", spec.prompt),)
        body["messages"] = [{"role": role, "content": content} for role, content in messages]
    else:
        body["prompt"] = spec.prompt
    body |= DIALECTS[kind].always
    body |= _drawn(spec.sampling, index, kind)
    if spec.stop:
        body["stop"] = list(spec.stop)
    if spec.ignore_eos:
        body["ignore_eos"] = True
    for option in options:
        for name, value in (option.chat if spec.from_template else option.completion).items():
            body[name] = {**body.get(name, {}), **value} if isinstance(value, dict) else value
    return body


def check_request(spec: RequestSpec, kind: Kind) -> None:
    """Raise InputError, with a sentence, for a setting that servers of this kind would ignore."""
    dialect = DIALECTS[kind]
    for one in FILTERS:
        if one.used_by(spec.sampling) and one.name not in dialect.filters:
            raise InputError(f"{one.name} is not known to {TITLES[kind]}, which would ignore it; leave it out.")
    if spec.ignore_eos and not dialect.ignores_eos:
        raise InputError(f"ignore_eos is not known to {TITLES[kind]}, which would ignore it; leave it out.")


def _drawn(sampling: Sampling, index: int, kind: Kind) -> dict[str, Any]:
    """Temperature, filters and seed as this kind of server names and takes them."""
    drawn: dict[str, Any] = {"temperature": 0.0 if sampling.greedy else sampling.temperature}
    for one in FILTERS:
        if one.name in DIALECTS[kind].filters:
            off = DIALECTS[kind].filters[one.name]
            value = getattr(sampling, one.name) if one.used_by(sampling) else off
            if value is not None:
                drawn[one.name] = value
    return drawn if sampling.greedy else {**drawn, "seed": (sampling.seed + index) % SEEDS}
