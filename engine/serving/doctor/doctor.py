"""What a server offers to DecodeScope, what is missing, and which flag would add it: `attach URL --doctor`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal

from engine.core.settings import AttachSpec
from engine.errors import DecodeScopeError
from engine.serving.doctor.one_token import OneToken, ask_one_token
from engine.serving.doctor.server_flags import CONNECTS, HERE, Gain, flag_for
from engine.serving.observe.kv_endpoint import is_loopback, kv_endpoint
from engine.serving.observe.kv_events import events_reachable
from engine.serving.observe.metric_names import told_distributions, told_figures, told_pool
from engine.serving.observe.metrics_observer import METRICS
from engine.serving.observe.metrics_page import LARGEST_BYTES, TOO_LARGE, Page, is_openmetrics, page_text, parsed_page
from engine.serving.recorder.recorder_link import NONE, find_recorder
from engine.serving.server.address import server_address
from engine.serving.server.api_key import ApiKey
from engine.serving.server.connection import Connection
from engine.serving.server.dialect import TITLES
from engine.serving.server.server_kind import Server, find_server
from engine.session.server_names import FIGURES

State = Literal["ok", "missing", "unknown"]
SLOTS: Final = "/slots"
EVENTS_WITHIN_S: Final = 2.0
MAIN_FIGURES: Final = (
    "running", "waiting", "kv_usage", "prefix_queries", "prefix_hits", "preemptions", "prompt_tokens",
    "generation_tokens", "ttft", "itl", "queue",
)  # fmt: skip
"""The figures whose absence is told."""
MOST_MODELS: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `flag` is what would add it, "" where it is there or nothing adds it."""

    topic: str
    state: State
    sentence: str
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found of one server."""

    address: str
    kind: str
    version: str
    model: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Patient:
    """The server, and whether it runs on this machine, as far as its address tells."""

    connection: Connection
    server: Server
    is_here: bool

    def flag(self, gain: Gain) -> str:
        return flag_for(self.server.kind, gain, self.is_here)


async def examined(spec: AttachSpec, key: ApiKey | None = None) -> Diagnosis:
    """Look at everything that a server offers; sends it one request for one token, and connects to nothing else.

    Raises DecodeScopeError, with a sentence, where no server answers or the spec cannot be used.
    """
    address = server_address(spec.url)
    endpoint = kv_endpoint(spec.kv_events, address.host) if spec.kv_events else ""
    async with Connection(address, key) as connection:
        server = await find_server(connection)
        model = server.model(spec.model)
        patient = _Patient(connection, server, address.is_loopback)
        findings = [
            *_server(server, model),
            *_stream(await ask_one_token(connection, server.kind, model), patient),
            *await _metrics(patient),
            *await _slots(patient),
            await _kv_events(spec.kv_events, endpoint, patient),
            await _recorder(spec.recorder, patient),
        ]
    return Diagnosis(str(address), TITLES[server.kind], server.version, model, tuple(findings))


def _server(server: Server, model: str) -> Iterator[Finding]:
    because = f", because {server.because}" if server.because else ""
    version = f" {server.version}" if server.version else ", of a version that it does not tell"
    state: State = "unknown" if server.kind == "openai" else "ok"
    yield Finding("server", state, f"This is {TITLES[server.kind]}{version}{because}.")
    told = [f"{one.name} ({_longest(one.longest)})" for one in server.models[:MOST_MODELS]]
    more = len(server.models) - len(told)
    names = ", ".join(told) + (f" and {more} more" if more else "")
    if names:
        yield Finding("models", "ok", f"It serves {names}; {model} was asked.")
    else:
        yield Finding("models", "unknown", f"It does not list its models; {model} was asked.")


def _longest(tokens: int | None) -> str:
    return f"up to {tokens} tokens" if tokens is not None else "it does not tell how many tokens it takes"


def _stream(answer: OneToken, patient: _Patient) -> Iterator[Finding]:
    """What a request for one token showed."""
    sent = f"One request for one token (max_tokens: 1) was sent to {answer.path}"
    if answer.fault:
        yield Finding("streaming", "missing", f"{sent}, and failed: {answer.fault}")
        return
    told = answer.told
    yield Finding("streaming", "ok", f"{sent}, and its stream of {told.events} events took {answer.took_ms:.0f} ms.")
    refused = f" It refused to be asked for: {', '.join(answer.refused)}." if answer.refused else ""
    prompt = " and the ids of the prompt" if told.prompt_ids else ""
    yield _offer(
        "token ids", told.token_ids, f"Each chunk lists the ids of its tokens{prompt}.",
        f"Its chunks have no token ids, so how many tokens a chunk holds is told by counts, if at all.{refused}",
    )  # fmt: skip
    yield _offer(
        "logprobs", told.logprobs, "Logprobs come with the tokens, where they are asked for (--logprobs N).",
        "It sends no logprobs.",
    )  # fmt: skip
    each = told.usage_each and any(name.endswith("each chunk") for name in answer.asked)
    at_end = "A count comes at the end of a stream, not with each chunk." if told.usage else "It sends no counts."
    yield _offer("counts of tokens", each, "A running count of tokens comes with each chunk.", at_end)
    yield _offer(
        "cached tokens", told.cached_tokens, "It tells how many tokens of a prompt came from its cache.",
        "It does not tell how many tokens of a request's prompt came from its cache.", patient.flag("cached tokens"),
    )  # fmt: skip
    yield _offer(
        "times by the server", told.server_times, "It tells its own times of each request.",
        "It does not tell its own times of a request (queue, first token).", patient.flag("server times"),
    )  # fmt: skip


def _offer(topic: str, is_there: bool, there: str, absent: str, flag: str = "") -> Finding:
    return Finding(topic, "ok", there) if is_there else Finding(topic, "missing", absent, flag)


async def _metrics(patient: _Patient) -> list[Finding]:
    """The page of metrics, and which of its figures are known here."""
    topic = "metrics"
    began_ns = time.monotonic_ns()
    try:
        answer = await patient.connection.get(METRICS, most_bytes=LARGEST_BYTES)
        took_ms = (time.monotonic_ns() - began_ns) / 1e6
        if answer.status != HTTPStatus.OK:
            absent = f"It has no page of metrics: {METRICS} gave {answer.status}."
            return [Finding(topic, "missing", absent, patient.flag("metrics"))]
        if not answer.whole:
            raise DecodeScopeError(TOO_LARGE)
        page = parsed_page(page_text(answer.body), is_openmetrics(answer.headers.get("content-type", "")))
    except DecodeScopeError as error:
        return [Finding(topic, "unknown", str(error))]
    return _figures(page, f"Its page of metrics has {len(page.readings)} series and took {took_ms:.0f} ms")


def _figures(page: Page, count: str) -> list[Finding]:
    known = {key.partition("/")[0] for key in (*told_figures(page.readings), *told_distributions(page.readings))}
    if not known:
        nothing = f"{count}, but no figure on it is known here; its series are kept under their own names."
        return [Finding("metrics", "unknown", nothing)]
    names = ", ".join(name for name in FIGURES if name in known)
    findings = [Finding("metrics", "ok", f"{count}; figures that are known: {names}.")]
    absent = ", ".join(name for name in MAIN_FIGURES if name not in known)
    if absent:
        findings.append(Finding("figures", "missing", f"Not on its page of metrics: {absent}."))
    if (pool := told_pool(page.readings)) is not None:
        size = f"Its KV cache has {pool.blocks} blocks of {pool.block_size} positions."
        findings.append(Finding("KV pool", "ok", size))
    return findings


async def _slots(patient: _Patient) -> list[Finding]:
    """llama.cpp's page of slots, which other servers do not have."""
    if patient.server.kind != "llama.cpp":
        return []
    try:
        status = (await patient.connection.get(SLOTS)).status
    except DecodeScopeError as error:
        return [Finding("slots", "unknown", str(error))]
    absent = f"It does not show its slots: {SLOTS} gave {status}."
    return [_offer("slots", status == HTTPStatus.OK, "It shows its slots.", absent, patient.flag("slots"))]


async def _kv_events(typed: str, endpoint: str, patient: _Patient) -> Finding:
    topic, flag = "KV events", patient.flag("kv events")
    if not flag:
        return Finding(topic, "missing", "Servers of this kind send no KV events that DecodeScope reads.")
    if not endpoint:
        is_here = f", here {HERE}" if patient.is_here else ""
        return Finding(
            topic, "unknown",
            "A server does not tell whether it sends KV events; start it with the flag, and give its endpoint with "
            f"--kv-events ADDRESS{is_here}.", flag,
        )  # fmt: skip
    listens = "*" not in typed and is_loopback(endpoint)
    if await events_reachable(endpoint, EVENTS_WITHIN_S, listens):
        return Finding(topic, "ok", f"A publisher answers at {endpoint}.")
    return Finding(topic, "missing", f"Nothing answers at {endpoint} within {EVENTS_WITHIN_S:g} s. {CONNECTS}", flag)


async def _recorder(address: str, patient: _Patient) -> Finding:
    topic, flag = "recorder", patient.flag("recorder")
    without = "so steps, their members and blocks are not told"
    if address == NONE:
        return Finding(topic, "unknown", "It was not looked for, as --recorder none says.")
    if not flag:
        return Finding(topic, "missing", f"There is a recorder for vLLM only, {without}.")
    try:
        link = await find_recorder(address, str(patient.connection.address))
    except DecodeScopeError as error:
        return Finding(topic, "missing", str(error), flag)
    if link is None and not patient.is_here:
        return Finding(
            topic, "unknown",
            "The server is on another machine, where no recorder is looked for; give its address with "
            "--recorder tcp://HOST:PORT.", flag,
        )  # fmt: skip
    if link is None:
        return Finding(topic, "missing", f"There is no recorder inside this server, {without}.", flag)
    await link.close()
    return Finding(topic, "ok", "The recorder answers: steps, their members, blocks and preemptions are told.")
