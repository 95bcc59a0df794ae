"""What is attached to, in the place of the model picker: the server, what it tells, and what is lacking."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.look.theme import CAPTION_SCALE, GRID, ROW_GAP
from app.look.units import name_of
from app.widgets.elided_label import ElidedLabel
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel, plain
from app.widgets.segments import Segments
from engine.session.serving import Level

SEND, WATCH = "send", "watch"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A server that answered. `title` is its kind and version, `levels` those at which it can be attached to."""

    title: str
    address: str
    model: str
    levels: tuple[Level, ...]

    @property
    def name(self) -> str:
        """The server in few words, for titles."""
        return f"{self.title} · {self.address}"


class ServerBox(QWidget):
    """Shows one server, and picks whether a run sends requests to it or only watches."""

    picked = Signal(str)
    """SEND or WATCH."""
    again_wanted = Signal()
    detach_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.facts: ServerFacts | None = None
        self.title, self._address, self.levels = (
            ElidedLabel(),
            ElidedLabel(mode=Qt.TextElideMode.ElideMiddle),
            PlainLabel(),
        )
        self.lacking = PlainLabel()
        self.lacking.setWordWrap(True)
        self.levels.setWordWrap(True)
        self.work = Segments((SEND, WATCH), SEND)
        self.work.picked.connect(self._show_levels)
        self.work.picked.connect(self.picked)
        self._again, self._detach = QPushButton(), QPushButton()
        self._again.clicked.connect(self.again_wanted)
        self._detach.clicked.connect(self.detach_wanted)
        buttons = QHBoxLayout()
        buttons.setSpacing(ROW_GAP)
        buttons.addWidget(self._again, 1)
        buttons.addWidget(self._detach, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        for label in (self.title, self._address, self.levels, self.lacking):
            column.addWidget(label)
        keep_look(self._address, self.levels, self.lacking, scale=CAPTION_SCALE, muted=True)
        column.addWidget(self.work)
        column.addLayout(buttons)
        self.retranslate()

    @property
    def watches(self) -> bool:
        """Whether a run only watches what others send."""
        return self.work.value == WATCH

    def show_facts(self, facts: ServerFacts | None) -> None:
        """Show this server; None: nothing answered yet."""
        self.facts = facts
        for label, text in (
            (self.title, "" if facts is None else " · ".join(filter(None, (facts.title, name_of(facts.model))))),
            (self._address, "" if facts is None else facts.address),
        ):
            label.setText(text)
            label.setToolTip(plain(text))
            label.setVisible(bool(text))
        self._show_levels()

    def show_work(self, watches: bool) -> None:
        """Show whether a run only watches."""
        self.work.set_value(WATCH if watches else SEND)
        self._show_levels()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self.title.setAccessibleName(self.tr("Server"))
        self._address.setAccessibleName(self.tr("Address"))
        self._again.setText(self.tr("Attach again"))
        self._again.setToolTip(self.tr("Connect anew to the same server: after it was started again, for example"))
        self._detach.setText(self.tr("Detach"))
        self._detach.setToolTip(self.tr("Go back to DecodeScope's own engine; the server goes on"))
        self.work.name(
            self.tr("A run"),
            {SEND: self.tr("Send prompts"), WATCH: self.tr("Only watch")},
            {
                SEND: self.tr("A run sends the prompt or the request list to the server"),
                WATCH: self.tr("A run records what others send to the server, until Stop"),
            },
        )
        self._show_levels()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _show_levels(self, *_: object) -> None:
        facts = self.facts
        there = () if facts is None else facts.levels
        names = {
            "probe": self.tr("probe"), "metrics": self.tr("metrics"), "kv_events": self.tr("KV events"),
            "recorder": self.tr("recorder"),
        }  # fmt: skip
        self.levels.setText("  ".join(f"● {names[one]}" for one in names if one in there))
        self.levels.setAccessibleName(self.tr("Levels at which the server is attached to"))
        self.levels.setVisible(facts is not None)
        lacking = [] if facts is None else self._lacking(facts)
        self.lacking.setText("\n".join(lacking))
        self.lacking.setVisible(bool(lacking))

    def _lacking(self, facts: ServerFacts) -> list[str]:
        """A sentence for each level that the server does not have, and one for a watch that sees little."""
        sentences = {
            "metrics": self.tr("No page of metrics: the server's own counters are not told."),
            "recorder": self.tr("No recorder: steps, their members, blocks and preemptions are not told."),
        }
        found = [sentence for level, sentence in sentences.items() if level not in facts.levels]
        if self.watches and "recorder" not in facts.levels:
            counters = self.tr("Watching records the server's counters only.")
            nothing = self.tr("There is nothing to watch here: send prompts instead.")
            found.append(counters if "metrics" in facts.levels else nothing)
        return found
