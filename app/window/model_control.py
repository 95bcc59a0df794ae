"""Which model is loaded, and what the run panel says about it."""

from __future__ import annotations

import json
from typing import cast

from PySide6.QtCore import QObject, Slot

from app.core.engine_sentences import in_window_language
from app.core.gguf_files import gguf_models
from app.core.jobs import Jobs
from app.core.local_models import LocalModel, cached_models
from app.look.units import parameters
from app.models import counted
from app.window.feed import Feed
from app.window.run_panel import RunPanel
from engine.core.settings import LoadSpec, Switches
from engine.figures.launches import is_gpu
from engine.session.patience import Patience
from engine.session.schema import ModelReady


class ModelControl(QObject):
    """Loads the picked model, and shows the progress and the result."""

    def __init__(self, feed: Feed, panel: RunPanel, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._feed = feed
        self._panel = panel
        self._jobs = jobs
        self._model = "demo"
        self._ready: ModelReady | None = None
        self._spec = LoadSpec()
        panel.model_picked.connect(self._on_picked)
        panel.more.load.reload_wanted.connect(self.load_again)
        feed.model_ready.connect(self._on_model_ready)
        feed.refused.connect(self._on_refused)

    @property
    def model(self) -> str:
        """The model that was picked last: "demo", a folder or a GGUF file."""
        return self._model

    def load(self, model: str) -> None:
        """Load a model, "demo", a folder or a GGUF file, into our own engine, also in place of a server."""
        self._model = model
        self._panel.model.set_model(model)
        self._spec = self._panel.more.load.spec(model)
        self._feed.load(self._spec)

    def load_again(self) -> None:
        """Go back from a server to the model that was loaded last."""
        self.load(self._model)

    def offer_cached(self) -> None:
        """Look for the models that other programs keep on this machine in the background, then offer them."""
        patience = Patience()

        def wanted() -> bool:
            return not patience.over

        self._jobs.start(
            lambda: [*cached_models(wanted=wanted), *gguf_models(wanted)],
            lambda found: self._panel.model.offer(cast("list[LocalModel]", found)),
            lambda _: None,  # an unreadable cache folder is not worth a dialog at every start
            patience=patience,
        )

    def retranslate(self) -> None:
        """Show in the language in force which model is loaded."""
        if self._ready is not None:
            self._panel.show_facts(self._model_line(self._ready.meta), self._settled_line(self._ready))

    def _model_line(self, meta: dict[str, str]) -> str:
        """One line about a loaded model: size, precision, device; the field above it has its name."""
        facts = json.loads(meta.get("model_config", "{}"))
        parts = [
            self.tr("{} parameters").format(parameters(facts["parameters"])) if facts.get("parameters") else "",
            counted.layers(facts["layers"]) if "layers" in facts else "",
            meta.get("dtype", ""),
            meta.get("device", ""),
        ]
        return " · ".join(part for part in parts if part)

    def _settled_line(self, ready: ModelReady) -> str:
        """What the engine made of `auto`: precision, threads, attention, and whether a step is launched as one."""
        meta, chosen = ready.meta, Switches().settled(ready.unavailable)
        parts = []
        if "weight_dtype" in meta:
            parts.append(
                self.tr("{weights} weights, computing in {dtype}").format(
                    weights=meta["weight_dtype"], dtype=meta.get("dtype", "")
                )
            )
        if "cores" in meta:
            parts.append(self.tr("{n} of {cores} threads").format(n=meta.get("threads", ""), cores=meta["cores"]))
        graphs = self.tr("CUDA graphs") if is_gpu(meta.get("device", "")) else self.tr("compiled step")
        on = self.tr("on") if chosen.graphs else self.tr("off")
        parts.append(self.tr("auto: attention {attention}, {graphs} {on}").format(
            attention=chosen.attention, graphs=graphs, on=on
        ))  # fmt: skip
        note = in_window_language(meta.get("weight_note", ""))
        return "\n".join(filter(None, [" · ".join(parts), note]))

    @Slot(str)
    def _on_picked(self, model: str) -> None:
        self._panel.more.load.forget_draft()
        self.load(model)

    @Slot(object)
    def _on_model_ready(self, ready: ModelReady) -> None:
        self._panel.show_model(ready)
        self._panel.more.load.show_loaded(None if "serving" in ready.meta else self._spec)
        self._ready = None if "serving" in ready.meta else ready
        self.retranslate()

    @Slot(str, str)
    def _on_refused(self, command: str, sentence: str) -> None:
        if command == "Load":
            self._ready = None
            self._panel.more.load.show_loaded(None)
            self._panel.show_facts(sentence)
