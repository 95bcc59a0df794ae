"""The run panel: model, prompt, sampling and switches; run, pause, step, stop; and the text as it grows."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.core.preferences import Preferences
from app.core.selection import Selection
from app.look.icons import icon
from app.look.theme import CAPTION_SCALE, GRID, PANEL_PADDING, ROW_GAP, theme
from app.widgets.elided_label import ElidedLabel
from app.widgets.generated_text import GeneratedText
from app.widgets.kept_look import keep_look
from app.widgets.model_picker import ModelPicker
from app.widgets.plain import PlainLabel, plain
from app.widgets.prompt_edit import PromptEdit
from app.widgets.sampling_controls import SamplingControls
from app.widgets.segments import Segments
from app.widgets.switch_controls import SwitchControls
from app.widgets.tall_scroll_area import TallScrollArea
from app.window import unavailable_words
from app.window.server_box import ServerBox
from engine.client.source import Tells
from engine.core.settings import Detail, Observation, Probe, RequestSpec, RunSpec, Switches
from engine.errors import InputError
from engine.plain_text import path_text
from engine.session.schema import ModelReady
from engine.session.store import Session

DEFAULT_PROMPT = "The cat sits on"
DEFAULT_TOKENS = 128
PROMPT_LINES = 2
LEAST_OUTPUT = 40 * GRID
"""Least height in pixels of the buttons and the text; in a low window the settings scroll."""
WIDTH = 85 * GRID
DETAILS: tuple[Detail, ...] = ("off", "step", "phase", "layer")


class RunPanel(QWidget):
    """Edits a RunSpec and shows what the engine does with it. Its actions and signals ask the window to act."""

    model_picked = Signal(str)
    switches_flipped = Signal(dict)
    observation_changed = Signal(object)

    def __init__(
        self,
        preferences: Preferences,
        selection: Selection,
        actions: RunActions,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._selection = selection
        self._actions = actions
        self._requests_file: Path | None = None
        self._tells = Tells()
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

        self.model = ModelPicker(preferences)
        self.model.picked.connect(self.model_picked)
        self.server = ServerBox()
        self.server.picked.connect(self._show_source)
        self.server.hide()
        self._progress = QProgressBar()
        self._progress.setRange(0, 1000)
        self._progress.hide()
        self.facts = ElidedLabel()
        self.facts.hide()
        self.prompt = PromptEdit(DEFAULT_PROMPT)
        self._requests_button = QToolButton()
        self._requests_button.clicked.connect(self.choose_requests)
        self._requests_label = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self._requests_clear = QToolButton()
        self._requests_clear.clicked.connect(lambda: self.set_requests_file(None))
        self.tokens = QSpinBox()
        self.tokens.setRange(1, 10_000_000)
        self.tokens.setValue(DEFAULT_TOKENS)
        self.ignore_eos = QCheckBox()
        self.chat = QCheckBox()
        self.chat.setEnabled(False)
        self.sampling = SamplingControls()
        self.switches = SwitchControls()
        self.switches.flipped.connect(self.switches_flipped)
        self.detail = Segments(DETAILS, "phase")
        self.detail.picked.connect(self._on_observation)
        self.probe = QCheckBox()
        self.probe.toggled.connect(self.switches.show_recording)
        self.probe.setChecked(True)
        self.probe.toggled.connect(self._on_observation)
        self.text = GeneratedText(selection)
        self._labels = {name: PlainLabel() for name in ("model", "prompt", "tokens", "switches", "detail")}
        keep_look(*(self._labels[name] for name in ("model", "prompt", "switches")), bold=True)
        keep_look(self.facts, scale=CAPTION_SCALE, muted=True)
        self.run_button, self._step, self._stop = QPushButton(), QPushButton(), QPushButton()
        self._build()
        selection.changed.connect(self._on_selection)
        for action in (actions.run, actions.step, actions.stop):
            action.changed.connect(self._show_actions)
        self.restyle()
        self.retranslate()

    # --- what the window reads and tells ----------------------------------------------------------------------------

    def run_spec(self) -> RunSpec:
        """The run that the controls describe; raises InputError where the request list cannot be read."""
        requests = () if self._watches else self._requests()
        return RunSpec(requests, self.switches.switches, self.observation())

    def observation(self) -> Observation:
        """How much to observe; the probe follows the selected layer and head."""
        now = self._selection.now
        probe = Probe(now.layer, None if now.all_heads else now.head) if self.probe.isChecked() else None
        return Observation(self._detail(), probe)

    def switch_rows(self) -> dict[str, tuple[str, Segments]]:
        """By name: the label and the buttons of each switch, the detail of recording included."""
        return {**self.switches.rows(), "detail": (self._labels["detail"].text(), self.detail)}

    def show_settings(
        self, prompt: str, requests: Path | None, tokens: int, ignore_eos: bool, switches: Switches, detail: Detail
    ) -> None:
        """Show these settings for the next run, without emitting a signal."""
        self.set_requests_file(requests)
        if requests is None:
            self.prompt.setPlainText(prompt)
        self.tokens.setValue(tokens)
        self.ignore_eos.setChecked(ignore_eos)
        self.switches.show_switches(switches)
        self.detail.set_value(detail)

    def set_requests_file(self, path: Path | None) -> None:
        """Take the requests from this file; None goes back to the prompt."""
        self._requests_file = path
        self._requests_label.setText("" if path is None else path.name)
        self._requests_label.setToolTip(plain("" if path is None else str(path)))
        self._requests_label.setVisible(path is not None)
        self._requests_clear.setVisible(path is not None)
        self.prompt.setVisible(path is None)

    def choose_requests(self) -> None:
        """Ask for a request list."""
        path, _ = QFileDialog.getOpenFileName(
            self,
            self.tr("Request list"),
            self._preferences.folder("requests"),
            self.tr("Request lists (*.jsonl);;All files (*)"),
        )
        if path:
            self._preferences.remember_folder("requests", str(Path(path).parent))
            self.set_requests_file(Path(path))

    def show_loading(self, stage: str, fraction: float) -> None:
        """Show how far the loading of the model is."""
        self._progress.show()
        self.facts.hide()
        if fraction <= 0:
            self._progress.setRange(0, 0)
        else:
            self._progress.setRange(0, 1000)
            self._progress.setValue(round(1000 * fraction))
        self._progress.setFormat(stage or self.tr("Starting the engine"))
        self._progress.setAccessibleName(self._progress.format())

    def show_facts(self, facts: str) -> None:
        """Show one line about the model that is loaded, or why none is."""
        self._progress.hide()
        self.facts.setVisible(bool(facts))
        self.facts.setText(facts)
        self.facts.setToolTip(plain(facts))

    def show_model(self, ready: ModelReady) -> None:
        """Grey out what cannot run with the model that is loaded."""
        self.switches.set_unavailable(ready.unavailable, ready.meta.get("device", ""))
        self._align_detail()
        self.chat.setEnabled(bool(ready.meta.get("chat_template")) or not self._tells.loads_models)
        self.sampling.suggest(json.loads(ready.meta.get("suggested_sampling") or "{}"))
        self._explain_chat()

    def show_source(self, tells: Tells) -> None:
        """Show the model picker or the server, and disable what cannot be done with what is connected now."""
        self._tells = tells
        self.model.setVisible(tells.loads_models)
        self.server.setVisible(not tells.loads_models)
        self._show_source()

    def show_session(self, session: Session | None) -> None:
        """Show another session's text."""
        self.text.show_session(session)

    def refresh(self) -> None:
        """Show the text that came since the last call."""
        self.text.refresh()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.prompt.setFixedHeight(self.prompt.fontMetrics().lineSpacing() * PROMPT_LINES + 5 * GRID)
        self._requests_button.setIcon(icon("file"))
        self._requests_clear.setIcon(icon("close"))
        self.model.restyle()
        self.text.restyle()
        self._show_actions()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        texts = {
            "model": self.tr("Model") if self._tells.loads_models else self.tr("Server"),
            "prompt": self.tr("Prompt"),
            "tokens": self.tr("New tokens"),
            "switches": self.tr("Switches"),
            "detail": self.tr("Detail"),
        }
        for name, text in texts.items():
            self._labels[name].setText(text)
        self._align_detail()
        self.prompt.setAccessibleName(texts["prompt"])
        self.prompt.setPlaceholderText(self.tr("Empty: the model starts from its beginning-of-text token"))
        self.prompt.setToolTip(plain(self.prompt.placeholderText()))
        self._requests_button.setToolTip(self.tr("Take the requests from a .jsonl file instead"))
        self._requests_button.setAccessibleName(self.tr("Choose a request list"))
        self._requests_clear.setToolTip(self.tr("Back to the prompt"))
        self._requests_clear.setAccessibleName(self.tr("Back to the prompt"))
        self.tokens.setAccessibleName(texts["tokens"])
        self.tokens.setToolTip(self.tr("The most tokens that are generated for a request"))
        self.ignore_eos.setText(self.tr("Ignore EOS"))
        self.ignore_eos.setToolTip(self.tr("Go on past the end-of-text token until all tokens are generated"))
        self.chat.setText(self.tr("Chat"))
        self._explain_chat()
        self.probe.setText(self.tr("Record attention of the selected head"))
        self._show_source()
        self.detail.name(
            texts["detail"],
            {},
            {
                "off": self.tr("Steps and tokens only, without phase times"),
                "step": self.tr("The time of each step"),
                "phase": self.tr("The time of each phase of each step"),
                "layer": self.tr("The time of each phase in each layer of each step"),
            },
        )
        self._show_actions()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        output = self._build_output()
        output.setMinimumHeight(LEAST_OUTPUT)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(TallScrollArea(self._build_settings()))
        layout.addWidget(output, 1)
        self.setMinimumWidth(WIDTH - 8 * GRID)
        self.setMaximumWidth(3 * WIDTH // 2)
        self.set_requests_file(None)

    def _build_settings(self) -> QWidget:
        settings = QWidget()
        settings.setObjectName("panel-body")
        column = QVBoxLayout(settings)
        column.setContentsMargins(PANEL_PADDING, PANEL_PADDING, PANEL_PADDING, 0)
        column.setSpacing(ROW_GAP)
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self._labels["prompt"])
        head.addWidget(self._requests_label, 1)
        head.addStretch()
        head.addWidget(self.chat)
        head.addWidget(self._requests_clear)
        head.addWidget(self._requests_button)
        length = QHBoxLayout()
        length.setSpacing(ROW_GAP)
        length.addWidget(self._labels["tokens"])
        length.addWidget(self.tokens, 1)
        length.addWidget(self.ignore_eos)
        observed = QFormLayout()
        observed.setContentsMargins(0, 0, 0, 0)
        observed.setHorizontalSpacing(ROW_GAP)
        observed.addRow(self._labels["detail"], self.detail)
        for item in (
            self._labels["model"], self.model, self.server, self._progress, self.facts, head, self.prompt, length,
            self.sampling, self._labels["switches"], self.switches, observed, self.probe,
        ):  # fmt: skip
            if isinstance(item, QWidget):
                column.addWidget(item)
            else:
                column.addLayout(item)
        column.addStretch()
        for name, field in (
            ("prompt", self.prompt), ("model", self.model), ("tokens", self.tokens), ("detail", self.detail)
        ):  # fmt: skip
            self._labels[name].setBuddy(field)
        return settings

    def _build_output(self) -> QWidget:
        output = QWidget()
        column = QVBoxLayout(output)
        column.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, PANEL_PADDING)
        column.setSpacing(ROW_GAP)
        buttons = QHBoxLayout()
        buttons.setSpacing(ROW_GAP)
        self.run_button.setObjectName("primary")
        for button, action in (
            (self.run_button, self._actions.run),
            (self._step, self._actions.step),
            (self._stop, self._actions.stop),
        ):
            button.clicked.connect(action.trigger)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setMinimumHeight(9 * GRID)
            buttons.addWidget(button, 2 if button is self.run_button else 1)
        column.addLayout(buttons)
        column.addWidget(self.text, 1)
        return output

    @property
    def _watches(self) -> bool:
        """Whether a run sends nothing to the server that is attached to."""
        return not self._tells.loads_models and self.server.watches

    def _show_source(self, *_: object) -> None:
        tells, watches = self._tells, self._watches
        self._labels["model"].setText(self.tr("Model") if tells.loads_models else self.tr("Server"))
        self._labels["model"].setBuddy(self.model if tells.loads_models else self.server.work)
        self.switches.lock("" if tells.flips_switches else unavailable_words.no_switches())
        no_detail = "" if tells.observes else unavailable_words.no_detail()
        self.detail.set_unavailable(dict.fromkeys(DETAILS, no_detail) if no_detail else {})
        self.probe.setEnabled(tells.attention)
        tip = self.tr("Keeps the attention rows of the layer and head picked in the Attention panel")
        self.probe.setToolTip(plain(tip if tells.attention else unavailable_words.no_attention()))
        for one in (self.prompt, self._requests_button, self.tokens, self.ignore_eos, self.sampling):
            one.setEnabled(not watches)
        self._explain_chat()

    def _requests(self) -> tuple[RequestSpec, ...]:
        tokens, ignore_eos, sampling = self.tokens.value(), self.ignore_eos.isChecked(), self.sampling.sampling
        chat = self.chat.isEnabled() and self.chat.isChecked()
        if self._requests_file is None:
            return (RequestSpec(self.prompt.toPlainText(), tokens, 0.0, ignore_eos, (), sampling, chat),)
        from engine.client.requests_file import read_requests

        if self._requests_file.exists() and not self._requests_file.is_file():  # opening a pipe would block the window
            raise InputError(self.tr("The request list {} is not a file.").format(path_text(self._requests_file)))
        return read_requests(str(self._requests_file), tokens, ignore_eos, sampling, chat)

    def _align_detail(self) -> None:
        """Put the detail below the switches; a form takes no smaller least width of a label, but a fixed one."""
        label = self._labels["detail"]
        label.setFixedWidth(max(self.switches.label_width(), label.fontMetrics().horizontalAdvance(label.text())))

    def _detail(self) -> Detail:
        value = self.detail.value
        return next(one for one in DETAILS if one == value)

    def _on_observation(self, *_: object) -> None:
        self.observation_changed.emit(self.observation())

    def _on_selection(self, _: object) -> None:
        if self.probe.isChecked():
            self._on_observation()

    def _explain_chat(self) -> None:
        if not self._tells.loads_models:
            words = self.tr("Send the prompt as what the user of a chat says; the server puts it into its template")
        elif self.chat.isEnabled():
            words = self.tr("Put the prompt into the model's chat template, as what the user says")
        else:
            words = self.tr("This model has no chat template")
        self.chat.setToolTip(plain(words))

    def _show_actions(self) -> None:
        colours = theme()
        for button, action, name in (
            (self.run_button, self._actions.run, "pause" if self._actions.running else "run"),
            (self._step, self._actions.step, "step"),
            (self._stop, self._actions.stop, "stop"),
        ):
            button.setText(action.text())
            button.setEnabled(action.isEnabled())
            keys = action.shortcut().toString(action.shortcut().SequenceFormat.NativeText)
            button.setToolTip(plain(f"{action.toolTip()} ({keys})" if keys else action.toolTip()))
            button.setAccessibleName(action.text())
            button.setAccessibleDescription(action.toolTip())
            button.setIcon(icon(name, colours.on_accent if button is self.run_button else colours.text))


class RunActions:
    """The three actions that the run panel shows as buttons and the menu as entries."""

    def __init__(self, run: QAction, step: QAction, stop: QAction) -> None:
        self.run, self.step, self.stop = run, step, stop
        self.running = False
