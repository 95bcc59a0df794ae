"""What kinds of steps and groups of phases are called on the screen. Needs no widgets."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def kind_name(kind: str) -> str:
    """The name of a kind of step (`STEP_KINDS`)."""
    translate = QCoreApplication.translate
    return {
        "prefill": translate("Steps", "prefill"),
        "decode": translate("Steps", "decode"),
        "mixed": translate("Steps", "mixed"),
        "verify": translate("Steps", "verify"),
        "teacher": translate("Steps", "teacher-forced"),
    }[kind]


def band_name(band: str) -> str:
    """The name of a group of phases as the timeline draws them (`BANDS`)."""
    translate = QCoreApplication.translate
    return {
        "prepare": translate("Steps", "prepare"),
        "attention": translate("Steps", "attention"),
        "ffn": translate("Steps", "ffn"),
        "norm": translate("Steps", "norm"),
        "sampling": translate("Steps", "sampling"),
        "draft": translate("Steps", "draft"),
        "other": translate("Steps", "other"),
    }[band]
