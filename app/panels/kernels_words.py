"""The words of an imported trace: its kernels, its ranges, and what of it could not be used."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.core.engine_sentences import in_window_language
from app.look.units import count
from engine.plain_text import one_line
from engine.session.trace_fact import TraceFact

MOST_KINDS = 4
"""Most kinds of events that are named among those left out."""


def kind_name(kind: str) -> str:
    """What a kind of kernels or ranges is called."""
    translate = QCoreApplication.translate
    return {
        "kernel": translate("Trace", "kernel"),
        "memcpy": translate("Trace", "copy"),
        "memset": translate("Trace", "fill"),
        "annotation": translate("Trace", "annotation"),
        "op": translate("Trace", "operation"),
        "runtime": translate("Trace", "call of the runtime"),
        "module": translate("Trace", "module"),
    }[kind]


def short_name(name: str) -> str:
    """A name without what says little of it: `void`, and a function's arguments."""
    name = name.removeprefix("void ").removeprefix("nn.Module: ")
    if name.endswith(")") and "(" in name[1:]:
        depth = 0
        for at in range(len(name) - 1, 0, -1):  # the last parenthesis that closes, and where it opens
            depth += (name[at] == ")") - (name[at] == "(")
            if depth == 0:
                return name if name[at - 1] == " " else name[:at]  # “Memcpy HtoD (Pinned -> Device)” is no function
    return name


def notes_of(fact: TraceFact) -> list[str]:
    """What of a trace could not be used, in sentences."""
    translate = QCoreApplication.translate
    notes = []
    if fact.cut_short:
        words = translate("Trace", "The trace is cut short: {why}. What could be read is here.")
        notes.append(words.format(why=one_line(in_window_language(fact.cut_short))))
    if fact.unreadable:
        words = translate("Trace", "{n} events could not be read and are left out.")
        notes.append(words.format(n=count(fact.unreadable)))
    if fact.ends_missing:
        words = translate("Trace", "{n} began and did not end: their ends are not told.")
        notes.append(words.format(n=count(fact.ends_missing)))
    if fact.begins_missing:
        words = translate("Trace", "{n} ends have no beginning and are left out.")
        notes.append(words.format(n=count(fact.begins_missing)))
    if fact.left_out:
        listed = list(fact.left_out.items())
        named = ", ".join(f"{count(number)} {one_line(kind, 40)}" for kind, number in listed[:MOST_KINDS])
        words = translate("Trace", "Not kept, as they are neither kernels nor ranges: {kinds}.")
        notes.append(words.format(kinds=named + (", …" if len(listed) > MOST_KINDS else "")))
    return notes
