"""The dialog that asks which server to attach to, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.dialogs.fitting import fit
from app.look.theme import GRID, GROUP_GAP, PANEL_PADDING, ROW_GAP, theme
from app.look.units import straight
from app.widgets.plain import PlainLabel, plain
from app.widgets.segments import Segments
from engine.core.settings import AttachSpec

MOST_ALTERNATIVES = 20
SEND, WATCH = "send", "watch"
OFF = -1
"""The value of the box of logprobs that asks for none."""
WIDTH = 150 * GRID
FOUND_LINES = 12


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was found of a server. `state` says whether it is there, `flag` what would add it, or ""."""

    state: str
    topic: str
    sentence: str
    flag: str = ""


class AttachDialog(QDialog):
    """Edits an AttachSpec. It asks no server itself: its signals do, and its `show_` methods tell what came of it."""

    attach_wanted = Signal()
    look_wanted = Signal()
    findings_wanted = Signal()
    given_up = Signal()
    """What is asked of the server is not wanted any more; also emitted when the dialog is closed."""

    def __init__(self, recent: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("attach-dialog")
        self.setWindowTitle(self.tr("Attach to a server"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.address = _editable(recent)
        self.look = QPushButton(self.tr("Look"))
        self.secret = QLineEdit()
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.model = _editable(())
        self.work = Segments((SEND, WATCH), SEND)
        self.send, self.watch = self.work.buttons[SEND], self.work.buttons[WATCH]
        self.alternatives = QSpinBox()
        self.alternatives.setRange(OFF, MOST_ALTERNATIVES)
        self.alternatives.setValue(OFF)
        self.alternatives.setSpecialValueText(self.tr("off"))
        self.recorder, self.kv_events = QLineEdit(), QLineEdit()
        for field in (self.secret, self.alternatives, self.recorder, self.kv_events):
            field.setMinimumHeight(self.address.sizeHint().height())
        self.findings = QPushButton(self.tr("What does this server tell?"))
        self.found = QPlainTextEdit()
        self.found.setReadOnly(True)
        self.found.setTabChangesFocus(True)
        self.found.setMinimumHeight(FOUND_LINES * self.found.fontMetrics().lineSpacing() + 4 * GRID)
        self.found.hide()
        self.said = PlainLabel()
        self.said.setWordWrap(True)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.give_up = QPushButton(self.tr("Give up"))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.attach = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.attach.setText(self.tr("Attach"))
        self.cancel = self.buttons.button(QDialogButtonBox.StandardButton.Cancel)
        self._focus: QWidget | None = None
        self._build()
        self._explain()
        self._connect()
        self.show_busy("")
        self.address.setFocus()

    # --- what it holds ----------------------------------------------------------------------------------------------

    @property
    def spec(self) -> AttachSpec:
        """What the fields say, as it was typed."""
        value = self.alternatives.value()
        return AttachSpec(
            self.address.currentText().strip(), self.model.currentText().strip(), self.recorder.text().strip(),
            self.kv_events.text().strip(), None if value == OFF else value,
        )  # fmt: skip

    @property
    def key(self) -> str:
        """The key that was typed; "" takes that of the environment."""
        return self.secret.text().strip()

    @property
    def watches(self) -> bool:
        """Whether nothing is to be sent."""
        return self.work.value == WATCH

    def show_spec(self, spec: AttachSpec, watches: bool) -> None:
        """Fill the fields from this spec; a key is never filled in."""
        self.address.setEditText(spec.url)
        self.model.setEditText(spec.model)
        self.recorder.setText(spec.recorder)
        self.kv_events.setText(spec.kv_events)
        self.alternatives.setValue(OFF if spec.alternatives is None else spec.alternatives)
        self.work.set_value(WATCH if watches else SEND)

    # --- what came of it --------------------------------------------------------------------------------------------

    def show_busy(self, doing: str) -> None:
        """Say what the server is being asked ("": nothing); meanwhile nothing else can be asked."""
        asked = (self.look, self.findings, self.attach)
        if doing:
            self._focus = self.focusWidget()
        for one in (self.busy, self.give_up):
            one.setVisible(bool(doing))
        for button in asked:
            button.setEnabled(not doing)
        if not doing and self._focus in asked:  # a button loses the focus where it is disabled
            self._focus.setFocus()
        self.busy.setAccessibleName(doing)
        self._say(doing, theme().muted)

    def show_models(self, models: Sequence[str], sentence: str) -> None:
        """Offer the models that the server lists, and say what it is."""
        typed = self.model.currentText()
        self.model.clear()
        self.model.addItems([straight(one) for one in models])
        self.model.setEditText(typed or (straight(models[0]) if models else ""))
        self.show_busy("")
        self._say(sentence, theme().muted)

    def show_found(self, found: Sequence[Found]) -> None:
        """Show what the server offers, a line each, and under it the flag that would add what is missing."""
        words = self.tr("to add it: {}")
        lines = []
        for one in found:
            lines.append(f"{one.topic} ({one.state}): {one.sentence}")
            if one.flag:
                lines.append(f"    {words.format(one.flag)}")
        self.found.setPlainText(straight("\n".join(lines)))
        self.found.show()
        self.show_busy("")

    def show_fault(self, sentence: str) -> None:
        """Say why it cannot be done; the fields stay."""
        self.show_busy("")
        self._say(straight(sentence), theme().error)

    def done(self, result: int) -> None:
        self.given_up.emit()
        super().done(result)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _say(self, text: str, colour: str) -> None:
        self.said.setStyleSheet(f"color: {colour}")
        self.said.setText(text)
        self.said.setVisible(bool(text))
        fit(self, WIDTH)

    def _build(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(GROUP_GAP)
        form.setVerticalSpacing(ROW_GAP)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        address = QHBoxLayout()
        address.setSpacing(ROW_GAP)
        address.addWidget(self.address, 1)
        address.addWidget(self.look)
        for text, field, widget in (
            (self.tr("&Address"), address, self.address),
            (self.tr("&Key"), self.secret, self.secret),
            (self.tr("&Model"), self.model, self.model),
            (self.tr("A run"), self.work, self.work),
            (self.tr("&Logprobs"), self.alternatives, self.alternatives),
            (self.tr("&Recorder"), self.recorder, self.recorder),
            (self.tr("KV &events"), self.kv_events, self.kv_events),
        ):
            label = PlainLabel(text)
            label.setBuddy(widget)
            form.addRow(label, field)
        asked = QHBoxLayout()
        asked.addWidget(self.findings)
        asked.addStretch()
        waiting = QHBoxLayout()
        waiting.setSpacing(ROW_GAP)
        waiting.addWidget(self.busy, 1)
        waiting.addWidget(self.give_up)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GROUP_GAP, GROUP_GAP, GROUP_GAP, PANEL_PADDING)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(form)
        layout.addLayout(asked)
        layout.addWidget(self.found, 1)
        layout.addWidget(self.said)
        layout.addLayout(waiting)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(WIDTH)

    def _connect(self) -> None:
        self.attach.clicked.disconnect()  # the dialog stays open until the server has answered
        self.attach.clicked.connect(self.attach_wanted)
        self.buttons.rejected.connect(self.reject)
        self.look.clicked.connect(self.look_wanted)
        self.findings.clicked.connect(self.findings_wanted)
        self.give_up.clicked.connect(self._on_give_up)
        for button in (self.look, self.findings, self.give_up, self.send, self.watch):
            button.setAutoDefault(False)  # Enter attaches
        self.attach.setDefault(True)

    def _on_give_up(self) -> None:
        self.given_up.emit()
        self.show_busy("")

    def _explain(self) -> None:
        for widget, name, tip in (
            (self.address, self.tr("Address"), self.tr("An http or https address of an OpenAI-compatible server")),
            (self.look, self.look.text(), self.tr("Ask the server what it is and which models it has")),
            (self.secret, self.tr("Key"), self.tr("Sent to this server only, and stored nowhere")),
            (self.model, self.tr("Model"), self.tr("The name by which the server serves the model")),
            (self.alternatives, self.tr("Logprobs"),
             self.tr("How many alternatives each token comes with; 0: its own logprob only")),
            (self.recorder, self.tr("Recorder"),
             self.tr("Where the recorder inside vLLM listens: a socket's path, tcp://HOST:PORT, or none")),
            (self.kv_events, self.tr("KV events"), self.tr("Where the server publishes its KV events over ZMQ")),
            (self.findings, self.findings.text(),
             self.tr("Look at everything that the server offers; sends it one request for one token")),
            (self.found, self.tr("What the server tells"),
             self.tr("What was found, and which flag adds what is missing")),
            (self.give_up, self.give_up.text(), self.tr("Do not wait for the server any longer")),
            (self.attach, self.attach.text(), self.tr("Record this server in place of DecodeScope's own engine")),
            (self.cancel, self.cancel.text(), self.tr("Close without attaching")),
        ):  # fmt: skip
            widget.setAccessibleName(name)
            widget.setToolTip(plain(tip))
        self.work.name(
            self.tr("A run"),
            {SEND: self.tr("Send these prompts"), WATCH: self.tr("Watch what others send")},
            {
                SEND: self.tr("A run sends the prompt or the request list of the run panel"),
                WATCH: self.tr("A run records what others send, until Stop"),
            },
        )
        _hint(self.address, "http://localhost:8000")
        _hint(self.model, self.tr("the first that the server lists"))
        self.secret.setPlaceholderText(self.tr("empty: from DECODESCOPE_API_KEY or OPENAI_API_KEY"))
        self.recorder.setPlaceholderText(self.tr("found by itself on this machine"))
        self.kv_events.setPlaceholderText(self.tr("none, or an address such as {}").format("tcp://localhost:5557"))


def _editable(items: Sequence[str]) -> QComboBox:
    box = QComboBox()
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.addItems(list(items))
    # A port that begins like a recent one must not be completed to that one. Qt takes None, which its stubs leave out.
    box.setCompleter(None)  # type: ignore[arg-type]
    return box


def _hint(box: QComboBox, text: str) -> None:
    line = box.lineEdit()
    if line is not None:
        line.setPlaceholderText(text)
