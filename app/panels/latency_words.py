"""The line of the Latency panel about the shown steps, in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import count, percent, seconds, significant
from app.models import counted
from app.panels.untold import not_told
from engine.figures.latency_figures import RangeFigures
from engine.figures.step_range import StepRange
from engine.figures.told import told
from engine.session.store import Session


def range_parts(
    session: Session, figures: RangeFigures, steps: StepRange, band_us: tuple[float, float] | None
) -> list[str]:
    """What is shown of which steps: of a range (None: all), or of the steps in a band of times."""
    translate = QCoreApplication.translate
    where = counted.all_steps(figures.steps)
    if steps is not None:
        where = translate("LatencyPanel", "steps {first}–{last}: {steps}")
    if band_us is not None:
        where = translate("LatencyPanel", "{steps} of {low} to {high}")
    parts = [
        where.format(
            steps=counted.steps(figures.steps),
            first=count(steps[0]) if steps else "",
            last=count(steps[1]) if steps else "",
            low=seconds(band_us[0] / 1e6) if band_us else "",
            high=seconds(band_us[1] / 1e6) if band_us else "",
        ),
        counted.tokens(figures.tokens),
    ]
    if all(not one.mean_s for one in figures.parts if one.part not in ("other", "total")):
        parts.insert(1, untimed(session))
    parts += _of_prompts_and_batches(figures)
    elapsed = figures.busy_s + figures.gap_s
    if elapsed > 0:
        if band_us is None:
            words = translate("LatencyPanel", "between steps {gap} ({share}) ƒ")
            parts.append(words.format(gap=seconds(figures.gap_s), share=percent(figures.gap_s / elapsed)))
        parts.append(_of_device(session, figures, elapsed))
    return parts


def untimed(session: Session) -> str:
    """Why there is no time by phase."""
    if told(session, "phases"):
        return QCoreApplication.translate("LatencyPanel", "phases not timed; detail “phase” does")
    return QCoreApplication.translate("LatencyPanel", "phases: {untold}").format(untold=not_told())


def no_layers(session: Session, step: int) -> str:
    """Why there is no time by layer and phase of a step."""
    if told(session, "phases"):
        words = QCoreApplication.translate(
            "LatencyPanel", "Step {step} holds no time by layer; detail “layer” records it."
        )
        return words.format(step=count(step))
    words = QCoreApplication.translate("LatencyPanel", "Time by layer and phase: {untold}")
    return words.format(untold=not_told())


def _of_device(session: Session, figures: RangeFigures, elapsed_s: float) -> str:
    """How long the device was busy, or why that is not known."""
    translate = QCoreApplication.translate
    if figures.device_s is not None:
        words = translate("LatencyPanel", "device busy {time} ({share}) ●")
        return words.format(time=seconds(figures.device_s), share=percent(figures.device_s / elapsed_s))
    if told(session, "device_time"):
        return translate("LatencyPanel", "device time not reported")
    return translate("LatencyPanel", "device time: {untold}").format(untold=not_told())


def _of_prompts_and_batches(figures: RangeFigures) -> list[str]:
    """Texts about prefill time and requests per step: neither is part of one request's time per token."""
    translate = QCoreApplication.translate
    prefill, parts = figures.prefill, []
    if prefill.steps:
        words = translate("LatencyPanel", "prefill {time} ({share}) ●")
        parts.append(words.format(time=seconds(prefill.busy_s), share=percent(prefill.busy_s / figures.busy_s)))
    if prefill.mixed_steps:
        parts.append(translate("LatencyPanel", "in {n} steps beside decode").format(n=count(prefill.mixed_steps)))
    if figures.requests_a_step is not None and figures.requests_a_step > 1.0:
        words = translate("LatencyPanel", "{n} requests a step: {time} of step time a token ƒ")
        parts.append(words.format(n=significant(figures.requests_a_step), time=seconds(figures.amortised_s)))
    return parts
