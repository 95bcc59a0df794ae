"""The panel "Parallel vs serial": one teacher-forced pass beside the steps that generated the same text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.core.selection import Selected
from app.look.theme import PANEL_PADDING, ROW_GAP, theme
from app.look.units import DERIVED, MEASURED, NOT_APPLICABLE, count, percent, rate, seconds, significant, visible_token
from app.models.parallel import SerialSteps, serial_of, taught_run, temperature_of
from app.models.step_words import kind_name
from app.panels.base import PanelContext
from app.panels.parallel_chart import ParallelChart
from app.panels.parallel_tokens import DifferingTokens
from app.panels.step_panel import StepPanel
from app.panels.untold import of_trace
from app.widgets.figure_table import FigureTable
from app.widgets.plain import PlainLabel, plain
from app.widgets.themed_label import ThemedLabel
from app.widgets.themed_table import Cell
from engine.figures.teacher import TeacherFigures, teacher_figures
from engine.figures.token_facts import shown_text
from engine.session.store import STEP_KINDS, Session


class ParallelPanel(StepPanel):
    """A verdict in words, both times as bars over one axis, and a table; without a pass, a button that runs one."""

    name: ClassVar[str] = "parallel"

    def __init__(self, context: PanelContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._seen: object = None
        self.passes: list[TeacherFigures] = []
        self.serial: SerialSteps | None = None
        self.picker = QComboBox()
        self.picker.setAccessibleName(self.tr("Request that is compared"))
        self.picker.setToolTip(self.tr("The request whose pass and steps are compared."))
        self.picker.activated.connect(self._picked)
        self._picker_label = PlainLabel(self.tr("Re&quest"))
        self._picker_label.setBuddy(self.picker)
        self.verdict = ThemedLabel(muted=False, wrap=True)
        self.words = ThemedLabel(wrap=True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom)
        self.words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.run_button = QPushButton(self.tr("Run with a teacher-forced &pass"))
        self.run_button.setToolTip(
            self.tr("Generate the text of this session's prompts again, then run all of it through the model at once.")
        )
        self.run_button.clicked.connect(self.run_taught)
        self.chart = ParallelChart(self)
        self.chart.setAccessibleName(self.tr("Time of the steps and of the one pass"))
        self.chart.describe = self.step_text
        self.chart.clicked.connect(lambda step: self.context.selection.change(step=step, token=None))
        self.table = FigureTable(self.tr("One pass beside the steps"))
        self.differing_label = ThemedLabel(wrap=True)
        self.differing = DifferingTokens()
        self.differing.picked.connect(self._token_picked)
        top = QHBoxLayout()
        top.setSpacing(ROW_GAP)
        for widget in (self._picker_label, self.picker):
            top.addWidget(widget)
        top.addWidget(self.verdict, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PANEL_PADDING, ROW_GAP, PANEL_PADDING, ROW_GAP)
        layout.setSpacing(ROW_GAP)
        layout.addLayout(top)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.chart, 3)
        layout.addWidget(self.table)
        layout.addWidget(self.differing_label)
        layout.addWidget(self.differing)
        layout.addWidget(self.run_button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)
        self._show()

    # --- Panel ------------------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        # Of our own engine the panel itself says what is missing, and has the button that runs a pass.
        return bool(self.untold_text())

    def untold_text(self) -> str:
        if self.session is None or self.session.serving is None:
            return ""
        if traced := of_trace(self.session):
            return traced
        return self.tr(
            "A teacher-forced pass, the whole text through the model at once, needs DecodeScope's own engine; a server "
            "runs none."
        )

    def figures(self) -> str:
        shown = self.shown
        if shown is None:
            return ""
        return self.tr("{factor}× {derived} · pass {parallel}, steps {serial} {measured}").format(
            parallel=seconds(shown.pass_s), serial=seconds(shown.serial_s), measured=MEASURED,
            factor=_number(shown.factor), derived=DERIVED,
        )  # fmt: skip

    def empty_text(self) -> str:
        if self.session is not None and len(self.session.steps):
            return self.tr(
                "This session has no teacher-forced pass yet. Run with one, and when the text is there it goes through "
                "the model once more, all positions at once: that time appears beside the steps that made the text."
            )
        return self.tr(
            "A model can look at a whole text at once, but must make it token by token. Run with a teacher-forced "
            "pass, and the time of both appears here for the same text."
        )

    def show_session(self, session: Session | None) -> None:
        super().show_session(session)
        self._seen, self.passes = None, []
        self.refresh()

    def refresh(self) -> None:
        session = self.session
        seen = None if session is None else (len(session.steps), session.marks_state)
        if seen == self._seen and seen is not None:
            return
        self._seen = seen
        self.passes = teacher_figures(session) if session is not None else []
        self._show()

    def select(self, selected: Selected) -> None:
        """Mark the selected step and token, and show the selected request.

        A selected range changes nothing: the comparison is of whole requests.
        """
        self.chart.step = selected.step
        self.differing.mark(selected.token)
        requests = [one.request_id for one in self.passes]
        if selected.request in requests and self.picker.currentData() != selected.request:
            self.picker.setCurrentIndex(requests.index(selected.request))
            self._show()
        self.chart.update()

    def restyle(self) -> None:
        self.table.restyle()
        self.differing.restyle()
        self._show()

    def minimumSizeHint(self) -> QSize:
        layout = self.layout()
        return QSize(300, 200 if layout is None else max(200, layout.minimumSize().height()))

    def rows(self) -> tuple[list[str], list[tuple[object, ...]]]:
        header = ["request", "positions", "tokens", "agreeing", "pass_s", "serial_s", "serial_steps", "factor",
                  "pass_tokens_per_s", "serial_tokens_per_s", "pass_mbu", "serial_mbu", "pass_mfu",
                  "serial_mfu"]  # fmt: skip
        return header, [
            (one.request_id, *(getattr(one, name) for name in header[1:]))
            for one in self.passes
        ]  # fmt: skip

    # --- what is shown ----------------------------------------------------------------------------------------------

    @property
    def shown(self) -> TeacherFigures | None:
        """The pass of the picked request, else the first one; None without passes."""
        wanted = self.picker.currentData()
        return next((one for one in self.passes if one.request_id == wanted), self.passes[0] if self.passes else None)

    def _show(self) -> None:
        self._show_requests()
        shown, session = self.shown, self.session
        found: tuple[QWidget, ...] = (self.verdict, self.chart, self.table)
        missing: tuple[QWidget, ...] = (self.words, self.run_button)
        for widget in (*found, *missing):
            widget.setVisible((widget in found) == (shown is not None))
        if shown is None or session is None:
            self.words.setText(self.empty_text())
            self._show_differing(())
            self.chart.show_bars(None, 0.0, -1, {"serial": "", "pass": ""})
            return
        self.serial = serial_of(session, shown)
        self.verdict.setText(self.sentence(shown))
        self.verdict.setToolTip(plain(self.verdict.text()))
        self.chart.show_bars(
            self.serial, shown.pass_s, shown.step_id,
            {
                "serial": self.tr("serial: {n} steps, one after the other, {time} {mark}").format(
                    n=count(shown.serial_steps), time=seconds(shown.serial_s), mark=MEASURED
                ),
                "pass": self.tr("parallel: one pass over {n} positions, {time} {mark}").format(
                    n=count(shown.positions), time=seconds(shown.pass_s), mark=MEASURED
                ),
            },
        )  # fmt: skip
        self._write_table(shown)
        self._show_differing(shown.differing or ())

    def _show_differing(self, positions: Sequence[int]) -> None:
        """List each token for which the pass ranks another token higher, and mark its step in the bar."""
        session, shown = self.session, self.shown
        tokens: list[tuple[int, str]] = []
        steps: set[int] = set()
        if session is not None and shown is not None and positions:
            wanted, table = set(positions), session.tokens
            rows = [row for row in session.requests[shown.request_id].token_rows if table["position"][row] in wanted]
            tokens = [(row, f"{table['position'][row]} “{visible_token(shown_text(session, row))}”") for row in rows]
            steps = {int(table["step_id"][row]) for row in rows}
        self.differing.show_tokens(tokens)
        self.differing.mark(self.context.selection.now.token)
        self.chart.marked = steps
        self.differing_label.setText(
            self.tr("{n} that the pass would not have chosen, by position {mark}").format(
                n=count(len(tokens)), mark=MEASURED
            )
        )
        self.differing_label.setVisible(bool(tokens))
        self.differing.setVisible(bool(tokens))

    def _show_requests(self) -> None:
        ids = [one.request_id for one in self.passes]
        if [self.picker.itemData(index) for index in range(self.picker.count())] != ids:
            before = self.picker.currentData()
            self.picker.clear()
            for one in ids:
                self.picker.addItem(self.tr("request {}").format(one), one)
            self.picker.setCurrentIndex(max(ids.index(before) if before in ids else 0, 0) if ids else -1)
        for widget in (self.picker, self._picker_label):
            widget.setVisible(len(ids) > 1)

    def sentence(self, shown: TeacherFigures) -> str:
        """The verdict: how many times as long the steps took as the pass, and how many tokens agree."""
        text = self.tr("{factor}× as long token by token as in one pass {mark}").format(
            factor=_number(shown.factor), mark=DERIVED
        )
        return f"{text}; {self.agreement(shown)}"

    def agreement(self, shown: TeacherFigures) -> str:
        """How many generated tokens are also the likeliest ones in the pass, in words."""
        if shown.agreeing is None:
            return self.tr("how many tokens agree is not recorded")
        if shown.agreeing == shown.tokens:
            return self.tr("all {n} tokens agree {mark}").format(n=count(shown.tokens), mark=MEASURED)
        text = self.tr("{some} of {n} tokens agree {mark}").format(
            some=count(shown.agreeing), n=count(shown.tokens), mark=MEASURED
        )
        drawn = temperature_of(self.session, shown.request_id) if self.session is not None else 0.0
        return text + self.tr(", drawn at temperature {}").format(f"{drawn:g}") if drawn else text

    def _write_table(self, shown: TeacherFigures) -> None:
        colours = theme()
        heads = [
            (self.tr("How"), self.tr("The one teacher-forced pass, and the steps that made the text.")),
            (self.tr("Time ●"), self.tr("Wall time of the pass; of the steps, without the gaps between them.")),
            (
                self.tr("Tokens/s in steps ƒ"),
                self.tr("Generated tokens over that time: the rate of a run counts what lies between steps too."),
            ),
            (self.tr("MBU ƒ"), self.tr("Bytes moved over the time and the measured reading bandwidth of the device.")),
            (self.tr("MFU ƒ"), self.tr("Counted operations over the time and the measured peak rate of the device.")),
            (
                self.tr("Agree ●"),
                self.tr("Tokens of the steps that the pass finds likeliest too; sampling may differ."),
            ),
            (self.tr("Passes ●"), self.tr("How often the model ran its layers.")),
            (self.tr("Tokens a pass ƒ"), self.tr("Generated tokens over passes.")),
        ]
        agree = NOT_APPLICABLE if shown.agreeing is None else f"{count(shown.agreeing)}/{count(shown.tokens)}"
        once, many = (shown.tokens / passes if passes else None for passes in (1, shown.serial_steps))
        lines = [
            (self.tr("parallel"), colours.kinds["teacher"], shown.pass_s, shown.pass_tokens_per_s, shown.pass_mbu,
             shown.pass_mfu, 1, once, agree),
            (self.tr("serial"), colours.kinds["decode"], shown.serial_s, shown.serial_tokens_per_s, shown.serial_mbu,
             shown.serial_mfu, shown.serial_steps, many, NOT_APPLICABLE),
        ]  # fmt: skip
        rows = [
            [Cell(name, swatch=colour, bold=True), Cell(seconds(time)), Cell(rate(speed, "tokens/s")),
             Cell(percent(mbu)), Cell(percent(mfu)), Cell(same), Cell(count(passes)), Cell(_number(each))]
            for name, colour, time, speed, mbu, mfu, passes, each, same in lines
        ]  # fmt: skip
        factors = [shown.factor, _ratio(shown.pass_tokens_per_s, shown.serial_tokens_per_s),
                   _ratio(shown.pass_mbu, shown.serial_mbu), _ratio(shown.pass_mfu, shown.serial_mfu), None,
                   shown.serial_steps, _ratio(once, many)]  # fmt: skip
        tip = self.tr("How many times as fast, or as much, the one pass is, derived.")
        rows.append(
            [Cell(self.tr("factor ƒ"), bold=True, tip=tip),
             *(Cell(NOT_APPLICABLE if value is None else f"{_number(value)}×") for value in factors)]
        )  # fmt: skip
        self.table.show_rows(heads, rows, keys=["pass", "serial", "factor"])
        bar = self.table.horizontalScrollBar().sizeHint().height()
        self.table.setMinimumHeight(self.table.sizeHint().height() + bar)  # all three rows always fit

    def step_text(self, step: int) -> str:
        """The tool tip of one step: kind, time, positions, and the tokens of the shown request."""
        session, shown = self.session, self.shown
        if session is None or shown is None:
            return ""
        table = session.steps
        kind = STEP_KINDS[int(table["kind"][step])]
        lines = [
            self.tr("step {step}, {kind}: {time}, {n} positions {mark}").format(
                step=count(step), kind=kind_name(kind),
                time=seconds(float(table["end_ns"][step] - table["start_ns"][step]) / 1e9),
                n=count(int(table["positions_computed"][step])), mark=MEASURED,
            )
        ]  # fmt: skip
        steps = session.tokens["step_id"]
        own = [row for row in session.requests[shown.request_id].token_rows if int(steps[row]) == step]
        if own:
            gave = (f"“{visible_token(shown_text(session, row))}”" for row in own)
            lines.append(self.tr("gave {}").format(" ".join(gave)))
        return "\n".join(lines)

    # --- acting -----------------------------------------------------------------------------------------------------

    def run_taught(self) -> None:
        """Run this session's prompts again, with a teacher-forced pass at the end."""
        self.context.control.start_run(taught_run(self.session))

    def _token_picked(self, row: int) -> None:
        assert self.session is not None
        step, request = (int(self.session.tokens[name][row]) for name in ("step_id", "request_id"))
        self.context.selection.change(token=row, step=step, request=request)

    def _picked(self, index: int) -> None:
        self._show()
        self.context.selection.change(request=self.picker.itemData(index))


def _number(value: float | None) -> str:
    return NOT_APPLICABLE if value is None else significant(value)


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None
