"""Which server answers: vLLM as it was recorded, other kinds by the forms of their answers, and what is no server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from engine.errors import DecodeScopeError, InputError, ServerError, UnavailableError
from engine.serving.server.address import server_address
from engine.serving.server.api_key import ApiKey
from engine.serving.server.connection import ANSWER_WITHIN_S, Connection
from engine.serving.server.server_kind import ASKED, Server, find_server
from tests.engine.serving.fake_server import FakeServer, Script, SeenRequest, Wire, answering, replaying
from tests.engine.serving.recorded_exchange import recorded

VLLM = ("models", "version", "health", "no-props", "metrics-part")


def found(server: FakeServer, secret: str = "", within_s: float = ANSWER_WITHIN_S) -> Server:
    async def ask() -> Server:
        address = server_address(server.url)
        async with Connection(address, ApiKey(secret, address) if secret else None) as connection:
            return await find_server(connection, within_s)

    return asyncio.run(ask())


def said(value: object, **headers: str) -> Script:
    return answering(200, json.dumps(value).encode(), **headers)


def test_vllm_as_it_was_recorded() -> None:
    with FakeServer().replay(*(recorded(f"vllm-0.32-{name}") for name in VLLM)) as server:
        told = found(server)
    assert (told.kind, told.version, told.title) == ("vllm", "0.32.0", "vLLM 0.32.0")
    assert told.because == "its models are owned by vllm"
    (model,) = told.models
    assert (model.name, model.longest, model.root) == ("demo", 1024, "/models/demo")
    assert (told.has_metrics, told.offers["/props"], told.offers["/info"]) == (True, 404, 404)
    assert {one.path for one in server.seen} == set(ASKED)


def test_llama_cpp_as_it_was_recorded() -> None:
    names = ("models", "props", "health", "metrics")
    with FakeServer().replay(*(recorded(f"llama.cpp-0c1e570-{name}") for name in names)) as server:
        told = found(server)
    assert (told.kind, told.title) == ("llama.cpp", "llama.cpp's server b1-0c1e570")
    assert [(one.name, one.longest) for one in told.models] == [("demo", 1024)]
    assert told.has_metrics


def test_vllm_is_told_by_its_metrics_where_its_models_are_renamed() -> None:
    server = FakeServer().replay(recorded("vllm-0.32-version"), recorded("vllm-0.32-metrics-part"))
    server.scripts["/v1/models"] = said({"data": [{"id": "mine", "owned_by": "somebody"}]})
    with server:
        told = found(server)
    assert (told.kind, told.version) == ("vllm", "0.32.0")
    assert told.because == "its metrics have names that begin with vllm:"


MODELS: Callable[[str], Script] = lambda owner: said({"object": "list", "data": [{"id": "m", "owned_by": owner}]})  # noqa: E731


@pytest.mark.parametrize(
    ("scripts", "kind", "version", "longest"),
    [
        (
            {
                "/v1/models": said({"data": [{"id": "m", "owned_by": "sglang", "root": "m", "max_model_len": 4096}]}),
                "/server_info": said({"version": "0.5.23", "internal_states": []}),
            },
            "sglang",
            "0.5.23",
            4096,
        ),
        (
            {
                "/v1/models": MODELS("x"),
                "/get_model_info": said({"model_path": "m", "is_generation": True}),
                "/get_server_info": said({"version": "0.4.1"}),
            },
            "sglang",
            "0.4.1",
            None,
        ),
        (
            {
                "/v1/models": said({"data": [{"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx": 512}}]}),
                "/props": said({"build_info": "b9251-e2b129e1b", "total_slots": 1}),
            },
            "llama.cpp",
            "b9251-e2b129e1b",
            512,
        ),
        ({"/v1/models": MODELS("x"), "/props": said({"build_info": "b1"})}, "llama.cpp", "b1", None),
        (
            {
                "/v1/models": MODELS("me"),
                "/openapi.json": said({"info": {"title": "🦙 llama.cpp Python API", "version": "0.3.36"}}),
            },
            "llama-cpp-python",
            "0.3.36",
            None,
        ),
        (
            {
                "/v1/models": MODELS("m"),
                "/info": said({"router": "text-generation-router", "version": "3.2.1", "max_total_tokens": 32768}),
            },
            "tgi",
            "3.2.1",
            32768,
        ),
        ({"/v1/models": MODELS("library")}, "openai", "", None),
    ],
)
def test_other_kinds_by_the_forms_of_their_answers(
    scripts: dict[str, Script], kind: str, version: str, longest: int | None
) -> None:
    with FakeServer(scripts) as server:
        told = found(server)
    assert (told.kind, told.version, told.models[0].longest) == (kind, version, longest)


def test_a_key_goes_with_each_question_and_a_server_that_wants_one_says_so() -> None:
    with FakeServer().replay(recorded("vllm-0.32-no-key")) as server:
        with pytest.raises(InputError, match=r"answered 401: it wants a key.*DECODESCOPE_API_KEY\.$"):
            found(server)
        with pytest.raises(InputError, match="answered 401"):
            found(server, secret="sk-2f9a0c77d1e84b")
    assert {one.headers.get("authorization") for one in server.seen} == {None, "Bearer sk-2f9a0c77d1e84b"}


def test_nothing_that_answers_is_one_sentence() -> None:
    with FakeServer() as server:
        pass
    with pytest.raises(UnavailableError, match=r"^Nothing answers at http://127\.0\.0\.1:\d+: Connection refused\.$"):
        found(server)


async def silent(_: SeenRequest, wire: Wire) -> None:
    await wire.gone()


def test_a_path_that_is_not_answered_is_not_offered() -> None:
    server = FakeServer({"/props": silent, "/metrics": silent}).replay(recorded("vllm-0.32-models"))
    with server:
        told = found(server, within_s=0.5)
    assert told.kind == "vllm"
    assert (told.offers["/props"], told.offers["/metrics"], told.offers["/info"]) == (None, None, 404)


def test_a_server_that_answers_nothing_is_given_up() -> None:
    server = FakeServer(dict.fromkeys(ASKED, silent))
    with server, pytest.raises(UnavailableError, match=r"did not answer /v1/models within 0\.2 s\.$"):
        found(server, within_s=0.2)


async def html(_: SeenRequest, wire: Wire) -> None:
    await answering(200, b"<html><script>alert(1)</script>", "text/html")(_, wire)


async def large(_: SeenRequest, wire: Wire) -> None:
    await wire.head(headers=[("content-type", "application/json")])
    await wire.chunk(b'{"data": [')
    while True:
        await wire.chunk(b'{"id": "m"},' * 10_000)


async def bomb(_: SeenRequest, wire: Wire) -> None:
    await answering(200, b"\x1f\x8b\x08 and so on", content_encoding="gzip")(_, wire)


async def not_http(_: SeenRequest, wire: Wire) -> None:
    await wire.send(b"SSH-2.0-OpenSSH_9.6\r\n")


async def endless_header(_: SeenRequest, wire: Wire) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        await wire.send(b"y" * 10_000)


async def closes(_: SeenRequest, wire: Wire) -> None:
    pass


async def resets(_: SeenRequest, wire: Wire) -> None:
    wire.reset()


@pytest.mark.parametrize(
    "value", ["", "no json", "[]", '{"data": 7}', '{"data": [7]}', '{"data": [{"id": 7}]}', "[" * 99_999]
)
def test_wrong_json_is_no_server_of_this_api(value: str) -> None:
    server = FakeServer({path: answering(200, value.encode()) for path in ASKED})
    with server, pytest.raises(ServerError, match=r"is no server of the OpenAI API: its /v1/models gave 200"):
        found(server)


@pytest.mark.parametrize("script", [html, large, bomb, not_http, endless_header, closes, resets])
def test_what_is_no_server_ends_in_one_sentence(script: Script) -> None:
    server = FakeServer(dict.fromkeys([*ASKED, "/openapi.json"], script))
    with server, pytest.raises(DecodeScopeError, match=r"^[^\n]{1,500}\.$") as caught:
        found(server)
    assert not isinstance(caught.value, InputError) or isinstance(caught.value, UnavailableError)


def test_a_redirect_is_not_followed() -> None:
    with FakeServer() as other:
        elsewhere = answering(302, b"", location=f"{other.url}/v1/models")
        server = FakeServer(dict.fromkeys(ASKED, elsewhere))
        with server, pytest.raises(ServerError, match="gave 302"):
            found(server, secret="sk-2f9a0c77d1e84b")
        assert other.seen == []


def test_names_of_a_hostile_server_are_cut_and_made_plain() -> None:
    evil = {"id": "a\nb\u202e" + "x" * 1000, "max_model_len": 10**30, "root": ["no"]}
    with FakeServer({"/v1/models": said({"data": [evil] * 500})}) as server:
        told = found(server)
    assert len(told.models) == 100
    assert told.models[0].name.isprintable()
    assert len(told.models[0].name) <= 300
    assert (told.models[0].longest, told.models[0].root) == (None, "")


def test_the_model_to_ask_for() -> None:
    with FakeServer().replay(recorded("vllm-0.32-models")) as server:
        told = found(server)
    assert told.model() == told.model("demo") == "demo"
    with pytest.raises(InputError, match=r"^The server has no model nothing; it has demo\.$"):
        told.model("nothing")


def test_a_server_that_names_no_model_is_asked_for_the_one_that_is_given() -> None:
    told = Server("vllm", "", "", (), {})
    assert told.model("mine") == "mine"
    with pytest.raises(InputError, match="name one"):
        told.model()


def test_replaying_sends_what_was_recorded() -> None:
    exchange = recorded("vllm-0.32-version")

    async def ask(url: str) -> tuple[int, bytes]:
        async with Connection(server_address(url)) as connection:
            answer = await connection.get("/version")
            return answer.status, answer.body

    with FakeServer({"/version": replaying(exchange)}) as server:
        assert asyncio.run(ask(server.url)) == (200, exchange.answer)
