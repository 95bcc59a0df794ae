"""Runs a step: the model over a cache, operation by operation, compiled or captured, timed and observed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.attention.build import make_attention
from engine.cache.build import make_cache
from engine.cache.none import NoCache
from engine.core.batch import Batch
from engine.core.kv_cache import BlockEvent, KVCache, OutOfKvMemory, StepKv
from engine.core.scheduled_chunk import ScheduledChunk
from engine.core.settings import Observation, Switches
from engine.core.timing import StepTimer, StepTimes
from engine.decode.chunks import make_batch
from engine.errors import InputError
from engine.graphs.build import make_compiled, make_graphed
from engine.graphs.compiled import CompiledForward
from engine.graphs.device import GraphDevice
from engine.graphs.in_flight import InFlightStep
from engine.graphs.steps import GraphedSteps
from engine.measure.attention_memory import AttentionMemory
from engine.measure.nvtx import NvtxTimer, Ranges
from engine.measure.probe import NOT_PROBED, Probed, RowProbe, make_probe
from engine.measure.step_record import KvState, kv_state
from engine.measure.timers import make_timer
from engine.model.loader import LoadedModel
from engine.sampling.alternatives_cost import alternatives_ns
from engine.sampling.sample_and_verify import Drawn, sample_and_verify
from engine.sampling.sampler import ALTERNATIVES
from engine.session.schema import AttentionRow, Launch
from kernels.cpu.step import progress


@dataclass(frozen=True, slots=True)
class PreparedStep:
    """A step with room in the cache, not started yet. `kv` is its view of the cache; None for a captured step."""

    chunks: list[ScheduledChunk]
    batch: Batch
    kv: StepKv | None


LaunchedStep = PreparedStep | InFlightStep
"""A step to be landed. A step that runs operation by operation is computed only when it is landed."""


@dataclass(frozen=True, slots=True)
class LandedStep:
    """What a step computed: the tokens drawn for each request, and for its record, how it ran."""

    chunks: list[ScheduledChunk]
    batch: Batch
    drawn: list[Drawn]
    times: StepTimes
    kernel: str
    launch: Launch
    probed: Probed = NOT_PROBED
    attention_peak_bytes: int = -1


class StepRunner:
    """Runs the steps of a run; owns its cache, attention, captured steps, timer and probe.

    `prepare`, `launch` and `land` are the three parts of a step; between `launch` and `land` of a captured step the
    host is free, and `launch_next` uses that time. `mark` puts a mark on the run's timeline (kind, label).

    The class has eighteen methods, because both kinds of step, and the parts that are replaced between steps, have
    one owner.
    """

    cache: KVCache
    timer: StepTimer
    probe: RowProbe | None = None

    def __init__(
        self, model: LoadedModel, switches: Switches, mark: Callable[[str, str], None],
        graph_device: GraphDevice | None = None,
    ) -> None:  # fmt: skip
        """`graph_device` captures steps; None where the device has no graphs."""
        self._model = model
        self._mark = mark
        self._device = graph_device
        self._left_events: list[BlockEvent] = []
        """Block events of a cache that was replaced, until they are sent."""
        self.observation = Observation()
        self.ranges: Ranges | None = None
        self.memory: AttentionMemory | None = None
        self.graphs: GraphedSteps | None = None
        self.compiled: CompiledForward | None = None
        self.cache = self._make_cache(switches)
        self.attention = make_attention(switches.attention, model.config)

    # --- the parts in force -------------------------------------------------------------------------------------------

    def replace_cache(self, switches: Switches) -> None:
        """Replace the cache by an empty one; the requests of the old cache have been freed.

        The old memory is released before the new cache allocates its own, so no object may refer to it here.
        """
        config = self._model.config
        self._left_events += self.cache.drain_events()
        self.graphs = None
        self.attention = make_attention(switches.attention, config)
        self.cache = NoCache(config.layers, 0)
        self.cache = self._make_cache(switches)

    def _make_cache(self, switches: Switches) -> KVCache:
        model = self._model
        return make_cache(switches, model.config, model.device, model.dtype, self.captures and bool(switches.graphs))

    def replace_attention(self, switches: Switches) -> None:
        """Compute with another attention back end from the next step on."""
        self.attention = make_attention(switches.attention, self._model.config)

    @property
    def captures(self) -> bool:
        """Whether the device captures steps (a GPU), which then need a cache whose memory never moves."""
        return self._device is not None

    def capture_anew(self, switches: Switches, longest: int) -> None:
        """Discard the captured steps; new ones are captured for these switches and requests of `longest` tokens.

        On a device that captures nothing, the pass over the layers is compiled or not, as the switches say.
        """
        self.graphs = make_graphed(self._model, self.cache, switches, self._device, longest)
        self.compiled = None if self.captures else make_compiled(self._model, switches)

    def observe(self, observation: Observation) -> None:
        """Observe more or less from the next step on.

        Raises InputError for a layer or head that the model does not have, and for NVTX without a CUDA device.
        """
        model = self._model
        if observation.nvtx and model.device.type != "cuda":
            raise InputError("NVTX ranges need a CUDA device.")
        self.probe = None if observation.probe is None else make_probe(observation.probe, model.config)
        self.memory = AttentionMemory() if observation.attention_memory else None
        self.observation = observation
        self.timer = make_timer(observation.detail, model.config.layers, model.device)
        self.price_of(1)  # measured here, once a process, and not in the middle of the first step
        self.ranges = torch.cuda.nvtx if observation.nvtx else None
        if self.ranges is not None:
            self.timer = NvtxTimer(self.timer, self.ranges)

    @property
    def alternatives(self) -> int:
        """How many of the likeliest tokens are recorded with each drawn token."""
        return 0 if self.observation.detail == "off" else ALTERNATIVES

    def price_of(self, described: int) -> float:
        """The additional time of describing `described` drawn tokens with their alternatives, ns."""
        return alternatives_ns(self._model.device, self._model.config.vocab, self.alternatives, described)

    # --- a step -------------------------------------------------------------------------------------------------------

    def prepare(self, chunks: list[ScheduledChunk]) -> PreparedStep:
        """Make room in the cache for chunks that the scheduler has padded; raises OutOfKvMemory where there is none."""
        if self.graphs is not None and self.probe is None and self.graphs.fits(chunks):
            return PreparedStep(*self.graphs.prepare(chunks), None)
        batch = make_batch(chunks, self._model.device)
        return PreparedStep(chunks, batch, self.cache.begin(batch))

    def launch(self, prepared: PreparedStep) -> LaunchedStep:
        """Start a captured step and commit it at once, as its tokens are known; return any other step unchanged."""
        graphs = self.graphs
        if prepared.kv is not None or graphs is None:
            return prepared
        with self.timer("prepare"):
            variant = graphs.variant(prepared.chunks, self.alternatives, self.observation.detail)
            if not graphs.ready(variant):
                captured, seconds = graphs.capture(variant)
                self._mark("graphs", f"captured {captured} calls in {seconds:.2f} s")
            launched = graphs.launch(prepared.chunks, prepared.batch, variant, ranges=self.ranges)
            self.commit(launched)
        return launched

    def overlaps(self, launched: LaunchedStep) -> bool:
        """Whether a step can be launched behind this one: it draws its tokens on the device, and there is no probe."""
        return (
            self.graphs is not None
            and self.probe is None
            and isinstance(launched, InFlightStep)
            and launched.drawn is not None
        )

    def launch_next(self, launched: LaunchedStep, chunks: list[ScheduledChunk]) -> InFlightStep | None:
        """Start a step behind one that is running; it reads that step's tokens on the device.

        None where this kind of step was never captured, or where the cache has no room. The caller commits the step
        (`commit`) when the tokens of the step before are known.
        """
        assert self.graphs is not None
        assert isinstance(launched, InFlightStep)
        variant = self.graphs.variant(chunks, self.alternatives, self.observation.detail)
        if not self.graphs.ready(variant):
            return None
        try:
            padded, batch = self.graphs.prepare(chunks)
        except OutOfKvMemory:
            return None
        return self.graphs.launch(padded, batch, variant, launched, self.ranges)

    def land(self, launched: LaunchedStep) -> LandedStep:
        """Wait for a step and read what it drew, for each request that had not ended before."""
        if isinstance(launched, PreparedStep):
            return self._compute(launched)
        assert self.graphs is not None
        drawn, times = self.graphs.land(launched, self.alternatives, self.timer)
        return LandedStep(launched.chunks, launched.batch, drawn, times, launched.kernel, launched.launch)

    def _compute(self, prepared: PreparedStep) -> LandedStep:
        """Run a step that is not captured."""
        assert prepared.kv is not None
        chunks, timer = prepared.chunks, self.timer
        if self.probe is not None:
            self.probe.begin({chunk.request.id: chunk.request.computed.end for chunk in chunks if chunk.request})
        logits, kernel, launch = self.forward(prepared.batch, prepared.kv, self.probe)
        with timer("prepare"):
            self.commit(prepared)
        drawn = sample_and_verify(logits, [chunk for chunk in chunks if chunk.complete], self.alternatives, timer)
        probed = NOT_PROBED if self.probe is None else self.probe.probed
        taken = self.memory.take() if self.memory is not None and launch == "eager" else -1
        return LandedStep(chunks, prepared.batch, drawn, timer, kernel, launch, probed, taken)

    def forward(self, batch: Batch, kv: StepKv, probe: RowProbe | None = None) -> tuple[Tensor, str, Launch]:
        """Logits float32 [R, vocab], the attention kernel, and whether the pass was compiled or ran by operations."""
        if self.compiled is not None:
            return self.compiled(batch, kv, self.timer, probe), self.compiled.kernel, "compiled"
        attention = self.attention if self.memory is None else self.memory.around(self.attention)
        logits = self._model.decoder.forward(batch, kv, attention, self.timer, probe)
        return logits, self.attention.kernel, "eager"

    def share_done(self) -> float:
        """Which share of its work the step that runs has done, asked from another thread; -1 where nothing tells it.

        Layers are launched long before a GPU has computed them, so there they say nothing.
        """
        if self.compiled is not None:
            return progress()
        decoder = self._model.decoder
        return decoder.at_layer / decoder.config.layers if self._model.device.type == "cpu" else -1.0

    def commit(self, launched: LaunchedStep) -> None:
        """Tell the cache which tokens a step writes, once they are known."""
        for chunk in launched.chunks:
            request = chunk.request
            if request is not None and not request.finished:
                self.cache.commit(request.id, (*request.tokens[chunk.first : chunk.end], *chunk.drafts))

    # --- read after a step --------------------------------------------------------------------------------------------

    def kv_state(self, ended: Collection[int]) -> KvState:
        """The cache's bytes by class; requests in `ended` wait for their batch to end."""
        return kv_state(self.cache, ended)

    def attention_rows(self, step_id: int) -> list[AttentionRow]:
        """The rows that the probe saw in a step; this waits for the device."""
        return [] if self.probe is None else self.probe.take(step_id)

    def drain_events(self) -> list[BlockEvent]:
        """The block events since the last call, those of a replaced cache included."""
        events = [*self._left_events, *self.cache.drain_events()]
        self._left_events.clear()
        return events
