"""Which serving engine answers at an address, told by what it really offers, and what it says of its models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import InputError, ServerError, UnavailableError
from engine.plain_text import one_line
from engine.serving.server.connection import ANSWER_WITHIN_S, Answer, Connection
from engine.serving.server.dialect import TITLES, Kind

MODELS: Final = "/v1/models"
ASKED: Final = (MODELS, "/version", "/props", "/get_model_info", "/model_info", "/info", "/health", "/metrics")
"""What every server is asked. None of these makes it compute anything."""
MORE: Final[dict[Kind, tuple[str, ...]]] = {
    "sglang": ("/server_info", "/get_server_info"),  # the second is the older name; both tell the version
    "openai": ("/openapi.json",),  # llama-cpp-python has nothing else that tells it from others
}
MOST_MODELS: Final = 100
MOST_NAME: Final = 300
"""Characters of a model's name or folder; longer ones are cut, and then shown only."""
LARGEST: Final = 2**31
PREFIXES: Final[dict[str, Kind]] = {
    "vllm:": "vllm",
    "sglang:": "sglang",
    "sglang_": "sglang",
    "llamacpp:": "llama.cpp",
    "tgi_": "tgi",
}
"""How the names of a kind's own metrics begin."""
OWNERS: Final[dict[str, Kind]] = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llama.cpp"}
OWN_PATHS: Final[tuple[tuple[str, str, Kind], ...]] = (
    ("/props", "build_info", "llama.cpp"),
    ("/info", "docker_label", "tgi"),
    ("/info", "max_total_tokens", "tgi"),
    ("/model_info", "is_generation", "sglang"),
    ("/get_model_info", "is_generation", "sglang"),
)
"""Paths that only one kind answers, and a name that only its answer has."""
PYTHON_TITLE: Final = "llama.cpp Python API"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model as the server names it. `longest` is its context in tokens (None: not told), `root` its folder or id."""

    name: str
    longest: int | None = None
    root: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """What answers at an address. `version` and `because` (what its kind was told by) are empty where not told.

    `offers` has the status with which each path answered, None where it did not answer.
    """

    kind: Kind
    version: str
    because: str
    models: tuple[ServedModel, ...]
    offers: Mapping[str, int | None]

    @property
    def title(self) -> str:
        """The server's kind and version, for people."""
        return f"{TITLES[self.kind]} {self.version}".rstrip()

    @property
    def has_metrics(self) -> bool:
        return self.offers.get("/metrics") == 200

    def model(self, name: str = "") -> str:
        """The name of the model to ask for: this one, or the first; raises InputError where it is not served."""
        names = [one.name for one in self.models]
        if not name:
            if not names:
                raise InputError("The server does not say which models it has; name one.")
            return names[0]
        if names and name not in names:
            raise InputError(f"The server has no model {one_line(name)}; it has {one_line(', '.join(names))}.")
        return name


async def find_server(connection: Connection, within_s: float = ANSWER_WITHIN_S) -> Server:
    """Ask a server what it is; a path that is not answered within `within_s` counts as not offered.

    Raises UnavailableError where nothing answers, InputError where it wants a key or another one, ServerError where
    what answers is no server of this API.
    """
    answers = await _ask(connection, ASKED, within_s)
    models = answers[MODELS]
    if models is not None and models.status in (401, 403):
        raise InputError(
            f"The server {connection.address} answered {models.status}: it wants a key, or another one; "
            "give it in the environment variable DECODESCOPE_API_KEY."
        )
    kind, because = _kind(answers)
    if kind in MORE:
        answers |= await _ask(connection, MORE[kind], within_s)
        kind, because = _kind(answers)
    if kind == "openai" and (models is None or not _entries(models)):
        raise ServerError(
            f"What answers at {connection.address} is no server of the OpenAI API: "
            f"its /v1/models gave {_gave(connection, models)}."
        )
    offers = {path: answer.status if answer is not None else None for path, answer in answers.items()}
    return Server(kind, _version(connection, kind, answers), because, _models(connection, answers), offers)


async def _ask(connection: Connection, paths: tuple[str, ...], within_s: float) -> dict[str, Answer | None]:
    """The answers, all asked for at once; raises UnavailableError where there is none at all."""
    got = await asyncio.gather(*(connection.get(path, within_s) for path in paths), return_exceptions=True)
    for error in got:
        if isinstance(error, BaseException) and not isinstance(error, ServerError):
            raise error
    if all(isinstance(answer, ServerError) for answer in got):
        raise UnavailableError(str(got[0]))
    return {path: answer if isinstance(answer, Answer) else None for path, answer in zip(paths, got, strict=True)}


def _kind(answers: Mapping[str, Answer | None]) -> tuple[Kind, str]:
    """The kind, and what told it."""
    for sign in (_by_owner, _by_own_path, _by_metrics, _by_title):
        if told := sign(answers):
            return told
    return "openai", ""


def _by_owner(answers: Mapping[str, Answer | None]) -> tuple[Kind, str] | None:
    for entry in _entries(answers[MODELS]):
        owner = entry.get("owned_by")
        if isinstance(owner, str) and owner in OWNERS:
            return OWNERS[owner], f"its models are owned by {owner}"
    return None


def _by_own_path(answers: Mapping[str, Answer | None]) -> tuple[Kind, str] | None:
    for path, name, kind in OWN_PATHS:
        if name in _object(answers[path]):
            return kind, f"its {path} has {name}"
    return None


def _by_metrics(answers: Mapping[str, Answer | None]) -> tuple[Kind, str] | None:
    metrics = answers["/metrics"]
    if metrics is not None and metrics.status == 200:
        for line in metrics.body.split(b"\n"):
            for prefix, kind in PREFIXES.items():
                if line.startswith(prefix.encode()):
                    return kind, f"its metrics have names that begin with {prefix}"
    return None


def _by_title(answers: Mapping[str, Answer | None]) -> tuple[Kind, str] | None:
    title = _object(_object(answers.get("/openapi.json")).get("info")).get("title")
    told = isinstance(title, str) and PYTHON_TITLE in title
    return ("llama-cpp-python", "the title of its /openapi.json") if told else None


def _version(connection: Connection, kind: Kind, answers: Mapping[str, Answer | None]) -> str:
    """The version as the server says it; empty where it does not."""
    path, name = _VERSIONS.get(kind, ("", ""))
    paths = (path, "/get_server_info") if kind == "sglang" else (path,)
    for one in paths:
        value = _object(answers.get(one))
        if kind == "llama-cpp-python":
            value = _object(value.get("info"))
        told = value.get(name)
        if isinstance(told, str):
            return one_line(connection.hidden(told), MOST_NAME)
    return ""


_VERSIONS: Final[dict[Kind, tuple[str, str]]] = {
    "vllm": ("/version", "version"),
    "sglang": ("/server_info", "version"),
    "llama.cpp": ("/props", "build_info"),
    "llama-cpp-python": ("/openapi.json", "version"),
    "tgi": ("/info", "version"),
}
"""Where each kind tells its version, and under which name."""


def _models(connection: Connection, answers: Mapping[str, Answer | None]) -> tuple[ServedModel, ...]:
    info = _object(answers["/info"])
    return tuple(
        ServedModel(
            _name(connection, entry["id"]),
            _longest(entry.get("max_model_len"), _object(entry.get("meta")).get("n_ctx"), info.get("max_total_tokens")),
            _name(connection, entry.get("root")),
        )
        for entry in _entries(answers[MODELS])[:MOST_MODELS]
    )


def _longest(*told: object) -> int | None:
    """The first of these that is a number of tokens."""
    return next((one for one in told if isinstance(one, int) and 0 < one < LARGEST), None)


def _name(connection: Connection, text: object) -> str:
    return one_line(connection.hidden(text), MOST_NAME) if isinstance(text, str) else ""


def _entries(answer: Answer | None) -> list[dict[str, Any]]:
    """The models that `/v1/models` lists, as far as they have a name."""
    listed = _object(answer).get("data")
    entries = listed if isinstance(listed, list) else []
    return [one for one in entries if isinstance(one, dict) and isinstance(one.get("id"), str)]


def _object(value: Answer | object) -> dict[str, Any]:
    """The JSON object of a good answer, or of a part of one; empty where there is none."""
    if isinstance(value, Answer):
        value = value.json() if value.status == 200 else None
    return value if isinstance(value, dict) else {}


def _gave(connection: Connection, answer: Answer | None) -> str:
    if answer is None:
        return "no answer"
    return f"{answer.status} and {connection.said(answer.body)}" if answer.body else str(answer.status)
