"""The list of all panels of the window. A panel's module is imported when the panel is first visible.

The command line reads this list too, so this module loads Qt only when a panel is made or a title is translated.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from app.look.translation_marks import QT_TRANSLATE_NOOP
from engine.errors import InputError

if TYPE_CHECKING:
    from app.panels.base import Panel, PanelContext

CONTEXT: Final = "PanelTitles"


@dataclass(frozen=True, slots=True)
class PanelEntry:
    """A panel of the window: its name on the command line, its English title, a sentence on what it shows, and its
    class as `module:class`.
    """

    name: str
    english: str
    english_help: str
    where: str

    def title(self) -> str:
        """The title in menus and tabs, translated."""
        return _translated(self.english)

    def help(self) -> str:
        """The sentence on what the panel shows, translated."""
        return _translated(self.english_help)

    def make(self, context: PanelContext) -> Panel:
        """Import the panel's module and build the panel."""
        module, _, cls = self.where.partition(":")
        panel: Panel = getattr(import_module(module), cls)(context)
        return panel


def _translated(text: str) -> str:
    from PySide6.QtCore import QCoreApplication

    return QCoreApplication.translate(CONTEXT, text)


PANELS: Final[tuple[PanelEntry, ...]] = (
    PanelEntry(
        "timeline",
        QT_TRANSLATE_NOOP("PanelTitles", "Timeline"),
        QT_TRANSLATE_NOOP(
            "PanelTitles",
            "When each step, token and pause happened, and what host and device did meanwhile.",
        ),
        "app.panels.timeline:TimelinePanel",
    ),
    PanelEntry(
        "inspector",
        QT_TRANSLATE_NOOP("PanelTitles", "Inspector"),
        QT_TRANSLATE_NOOP("PanelTitles", "What the selected token cost, and why it was chosen."),
        "app.panels.inspector:InspectorPanel",
    ),
    PanelEntry(
        "redundancy",
        QT_TRANSLATE_NOOP("PanelTitles", "Redundancy"),
        QT_TRANSLATE_NOOP(
            "PanelTitles", "Which positions each step computed, and which of them had been computed before."
        ),
        "app.panels.redundancy:RedundancyPanel",
    ),
    PanelEntry(
        "kv-memory",
        QT_TRANSLATE_NOOP("PanelTitles", "KV memory"),
        QT_TRANSLATE_NOOP("PanelTitles", "What the KV cache of every layer holds, beside the formula."),
        "app.panels.kv_memory:KvMemoryPanel",
    ),
    PanelEntry(
        "attention",
        QT_TRANSLATE_NOOP("PanelTitles", "Attention"),
        QT_TRANSLATE_NOOP("PanelTitles", "Which earlier tokens a head looks at, a row a token."),
        "app.panels.attention:AttentionPanel",
    ),
    PanelEntry(
        "latency",
        QT_TRANSLATE_NOOP("PanelTitles", "Latency"),
        QT_TRANSLATE_NOOP("PanelTitles", "Where the time of a token goes, part by part, beside the reference values."),
        "app.panels.latency:LatencyPanel",
    ),
    PanelEntry(
        "utilisation",
        QT_TRANSLATE_NOOP("PanelTitles", "Utilisation"),
        QT_TRANSLATE_NOOP("PanelTitles", "How busy the device is, and how near to its limits."),
        "app.panels.utilisation:UtilisationPanel",
    ),
    PanelEntry(
        "roofline",
        QT_TRANSLATE_NOOP("PanelTitles", "Roofline"),
        QT_TRANSLATE_NOOP(
            "PanelTitles",
            "Whether memory or arithmetic limits prefill, decode and each phase, and by which factor.",
        ),
        "app.panels.roofline:RooflinePanel",
    ),
    PanelEntry(
        "summary",
        QT_TRANSLATE_NOOP("PanelTitles", "Summary"),
        QT_TRANSLATE_NOOP("PanelTitles", "Training against inference row by row, filled from this session."),
        "app.panels.summary:SummaryPanel",
    ),
    PanelEntry(
        "batch",
        QT_TRANSLATE_NOOP("PanelTitles", "Batch"),
        QT_TRANSLATE_NOOP(
            "PanelTitles", "What batching wastes: who has which slot in each step, padding, idle slots, the queue."
        ),
        "app.panels.batch:BatchPanel",
    ),
    PanelEntry(
        "parallel",
        QT_TRANSLATE_NOOP("PanelTitles", "Parallel vs serial"),
        QT_TRANSLATE_NOOP(
            "PanelTitles",
            "What waiting for each token costs: one pass over the text beside the steps that made it.",
        ),
        "app.panels.parallel:ParallelPanel",
    ),
    PanelEntry(
        "before-after",
        QT_TRANSLATE_NOOP("PanelTitles", "Before and after"),
        QT_TRANSLATE_NOOP("PanelTitles", "What each improvement buys here, off and on, beside the reference."),
        "app.panels.before_after:BeforeAfterPanel",
    ),
    PanelEntry(
        "session",
        QT_TRANSLATE_NOOP("PanelTitles", "Session"),
        QT_TRANSLATE_NOOP(
            "PanelTitles", "What this recording is: its name, model, machine, switches, requests and ceilings."
        ),
        "app.panels.session:SessionPanel",
    ),
    PanelEntry(
        "requests",
        QT_TRANSLATE_NOOP("PanelTitles", "Requests"),
        QT_TRANSLATE_NOOP(
            "PanelTitles", "How each request fared: its queue, its times, its tokens, and the percentiles of all."
        ),
        "app.panels.requests:RequestsPanel",
    ),
    PanelEntry(
        "kernels",
        QT_TRANSLATE_NOOP("PanelTitles", "Kernels"),
        QT_TRANSLATE_NOOP("PanelTitles", "Where the time of a profiler's trace went, by kernel and by operation."),
        "app.panels.kernels:KernelsPanel",
    ),
    PanelEntry(
        "query",
        QT_TRANSLATE_NOOP("PanelTitles", "Query"),
        QT_TRANSLATE_NOOP("PanelTitles", "Read-only SQL over the session's file, as table, plot and CSV."),
        "app.panels.query:QueryPanel",
    ),
    PanelEntry(
        "compare",
        QT_TRANSLATE_NOOP("PanelTitles", "Compare"),
        QT_TRANSLATE_NOOP(
            "PanelTitles", "How this recording, or a range of it, differs from another one or from a baseline, and why."
        ),
        "app.panels.compare:ComparePanel",
    ),
    PanelEntry(
        "precision",
        QT_TRANSLATE_NOOP("PanelTitles", "Precision"),
        QT_TRANSLATE_NOOP(
            "PanelTitles",
            "What quantising costs: two precisions of one model over the same text, and which layers do the damage.",
        ),
        "app.panels.precision:PrecisionPanel",
    ),
)


def entry(name: str) -> PanelEntry:
    """The panel of this name; raises InputError, which lists all names, for an unknown one."""
    for one in PANELS:
        if one.name == name:
            return one
    raise InputError(f"There is no panel {name!r}; the panels are {', '.join(one.name for one in PANELS)}.")
