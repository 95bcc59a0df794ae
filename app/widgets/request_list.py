"""Shows a request list in the place of the prompt: what is in it, its first prompts, and every line that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.core.engine_sentences import in_window_language
from app.look.theme import CAPTION_SCALE, GRID, ROW_GAP
from app.look.units import count, cut, seconds, visible_token
from app.models import counted
from app.models.request_list import ListFacts
from app.widgets.fault_label import FaultLabel
from app.widgets.plain import plain
from app.widgets.themed_label import ThemedLabel

SHOWN_FAULTS: Final = 3
IN_TIP: Final = 35
"""Faults that the tool tip lists."""


class RequestList(QWidget):
    """One request list; `blocked` says why no run can be started with it."""

    reload_wanted = Signal()
    open_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self.facts: ListFacts | None = None
        """What is in the list; None while it is read, or where it cannot be read."""
        self._failed = ""
        self.count_label = ThemedLabel(muted=False, wrap=True)
        self.facts_label = ThemedLabel(scale=CAPTION_SCALE, wrap=True)
        self.prompts = [ThemedLabel(scale=CAPTION_SCALE, code=True) for _ in range(3)]
        self.fault = FaultLabel()
        self.open, self.reload = QPushButton(), QPushButton()
        self.open.clicked.connect(self.open_wanted)
        self.reload.clicked.connect(self.reload_wanted)
        buttons = QHBoxLayout()
        buttons.setSpacing(ROW_GAP)
        buttons.addWidget(self.open, 1)
        buttons.addWidget(self.reload, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        for label in (self.count_label, self.facts_label, *self.prompts, self.fault):
            column.addWidget(label)
        column.addLayout(buttons)
        self.retranslate()

    @property
    def blocked(self) -> str:
        """Why no run can be started: the list is being read, or wrong; empty where one can."""
        if self.path is None:
            return ""
        if self._failed:
            return self._failed
        if self.facts is None:
            return self.tr("The request list is being read.")
        if not self.facts.examined.wrong:
            return ""
        fault = self.facts.faults[0]
        return self.tr("The request list has {n} wrong lines; the first is line {line}: {fault}").format(
            n=count(self.facts.examined.wrong), line=count(fault.line), fault=fault.sentence
        )

    def show_path(self, path: Path | None) -> None:
        """Show that this list is being read; None: there is no list."""
        self.path, self.facts, self._failed = path, None, ""
        self._show()

    def show_facts(self, facts: ListFacts) -> None:
        """Show what is in the list."""
        self.facts, self._failed = facts, ""
        self._show()

    def show_failure(self, sentence: str) -> None:
        """Show why the list cannot be read."""
        self.facts, self._failed = None, sentence
        self._show()

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self.open.setText(self.tr("Edit"))
        self.open.setToolTip(self.tr("Open the file in the program of this system for it; it is read again when saved"))
        self.reload.setText(self.tr("Read again"))
        self.reload.setToolTip(self.tr("Read the file again, as it is now"))
        self._show()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _show(self) -> None:
        facts = self.facts
        self.setVisible(self.path is not None)
        if facts is None:
            self.count_label.setText("" if self._failed else self.tr("Reading…"))
        else:
            words = [counted.requests(facts.count)]
            if facts.examined.wrong:
                words.append(self.tr("{} of them wrong").format(count(facts.examined.wrong)))
            self.count_label.setText(", ".join(words))
        self.count_label.setVisible(bool(self.count_label.text()))
        self.facts_label.setText("" if facts is None else " · ".join(self._words(facts)))
        self.facts_label.setVisible(bool(self.facts_label.text()))
        prompts = () if facts is None else facts.prompts
        for place, label in enumerate(self.prompts):
            text = visible_token(prompts[place][0]) if place < len(prompts) else ""
            label.setText(f"“{text}”" if place < len(prompts) else "")
            label.setToolTip(plain(cut(prompts[place][0]) if place < len(prompts) else ""))
            label.setVisible(place < len(prompts))
        self._show_faults()

    def _show_faults(self) -> None:
        facts = self.facts
        if facts is None or not facts.examined.wrong:
            self.fault.show_fault(self._failed)
            self.fault.setToolTip(plain(self._failed))
            return
        lines = [
            self.tr("line {line}: {fault}").format(line=one.line, fault=in_window_language(one.sentence))
            for one in facts.faults
        ]
        more = facts.examined.wrong - SHOWN_FAULTS
        shown = [cut(line, 160) for line in lines[:SHOWN_FAULTS]]
        shown += [self.tr("and {} more").format(count(more))] if more > 0 else []
        self.fault.show_fault("\n".join(shown))
        self.fault.setToolTip(plain("\n".join(cut(line, 110) for line in lines[:IN_TIP])))

    def _words(self, facts: ListFacts) -> list[str]:
        """Lengths, tokens, arrivals and sampling, each in a few words."""
        words: list[str] = []
        if facts.characters is not None:
            words.append(self.tr("prompts of {} characters").format(_between(*facts.characters)))
        if facts.tokens is not None:
            words.append(self.tr("at most {} new tokens").format(_between(*facts.tokens)))
        if facts.tokens is not None and facts.unsaid_tokens:
            words.append(self.tr("{} as set below").format(count(facts.unsaid_tokens)))
        elif facts.unsaid_tokens:
            words.append(self.tr("new tokens as set below"))
        first, last = facts.arrivals_s
        if last > first:
            words.append(self.tr("arrive over {}").format(seconds(last - first)))
        elif facts.count > 1:
            words.append(self.tr("arrive at once"))
        if len(facts.samplings) > 1:
            words.append(self.tr("sampling differs by line"))
        elif facts.samplings and facts.samplings[0]:
            given = ", ".join(f"{name} {value:g}" for name, value in facts.samplings[0].items())
            words.append(self.tr("all with {}").format(given))
        elif facts.samplings:
            words.append(self.tr("sampling as set below"))
        return words


def _between(least: int, most: int) -> str:
    return count(least) if least == most else f"{count(least)}–{count(most)}"
