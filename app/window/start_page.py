"""The start page: what there is to do while no session is shown, in place of the empty panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.engine_sentences import in_window_language
from app.core.preferences import Language
from app.core.recent_recordings import RecentRecording
from app.core.translation import resolve
from app.look.icons import picture
from app.look.theme import GRID, GROUP_GAP, PANEL_PADDING, ROW_GAP, TITLE_SCALE
from app.models.recording_words import facts_of, title_of, when_of
from app.models.scenarios import Scenario
from app.widgets.equal_grid import EqualGrid
from app.widgets.plain import PlainLabel, plain
from app.widgets.themed_label import ThemedLabel
from app.widgets.tile import Tile

LOGO: Final = 10 * GRID
WIDEST: Final = 290 * GRID
"""Wider text lines than this are hard to follow; the page then stands in the middle."""
COLUMN: Final = 64 * GRID
"""The least width of one of two columns, and of a scenario's card."""
RECENT_SHOWN: Final = 4
"""As many as there are things to begin with beside them."""
START: Final = {"demo": "run", "model": "folder", "recording": "file", "server": "server"}
"""What one can begin with, and the icon of each."""


class StartPage(QScrollArea):
    """Tiles in three groups: what to begin with, recent recordings, scenarios. Arrow keys walk from tile to tile."""

    wanted = Signal(str)
    """One of START was pressed."""
    recording_wanted = Signal(str)
    scenario_wanted = Signal(object)
    back_wanted = Signal()

    def __init__(self, scenarios: Sequence[Scenario], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("start-page")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.start = {name: Tile() for name in START}
        self.recent = [Tile(most_lines=1) for _ in range(RECENT_SHOWN)]
        self.scenarios = {scenario.section: Tile(most_lines=4) for scenario in scenarios}
        self._scenarios = list(scenarios)
        self._recent: list[RecentRecording] = []
        self.back = QPushButton()
        self.back.clicked.connect(self.back_wanted)
        self._logo = PlainLabel()
        self._name = ThemedLabel(muted=False, scale=TITLE_SCALE)
        self._name.setText("DecodeScope")
        self._about = ThemedLabel(wrap=True)
        self._headings = {name: ThemedLabel() for name in ("start", "recent", "scenarios")}
        self._nothing = ThemedLabel(wrap=True)
        self._build()
        self._connect()
        self.restyle()

    @property
    def tiles(self) -> list[Tile]:
        """All tiles, in the order of the Tab key."""
        return [*self.start.values(), *self.recent, *self.scenarios.values()]

    # --- what it says -----------------------------------------------------------------------------------------------

    def show_start(self, keys: Mapping[str, str], waiting: bool) -> None:
        """Name what one can begin with, with the keys for it; `waiting`: the demo was asked for and is loading."""
        texts = {
            "demo": (
                self.tr("Run the demo"),
                self.tr("It begins as soon as the model is loaded.") if waiting else
                self.tr("The bundled model goes on from the prompt at the left."),
            ),
            "model": (self.tr("Open a model…"), self.tr("A folder with a config and weights in safetensors.")),
            "recording": (self.tr("Open a recording…"), self.tr("It is shown in the same panels as a live run.")),
            "server": (
                self.tr("Attach to a server…"), self.tr("Watch what vLLM, or another server with its API, does."),
            ),
        }  # fmt: skip
        for name, (title, sentence) in texts.items():
            self.start[name].say(title, sentence, keys.get(name, ""))

    def show_recent(self, recordings: Sequence[RecentRecording], read: bool = True) -> None:
        """List recordings, the newest first; `read` says whether their facts are known yet."""
        self._recent = list(recordings[:RECENT_SHOWN])
        for tile, one in zip(self.recent, self._recent, strict=False):
            tile.setEnabled(not one.fault)
            tile.say(
                title_of(one), in_window_language(one.fault) or (facts_of(one) if read else ""), when_of(one), one.path
            )
        for number, tile in enumerate(self.recent):
            tile.setVisible(number < len(self._recent))
        self._nothing.setVisible(not self._recent)

    def show_scenarios(self, language: Language, why_not: Mapping[str, str]) -> None:
        """Name the scenarios; `why_not` says by section why one cannot run here."""
        for scenario in self._scenarios:
            tile, reason = self.scenarios[scenario.section], why_not.get(scenario.section, "")
            words = scenario.words[resolve(language)]
            tile.setEnabled(not reason)
            tile.say(words.title, reason or words.card, tip=reason or words.look)

    def show_back(self, possible: bool) -> None:
        """Offer the way back to the session that is shown, if there is one."""
        self.back.setVisible(possible)

    def retranslate(self) -> None:
        """Set the page's own texts anew, in the current language."""
        self.setAccessibleName(self.tr("Start page"))
        self._about.setText(
            self.tr("Watch a language model write, token by token, and see what each token costs on this machine.")
        )
        for name, text in (
            ("start", self.tr("Start")),
            ("recent", self.tr("Recent recordings")),
            ("scenarios", self.tr("Scenarios: each sets up a run, and says what to look at")),
        ):
            self._headings[name].setText(text)
        self._nothing.setText(self.tr("Every run is recorded, and is found here afterwards."))
        self.back.setText(self.tr("Back to the session"))
        self.back.setToolTip(plain(self.tr("Show the panels again (Esc)")))

    def restyle(self) -> None:
        """Take the theme's colours again."""
        pixels = round(LOGO * self.devicePixelRatioF())
        logo = picture("decodescope", "", pixels)
        logo.setDevicePixelRatio(self.devicePixelRatioF())
        self._logo.setPixmap(logo)
        for tile in self.tiles:
            tile.update()

    # --- keys -------------------------------------------------------------------------------------------------------

    def walk(self, tile: Tile, key: Qt.Key) -> None:
        """Give the focus to the nearest tile in the direction of an arrow key."""
        here = tile.mapTo(self, tile.rect().center())
        best: tuple[int, Tile] | None = None
        for other in self.tiles:
            if other is tile or not other.isVisible() or not other.isEnabled():
                continue
            way = other.mapTo(self, other.rect().center()) - here
            ahead, aside = _along(way, key)
            apart = other.height() // 2 if key in (Qt.Key.Key_Up, Qt.Key.Key_Down) else other.width() // 2
            if ahead >= apart and (best is None or ahead + 2 * aside < best[0]):
                best = (ahead + 2 * aside, other)
        if best is not None:
            best[1].setFocus(Qt.FocusReason.TabFocusReason)

    # --- building ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        for name, icon_name in START.items():
            self.start[name].mark(icon_name)
        for tile in self.recent:
            tile.mark("file")
        for section, tile in self.scenarios.items():
            tile.mark(number=section)
        upper = EqualGrid(COLUMN, 2, GROUP_GAP)
        upper.add(_group(self._headings["start"], *self.start.values()))
        upper.add(_group(self._headings["recent"], *self.recent, self._nothing))
        cards = EqualGrid(COLUMN - 4 * GRID, 3, ROW_GAP)
        for tile in self.scenarios.values():
            cards.add(tile)
        body = QWidget()
        body.setMaximumWidth(WIDEST)
        column = QVBoxLayout(body)
        column.setContentsMargins(GROUP_GAP, GROUP_GAP, GROUP_GAP, GROUP_GAP)
        column.setSpacing(GROUP_GAP)
        column.addLayout(self._header())
        column.addWidget(upper)
        column.addWidget(_group(self._headings["scenarios"], cards))
        column.addStretch()
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(body, 1000)
        row.addStretch(1)
        self.setWidget(page)

    def _header(self) -> QHBoxLayout:
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._name)
        words.addWidget(self._about)
        self.back.hide()
        header = QHBoxLayout()
        header.setSpacing(PANEL_PADDING)
        header.addWidget(self._logo, 0, Qt.AlignmentFlag.AlignTop)
        header.addLayout(words, 1)
        header.addWidget(self.back, 0, Qt.AlignmentFlag.AlignTop)
        return header

    def _connect(self) -> None:
        for name, tile in self.start.items():
            tile.clicked.connect(lambda _=False, name=name: self.wanted.emit(name))
        for number, tile in enumerate(self.recent):
            tile.clicked.connect(lambda _=False, number=number: self.recording_wanted.emit(self._recent[number].path))
        for scenario in self._scenarios:
            tile = self.scenarios[scenario.section]
            tile.clicked.connect(lambda _=False, scenario=scenario: self.scenario_wanted.emit(scenario))
        for tile in self.tiles:
            tile.walked.connect(self.walk)
            tile.focused.connect(self.ensureWidgetVisible)


def _group(heading: QWidget, *members: QWidget) -> QWidget:
    group = QWidget()
    column = QVBoxLayout(group)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(ROW_GAP)
    for one in (heading, *members):
        column.addWidget(one)
    column.addStretch()
    return group


def _along(way: QPoint, key: Qt.Key) -> tuple[int, int]:
    """(how far ahead, how far aside) a place is in the direction of an arrow key."""
    match key:
        case Qt.Key.Key_Left:
            return -way.x(), abs(way.y())
        case Qt.Key.Key_Right:
            return way.x(), abs(way.y())
        case Qt.Key.Key_Up:
            return -way.y(), abs(way.x())
        case _:
            return way.y(), abs(way.x())
