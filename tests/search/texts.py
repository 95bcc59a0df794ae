"""Checks of what was generated: the tokens against solo runs, the text against the ids, the end against its reasons."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.settings import RequestSpec, Sampling, Switches
from engine.model.loader import LoadedModel
from engine.model.token_text import UNFINISHED
from engine.session.schema import RequestArrived, RequestFinished, Token
from tests.search.findings import TIE, Finding, Findings, unequal, unless
from tests.search.running import Outcome, switches_of
from tests.search.solo import NAIVE, chances, is_tie, solo_tokens


def check_texts(outcome: Outcome) -> Findings:
    """Everything that a reader of the generated text relies on."""
    arrived = {event.id: event for event in outcome.of(RequestArrived)}
    reasons = {event.id: event.finish_reason for event in outcome.of(RequestFinished)}
    tokens: dict[int, list[Token]] = {request: [] for request in arrived}
    for token in outcome.of(Token):
        tokens[token.request_id].append(token)
    for request, own in tokens.items():
        spec, prompt = outcome.specs[request], arrived[request].prompt_token_ids
        places = [token.position for token in own]
        yield from unequal("position", f"request {request}", places, list(range(len(prompt), len(prompt) + len(own))))
        yield from check_prompt(outcome.target, spec, prompt)
        yield from check_text(outcome.target, request, own)
        yield from check_end(outcome, request, spec, len(prompt), [token.token_id for token in own], reasons)
    yield from check_solo(outcome, {request: event.prompt_token_ids for request, event in arrived.items()}, tokens)
    finished = sum(reason != "cancelled" for reason in reasons.values())
    if outcome.failure is None and not outcome.hang and "cancelled" not in reasons.values() and not stopped(outcome):
        yield from unequal("unfinished", "requests that finished", finished, len(outcome.specs))


def stopped(outcome: Outcome) -> bool:
    """Whether the run was stopped by a command."""
    return any(type(one).__name__ == "Stop" and not said for one, _, said in outcome.refusals)


def check_prompt(model: LoadedModel, spec: RequestSpec, prompt: list[int]) -> Findings:
    """The prompt's ids are the tokenizer's own."""
    yield from unequal("prompt", repr(spec.prompt), prompt, list(model.tokenizer.encode(spec.prompt)))


def check_text(model: LoadedModel, request: int, tokens: list[Token]) -> Findings:
    """The texts of the tokens, joined, are what the ids decode to; of one that goes on, all but half a character."""
    ids, text = [token.token_id for token in tokens], "".join(token.text for token in tokens)
    whole = model.tokenizer.decode(ids)
    yield from unless(
        whole == text or (whole.startswith(text) and not whole[len(text) :].strip(UNFINISHED)),
        "text", f"request {request}: {text!r} where its ids say {whole!r}",
    )  # fmt: skip


def check_end(
    outcome: Outcome, request: int, spec: RequestSpec, prompt: int, ids: list[int], reasons: dict[int, str]
) -> Findings:
    """A request ends with the first token that ends it, and for that reason."""
    tokenizer = outcome.target.tokenizer
    limit = min(spec.max_new_tokens, outcome.target.config.max_positions - prompt)
    for index, token in enumerate(ids):
        reason = None
        text = tokenizer.decode(ids[: index + 1])
        if token in tokenizer.eos_token_ids and not spec.ignore_eos:
            reason = "eos"
        elif any(stop in text for stop in spec.stop):
            reason = "stop"
        elif index + 1 == limit:
            reason = "length" if index + 1 == spec.max_new_tokens else "context"
        if reason is not None:
            yield from unequal("end", f"request {request}, tokens", len(ids), index + 1)
            yield from unequal("end", f"request {request}, reason", reasons.get(request), reason)
            return
    yield from unless(
        reasons.get(request) in (None, "cancelled"), "end", f"request {request} ended early: {reasons.get(request)}"
    )


def check_solo(outcome: Outcome, prompts: dict[int, list[int]], tokens: dict[int, list[Token]]) -> Findings:
    """Each request's tokens are those of its solo run, as far as that is promised (see the package)."""
    in_force = switches_of(outcome)
    if not in_force:
        return
    ways = [(step, one.speculate, one.k if one.speculate != "off" else 0) for step, one in in_force]
    began = ways[0][1:]
    changed = min((step for step, *way in ways if tuple(way) != began), default=None)
    greedy = [request for request in tokens if outcome.specs[request].sampling.greedy]
    sampled = [request for request in tokens if not outcome.specs[request].sampling.greedy]
    one_by_one = Switches(kv="none", attention="reference", speculate=in_force[0][1].speculate, k=in_force[0][1].k)
    alone = solo_tokens(outcome.target, outcome.draft, outcome.specs, greedy, NAIVE)
    alone |= solo_tokens(outcome.target, outcome.draft, outcome.specs, sampled, one_by_one)
    for request, right in alone.items():
        spec, own = outcome.specs[request], tokens[request]
        until = len(own)
        if changed is not None and not spec.sampling.greedy:
            until = sum(token.step_id < changed for token in own)
            yield from check_possible(outcome.target, request, prompts[request], own, spec.sampling)
        ids = [token.token_id for token in own[:until]]
        if ids == right[:until]:
            continue
        at = next(place for place, pair in enumerate(zip_longest(ids, right)) if pair[0] != pair[1])
        text = f"request {request} at token {at}: {ids[at : at + 3]}, alone {right[at : at + 3]} ({spec.sampling})"
        if at < len(right) and is_tie(
            outcome.target, [*prompts[request], *ids[:at]], ids[at], right[at], spec.sampling
        ):  # fmt: skip
            yield Finding(TIE, text)
        else:
            yield Finding("solo", text)


def zip_longest(one: list[int], other: list[int]) -> Iterable[tuple[int | None, int | None]]:
    """Pairs, None where one list has ended."""
    for index in range(max(len(one), len(other))):
        yield (one[index] if index < len(one) else None), (other[index] if index < len(other) else None)


def check_possible(
    target: LoadedModel, request: int, prompt: list[int], tokens: list[Token], sampling: Sampling
) -> Findings:
    """Every sampled token is one that the target could give, after all filters."""
    if tokens:
        ids = [token.token_id for token in tokens]
        probs, _ = chances(target, [*prompt, *ids], len(prompt), sampling)
        least = float(probs.gather(-1, probs.new_tensor(ids).long()[:, None]).min())
        yield from unless(least > 0.0, "possible", f"request {request}: a token that its filters leave out")
