"""Tool tips of the timeline: of a token, a step and a request."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import DERIVED, MEASURED, count, name_of, percent, seconds, significant, visible_token
from app.models.timeline import BANDS, TimelineModel
from engine.figures.gaps import gap_ns
from engine.figures.pauses import pauses_of
from engine.session.store import LAUNCHES, STEP_KINDS, TOKEN_SOURCES, Session


def token_text(model: TimelineModel, row: int) -> str:
    """The tool tip of a token: its text and probability, its gap and source, its request's drafts, then its step."""
    translate = QCoreApplication.translate
    tokens = model.session.tokens
    request_id, step = int(tokens["request_id"][row]), int(tokens["step_id"][row])
    lines = [
        translate("Timeline", "“{text}”  token {id}, position {position} of request {request}").format(
            text=visible_token(tokens["text"][row]), id=count(int(tokens["token_id"][row])),
            position=count(int(tokens["position"][row])), request=request_id,
        ),
        translate("Timeline", "log-probability {logprob} {mark}   entropy {entropy} nats {mark}").format(
            logprob=_signed(float(tokens["logprob"][row])), entropy=_signed(float(tokens["entropy"][row])),
            mark=MEASURED,
        ),
    ]  # fmt: skip
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
    return "\n".join([*lines, step_text(model, step)])


def step_text(model: TimelineModel, step: int) -> str:
    """The tool tip of a step: its time, its groups of phases, positions, device time, and idle time before it."""
    translate = QCoreApplication.translate
    steps = model.session.steps
    wall = int(steps["end_ns"][step] - steps["start_ns"][step])
    kind = STEP_KINDS[steps["kind"][step]]
    lines = [
        translate("Timeline", "step {step} ({kind}, {kernel}): {wall} {mark}").format(
            step=count(step), kind=kind,
            kernel=name_of(model.session.attention_kernels[steps["attention_kernel"][step]]),
            wall=seconds(wall / 1e9), mark=MEASURED,
        )
    ]  # fmt: skip
    if LAUNCHES[steps["launch"][step]] == "graph":
        lines.append(translate("Timeline", "   phases of the last timed replay, scaled to this one {}").format(DERIVED))
    ns = model.band_ns(step)
    parts = [f"{band} {seconds(value / 1e9)}" for band, value in zip(BANDS, ns.tolist(), strict=True) if value > 0]
    lines.extend("   " + " · ".join(parts[i : i + 3]) for i in range(0, len(parts), 3))
    classes = {
        translate("Timeline", "new"): "new",
        translate("Timeline", "recomputed"): "recomputed",
        translate("Timeline", "padding"): "padding",
        translate("Timeline", "rejected"): "rejected",
        translate("Timeline", "reused"): "reused",
    }
    counts = [(word, int(steps[f"positions_{name}"][step])) for word, name in classes.items()]
    positions = " · ".join(f"{count(value)} {word}" for word, value in counts if value)
    lines.append(translate("Timeline", "positions: {} {}").format(positions or "0", MEASURED))
    device = int(steps["device_ns"][step])
    if device >= 0:
        text = translate("Timeline", "device busy {time} ({share}) {mark}")
        lines.append(text.format(time=seconds(device / 1e9), share=percent(device / max(wall, 1)), mark=MEASURED))
    idle = model.idle_before(step)
    if idle:
        lines.append(translate("Timeline", "{} idle before it {}").format(seconds(idle / 1e9), MEASURED))
    return "\n".join(lines)


def request_text(session: Session, request_id: int, end_ns: int) -> str:
    """The tool tip of a request's lane. `end_ns` is the end of the data, for a request that still waits.

    Pauses are left out of the waiting time and of the time to the first token.
    """
    translate = QCoreApplication.translate
    request, pauses = session.requests[request_id], pauses_of(session)
    arrived_ns = request.arrived_ns
    scheduled_ns = request.scheduled_ns if request.scheduled_ns is not None else end_ns
    waited = scheduled_ns - arrived_ns - pauses.within(arrived_ns, scheduled_ns)
    lines = [
        translate("Timeline", "request {}: “{}”").format(request.id, visible_token(request.prompt[:60])),
        translate("Timeline", "{prompt} prompt tokens, {out} generated").format(
            prompt=count(request.prompt_tokens), out=count(len(request.token_rows))
        ),
        translate("Timeline", "waited {} {}").format(seconds(waited / 1e9), MEASURED),
    ]
    if request.first_token_ns is not None:
        first_ns = request.first_token_ns
        ttft = (first_ns - arrived_ns - pauses.within(arrived_ns, first_ns)) / 1e9
        lines.append(translate("Timeline", "first token after {} {}").format(seconds(ttft), MEASURED))
    if request.finish_reason is not None:
        lines.append(translate("Timeline", "finished: {}").format(name_of(request.finish_reason)))
    return "\n".join(lines)


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else ''}{significant(abs(value))}"
