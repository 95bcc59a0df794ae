"""Why a row of attention is missing, in words, and how to get it; the translation context is AttentionGaps."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import count, memory
from engine.core.settings import BYTES_A_STEP, ROWS_A_SPAN
from engine.figures.attention_gaps import Missing, Why


def why_missing(missing: Missing, several_heads: bool, dropped: int) -> str:
    """A sentence or two about one row; `several_heads` says that its step recorded all heads of the layer."""
    translate = QCoreApplication.translate
    step = "" if missing.step is None else count(missing.step)
    if missing.why == "off":
        words = translate("AttentionGaps", "Step {step} recorded no attention. {way}")
        return words.format(step=step, way=_record_it())
    if missing.why == "elsewhere":
        words = translate(
            "AttentionGaps", "Step {step} recorded {place} only. To have this one, choose it and run the prompt again."
        )
        return words.format(step=step, place=_place(missing))
    return _whole(missing.why, several_heads, dropped)


def what_is_missing(counts: dict[Why, int], several_heads: bool, dropped: int) -> str:
    """A line about the rows that a map lacks, by reason, with the way to get them; "" where it lacks none."""
    translate = QCoreApplication.translate
    parts = []
    for why, n in counts.items():
        if why == "off":
            reason = translate("AttentionGaps", "Their steps recorded no attention. {way}").format(way=_record_it())
        elif why == "elsewhere":
            reason = translate(
                "AttentionGaps",
                "Their steps recorded another layer or head. To have them, choose it and run the prompt again.",
            )
        else:
            reason = _whole(why, several_heads, dropped)
        parts.append(translate("AttentionGaps", "{n} rows are missing. {reason}").format(n=count(n), reason=reason))
    return " ".join(parts)


def _whole(why: Why, several_heads: bool, dropped: int) -> str:
    """The reasons that say the same of one row and of many."""
    translate = QCoreApplication.translate
    if why == "limit":
        words = translate(
            "AttentionGaps",
            "Of a long prompt a step records the last {rows} rows, and more while they fit into {room}. {way}",
        )
        one_head = translate("AttentionGaps", "One head instead of all leaves room for more.")
        shorter = translate("AttentionGaps", "A shorter prompt is recorded whole.")
        way = one_head if several_heads else shorter
        return words.format(rows=count(ROWS_A_SPAN), room=memory(BYTES_A_STEP), way=way)
    return {
        "waiting": translate("AttentionGaps", "It has not been a query yet."),
        "reused": translate(
            "AttentionGaps",
            "K and V came from the cache of an earlier prompt, so nothing was computed there. "
            "With kv = contiguous every prompt is computed.",
        ),
        "dropped": translate(
            "AttentionGaps",
            "The engine's queue was full and dropped {n} rows. Record one head, or fewer requests at once.",
        ).format(n=count(dropped)),
    }.get(
        why,
        translate(
            "AttentionGaps", "The session does not say why. A new run records the layer and head chosen in Attention."
        ),
    )


def _record_it() -> str:
    return QCoreApplication.translate(
        "AttentionGaps", "To have it, tick “Record attention of the selected head” and run the prompt again."
    )


def _place(missing: Missing) -> str:
    translate = QCoreApplication.translate
    if missing.head is None:
        return translate("AttentionGaps", "all heads of layer {layer}").format(layer=missing.layer)
    words = translate("AttentionGaps", "layer {layer}, head {head}")
    return words.format(layer=missing.layer, head=missing.head)
