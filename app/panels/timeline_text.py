"""Tool tips of the timeline: of a token, a step and a request."""

from __future__ import annotations

from math import isfinite

from PySide6.QtCore import QCoreApplication

from app.look.units import MEASURED, count, name_of, percent, seconds, significant, visible_token
from app.models.finish_words import finish_words
from app.models.ran_before import ran_before
from app.models.step_words import band_name, kind_name
from app.models.timeline import BANDS, TimelineModel
from app.panels.launch_words import launch_words
from app.panels.timeline_chunks import chunk_words
from app.panels.untold import not_told
from engine.figures.gaps import gap_ns
from engine.figures.request_times import after_arrival_s, ttft_s, waited_s
from engine.figures.token_facts import chunk_of, received_ns, shown_text
from engine.figures.told import column_told, told
from engine.session.store import STEP_KINDS, TOKEN_SOURCES, Session


def token_text(model: TimelineModel, row: int) -> str:
    """The tool tip of a token: its text and probability, its gap and source, its request's drafts, then its step.

    Where no steps are told, it ends with the chunk that the token came in.
    """
    translate = QCoreApplication.translate
    tokens = model.session.tokens
    request_id, step, token_id = (int(tokens[name][row]) for name in ("request_id", "step_id", "token_id"))
    lines = [
        translate("Timeline", "“{text}”  token {id}, position {position} of request {request}").format(
            text=visible_token(shown_text(model.session, row)),
            id=count(token_id) if token_id >= 0 else f"({not_told()})",
            position=count(int(tokens["position"][row])), request=request_id,
        ),
        *_chances(model.session, row),
    ]  # fmt: skip
    if not model.stepped:
        return "\n".join([*lines, *_of_chunk(model.session, row)])
    gap = gap_ns(model.session, row)
    if gap is not None:
        lines.append(translate("Timeline", "{} after the token before {}").format(seconds(gap / 1e9), MEASURED))
    source = TOKEN_SOURCES[tokens["source"][row]]
    if source == "draft":
        lines.append(translate("Timeline", "▲ proposed by the draft and accepted"))
    elif source == "bonus":
        lines.append(translate("Timeline", "◆ bonus: drawn after every draft was accepted"))
    proposal = model.proposals.get((request_id, step))
    if proposal is not None:
        text = translate("Timeline", "this step accepted {accepted} of {proposed} drafts {mark}")
        lines.append(text.format(accepted=proposal[1], proposed=proposal[0], mark=MEASURED))
    received = received_ns(model.session, row)
    if received is not None:
        lines.append(translate("Timeline", "received {} later {}").format(seconds(received / 1e9), MEASURED))
    return "\n".join([*lines, step_text(model, step)])


def _chances(session: Session, row: int) -> list[str]:
    """The logprob and the entropy of a token; what a server did not tell says so."""
    translate = QCoreApplication.translate
    logprob, entropy = (float(session.tokens[name][row]) for name in ("logprob", "entropy"))
    if told(session, "logprobs", "entropy"):
        words = translate("Timeline", "log-probability {logprob} {mark}   entropy {entropy} nats {mark}")
        return [words.format(logprob=_signed(logprob), entropy=_signed(entropy), mark=MEASURED)]
    if not isfinite(logprob):
        return [translate("Timeline", "log-probability and entropy: {}").format(not_told())]
    words = translate("Timeline", "log-probability {logprob} {mark}   entropy: {untold}")
    return [words.format(logprob=_signed(logprob), untold=not_told(), mark=MEASURED)]


def _of_chunk(session: Session, row: int) -> list[str]:
    """When a token came, where no steps are told: the gap before its chunk, and the size of the chunk."""
    translate = QCoreApplication.translate
    chunk = chunk_of(session, row)
    lines = []
    if chunk.gap_s is not None:
        lines.append(translate("Timeline", "{} after the chunk before {}").format(seconds(chunk.gap_s), MEASURED))
    return [*lines, *([chunk_words(len(chunk.rows))] if len(chunk.rows) > 1 else [])]


def step_text(model: TimelineModel, step: int) -> str:
    """The tool tip of a step: its time, its groups of phases, positions, device time, and idle time before it."""
    translate = QCoreApplication.translate
    steps = model.session.steps
    wall = int(steps["end_ns"][step] - steps["start_ns"][step])
    kind = kind_name(STEP_KINDS[steps["kind"][step]])
    words = translate("Timeline", "step {step} ({kind}, {kernel}): {wall} {mark}")
    if model.trace is not None:
        words = translate("Timeline", "step {step} ({kind}): {wall} {mark}")
        if not told(model.session, "step_kinds"):
            words = translate("Timeline", "step {step}: {wall} {mark}")
    lines = [
        words.format(
            step=count(step), kind=kind, kernel=_kernel(model.session, step), wall=seconds(wall / 1e9), mark=MEASURED,
        )
    ]  # fmt: skip
    if launched := launch_words(model.session, step):
        lines.append("   " + launched)
    ns = model.band_ns(step)
    parts = [
        f"{band_name(band)} {seconds(value / 1e9)}" for band, value in zip(BANDS, ns.tolist(), strict=True) if value > 0
    ]
    if not told(model.session, "phases"):
        parts = [translate("Timeline", "phases: {}").format(not_told(model.session))]
    lines.extend("   " + " · ".join(parts[i : i + 3]) for i in range(0, len(parts), 3))
    if model.trace is not None:
        return "\n".join([*lines, *_times_beside(model, step, wall)])
    classes = {
        translate("Timeline", "new"): "new",
        translate("Timeline", "recomputed"): "recomputed",
        translate("Timeline", "padding"): "padding",
        translate("Timeline", "rejected"): "rejected",
        translate("Timeline", "reused"): "reused",
    }
    counts = [(word, int(steps[f"positions_{name}"][step])) for word, name in classes.items()]
    positions = " · ".join(f"{count(value)} {word}" for word, value in counts if value)
    if not told(model.session, "padding"):
        positions += " · " + translate("Timeline", "padding {}").format(not_told(model.session))
    lines.append(translate("Timeline", "positions: {} {}").format(positions or "0", MEASURED))
    return "\n".join([*lines, *_times_beside(model, step, wall)])


def _times_beside(model: TimelineModel, step: int, wall: int) -> list[str]:
    """How long the device was busy in a step of `wall` ns, and how long nothing ran before it."""
    translate, lines = QCoreApplication.translate, list[str]()
    steps = model.session.steps
    device = int(steps["device_ns"][step])
    if device >= 0:
        text = translate("Timeline", "device busy {time} ({share}) {mark}")
        lines.append(text.format(time=seconds(device / 1e9), share=percent(device / max(wall, 1)), mark=MEASURED))
    idle = model.idle_before(step)
    if idle:
        lines.append(translate("Timeline", "{} idle before it {}").format(seconds(idle / 1e9), MEASURED))
    return lines


def host_words() -> str:
    """What the width of a colour in the lane of the host means."""
    return QCoreApplication.translate(
        "Timeline", "Colours: each group’s share of the step’s time over all layers, not the order in which it ran."
    )


def request_text(session: Session, request_id: int, end_ns: int) -> str:
    """The tool tip of a request's lane. `end_ns` is the end of the data, for a request that still waits.

    Pauses are left out of the waiting time and of the time to the first token.
    """
    translate = QCoreApplication.translate
    request = session.requests[request_id]
    waited, ttft = waited_s(session, request), ttft_s(session, request)
    if request.scheduled_ns is None:
        waited = after_arrival_s(session, request, end_ns)
    lines = [
        translate("Timeline", "request {}: “{}”").format(request.id, visible_token(request.prompt[:60])),
        translate("Timeline", "{prompt} prompt tokens, {out} generated").format(
            prompt=count(request.prompt_tokens), out=count(len(request.token_rows))
        ),
    ]
    if request.begun_before:
        lines.append(ran_before())
    if waited is not None and told(session, "steps"):
        lines.append(translate("Timeline", "waited {} {}").format(seconds(waited), MEASURED))
    if ttft is not None:
        lines.append(translate("Timeline", "first token after {} {}").format(seconds(ttft), MEASURED))
    if request.finish_reason is not None:
        lines.append(translate("Timeline", "finished: {}").format(finish_words(request)))
    return "\n".join(lines)


def _kernel(session: Session, step: int) -> str:
    """The attention kernel of a step."""
    if not column_told(session, "attention_kernel"):
        return QCoreApplication.translate("Timeline", "kernel {}").format(not_told(session))
    return name_of(session.attention_kernels[session.steps["attention_kernel"][step]])


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else ''}{significant(abs(value))}"
