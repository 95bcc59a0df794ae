"""Attaches the window to a server: asks for it in a dialog, looks at it, and shows what is attached to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from app.core.background import Failure
from app.core.engine_sentences import in_window_language
from app.core.jobs import Jobs
from app.core.preferences import Preferences
from app.look.units import name_of
from app.window.feed import Feed
from app.window.model_control import ModelControl
from app.window.run_panel import RunPanel
from app.window.server_box import ServerFacts
from engine.client.source import Tells
from engine.core.settings import AttachSpec
from engine.session.patience import Patience
from engine.session.schema import ModelReady
from engine.session.serving import Level, Serving, serving_of
from engine.session.store import Session

if TYPE_CHECKING:
    from app.dialogs.attach import AttachDialog
    from engine.serving.doctor.doctor import Diagnosis

MOST_NAMED: Final = 5
"""How many of a server's models the dialog names in its sentence; its list has all."""


class AttachControl(QObject):
    """Opens the dialog, and attaches only to what has answered. A key goes from the dialog to the feed alone."""

    changed = Signal()
    """Something else is attached to, or nothing any more."""
    watch_wanted = Signal()
    """The server is to be watched from now on, as was asked for in the dialog."""

    def __init__(
        self, window: QWidget, feed: Feed, panel: RunPanel, model: ModelControl, jobs: Jobs, preferences: Preferences
    ) -> None:
        super().__init__(window)
        self._window = window
        self._feed, self._panel, self._model, self._jobs = feed, panel, model, jobs
        self._preferences = preferences
        self._dialog: AttachDialog | None = None
        self._asking: Patience | None = None
        self._has_metrics = False
        self._watches_next = False
        """Whether what is being attached to is to be watched as soon as it is ready."""
        panel.server.again_wanted.connect(self.attach_again)
        panel.server.detach_wanted.connect(self.detach)
        feed.tells_changed.connect(self._on_tells)
        feed.model_ready.connect(self._on_ready)
        feed.session_started.connect(self._on_session)
        feed.refused.connect(self._on_refused)

    @property
    def name(self) -> str:
        """The server that is attached to, in few words; "" where none is."""
        facts = self._panel.server.facts
        return "" if self._feed.attached is None or facts is None else facts.name

    def ask(self) -> None:
        """Open the dialog; one that is open comes to the front."""
        from app.dialogs.attach import AttachDialog

        if self._dialog is not None:
            self._dialog.raise_()
            return
        dialog = self._dialog = AttachDialog(self._preferences.recent_servers, self._window)
        if self._feed.attached is not None:
            dialog.show_spec(self._feed.attached, self._panel.server.watches)
        dialog.look_wanted.connect(self._look)
        dialog.findings_wanted.connect(self._examine)
        dialog.attach_wanted.connect(self._attach)
        dialog.given_up.connect(self._give_up)
        dialog.finished.connect(self._on_closed)
        dialog.open()

    @Slot()
    def attach_again(self) -> None:
        """Connect anew to the server that is, or was, attached to."""
        self._feed.attach_again()

    @Slot()
    def detach(self) -> None:
        """Go back to our own engine."""
        self._model.load_again()

    # --- the dialog asks --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        from app.window.server_look import Seen, look

        def show(found: object) -> None:
            seen = cast(Seen, found)
            names = [name_of(one) for one in seen.models[:MOST_NAMED]] + ["…"] * (len(seen.models) > MOST_NAMED)
            words = self.tr("{server} answers. Models: {models}") if names else self.tr("{server} answers.")
            sentence = words.format(server=seen.title, models=", ".join(names))
            self._told(lambda dialog: dialog.show_models(seen.models, sentence))

        self._ask(partial(look, choose=False), show)

    def _examine(self) -> None:
        from app.window.server_look import examine

        self._ask(examine, lambda found: self._told(lambda dialog: self._show_found(dialog, cast("Diagnosis", found))))

    def _attach(self) -> None:
        from app.window.server_look import Seen, look

        if self._dialog is None:
            return
        spec, key, watches = self._dialog.spec, self._dialog.key, self._dialog.watches

        def attach(found: object) -> None:
            seen = cast(Seen, found)
            self._told(lambda dialog: dialog.accept())
            self._preferences.remember_server(seen.address)
            self._has_metrics = seen.has_metrics
            self._panel.server.show_work(watches)
            self._watches_next = watches
            self._feed.attach(spec, key)

        self._ask(partial(look, choose=True), attach)

    def _ask(self, question: Callable[[AttachSpec, str, Patience], object], then: Callable[[object], None]) -> None:
        """Ask the server that the dialog names on a thread; `then` is called if it answers and is still wanted."""
        if self._dialog is None:
            return
        self._give_up()
        spec, key, patience = self._dialog.spec, self._dialog.key, Patience()
        self._asking = patience
        self._dialog.show_busy(self.tr("Asking {}…").format(spec.url))

        def answered(found: object) -> None:
            if not patience.over:
                then(found)

        def failed(failure: Failure) -> None:
            if not patience.over:
                self._told(lambda dialog: dialog.show_fault(failure.sentence))

        self._jobs.start(lambda: question(spec, key, patience), answered, failed, patience=patience)

    def _told(self, tell: Callable[[AttachDialog], object]) -> None:
        if self._dialog is not None:
            tell(self._dialog)

    def _show_found(self, dialog: AttachDialog, diagnosis: Diagnosis) -> None:
        from app.dialogs.attach import Found

        words = {"ok": self.tr("told"), "missing": self.tr("missing"), "unknown": self.tr("not known")}
        dialog.show_found(
            [
                Found(words[one.state], one.topic, in_window_language(one.sentence), one.flag)
                for one in diagnosis.findings
            ]
        )

    @Slot()
    def _give_up(self) -> None:
        if self._asking is not None:
            self._asking.give_up()
            self._asking = None

    @Slot()
    def _on_closed(self) -> None:
        self._dialog = None

    # --- the feed tells ---------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_tells(self, tells: Tells) -> None:
        if tells.loads_models:
            self._panel.server.show_facts(None)
        self._panel.show_source(tells)
        self.changed.emit()

    @Slot(object)
    def _on_ready(self, ready: ModelReady) -> None:
        serving = serving_of(ready.meta.get("serving", ""))
        if serving is None:
            return
        levels: list[Level] = ["probe"]
        if self._has_metrics:
            levels.append("metrics")
        if "steps" not in serving.not_told:  # only a recorder tells them
            levels.append("recorder")
        self._show(serving, ready.meta.get("model", ""), tuple(levels))
        watches, self._watches_next = self._watches_next, False
        if watches and len(levels) > 1:
            self.watch_wanted.emit()

    @Slot(object, str)
    def _on_session(self, session: Session, _path: str) -> None:
        """A run knows best which levels are in use."""
        serving = session.serving
        if serving is not None:
            levels = serving.levels if "probe" in serving.levels else ("probe", *serving.levels)
            self._show(serving, session.meta.get("model", ""), levels)

    def _show(self, serving: Serving, model: str, levels: tuple[Level, ...]) -> None:
        title = f"{serving.kind} {serving.version}".rstrip()
        self._panel.show_facts("")
        self._panel.server.show_facts(ServerFacts(title, serving.url, model, levels))
        self.changed.emit()

    @Slot(str, str)
    def _on_refused(self, command: str, sentence: str) -> None:
        if command == "Attach":
            self._panel.show_facts(sentence)
