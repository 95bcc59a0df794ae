"""Says below the number of new tokens, before the run, what the model has no room for, or cannot read."""

from __future__ import annotations

import json
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from app.look.units import count
from app.window.feed import Feed
from app.window.run_control import RunControl
from app.window.run_panel import RunPanel
from engine.core.settings import RequestSpec
from engine.errors import DecodeScopeError
from engine.session.schema import ModelReady, PromptsCounted

WAIT_MS: Final = 250
"""After a key: the prompt is counted once the user stops typing."""
LATIN_ENDS: Final = "\u024f"
"""The last letter of the Latin alphabets in Unicode; the demo model learnt from English tales alone."""
TEMPLATE_BYTES: Final = 512
"""More than a chat template adds to a prompt, in most models."""


class RoomNote(QObject):
    """Asks the engine how many tokens the prompt has, but only where the context may be too small for the run.

    A prompt has at most as many tokens as bytes, so most prompts need no question. None is asked during a run, whose
    time the answer would take.
    """

    def __init__(self, feed: Feed, control: RunControl, panel: RunPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._feed, self._control, self._panel = feed, control, panel
        self._context = 0
        self._asks = 0
        """The number of the last question; older answers are not of what is shown."""
        self._asked: RequestSpec | None = None
        self._counted: tuple[RequestSpec, int] | None = None
        """The prompt that was counted last, and how many tokens it has."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._ask)
        panel.prompt_changed.connect(self.look)
        feed.model_ready.connect(self._on_model_ready)
        feed.prompts_counted.connect(self._on_counted)
        control.state_changed.connect(self._on_state)

    @Slot()
    def look(self) -> None:
        """Say anew what there is room for, and ask for what is not known."""
        request = self._request()
        words = [] if request is None else [self._language_words(request), self._words(request)]
        self._panel.room.say("\n".join(filter(None, words)))
        if request is not None and self._may_be_too_small(request) and not self._is_counted(request):
            self._timer.start()
        else:
            self._timer.stop()

    def _request(self) -> RequestSpec | None:
        """The prompt and its settings; None where requests come from a file, or go to a server."""
        if not self._context or not self._feed.tells.loads_models:
            return None
        try:
            return self._panel.prompt_request()
        except DecodeScopeError:
            return None

    def _language_words(self, request: RequestSpec) -> str:
        if self._control.model.model != "demo" or not any(one > LATIN_ENDS and one.isalpha() for one in request.prompt):
            return ""
        return self.tr("The demo model knows English only: choose another model for this prompt.")

    def _words(self, request: RequestSpec) -> str:
        context = count(self._context)
        if self._is_counted(request) and self._counted is not None:
            tokens = self._counted[1]
            if tokens >= self._context:
                words = self.tr("The prompt has {prompt} tokens: the context of {context} has no room for a new one.")
                return words.format(prompt=count(tokens), context=context)
            if tokens >= 0 and tokens + request.max_new_tokens > self._context:
                words = self.tr("The context holds {context}: at most {most} after this prompt of {prompt}.")
                return words.format(context=context, most=count(self._context - tokens), prompt=count(tokens))
        if request.max_new_tokens >= self._context:
            return self.tr("The context holds {context} tokens, those of the prompt included.").format(context=context)
        return ""

    def _may_be_too_small(self, request: RequestSpec) -> bool:
        most = len(request.prompt.encode("utf-8", "replace")) + 2 + (TEMPLATE_BYTES if request.chat else 0)
        return most + request.max_new_tokens > self._context

    def _is_counted(self, request: RequestSpec) -> bool:
        """Whether this prompt was counted; how many new tokens it asks for does not matter."""
        counted = self._counted
        return counted is not None and (counted[0].prompt, counted[0].chat) == (request.prompt, request.chat)

    # --- questions and answers --------------------------------------------------------------------------------------

    @Slot()
    def _ask(self) -> None:
        request = self._request()
        if request is not None and self._control.state == "idle" and not self._control.asked:
            self._asks += 1
            self._asked = request
            self._feed.count_prompt(request, self._asks)

    @Slot(object)
    def _on_counted(self, answer: PromptsCounted) -> None:
        if answer.ask == self._asks and self._asked is not None:
            self._counted, self._asked = (self._asked, answer.tokens[0]), None
            self.look()

    @Slot(object)
    def _on_model_ready(self, ready: ModelReady) -> None:
        facts = json.loads(ready.meta.get("model_config") or "{}")
        self._context = int(facts.get("max_positions") or 0)
        self._counted = self._asked = None
        self.look()

    @Slot(str)
    def _on_state(self, state: str) -> None:
        if state == "idle":  # what could not be asked during a run can be asked now
            self.look()
