"""What only the next run takes: stop texts, switches that flip at a step, the teacher-forced pass."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLineEdit, QPlainTextEdit, QWidget

from app.core.engine_sentences import in_window_language
from app.look.theme import GRID
from app.widgets.setting_rows import SettingRows
from engine.core.settings import MOST_OF_A_STOP, MOST_STOPS, RunSpec, SwitchChange, merged
from engine.core.typed import escaped, switch_change, typed_change, unescaped
from engine.errors import InputError


class NextRunSettings(SettingRows):
    """`changed` is emitted when a value changed; while `fault` is not empty, no run can be started with them."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stop = QPlainTextEdit()
        self.stop.setTabChangesFocus(True)
        self.stop.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.switch_at = QLineEdit()
        self.teacher = QCheckBox()
        self.add("stop", self.stop)
        self.add("switch_at", self.switch_at)
        self.add("teacher_pass", self.teacher)
        self.stop.textChanged.connect(self._on_change)
        self.switch_at.textChanged.connect(self._on_change)
        self.teacher.toggled.connect(self._on_change)
        self.restyle()
        self.retranslate()

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts at which a request ends, in their order."""
        return tuple(unescaped(line) for line in self.stop.toPlainText().split("\n") if line)

    @property
    def changes(self) -> tuple[SwitchChange, ...]:
        """The switches that flip at a step; raises InputError."""
        typed = (one.strip() for one in self.switch_at.text().split(";"))
        return tuple(merged(switch_change(one) for one in typed if one))

    def clear(self) -> None:
        """Take back everything that was set."""
        self.stop.clear()
        self.switch_at.clear()
        self.teacher.setChecked(False)

    def show_run(self, run: RunSpec) -> None:
        """Show what only a whole run has: its stop texts, the switches that flip, its pass at the end."""
        self.stop.setPlainText("\n".join(escaped(text) for text in run.requests[0].stop) if run.requests else "")
        self.switch_at.setText("; ".join(filter(None, map(typed_change, run.switch_at))))
        self.teacher.setChecked(run.teacher_pass)

    def show_running(self, reason: str) -> None:
        """Disable what a run that goes on cannot change, for this reason; an empty one enables it again."""
        for name in self.rows:
            self.lock(name, reason)

    def show_own(self, own: bool) -> None:
        """Whether our own engine runs; a server takes stop texts only."""
        for name in ("switch_at", "teacher_pass"):
            row = self.rows[name]
            row.label.setVisible(own)
            row.field.setVisible(own)

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self.heading.setText(self.tr("The next run"))
        self.describe(
            "stop", self.tr("Stop texts"),
            self.tr("A request ends where one of these appears; one a line, \\n stands for a line end"),
        )  # fmt: skip
        self.describe(
            "switch_at", self.tr("Switch at"),
            self.tr("Flip switches before a step: STEP:NAME=VALUE, more of them after a semicolon"),
        )  # fmt: skip
        self.switch_at.setPlaceholderText("20:kv=paged; 40:k=2")
        self.describe(
            "teacher_pass", self.tr("Teacher pass"),
            self.tr("At the end, pass each request's text through the model at once (panel Parallel vs serial)"),
        )  # fmt: skip
        self._on_change()

    def restyle(self) -> None:
        """Take the theme's fonts again."""
        self.stop.setFixedHeight(2 * self.stop.fontMetrics().lineSpacing() + 4 * GRID)

    def _on_change(self, *_: object) -> None:
        self.show_fault("stop", self._wrong_stops())
        try:
            self.changes  # noqa: B018 - raises for what is no change
        except InputError as error:
            self.show_fault("switch_at", in_window_language(str(error)))
        else:
            self.show_fault("switch_at", "")
        self.changed.emit()

    def _wrong_stops(self) -> str:
        stops = self.stops
        if len(stops) <= MOST_STOPS and all(len(text) <= MOST_OF_A_STOP for text in stops):
            return ""
        words = self.tr("A request takes at most {n} stop texts of at most {length} characters.")
        return words.format(n=MOST_STOPS, length=MOST_OF_A_STOP)
