"""The KV memory panel's page about all memory: weights, caches, activations, allocator and the rest."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.look.theme import CAPTION_SCALE, GRID, PANEL_PADDING, ROW_GAP, theme, ui_font
from app.look.units import DERIVED, MEASURED, count, memory, percent
from app.panels.untold import not_told
from app.widgets.kept_look import keep_look
from app.widgets.painted import PaintedWidget
from app.widgets.plain import PlainLabel, plain
from app.widgets.whole_figures import WholeFigures
from engine.figures.device_series import DeviceSeries
from engine.figures.memory import MemoryNode, memory_tree, peak_step
from engine.figures.step_range import StepRange, step_slice
from engine.session.store import Session

BAR: Final = 6 * GRID
MARKS: Final = {"measured": MEASURED, "derived": DERIVED}
ROW: Final = Qt.ItemDataRole.UserRole
OF_THE_CACHE: Final = frozenset({"unfilled", "kept", "free"})
"""Parts whose sizes an old file does not have. Any other part has no size where the device does not report it."""


class MemoryPage(QWidget):
    """Shows the `memory_tree` of a session: one bar of all parts, and below it each part with its size and share."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.root: MemoryNode | None = None
        self._drawn: MemoryNode | None = None
        self._readings: DeviceSeries | None = None
        self._served = False
        """Whether a server told of the memory, which tells no more than its cache."""
        self.bar = MemoryBar(self)
        self.moment = PlainLabel(parent=self)
        self.moment.setWordWrap(True)
        self.tree = QTreeWidget(self)
        self.tree.setItemDelegate(WholeFigures(self.tree))
        self.tree.setColumnCount(3)
        self.tree.setHeaderLabels([self.tr("Part"), self.tr("Size"), self.tr("Share ƒ")])
        self.tree.setAccessibleName(self.tr("Memory by part"))
        self.tree.setToolTip(self.tr("Each part with its size and its share of all; ● measured, ƒ derived."))
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setFrameShape(QTreeWidget.Shape.NoFrame)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            self.tree.header().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setStretchLastSection(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, 0, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(self.moment)
        keep_look(self.moment, scale=CAPTION_SCALE)
        layout.addWidget(self.bar)
        layout.addWidget(self.tree, 1)
        self.restyle()

    def refresh(self, session: Session, steps: StepRange) -> None:
        """Show the memory at the peak of the caches within these steps, and name that step."""
        peak = peak_step(session, steps)
        words = "" if peak is None else self._moment(session, steps, peak)
        renamed = words != self.moment.text()
        self.moment.setText(words)
        if self._readings is None or self._readings.session is not session:
            self._readings = DeviceSeries(session)
        self.root = memory_tree(session, steps, self._readings)
        self._served = session.serving is not None
        self.bar.setVisible(not self._served)  # without the whole, no part has a share of it
        if self.root != self._drawn or renamed:
            if self._drawn is not None and names_of(self.root) != names_of(self._drawn):
                self.tree.clear()  # a draft model adds parts, so the same row would stand for another part
            self._drawn = self.root
            self._fill(self.root)

    def restyle(self) -> None:
        """Take the theme's colours again."""
        colours = theme()
        self.tree.setFont(ui_font())
        self.tree.setStyleSheet(
            f"QTreeWidget {{ background: {colours.panel}; }}"
            f"QHeaderView::section {{ background: {colours.panel}; color: {colours.muted}; border: 0;"
            f" border-bottom: 1px solid {colours.line}; padding: 0 {GRID}px; }}"
        )
        if self._drawn is not None:
            self._fill(self._drawn)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """A row per part, with its path in the tree."""
        names = ["part", "bytes", "provenance"]
        rows: list[tuple[object, ...]] = []

        def walk(node: MemoryNode, path: str) -> None:
            rows.append((path, node.size, node.provenance))
            for part in node.parts:
                walk(part, f"{path}/{part.name}")

        if self.root is not None:
            walk(self.root, self.root.name)
        return names, rows

    def label(self, name: str) -> str:
        """The name of a part."""
        return {
            "total": self.tr("All of it"),
            "weights": self.tr("Weights"),
            "kv": self.tr("KV cache, reserved"),
            "used": self.tr("used"),
            "evictable": self.tr("evictable"),
            "unfilled": self.tr("held, not yet filled"),
            "kept": self.tr("kept for a batch that goes on"),
            "free": self.tr("reserved, nobody's"),
            "draft": self.tr("Draft model"),
            "draft_weights": self.tr("Weights (draft)"),
            "draft_kv": self.tr("KV cache (draft), reserved"),
            "draft_kv_used": self.tr("used (draft)"),
            "draft_kv_free": self.tr("held, not yet filled (draft)"),
            "activations": self.tr("Activations, at most"),
            "allocator": self.tr("Allocator's reserve"),
            "rest": self.tr("Everything else"),
        }.get(name, name)

    def tip(self, name: str) -> str:
        """The tool tip of a part: what it is, in one sentence; "" for an unknown name."""
        return {
            "total": self.tr("What the device has in use (GPU), or the engine process holds (CPU), at its largest."),
            "weights": self.tr("The model's parameters as they are stored on the device."),
            "kv": self.tr("What the model's KV cache took from the device, when the caches took most."),
            "used": self.tr("Holds keys and values of live positions: of requests that had not ended."),
            "unfilled": self.tr("Set aside for such requests, and nothing is written in it yet."),
            "kept": self.tr("What requests still have that have ended, until the last one of their static batch has."),
            "evictable": self.tr("Held only for possible reuse by a request that begins alike."),
            "free": self.tr("Taken from the device by the cache, and no request has it."),
            "draft": self.tr("A smaller model that proposes tokens: it takes memory as long as it is loaded."),
            "draft_weights": self.tr("The draft model's parameters; they are there with speculate off, too."),
            "draft_kv": self.tr(
                "What the draft model's own KV cache took from the device; nothing with speculate off."
            ),
            "draft_kv_used": self.tr("Holds the draft model's keys and values of known tokens."),
            "draft_kv_free": self.tr("Set aside by the draft model's cache, and nothing is written in it."),
            "activations": self.tr("What a forward pass needs beside weights and caches at its widest moment."),
            "allocator": self.tr("Taken from the device by the allocator and not handed out."),
            "rest": self.tr("Libraries, code, and whatever else lies in it; on a GPU other programs too."),
        }.get(name, "")

    # --- inside -----------------------------------------------------------------------------------------------------

    def _moment(self, session: Session, steps: StepRange, peak: int) -> str:
        """The moment of the figures in words: the caches' are of one step, the others the largest of the steps."""
        rows = step_slice(session, steps)
        if rows.stop - rows.start == 1:
            return self.tr("Everything at step {step}.").format(step=count(peak))
        if session.serving is not None:
            return self.tr("The cache when requests held most of it in the steps {first}–{last}: step {peak}.").format(
                first=count(rows.start), last=count(rows.stop - 1), peak=count(peak)
            )
        return self.tr(
            "Caches at their peak, step {peak}; all of it, activations and the allocator at their largest of the steps "
            "{first}–{last}."
        ).format(peak=count(peak), first=count(rows.start), last=count(rows.stop - 1))

    def _size(self, node: MemoryNode) -> str:
        if node.size is not None:
            return f"{memory(node.size)} {MARKS[node.provenance]}"
        if self._served:
            return not_told()
        return self.tr("not recorded") if node.name in OF_THE_CACHE else self.tr("not reported")

    def _fill(self, root: MemoryNode) -> None:
        whole = root.size or (0 if self._served else sum(part.size or 0 for part in root.parts))
        top = self.tree.topLevelItem(0)
        if top is None:
            top = QTreeWidgetItem()
            self.tree.addTopLevelItem(top)
            self._write(top, root, whole)
            self.tree.expandAll()
        else:  # change the rows in place, so that folded parts stay folded
            self._write(top, root, whole)
        parts = [(self.label(part.name), part.name, part.size or 0) for part in root.parts]
        self.bar.show_parts(parts, self.moment.text())

    def _write(self, item: QTreeWidgetItem, node: MemoryNode, whole: int) -> None:
        share = percent(node.size / whole if node.size is not None and whole else None)
        for column, text in enumerate((self.label(node.name), self._size(node), share)):
            item.setText(column, text)
            item.setToolTip(column, plain(f"{self.tip(node.name)}\n{self.moment.text()}"))
            if column:
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setData(0, ROW, node.name)
        colour = colour_of(node.name)
        if colour:
            swatch = QPixmap(3 * GRID, 3 * GRID)
            swatch.fill(QColor(colour))
            item.setIcon(0, QIcon(swatch))
        while item.childCount() < len(node.parts):
            item.addChild(QTreeWidgetItem())
        for index, part in enumerate(node.parts):
            child = item.child(index)
            if child is not None:
                self._write(child, part, whole)


class MemoryBar(PaintedWidget):
    """All parts in one bar, each as wide as its share, with its name where the name fits."""

    fills_ground = False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parts: list[tuple[str, str, int]] = []
        """(label, name, bytes)."""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Memory by part, in proportion"))

    def sizeHint(self) -> QSize:
        return QSize(240, BAR)

    def show_parts(self, parts: list[tuple[str, str, int]], moment: str) -> None:
        """Draw these parts; `moment` says in words which steps they are of."""
        self.parts = parts
        words = "\n".join([moment, *(f"{label}: {memory(size)}" for label, _, size in parts)])
        self.setToolTip(plain(words))
        self.setAccessibleDescription(words)
        self.update()

    def boxes(self) -> list[QRectF]:
        """The rectangle of each part, in order."""
        total = sum(size for _, _, size in self.parts) or 1
        x, found = 0.0, []
        for _, _, size in self.parts:
            width = size / total * self.width()
            found.append(QRectF(x, 0, width, BAR))
            x += width
        return found

    def paint(self, painter: QPainter) -> None:
        painter.setFont(ui_font())
        for (label, name, _), box in zip(self.parts, self.boxes(), strict=True):
            painter.fillRect(box.adjusted(0, 0, -1, 0), QColor(colour_of(name) or theme().line))
            if painter.fontMetrics().horizontalAdvance(label) + 2 * GRID < box.width():
                painter.setPen(QColor(theme().on_accent))
                painter.drawText(box.adjusted(GRID, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, label)


def names_of(node: MemoryNode) -> list[str]:
    """The names of a part and of all parts under it, depth first."""
    return [node.name, *(name for part in node.parts for name in names_of(part))]


def colour_of(name: str) -> str:
    """The colour of a part; "" for a part without a colour of its own.

    The draft model does not have the purple of its time group: people with some colour vision deficiencies cannot tell
    that purple from the cache's blue beside it.
    """
    colours = theme()
    return {
        "weights": colours.groups["ffn"],
        "kv": colours.positions["new"],
        "draft": colours.groups["sampling"],
        "activations": colours.groups["norm"],
        "allocator": colours.groups["draft"],
        "rest": colours.groups["other"],
    }.get(name, "")
