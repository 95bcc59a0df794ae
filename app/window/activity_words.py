"""What is said of a model that is loaded and of a step that takes long, in the language of the window."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication

from app.look.units import count
from app.widgets.unbroken import NARROW_NO_BREAK_SPACE
from engine.session.schema import StepProgress

DRAFT: Final = " (draft)"
"""What the engine puts behind a stage of the draft model's loading."""
OTHER: Final = " (B)"
"""What the engine puts behind a stage of the loading of the model that is compared."""


def stage_words(stage: str) -> str:
    """A stage of loading, as the engine names it; a stage that is not known is said as it is."""
    translate = QCoreApplication.translate
    of_draft, of_other = stage.endswith(DRAFT), stage.endswith(OTHER)
    words = {
        "": translate("Activity", "Starting the engine"),
        "Reading the checkpoint": translate("Activity", "Reading the checkpoint"),
        "Compiling the kernels": translate("Activity", "Compiling the CPU kernels once, about 20 s"),
        "Loading weights": translate("Activity", "Loading weights"),
        "Ready": translate("Activity", "The model is loaded"),
    }
    known = words.get(stage.removesuffix(DRAFT).removesuffix(OTHER), stage)
    if of_other:
        return translate("Activity", "Model B: {}").format(known)
    return translate("Activity", "Draft model: {}").format(known) if of_draft else known


def step_words(progress: StepProgress) -> str:
    """What a step that takes long computes, and how much of it is done."""
    translate = QCoreApplication.translate
    if progress.positions == 0:
        return translate("Activity", "Encoding the prompt")
    if progress.prompt and (progress.first, progress.end) != (0, progress.prompt):
        words = translate("Activity", "Prefilling positions {first}–{last} of {prompt}").format(
            first=count(progress.first), last=count(progress.end - 1), prompt=count(progress.prompt)
        )
    elif progress.prompt:
        words = translate("Activity", "Prefilling the prompt, {} positions").format(count(progress.positions))
    else:
        words = translate("Activity", "Computing {} positions").format(count(progress.positions))
    if progress.share < 0:
        return words
    done = f"{round(100 * min(progress.share, 1.0))}{NARROW_NO_BREAK_SPACE}%"
    return translate("Activity", "{words}, {share} done").format(words=words, share=done)


def comparison_words(share: float) -> str:
    """How much of a comparison of precisions is done."""
    words = QCoreApplication.translate("Activity", "Comparing precisions, {} done")
    return words.format(f"{round(100 * share)}{NARROW_NO_BREAK_SPACE}%")


def with_time(words: str, passed_s: float) -> str:
    """The words with the time that has passed, in tenths of a second."""
    return f"{words} · {max(passed_s, 0.0):.1f}{NARROW_NO_BREAK_SPACE}s"
