"""The controls of the Compare panel: what B is, the pinned baselines, and when it is compared."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QPushButton, QWidget

from app.core.baselines import MOST_OF_A_NAME
from app.look.units import straight
from app.models.comparing import Choice, Comparing
from app.panels.compare_words import choice_words
from app.widgets.elided_combo import ElidedCombo
from app.widgets.flow_row import FlowRow
from app.widgets.line_question import ask_line
from app.widgets.plain import PlainLabel, plain

LETTERS = 26
"""Letters of a chosen recording that the list is wide enough for at least."""


class CompareControls(FlowRow):
    """A row that wraps. It writes nothing of the comparison itself."""

    def __init__(self, comparing: Comparing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._comparing = comparing
        self._offered: list[Choice] = []
        self.label = PlainLabel(self.tr("Compare &with"))
        self.recordings = ElidedCombo()
        self.recordings.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.recordings.setMinimumContentsLength(LETTERS)
        self.recordings.setPlaceholderText(self.tr("a recording or a baseline"))
        self.recordings.setAccessibleName(self.tr("Compare with"))
        self.recordings.setToolTip(plain(self.tr("Pinned baselines (★) and recent recordings; the chosen one is B")))
        self.label.setBuddy(self.recordings)
        self.browse, self.pin, self.unpin = QPushButton(), QPushButton(), QPushButton()
        self.refresh, self.give_up = QPushButton(), QPushButton()
        self.automatic = QCheckBox(self.tr("Compare the baseline &always"))
        self.automatic.setToolTip(plain(self.tr("Compare the newest baseline with whatever the window shows")))
        for button, text, tip in (
            (self.browse, self.tr("&File…"), self.tr("Choose the file of the recording to compare with")),
            (
                self.pin,
                self.tr("&Pin as baseline…"),
                self.tr("Keep what is shown, or its selected steps, as a baseline that others are compared with"),
            ),
            (self.unpin, self.tr("&Unpin"), self.tr("The chosen baseline is none any more; its file stays")),
            (self.refresh, self.tr("&Refresh"), self.tr("Compare again, with the steps that there are now")),
            (self.give_up, self.tr("Give up"), self.tr("Do not wait for this comparison any longer")),
        ):
            button.setText(text)
            button.setToolTip(plain(tip))
        for part in (
            self.label, self.recordings, self.browse, self.pin, self.unpin, self.refresh, self.give_up, self.automatic
        ):  # fmt: skip
            self.add(part)
        self.recordings.activated.connect(lambda place: comparing.choose(self._offered[place]))
        self.browse.clicked.connect(comparing.browse_wanted)
        self.pin.clicked.connect(self._on_pin)
        self.unpin.clicked.connect(self._on_unpin)
        self.refresh.clicked.connect(comparing.refresh)
        self.give_up.clicked.connect(comparing.give_up)
        self.automatic.toggled.connect(comparing.set_automatic)

    def show_state(self) -> None:
        """Offer what there is, and enable what can be done."""
        comparing = self._comparing
        offered = comparing.offered()
        if offered != self._offered:
            self._offered = offered
            self.recordings.clear()
            for place, choice in enumerate(offered):
                self.recordings.addItem(choice_words(choice))
                self.recordings.setItemData(place, plain(choice.path), Qt.ItemDataRole.ToolTipRole)
        at = next((place for place, one in enumerate(offered) if _same(one, comparing.choice)), -1)
        self.recordings.setCurrentIndex(at)
        self.recordings.setEnabled(bool(offered))
        self.pin.setEnabled(bool(comparing.path))
        self.unpin.setVisible(at >= 0 and bool(offered[at].name))
        self.refresh.setEnabled(comparing.choice is not None and comparing.session is not None)
        self.give_up.setVisible(bool(comparing.doing))
        self.automatic.setVisible(bool(comparing.pinned))
        self.automatic.blockSignals(True)
        self.automatic.setChecked(comparing.automatic)
        self.automatic.blockSignals(False)

    def _on_pin(self) -> None:
        """Ask for the baseline's name, with the file's as the default."""
        text = straight(Path(self._comparing.path).stem)[:MOST_OF_A_NAME]
        ask_line(
            self.window(), "baseline-name-dialog", self.tr("Pin as baseline"), self.tr("Name"), text, MOST_OF_A_NAME,
            self._comparing.pin,
        )  # fmt: skip

    def _on_unpin(self) -> None:
        choice = self._comparing.choice
        if choice is not None:
            self._comparing.unpin(choice)


def _same(one: Choice, other: Choice | None) -> bool:
    return other is not None and (one.path, one.steps) == (other.path, other.steps)
