"""Why what our own engine does cannot be done with a server, in the language of the window."""

from __future__ import annotations

from typing import get_args

from PySide6.QtCore import QCoreApplication

from engine.core.settings import Attention, Batching, Kv, Speculate


def no_pause() -> str:
    """Why a run cannot be paused, nor run step by step."""
    return QCoreApplication.translate("Unavailable", "A server cannot be paused from here.")


def no_pace() -> str:
    """Why a run cannot be slowed down."""
    return QCoreApplication.translate("Unavailable", "A server cannot be slowed down from here.")


def no_switches() -> str:
    """Why switches cannot be flipped."""
    return QCoreApplication.translate("Unavailable", "A server's switches cannot be flipped from here.")


def no_ceilings() -> str:
    """Why the device's ceilings cannot be measured."""
    return QCoreApplication.translate("Unavailable", "A server's device cannot be measured from here.")


def no_detail() -> str:
    """Why the detail cannot be chosen."""
    return QCoreApplication.translate("Unavailable", "What a server tells cannot be chosen from here.")


def no_attention() -> str:
    """Why no attention can be recorded."""
    return QCoreApplication.translate("Unavailable", "Attention is not told by a server.")


def no_suite() -> str:
    """Why improvements and scenarios cannot be measured."""
    return QCoreApplication.translate(
        "Unavailable", "This needs DecodeScope's own engine: detach from the server first."
    )


def every_switch() -> dict[str, str]:
    """Every value of every switch with the reason why it cannot run, as `ModelReady.unavailable`."""
    values: dict[str, tuple[object, ...]] = {
        "kv": get_args(Kv), "attention": get_args(Attention), "graphs": (False, True),
        "speculate": get_args(Speculate), "batching": get_args(Batching),
    }  # fmt: skip
    return {f"{name}={value}": no_suite() for name, known in values.items() for value in known}
