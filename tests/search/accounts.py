"""Checks of a run's accounts: steps and tokens in order, positions by class, speculation, memory, blocks."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np

from engine.core.settings import Switches
from engine.figures import metrics
from engine.session.schema import (
    KvBlock,
    RequestArrived,
    RequestFinished,
    RequestScheduled,
    Speculation,
    Step,
    Token,
    Work,
)
from engine.session.store import Session
from tests.search.findings import Finding, Findings, unequal, unless
from tests.search.running import Outcome, switches_of


def check_accounts(outcome: Outcome, session: Session) -> Findings:
    """All of them."""
    yield from check_order(outcome)
    yield from check_positions(outcome)
    yield from check_speculation(outcome)
    yield from check_memory(outcome, session)
    yield from check_blocks(outcome)
    yield from check_nothing_left(outcome)


# --- order --------------------------------------------------------------------------------------------------------


def check_order(outcome: Outcome) -> Findings:
    """Ids have no gap, times do not go back, and what a step says it gave is what came."""
    steps: list[Step] = outcome.of(Step)
    tokens: list[Token] = outcome.of(Token)
    yield from unequal("order", "ids of steps", [step.id for step in steps], list(range(len(steps))))
    yield from unequal("order", "ids of tokens", [token.id for token in tokens], list(range(len(tokens))))
    for one, after in pairwise(steps):
        yield from unless(one.start_ns < one.end_ns <= after.start_ns, "order", f"step {after.id} begins too early")
        yield from unless(one.config_id <= after.config_id, "order", f"step {after.id} has older settings")
    came = Counter(token.step_id for token in tokens)
    for step in steps:
        yield from unequal("order", f"tokens of step {step.id}", step.tokens_out, came.get(step.id, 0))
    for token in tokens:
        step = steps[token.step_id]
        yield from unless(step.start_ns <= token.emitted_ns <= step.end_ns, "order", f"token {token.id}: its time")
    arrived = {event.id: event.arrived_ns for event in outcome.of(RequestArrived)}
    scheduled = {event.id: event.scheduled_ns for event in outcome.of(RequestScheduled)}
    finished = {event.id: event.finished_ns for event in outcome.of(RequestFinished)}
    yield from unequal("order", "requests that arrived twice", len(outcome.of(RequestArrived)), len(arrived))
    yield from unequal("order", "requests that finished twice", len(outcome.of(RequestFinished)), len(finished))
    for request, at_ns in scheduled.items():
        yield from unless(arrived[request] <= at_ns, "order", f"request {request} was scheduled before it came")
    for request, at_ns in finished.items():
        began = scheduled.get(request, arrived[request])
        yield from unless(began <= at_ns, "order", f"request {request} finished before it began")


# --- positions ----------------------------------------------------------------------------------------------------


def check_positions(outcome: Outcome) -> Findings:
    """computed = new + recomputed + padding + rejected; an index is new once; what is computed is what was missing."""
    work: dict[int, list[Work]] = defaultdict(list)
    for row in outcome.of(Work):
        work[row.step_id].append(row)
    gave: dict[tuple[int, int], list[str]] = defaultdict(list)
    for token in outcome.of(Token):
        gave[token.step_id, token.request_id].append(token.source)
    drafted = {(one.step_id, one.request_id): one.proposed for one in outcome.of(Speculation)}
    known = {event.id: len(event.prompt_token_ids) for event in outcome.of(RequestArrived)}
    seen: dict[int, set[int]] = defaultdict(set)
    configs = switches_of(outcome)
    for step in outcome.of(Step):
        rows = work.pop(step.id, [])
        classes = (step.positions_new, step.positions_recomputed, step.positions_padding, step.positions_rejected)
        yield from unequal("positions", f"step {step.id}, classes", sum(classes), step.positions_computed)
        own = [row for row in rows if row.request_id >= 0]
        summed = (
            sum(row.end - row.rejected - row.new_from for row in own),
            sum(row.new_from - row.first for row in own),
            sum(row.end - row.first for row in rows if row.request_id < 0),
            sum(row.rejected for row in own),
        )
        yield from unequal("positions", f"step {step.id}, work", summed, classes)
        by_request: dict[int, list[Work]] = defaultdict(list)
        for row in own:
            by_request[row.request_id].append(row)
        slots = [{row.slot for row in one} for one in by_request.values()]
        yield from unless(all(len(one) == 1 for one in slots), "slots", f"step {step.id}: a request in two slots")
        yield from unequal("slots", f"step {step.id}, slots", len(set().union(*slots)), len(by_request))
        for request, parts in by_request.items():
            yield from check_share(
                step, request, parts, known[request], drafted.get((step.id, request), 0), seen[request],
                configs[step.config_id][1], gave[step.id, request],
            )  # fmt: skip
            known[request] += len(gave[step.id, request])
    yield from unless(
        not any(rows for rows in work.values()) or outcome.failure is not None,
        "positions", "work was told of steps that did not come",
    )  # fmt: skip


def check_share(
    step: Step,
    request: int,
    rows: list[Work],
    known: int,
    drafts: int,
    seen: set[int],
    switches: Switches,
    gave: list[str],
) -> Findings:
    """One request's rows of a step; `seen` are the indices that were computed for it before, and grows.

    `gave` are the sources of the tokens that it got.
    """
    name = f"step {step.id}, request {request}"
    first, end = rows[0].first, rows[-1].end
    rejected = sum(row.rejected for row in rows)
    yield from unless(all(a.end == b.first for a, b in pairwise(rows)), "positions", f"{name}: rows with a gap")
    old = {index for row in rows for index in range(row.first, row.new_from)}
    new = {index for row in rows for index in range(row.new_from, row.end - row.rejected)}
    if step.kind == "teacher":
        yield from unequal("positions", f"{name}, teacher", (first, end), (0, known - 1))
        return
    yield from unless(old <= seen, "positions", f"{name}: recomputed what was never computed {sorted(old - seen)}")
    yield from unless(not new & seen, "positions", f"{name}: new twice {sorted(new & seen)}")
    yield from unequal("positions", f"{name}, reused", sum(row.reused for row in rows), first)
    if gave:
        yield from unequal("positions", f"{name}, computed up to", end, known + drafts)
        yield from unequal("positions", f"{name}, rejected", rejected, drafts - gave.count("draft"))
        yield from unless(first < known, "positions", f"{name}: computed nothing of its own")
    elif rejected:
        yield from unequal("positions", f"{name}, thrown away", rejected, end - first)
    else:
        yield from unless(end < known, "positions", f"{name}: complete, and no token came")
    if switches.kv == "none":
        yield from unequal("positions", f"{name}, without a cache", (first, end), (0, known + drafts))
    seen |= new


# --- speculation ------------------------------------------------------------------------------------------------------


def check_speculation(outcome: Outcome) -> Findings:
    """No more is accepted than drafted, no more drafted than k; accepted are the tokens whose source is a draft."""
    steps: list[Step] = outcome.of(Step)
    configs = switches_of(outcome)
    sources: dict[tuple[int, int], list[str]] = defaultdict(list)
    for token in outcome.of(Token):
        sources[token.step_id, token.request_id].append(token.source)
    trials = {(one.step_id, one.request_id): one for one in outcome.of(Speculation)}
    for (step, request), one in trials.items():
        name = f"step {step}, request {request}"
        switches = configs[steps[step].config_id][1]
        yield from unless(
            0 <= one.accepted <= one.proposed <= switches.k and one.proposed > 0 and switches.speculate != "off",
            "speculation", f"{name}: {one}",
        )  # fmt: skip
        yield from unequal("speculation", f"{name}, kind", steps[step].kind, "verify")
        yield from unequal("accepted", f"{name}, accepted", one.accepted, sources[step, request].count("draft"))
    for key, own in sources.items():
        drafts = own.count("draft")
        yield from unless(drafts == 0 or key in trials, "speculation", f"{key}: drafts that were never tested")
        yield from unless(own[:drafts] == ["draft"] * drafts, "speculation", f"{key}: {own}")
        yield from unless(len(own) - drafts in (0, 1), "speculation", f"{key}: {own}")
        if own[-1] == "bonus":
            yield from unequal("speculation", f"{key}, before the bonus", drafts, trials[key].proposed)


# --- memory -----------------------------------------------------------------------------------------------------------


def check_memory(outcome: Outcome, session: Session) -> Findings:
    """Used is the formula for the positions that live, used never more than reserved, reserved never above the limit.

    Where a step does not tell what it keeps for requests that have ended, it counts that as used.
    """
    position = outcome.target.config.kv_bytes_per_position(outcome.target.dtype.itemsize)
    configs = switches_of(outcome)
    shared = any(event.event == "share" for event in outcome.of(KvBlock))
    formula = metrics.cached_positions(session) * position
    void = {row.step_id for row in outcome.of(Work) if 0 < row.rejected == row.end - row.first}
    lived_on = False
    for step, predicted in zip(outcome.of(Step), formula.tolist(), strict=True):
        switches = configs[step.config_id][1]
        layers = np.frombuffer(step.kv_layers, np.int64).reshape(-1, 2)
        name = f"step {step.id} ({switches.kv}, {switches.batching})"
        if step.kind == "teacher":
            yield from unequal("memory", f"{name}, teacher", step.kv_used_bytes, 0)
            continue
        yield from unequal(
            "memory", f"{name}, layers", layers.sum(0).tolist(), [step.kv_used_bytes, step.kv_reserved_bytes]
        )
        used, reserved = step.kv_used_bytes, step.kv_reserved_bytes
        yield from unless(
            bool((layers[:, 0] <= layers[:, 1]).all()) and used + step.kv_evictable_bytes <= reserved,
            "memory", f"{name}: used {used}, evictable {step.kv_evictable_bytes}, reserved {reserved}",
        )  # fmt: skip
        if switches.kv_memory is not None:
            yield from unless(reserved <= switches.kv_memory, "memory", f"{name}: {reserved} of {switches.kv_memory}")
        yield from unless(
            0 <= step.draft_kv_used_bytes <= step.draft_kv_reserved_bytes
            and (switches.speculate == "draft" or step.draft_kv_reserved_bytes == 0),
            "memory", f"{name}: the draft's {step.draft_kv_used_bytes} of {step.draft_kv_reserved_bytes}",
        )  # fmt: skip
        held, kept = getattr(step, "kv_held_bytes", -1), getattr(step, "kv_kept_bytes", -1)
        lived_on = lived_on or switches.batching == "static"
        if held < 0 and step.id in void:
            pass
        elif held < 0 and lived_on:
            yield from unless(used >= predicted or shared, "memory", f"{name}: used {used}, formula {predicted}")
        elif shared:
            yield from unless(used <= predicted, "memory", f"{name}: used {used}, formula {predicted}")
        else:
            yield from unequal("memory", f"{name}, used", used, predicted)
        if held >= 0:
            yield from unless(
                used <= held and held + kept + step.kv_evictable_bytes <= reserved,
                "memory", f"{name}: used {used}, held {held}, kept {kept}, reserved {reserved}",
            )  # fmt: skip


def check_nothing_left(outcome: Outcome) -> Findings:
    """When a run is over, no request holds anything, in the cache or with who drafts."""
    engine = outcome.engine
    if engine is None or outcome.failure is not None or outcome.hang:
        return
    cache, proposer = engine.runner.cache, engine.switcher.proposer
    yield from unequal(
        "left", "used bytes at the end", [used for used, _ in cache.layer_bytes()], [0] * outcome.target.config.layers
    )
    for request in range(len(outcome.specs)):
        yield from unequal("left", f"request {request} still holds", cache.length(request), 0)
    if proposer is not None:
        yield from unequal("left", "the draft's cache", proposer.kv_bytes(), (0, 0))
        kept = getattr(proposer, "_indices", getattr(proposer, "_runs", {}))
        yield from unless(not kept, "left", f"the proposer keeps {sorted(kept)}")
    yield from unless(not engine.in_flight, "left", "a step is still in the air")


# --- blocks -----------------------------------------------------------------------------------------------------------


def check_blocks(outcome: Outcome) -> Findings:
    """Who lets go of a block holds it, who is given one is given it free, and at the end nobody holds any."""
    holders: dict[int, Counter[int]] = defaultdict(Counter)
    for event in outcome.of(KvBlock):
        own = holders[event.block]
        name = f"step {event.step_id}, block {event.block}, {event.event} by request {event.request_id}"
        if event.event == "allocate":
            yield from unless(not own, "blocks", f"{name}: it is held by {dict(own)}")
            own[event.request_id] += 1
        elif event.event == "share":
            yield from unless(event.request_id not in own, "blocks", f"{name}: it holds the block already")
            own[event.request_id] += 1
        elif event.event == "free":
            yield from unless(own[event.request_id] == 1, "blocks", f"{name}: it does not hold the block")
            del own[event.request_id]
        else:
            yield from unless(not own, "blocks", f"{name}: it is held by {dict(own)}")
    if outcome.failure is None and not outcome.hang:
        left = {block: dict(own) for block, own in holders.items() if own}
        if left:
            yield Finding("blocks", f"blocks that are held at the end: {left}")
