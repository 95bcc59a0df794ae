"""How to read each panel, and the keys that work in it: the text of "What does this show?"."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication

from app.look.translation_marks import QT_TRANSLATE_NOOP
from app.panels.registry import PanelEntry

CONTEXT: Final = "PanelHelp"

HOW_TO_READ: Final[dict[str, str]] = {
    "timeline": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "Under the time axis lie the host, the device, and a lane for each request with its tokens. The colours are "
        "the groups of time that the Latency panel names. A gap between two blocks is time without computation.",
    ),
    "inspector": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "It follows the selection: click a token or a step in any panel. It says which other tokens the model weighed, "
        "how long the step took, who shared it, and what delayed a late token.",
    ),
    "redundancy": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "A column is a step, a row a position of the text. Solid blue is computed for the first time, hatched orange "
        "again, dotted grey is padding, crossed purple a rejected draft, and a green outline came from the cache. "
        "The curves below count positions and FLOPs up to each step; dashed lines are the theory.",
    ),
    "kv-memory": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "Used bytes hold live positions, reserved bytes are taken from the device; what is reserved and not used is "
        "wasted. The calculator predicts the cache of any model: "
        "2 · layers · positions · KV heads · head dim · bytes an element.",
    ),
    "attention": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "A row of the map is the token that looks (the query), a column the token that it looks at (the key). Each row "
        "adds up to 1. Rows exist for the layer and head that were recorded while the run went on.",
    ),
    "latency": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "A row of the table is a part of a token's time: its mean, its 99th percentile, its share. Below, a bar is a "
        "step, stacked by the same parts, and the histogram counts steps by their time: dragging over times selects "
        "those steps in all panels. A ▲ at the top of a bar says that it is higher than the axis; log shows all.",
    ),
    "utilisation": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "MBU is the share of the memory bandwidth that the steps used, MFU that of the arithmetic. Both ceilings were "
        "measured on this device. What a device does not report is said in words and never drawn as 0.",
    ),
    "roofline": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "Slanted lines are the measured bandwidth of memory and caches, the flat one is the measured arithmetic. A "
        "point below a slanted line is limited by memory, one below the flat line by arithmetic; the distance to the "
        "line is what is left to gain.",
    ),
    "summary": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "Each row holds a statement of the reference beside what this session measured. The tool tip of a figure gives "
        "its exact value and where it comes from.",
    ),
    "batch": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "A row is a slot of the batch, a column a step; colour and number name the request that has the slot. Dots are "
        "padding, an empty slot is idle. Below stands how many requests wait.",
    ),
    "parallel": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "One pass over a finished text computes all its positions at once; to generate it takes a step for every "
        "token. Here both are measured on the same text, with the tokens that the pass would have chosen too.",
    ),
    "compare": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "A is what the window shows, or its selected steps; B a recording, or a pinned baseline. An interval says "
        "where the difference lies with 95 %, by a bootstrap over steps. ◆ marks what is apart beyond chance and 3 %: "
        "of pairs of equal recordings at most 5 % have any ◆. Explained: the time per token is taken apart into "
        "positions computed, bytes moved, steps per token, the attention kernel, phases and gaps, by costs fitted to "
        "the steps of both sides; the parts add up to the difference, and what no rule explains is said.",
    ),
    "before-after": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "“Measure all” runs every improvement off and on. A row changes one thing only. The band is what the reference "
        "claims, the mark what this machine measured.",
    ),
    "session": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "Name and notes are yours: they are kept in the recording itself, and Undo takes a change back. The table is "
        "what was recorded, in groups; a row of Switches says from which step on what was changed, and a click "
        "selects that step. Ctrl+C copies the value of a row, a double click opens it so that a part can be selected.",
    ),
    "requests": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "A row is a request, with its own times: the queue before its first step, the time to its first token (TTFT), "
        "the time of each later one (TPOT), and how long it took. Below stand the percentiles of the requests that are "
        "shown: those of a selected range of steps, or in the chosen state. A head sorts by its column.",
    ),
    "precision": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "Run > Compare precision… lets the loaded model (A, the reference) and another precision of it (B) read the "
        "same text, each token given. KL is the divergence of B's distribution of the next token from A's, in nats: 0 "
        "where both are the same. Perplexity is exp of the mean −log p of the text's own tokens. A layer's damage is "
        "the KL that remains when it alone has B's weights and all else is A's; these need not add up to the whole. "
        "Decode and prompt are timed in turn, without sampling.",
    ),
    "kernels": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "It shows what was imported from a trace of PyTorch's profiler. A row is a kernel of the device or a range of "
        "the host with the time of all its calls, of the selected steps or of the whole trace. Calls in no step are "
        "those that nothing in the trace leads back to one.",
    ),
    "query": QT_TRANSLATE_NOOP(
        "PanelHelp",
        "A query reads the session's file and can change nothing. A click on a table or a column inserts its name. "
        ":first and :last stand for the selected steps (or all), :step, :request and :token for what is selected. A "
        "row that has a step_id or a request_id, or the id of a step, a request or a token, selects that in the window "
        "when it is clicked. A query gets 10 s, and shows at most 100 000 rows.",
    ),
}  # fmt: skip
"""By the panel's name: what its rows, columns and colours are."""

AXIS: Final = QT_TRANSLATE_NOOP(
    "PanelHelp",
    "Wheel or W and S zoom, dragging or A and D pan, F frames the selection, then all.",
)
KEYS_IN: Final[dict[str, tuple[str, ...]]] = {
    "timeline": (
        AXIS,
        QT_TRANSLATE_NOOP("PanelHelp", "← and → go through tokens or steps, ↑ and ↓ through requests, L follows the "
                                       "run, M puts a mark."),
    ),
    "inspector": (QT_TRANSLATE_NOOP("PanelHelp", "← and → go to the token or step before and after."),),
    "kv-memory": (QT_TRANSLATE_NOOP("PanelHelp", "← and → go through the steps, ↑ and ↓ through the layers."),),
    "attention": (QT_TRANSLATE_NOOP("PanelHelp", "The arrow keys move over the map, F shows all of it."),),
    "latency": (
        AXIS,
        QT_TRANSLATE_NOOP("PanelHelp", "N goes to the next outlier or selected step, Shift+N to the one before."),
    ),
    "utilisation": (AXIS,),
    "roofline": (QT_TRANSLATE_NOOP("PanelHelp", "← and → go through the points of the chart."),),
    "kernels": (QT_TRANSLATE_NOOP("PanelHelp", "Enter goes to the step of the longest call of a row."),),
    "precision": (QT_TRANSLATE_NOOP("PanelHelp", "↑ and ↓ go through the tokens that part."),),
    "batch": (AXIS, QT_TRANSLATE_NOOP("PanelHelp", "↑ and ↓ go from request to request.")),
    "session": (QT_TRANSLATE_NOOP("PanelHelp", "↑ and ↓ go through the rows, Enter selects the step of a row."),),
    "requests": (QT_TRANSLATE_NOOP("PanelHelp", "↑ and ↓ select a request, Enter selects its first token."),),
    "query": (
        QT_TRANSLATE_NOOP("PanelHelp", "In the editor Ctrl+Return runs the query, Esc cancels it. ↑ and ↓ go through "
                                       "the rows."),
    ),
}  # fmt: skip
"""By the panel's name: the keys that work in it while it has the focus."""


def how_to_read(entry: PanelEntry) -> str:
    """What rows, columns and colours of the panel are, translated."""
    return QCoreApplication.translate(CONTEXT, HOW_TO_READ[entry.name])


def keys_in(entry: PanelEntry) -> str:
    """The keys of the panel, translated; "" where it has none of its own."""
    return " ".join(QCoreApplication.translate(CONTEXT, text) for text in KEYS_IN.get(entry.name, ()))


def marks() -> str:
    """What the marks of provenance mean, translated."""
    return QCoreApplication.translate(
        "PanelHelp", "● measured by a clock or a counter · ƒ derived from measured values · ~ predicted by a formula"
    )
