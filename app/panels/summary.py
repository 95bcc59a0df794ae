"""Summary panel: the comparison of training and inference, with this session's figures, each one marked."""

from __future__ import annotations

from typing import ClassVar, Final

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.core.selection import Selected
from app.look.theme import PANEL_PADDING, ROW_GAP
from app.look.units import count
from app.models import counted
from app.models.parallel import taught_run
from app.models.summary import CONTEXT, HEADS, NAMES, Line, amount_text, markdown, plain_rows, summary_lines
from app.panels.base import Panel, PanelContext
from app.panels.passes import passes_words
from app.panels.untold import is_imported
from app.widgets.claim_table import ClaimTable
from app.widgets.reference_source import reference_source
from app.widgets.themed_label import ThemedLabel
from app.widgets.themed_table import Cell
from engine.figures.device_series import DeviceSeries
from engine.figures.metrics import timeline_figures
from engine.figures.told import told
from engine.session.serving import Topic
from engine.session.store import Session

NARROW: Final = 760
"""Panel width in pixels below which the claims about training and inference appear in tool tips only."""
NARROWEST: Final = 560
"""Panel width in pixels below which all claims appear in tool tips only."""
TRAINING, INFERENCE, GAP = 1, 3, 5
CLAIMS: Final = frozenset({TRAINING + 1, INFERENCE + 1})


class SummaryPanel(Panel):
    """A table, a line that explains the marks, and a button that copies the table as Markdown."""

    name: ClassVar[str] = "summary"
    needs: ClassVar[tuple[Topic, ...]] = ("tokens",)

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._seen: tuple[int, object] = (-1, None)
        self.lines: list[Line] = []
        """The rows of the table, with the figures from which they were made."""
        self._readings: DeviceSeries | None = None
        self.table = ClaimTable(self.tr("Training against inference"))
        self.legend = ThemedLabel()
        self.legend.setText(self.tr("● measured   ƒ derived   ~ reference"))
        self.legend.setToolTip(
            self.tr(
                "● measured by a clock or a counter, ƒ derived from measured counts and shapes, ~ what the reference "
                "says."
            )
        )
        self.range_line = ThemedLabel()
        self.run_button = QPushButton(self.tr("&Run with a teacher-forced pass"))
        self.run_button.setToolTip(
            self.tr("Generate the text of this session's prompts again, then run all of it through the model at once.")
        )
        self.run_button.clicked.connect(self.run_taught)
        self.copy_button = QPushButton(self.tr("Copy as &Markdown"))
        self.copy_button.setToolTip(self.tr("Put this table on the clipboard as Markdown."))
        self.copy_button.clicked.connect(self.copy_markdown)
        below = QHBoxLayout()
        below.setSpacing(ROW_GAP)
        below.addWidget(self.range_line)
        below.addWidget(self.legend, 1)
        below.addWidget(self.run_button)
        below.addWidget(self.copy_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(self.table, 1)
        layout.addLayout(below)
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

    # --- Panel ------------------------------------------------------------------------------------------------------

    def figures(self) -> str:
        gaps = {line.row.metric: line.row.gap for line in self.lines}
        speed = gaps.get("throughput")
        if speed is None:
            return ""
        return self.tr("one parallel pass gives tokens {gap} as fast").format(gap=amount_text(speed))

    @property
    def is_empty(self) -> bool:
        session = self.session
        return session is None or is_imported(session) or not (len(session.steps) or len(session.tokens))

    def empty_text(self) -> str:
        return self.tr(
            "Run a prompt and the comparison of training and inference appears here with what this machine measured."
        )

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._seen, self.lines = (-1, None), []
        self._readings = None if session is None else DeviceSeries(session)
        if session is not None:
            self.refresh()

    def refresh(self) -> None:
        session = self.session
        if session is None or self.is_empty:
            return
        steps = self._range()
        seen = (session.revision, steps)
        if seen == self._seen:
            return
        self._seen = seen
        self.lines = summary_lines(session, steps, say, self._readings)
        sources = {column: reference_source("comparison") for column in (*CLAIMS, GAP + 1)}
        heads = [
            (say(name), "\n".join(filter(None, (say(definition), sources.get(column)))))
            for column, (name, definition) in enumerate(HEADS)
        ]
        rows = [
            [
                Cell(cell.text, muted=index in (2, 4, 6) or not (cell.figure or index == 0), bold=index == 0,
                          tip=self._tip(line, index))
                for index, cell in enumerate(line.cells)
            ]
            for line in self.lines
        ]  # fmt: skip
        self.table.show_rows(heads, rows)
        self._fit()
        self.run_button.setVisible(session.serving is None and all(not line.row.training for line in self.lines))
        found = timeline_figures(session, steps)
        if not told(session, "steps"):
            words = self.tr("steps not told by this server")
        elif steps is None:
            words = counted.all_steps(found.steps)
        else:
            words = self.tr("steps {first}–{last}").format(first=count(steps[0]), last=count(steps[1]))
        parts = [words, passes_words(found.teacher_passes)] if found.teacher_passes else [words]
        self.range_line.setText(" · ".join(parts))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Hide claims in a narrow panel: the claimed gap is kept longest. The tool tips have the hidden claims."""
        narrow = CLAIMS if self.width() < NARROW else frozenset[int]()
        self.table.show_columns(narrow | {GAP + 1} if self.width() < NARROWEST else narrow)

    def select(self, selected: Selected) -> None:
        self.refresh()

    def restyle(self) -> None:
        self.table.restyle()

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 180)

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        return plain_rows(self.lines)

    def _tip(self, line: Line, index: int) -> str:
        if index == 0:
            return say(NAMES[line.row.metric][1])
        if index in (TRAINING, INFERENCE, GAP):
            return self.tr("{cell}\nReference: {claim} ~").format(
                cell=line.cells[index].text, claim=line.cells[index + 1].text
            )
        return line.cells[index].text

    def run_taught(self) -> None:
        """Run this session's prompts again, with a teacher-forced pass at the end."""
        self.context.control.start_run(taught_run(self.session))

    def copy_markdown(self) -> None:
        """Put the table on the clipboard as Markdown."""
        QGuiApplication.clipboard().setText(markdown(self.lines, say))

    def _range(self) -> tuple[int, int] | None:
        steps = self.context.selection.now.steps
        if steps is None or self.session is None or steps[0] >= len(self.session.steps):
            return None
        return steps[0], min(steps[1], len(self.session.steps) - 1)


def say(text: str) -> str:
    """A text of `app.models.summary`, translated."""
    return QCoreApplication.translate(CONTEXT, text)
