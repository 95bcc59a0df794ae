"""The demo pair under every combination of switches: the tokens are those of the reference, in float32."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

from engine.core.settings import LoadSpec, RequestSpec, RunSpec, Switches
from engine.decode.draft_model import load_draft
from engine.model.loader import LoadedModel, load_model
from engine.session.schema import AnyEvent, Step, Token
from tests.engine.drive import drive, tokens_of
from tests.gpu.stages.setting import Setting

COMBINATIONS = tuple(
    product(
        ("none", "contiguous", "paged"), ("reference", "sdpa", "triton"), (False, True), ("off", "draft", "ngram"),
        ("single", "static", "continuous"),
    )
)  # fmt: skip
REQUESTS = (
    ("The cat sits on", 24), ("Once upon a time there was", 9), ("A", 16), ("Long ago, in a land far away, a king", 7),
    ("The", 20),
)  # fmt: skip
REHEARSED = (("cat", 3), ("a", 2))
SHOWN = 5


def run(setting: Setting) -> None:
    """Every combination against one run of the reference without a cache."""
    report = setting.report
    target, named_draft = setting.models()
    spec = LoadSpec(target, named_draft, device=setting.device_name, dtype="float32")
    model = load_model(spec, lambda stage, fraction: None)
    draft = load_draft(spec, model, lambda stage, fraction: None)
    assert draft is not None
    requests = tuple(
        RequestSpec(prompt, count, ignore_eos=True) for prompt, count in (REHEARSED if setting.rehearse else REQUESTS)
    )
    plain = drive(model, RunSpec(requests, Switches(kv="none", attention="reference")))
    true = tokens_of(plain)
    wrong: list[str] = []
    launched: Counter[tuple[str, str]] = Counter()
    for kv, attention, graphs, speculate, batching in COMBINATIONS:
        values: dict[str, Any] = {
            "kv": kv, "attention": attention, "graphs": graphs, "speculate": speculate, "batching": batching,
            "k": 3, "max_batch": 4,
        }  # fmt: skip
        name = " ".join(f"{key}={value}" for key, value in list(values.items())[:5])
        try:
            events = events_of(setting, model, draft, requests, Switches(**values))
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {error}".splitlines()[0])
            continue
        difference = first_difference(true, events, plain)
        wrong += [f"{name}: {difference}"] if difference else wrong_launches(name, values, events)
        launched.update((attention, step.launch) for step in events if isinstance(step, Step))
    report.figure("combinations", len(COMBINATIONS), how=f"{len(requests)} requests each", least=162)
    report.figure("with other tokens, kernels or launches", len(wrong), most=0)
    for (attention, launch), count in sorted(launched.items()):
        report.figure(f"steps, {attention}, {launch}", count)
    print("\n".join(wrong))
    if wrong:
        report.say("; ".join(wrong[:SHOWN]))


def events_of(
    setting: Setting, model: LoadedModel, draft: LoadedModel, requests: tuple[RequestSpec, ...], switches: Switches
) -> list[AnyEvent]:
    """A run under these switches."""
    return drive(model, RunSpec(requests, switches), draft=draft, graph_device=setting.graphs)


def first_difference(true: dict[int, list[int]], events: list[AnyEvent], plain: list[AnyEvent]) -> str:
    """Where a run's tokens leave the reference's, and how close the reference's own choice was; empty where nowhere."""
    found = tokens_of(events)
    for request, tokens in true.items():
        own = found.get(request, [])
        place = next((i for i, (a, b) in enumerate(zip(tokens, own, strict=False)) if a != b), None)
        if place is None and len(own) == len(tokens):
            continue
        at = min(len(own), len(tokens)) if place is None else place
        margin = [event for event in plain if isinstance(event, Token) and event.request_id == request]
        close = f"{margin_of(margin[at]):.2e}" if at < len(margin) else "no"
        return f"request {request} differs at token {at} (the reference's best two are {close} nats apart)"
    return ""


def margin_of(token: Token) -> float:
    """How much likelier the best token was than the second, in nats."""
    import numpy as np

    both = np.frombuffer(token.alternatives, np.float32)[len(token.alternatives) // 8 :]
    return float(both[0] - both[1])


def wrong_launches(name: str, values: dict[str, Any], events: list[AnyEvent]) -> list[str]:
    """A switch value never silently becomes another one: what each step says it ran."""
    steps = [event for event in events if isinstance(event, Step)]
    replayed = {step.launch for step in steps} - {"eager"}
    wanted = values["graphs"] and values["kv"] != "none" and values["attention"] != "reference"
    found = []
    if bool(replayed) != wanted:
        found.append(f"{name}: launches {sorted({step.launch for step in steps})}")
    kernels = {step.attention_kernel for step in steps}
    if not all(kernel.startswith(values["attention"]) for kernel in kernels):
        found.append(f"{name}: kernels {sorted(kernels)}")
    return found
