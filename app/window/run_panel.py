"""The run panel: model, prompt, sampling and switches; run, pause, step, stop; and the text as it grows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.core.engine_sentences import in_window_language
from app.core.preferences import Preferences
from app.core.selection import Selection
from app.look.icons import icon
from app.look.theme import CAPTION_SCALE, GRID, PANEL_PADDING, ROW_GAP, TITLE_SCALE
from app.models.request_list import ListFacts, read_list
from app.widgets.caption_note import CaptionNote
from app.widgets.elided_label import ElidedLabel
from app.widgets.kept_look import keep_look
from app.widgets.model_picker import ModelPicker
from app.widgets.plain import PlainLabel, plain
from app.widgets.prompt_edit import PromptEdit
from app.widgets.request_list import RequestList
from app.widgets.sampling_controls import SamplingControls
from app.widgets.segments import Segments
from app.widgets.share_bar import ShareBar
from app.widgets.switch_controls import SwitchControls
from app.widgets.tall_scroll_area import TallScrollArea
from app.widgets.themed_label import ThemedLabel
from app.widgets.wheel import WheelGuard
from app.window import unavailable_words
from app.window.run_output import RunActions, RunOutput
from app.window.run_settings import RunSettings
from app.window.server_box import ServerBox
from engine.client.source import Tells
from engine.core.sampling import KINDS
from engine.core.settings import Detail, Observation, Probe, RequestSpec, RunSpec, Switches
from engine.session.schema import ModelReady
from engine.session.store import Session

DEFAULT_PROMPT = "The cat sits on"
DEFAULT_TOKENS = 128
PROMPT_LINES = 2
WIDTH = 85 * GRID
AT_ONCE = 1000
"""So many requests are made within a few milliseconds."""
DETAILS: tuple[Detail, ...] = ("off", "step", "phase", "layer")


class RunPanel(QWidget):
    """Edits a RunSpec and shows what the engine does with it. Its actions and signals ask the window to act."""

    model_picked = Signal(str)
    switches_flipped = Signal(dict)
    observation_changed = Signal(object)
    requests_chosen = Signal()
    """Another request list is to be read (`requests.path`), or none."""
    blocked_changed = Signal()
    take_over_wanted = Signal()
    """The settings of the recording that is shown are to be those of the next run."""
    prompt_changed = Signal()
    """The prompt or what is asked for it is another."""

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
        self._tells = Tells()
        self.setObjectName("panel-body")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

        self.heading = ThemedLabel(muted=False, scale=TITLE_SCALE)
        self.beside = ThemedLabel(scale=CAPTION_SCALE, wrap=True)
        """That the recording beside was made with other settings, perhaps."""
        self.take_over = QPushButton()
        self.take_over.clicked.connect(self.take_over_wanted)
        self.show_beside(recorded=False)
        self.model = ModelPicker(preferences)
        self.server = ServerBox()
        self.server.hide()
        self._progress = ShareBar()
        self.facts = ElidedLabel()
        self.facts.hide()
        self.settled = ThemedLabel(scale=CAPTION_SCALE, wrap=True)
        """What the engine chose where it was left to it."""
        self.settled.hide()
        self.prompt = PromptEdit(DEFAULT_PROMPT)
        self.requests = RequestList()
        self._requests_button = QToolButton()
        self._requests_label = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self._requests_clear = QToolButton()
        self.tokens = QSpinBox()
        self.tokens.setRange(1, 10_000_000)
        self.tokens.setValue(DEFAULT_TOKENS)
        self.room = CaptionNote()
        self.ignore_eos = QCheckBox()
        self.chat = QCheckBox()
        self.chat.setEnabled(False)
        self.sampling = SamplingControls()
        self.switches = SwitchControls()
        self.detail = Segments(DETAILS, "phase")
        self.more = RunSettings(preferences, selection)
        self.probe = QCheckBox()
        self.output = RunOutput(actions, selection)
        self.text, self.run_button = self.output.text, self.output.run_button
        self.pace, self.activity = self.output.pace, self.output.activity
        self._labels = {name: PlainLabel() for name in ("model", "prompt", "tokens", "switches", "detail")}
        keep_look(*(self._labels[name] for name in ("model", "prompt", "switches")), bold=True)
        keep_look(self.facts, scale=CAPTION_SCALE, muted=True)
        self._build()
        self._connect()
        self.restyle()
        self.retranslate()

    # --- what the window reads and tells ----------------------------------------------------------------------------

    def run_spec(self) -> RunSpec:
        """The run that the controls describe; raises InputError where the request list cannot be read."""
        return self.run_maker()()

    def run_maker(self) -> Callable[[], RunSpec]:
        """Makes `run_spec` of what the controls describe now, on any thread: many requests take their time."""
        switches, observation, more = self.switches.switches, self.observation(), self.more.next_run
        changes, teacher = more.changes, more.teacher.isChecked()
        pace = self.pace.tokens_per_s if self._tells.pauses else 0.0
        usual = RequestSpec(
            self.prompt.toPlainText(), self.tokens.value(), 0.0, self.ignore_eos.isChecked(), more.stops,
            self.sampling.sampling, self.chat.isEnabled() and self.chat.isChecked(),
        )  # fmt: skip
        path, facts, watches = self.requests.path, self.requests.facts, self._watches

        def make() -> RunSpec:
            if watches:
                requests: tuple[RequestSpec, ...] = ()
            elif path is None:
                requests = (usual,)
            else:
                requests = (facts or read_list(path)).specs(usual)
            return RunSpec(requests, switches, observation, changes, teacher, pace)

        return make

    @property
    def has_many_requests(self) -> bool:
        """Whether `run_maker` takes longer than the window may wait."""
        return self.requests.facts is not None and self.requests.facts.count > AT_ONCE

    @property
    def blocked(self) -> str:
        """Why no run can be started with these settings; empty where one can."""
        if self._watches:
            return ""
        return self.requests.blocked or self.more.fault

    def prompt_request(self) -> RequestSpec | None:
        """The request of the prompt; None where a file has the requests."""
        return self.run_maker()().requests[0] if self.requests.path is None and not self._watches else None

    def observation(self) -> Observation:
        """How much to observe; the probe follows the selected layer and head."""
        now = self._selection.now
        probe = Probe(now.layer, None if now.all_heads else now.head) if self.probe.isChecked() else None
        return Observation(self._detail(), probe, self.more.probe.nvtx.isChecked())

    def switch_rows(self) -> dict[str, tuple[str, Segments]]:
        """By name: the label and the buttons of each switch, the detail of recording included."""
        return {**self.switches.rows(), "detail": (self._labels["detail"].text(), self.detail)}

    def show_settings(
        self, prompt: str, requests: Path | None, tokens: int, ignore_eos: bool, switches: Switches, detail: Detail,
        pace_tokens_per_s: float = 0.0,
    ) -> None:  # fmt: skip
        """Show these settings for the next run, without emitting a signal."""
        self.set_requests_file(requests)
        if requests is None:
            self.prompt.setPlainText(prompt)
        self.tokens.setValue(tokens)
        self.ignore_eos.setChecked(ignore_eos)
        self.switches.show_switches(switches)
        self.detail.set_value(detail)
        self.pace.show_pace(pace_tokens_per_s)
        self.more.next_run.clear()

    def show_run(self, run: RunSpec, requests: Path | None) -> None:
        """Show the settings of this run for the next one; with `requests`, the file that has its requests."""
        usual, observed = run.requests[0], run.observation
        self.show_settings(
            usual.prompt, requests, usual.max_new_tokens, usual.ignore_eos, run.switches, observed.detail,
            run.pace_tokens_per_s,
        )  # fmt: skip
        self.sampling.show_sampling(usual.sampling)
        self.chat.setChecked(usual.chat)
        self.probe.setChecked(observed.probe is not None)
        self.more.next_run.show_run(run)

    def show_beside(self, recorded: bool) -> None:
        """Whether a recording is shown beside these settings, which are not those that it was made with."""
        self.beside.setVisible(recorded)
        self.take_over.setVisible(recorded)

    def set_requests_file(self, path: Path | None) -> None:
        """Take the requests from this file; None goes back to the prompt."""
        self.requests.show_path(path)
        self._requests_label.setText("" if path is None else path.name)
        self._requests_label.setToolTip(plain("" if path is None else str(path)))
        self._requests_label.setVisible(path is not None)
        self._requests_clear.setVisible(path is not None)
        self.prompt.setVisible(path is None)
        self.blocked_changed.emit()
        self.requests_chosen.emit()
        self.prompt_changed.emit()

    def show_list(self, facts: ListFacts | None, failure: str = "") -> None:
        """Show what is in the request list; None while it is read, or where it cannot be for this reason."""
        if facts is not None:
            self.requests.show_facts(facts)
        elif failure:
            self.requests.show_failure(failure)
        else:
            self.requests.show_path(self.requests.path)
        self.blocked_changed.emit()

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

    def show_loading(self, words: str, fraction: float) -> None:
        """Say what is done to load the model, and how far that is."""
        self._progress.show_share(fraction)
        self._progress.setAccessibleName(words)
        self.settled.hide()
        self.facts.show()
        self.facts.setText(words)
        self.facts.setToolTip(plain(words))

    def show_facts(self, facts: str, settled: str = "") -> None:
        """Show one line about the model that is loaded, or why none is, and what the engine chose itself."""
        self._progress.show_share(None)
        self.settled.setText(settled)
        self.settled.setVisible(bool(settled))
        self.facts.setVisible(bool(facts))
        facts = in_window_language(facts)
        self.facts.setText(facts)
        self.facts.setToolTip(plain(facts))

    def show_model(self, ready: ModelReady) -> None:
        """Grey out what cannot run with the model that is loaded."""
        self.switches.set_unavailable(ready.unavailable, ready.meta.get("device", ""))
        self._align_detail()
        self.chat.setEnabled(bool(ready.meta.get("chat_template")) or not self._tells.loads_models)
        self.sampling.suggest(json.loads(ready.meta.get("suggested_sampling") or "{}"))
        self._explain_chat()
        self.more.show_model(ready)

    def show_active(self, active: bool) -> None:
        """Whether a run goes on, which some settings do not follow."""
        self.more.show_active(active)

    @property
    def controls(self) -> dict[str, QWidget]:
        """What edits each option of `decodescope record`, by the option's name; those of its output are not here."""
        found: dict[str, QWidget] = {
            "model": self.model, "prompt": self.prompt, "requests": self._requests_button, "chat": self.chat,
            "max_new_tokens": self.tokens, "ignore_eos": self.ignore_eos, "detail": self.detail,
            "pace": self.pace.field,
        }  # fmt: skip
        found |= {name: self.sampling.field(name) for name in KINDS}
        found |= {name: self.switches.control(name) for name in (*self.switches.names, "k")}
        for group in (self.more.load, self.more.pool, self.more.probe, self.more.next_run):
            found |= {name: row.field for name, row in group.rows.items()}
        return found

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
        self.room.restyle()
        self.prompt.setFixedHeight(self.prompt.fontMetrics().lineSpacing() * PROMPT_LINES + 5 * GRID)
        self._requests_button.setIcon(icon("file"))
        self._requests_clear.setIcon(icon("close"))
        self.model.restyle()
        self.output.restyle()
        self.more.restyle()

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
        self.heading.setText(self.tr("Next run"))
        self.beside.setText(self.tr("What the recording was made with is in its panel Session."))
        self.take_over.setText(self.tr("Take from the recording"))
        self.take_over.setToolTip(
            self.tr("Use the prompt or requests, sampling and switches of the shown recording for the next run")
        )
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

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.model.picked.connect(self.model_picked)
        self.server.picked.connect(self._show_source)
        self._requests_button.clicked.connect(self.choose_requests)
        self._requests_clear.clicked.connect(lambda: self.set_requests_file(None))
        self.switches.flipped.connect(self.switches_flipped)
        self.switches.shown.connect(self.more.pool.show_switches)
        self.more.pool.flipped.connect(self.switches.flip)
        self.more.probe.changed.connect(self._on_observation)
        self.more.blocked_changed.connect(self.blocked_changed)
        self.more.unfolded.connect(lambda: QTimer.singleShot(0, self, self._scroll_to_more))
        self.detail.picked.connect(self._on_observation)
        self.probe.toggled.connect(self.switches.show_recording)
        self.probe.setChecked(True)
        self.probe.toggled.connect(self._on_observation)
        self._selection.changed.connect(self._on_selection)
        for changed in (self.prompt.textChanged, self.tokens.valueChanged, self.chat.toggled):
            changed.connect(lambda *_: self.prompt_changed.emit())

    def _build(self) -> None:
        self._area = TallScrollArea(self._build_settings())
        self._wheel = WheelGuard(self)
        self._wheel.watch(self._area)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._area)
        layout.addWidget(self.output, 1)
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
        title = QHBoxLayout()
        title.setSpacing(ROW_GAP)
        title.addWidget(self.heading, 1)
        title.addWidget(self.take_over)
        for item in (
            title, self.beside,
            self._labels["model"], self.model, self.server, self._progress, self.facts, self.settled, head, self.prompt,
            self.requests, length, self.room, self.sampling, self._labels["switches"], self.switches, observed,
            self.probe, self.more,
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
        self.pace.set_unavailable("" if tells.pauses else unavailable_words.no_pace())
        self.probe.setEnabled(tells.attention)
        tip = self.tr("Keeps the attention rows of the layer and head picked in the Attention panel")
        self.probe.setToolTip(plain(tip if tells.attention else unavailable_words.no_attention()))
        for one in (self.prompt, self.requests, self._requests_button, self.tokens, self.ignore_eos, self.sampling):
            one.setEnabled(not watches)
        self.more.show_own(tells.loads_models)
        self.blocked_changed.emit()
        self._explain_chat()

    def _align_detail(self) -> None:
        """Put the detail below the switches; a form takes no smaller least width of a label, but a fixed one."""
        label = self._labels["detail"]
        label.setFixedWidth(max(self.switches.label_width(), label.fontMetrics().horizontalAdvance(label.text())))

    def _detail(self) -> Detail:
        value = self.detail.value
        return next(one for one in DETAILS if one == value)

    def _scroll_to_more(self) -> None:
        """Show what was unfolded: as much of it as there is room for."""
        self._area.verticalScrollBar().setValue(self.more.y() - ROW_GAP)

    def _on_observation(self, *_: object) -> None:
        records = self.probe.isChecked()
        self.more.probe.show_recording("" if records else self.tr("Attention is not recorded."))
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
