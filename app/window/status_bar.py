"""The bottom line: state, tokens a second, device, recording, dropped rows, and the cost of the profiler itself."""

from __future__ import annotations

import html
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QStackedWidget, QStatusBar, QToolButton, QWidget

from app.look.theme import CAPTION_SCALE, GRID, ROW_GAP, theme
from app.look.units import MOST_OF_NAME, count, cut, memory, name_of, percent, rate
from app.widgets.elided_label import ElidedLabel
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel, plain
from engine.figures.metrics import tokens_per_s
from engine.figures.told import told
from engine.session.paced import pace_of
from engine.session.schema import Overhead
from engine.session.store import Session


class StatusBar(QStatusBar):
    """Figures of the shown session; at the left, what was said last stands in their place for a moment."""

    give_up = Signal()
    """The user asks to cancel the reading."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.state, self.rate, self.device = PlainLabel(), PlainLabel(), PlainLabel()
        self.state.setTextFormat(Qt.TextFormat.RichText)  # a coloured dot before one of a few words
        self.recording = PlainLabel()
        self.recording.hide()
        self.file = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self.dropped, self.overhead = PlainLabel(), PlainLabel()
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setMaximumWidth(30 * GRID)
        self._busy.setTextVisible(False)
        self.doing = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self._give_up = QToolButton()
        self._give_up.clicked.connect(self.give_up)
        for one in (self._busy, self.doing, self._give_up):
            one.hide()
        self.setContentsMargins(ROW_GAP, 0, ROW_GAP, 0)
        self._said = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self._said.setContentsMargins(GRID, 0, GRID, 0)
        self._until = QTimer(self)
        self._until.setSingleShot(True)
        self._until.timeout.connect(lambda: self.say("", 0))
        self._left = QStackedWidget()
        self._left.addWidget(self._build_left())
        self._left.addWidget(self._said)
        self.addPermanentWidget(self._left, 1)
        label: QLabel
        for label in (self.dropped, self.overhead, self.device):
            self.addPermanentWidget(label)
        for label in (self.state, self.rate, self.recording, self.device, self.file, self.dropped, self.overhead):
            label.setContentsMargins(GRID, 0, GRID, 0)
        self._now = "starting"
        self._recorded = self._attached = False
        self._activity = ""
        self._path, self._saved, self._name = "", True, ""
        self._records: float | None = None
        keep_look(
            self.state,
            self.rate,
            self.recording,
            self.device,
            self.file,
            self.dropped,
            self.overhead,
            self.doing,
            self._said,
            scale=CAPTION_SCALE,
        )
        self.retranslate()

    def _build_left(self) -> QWidget:
        left = QWidget()
        row = QHBoxLayout(left)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        for widget in (self.state, self.rate, self.recording, self._busy, self.doing, self._give_up):
            row.addWidget(widget)
        row.addWidget(self.file, 1)
        return left

    @property
    def said(self) -> str:
        """What is shown in place of the figures at the left; "" where the figures are."""
        return self._said.text()

    def say(self, text: str, for_ms: int) -> None:
        """Show a text in place of the figures at the left, for so long; "" brings these back."""
        self._said.setText(text)
        self._said.setToolTip(plain(text))
        self._left.setCurrentIndex(1 if text else 0)
        if text:
            self._until.start(for_ms)
        else:
            self._until.stop()

    def show_state(self, state: str, recorded: bool, attached: bool = False) -> None:
        """Show the state of the engine, or of the server that is attached to, or that a recorded session is shown."""
        self._now, self._recorded, self._attached = state, recorded, attached
        colours = theme()
        words = {
            "starting": self.tr("engine not started"),
            "loading": self.tr("loading the model"),
            "idle": self.tr("ready"),
            "running": self.tr("running"),
            "paused": self.tr("paused"),
            "stopped": self.tr("engine stopped"),
            "recorded": self.tr("recorded session"),
        }
        if attached:
            words |= {
                "starting": self.tr("attaching to the server"),
                "loading": self.tr("attaching to the server"),
                "idle": self.tr("attached"),
                "running": self.tr("recording the server"),
                "stopped": self.tr("not attached"),
            }
        colour = {"running": colours.accent, "paused": colours.warn, "stopped": colours.error}.get(state, colours.muted)
        text = words.get(state, state)
        if recorded:
            text = self.tr("recorded session · {}").format(text)
        if self._activity:
            text = self._activity if state == "idle" and not recorded else f"{text} · {self._activity}"
        self.state.setText(f'<span style="color:{colour}">●</span> {html.escape(text)}')

    def show_activity(self, text: str) -> None:
        """Say behind the state what the engine does, where no figure shows it ("": nothing)."""
        if text != self._activity:
            self._activity = text
            self.show_state(self._now, self._recorded, self._attached)

    def show_busy(self, doing: str, can_be_given_up: bool) -> None:
        """Say what is being read or written ("": nothing), with a button to cancel it if it can be cancelled."""
        if doing:
            self.say("", 0)  # what is done now, and the button that ends it, count more than what was done
        self.doing.setText(doing)
        self.doing.setToolTip(plain(doing))
        for one in (self._busy, self.doing):
            one.setVisible(bool(doing))
        self._give_up.setVisible(can_be_given_up)

    def show_file(self, path: str, saved: bool, name: str = "") -> None:
        """Name the session: by the name that it was given, else by its file's; the tool tip has the file."""
        self._path, self._saved, self._name = path, saved, name
        name = cut(name or Path(path).name, MOST_OF_NAME)
        self.file.setText("" if not path else name if saved else self.tr("{} (not saved elsewhere)").format(name))
        self.file.setToolTip(plain(path))

    def show_recording(self, size_bytes: int | None, bytes_per_s: float | None, lost: bool = False) -> None:
        """Say how large the file is that is being recorded, and how fast it grows; `lost`: it is written no more.

        None, without `lost`: nothing is recorded.
        """
        text = ""
        if lost:
            text = self.tr("in memory only")
        elif size_bytes is not None:
            text = self.tr("recording {size}").format(size=memory(size_bytes))
            if bytes_per_s is not None:
                text = f"{text} · {rate(bytes_per_s, 'B/s')}"
        self.recording.setText(text)
        self.recording.setVisible(bool(text))

    def refresh(self, session: Session | None, live: bool, overhead: Overhead | None) -> None:
        """Show the session's figures as they are now.

        `live`: the session is a run of this engine, which reports its own cost as `overhead` (None before the first).
        """
        if session is None:
            for label in (self.rate, self.device, self.dropped, self.overhead):
                label.setText("")
            return
        shown = rate(tokens_per_s(session), "tokens/s") if told(session, "tokens") else ""
        paced = any(pace_of(mark.label) is not None for mark in list(session.marks))
        self.rate.setText(self.tr("{} without the rests of its pace").format(shown) if paced else shown)
        serving = session.serving
        server = "" if serving is None else f"{serving.kind} {serving.version}".strip()
        device = session.meta.get("device_name") or session.meta.get("device", "")
        if serving is not None and not device:
            device = "" if serving.imported else self.tr("device not told by this server")
        dtype, threads = session.meta.get("dtype", ""), session.meta.get("threads", "")
        cpu = session.meta.get("device", "").startswith("cpu")
        words = self.tr("1 thread") if threads == "1" else self.tr("{} threads").format(name_of(threads))
        has_threads = cpu and threads not in ("", "0")
        parts = [name_of(server), name_of(device), name_of(dtype), words if has_threads else ""]
        self.device.setText(" · ".join(part for part in parts if part))
        dropped = sum(session.dropped.values())
        words = self.tr("{} rows dropped") if dropped else self.tr("nothing dropped")
        self.dropped.setText(words.format(count(dropped)))
        share, records = (None, None) if overhead is None else (overhead.share, overhead.records)
        self.overhead.setText(self.tr("profiler {}").format(percent(share)) if live and serving is None else "")
        if records != self._records:
            self._records = records
            self._explain_overhead()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        for label, name, tip in (
            (self.state, self.tr("State of the engine"), self.tr("What the engine does now")),
            (self.rate, self.tr("Tokens a second"),
             self.tr("● measured: generated tokens from the first arrival to the last one emitted, pauses left out")),
            (self.recording, self.tr("Size of the recording"),
             self.tr("● measured: how large the file of this run is on the disk, and how fast it grew in the last "
                     "seconds. Where it can be written no more, the run goes on in memory only.")),
            (self.device, self.tr("Device"), self.tr("Where the model runs, in what precision")),
            (self.dropped, self.tr("Dropped detail"),
             self.tr("● measured: attention and layer rows the event queue had no room for; never steps or tokens")),
        ):  # fmt: skip
            label.setAccessibleName(name)
            label.setToolTip(plain(tip))
        self.overhead.setAccessibleName(self.tr("Cost of the profiler"))
        self._explain_overhead()
        self.show_file(self._path, self._saved, self._name)
        self.file.setAccessibleName(self.tr("Recording"))
        self._busy.setAccessibleName(self.tr("Busy"))
        self._give_up.setText(self.tr("Give up"))
        self._give_up.setToolTip(self.tr("Stop opening this file; what is shown stays"))

    def _explain_overhead(self) -> None:
        """Explain the profiler's share in its tool tip: of what it is a share, and what it leaves out."""
        lines = [
            self.tr("ƒ derived: what this run loses against one at detail “off”; "
                    "a timed span counts as it was measured among the steps"),
        ]  # fmt: skip
        if self._records is not None:
            lines.append(self.tr("the record of each step, kept at any detail, takes {} beside it").format(
                percent(self._records)
            ))  # fmt: skip
        self.overhead.setToolTip(plain("\n".join(lines)))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
