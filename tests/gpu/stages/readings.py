"""What the session file says of the device, against NVML, PyTorch's allocator and psutil, read beside the run."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from typing import Any

import psutil
import torch

from app.cli.recording import Recording
from engine.core.settings import LoadSpec, Observation, RequestSpec, RunSpec, Switches
from engine.figures.memory import MemoryNode, memory_tree
from engine.host import protocol
from engine.host.service import Service
from engine.model.device import cuda_uuid
from engine.session.schema import AnyEvent, DeviceSample, ModelReady
from engine.session.store import Session
from tests.engine.drive import session_of
from tests.gpu.stages.setting import Setting

EVERY_S = 0.05
REQUESTS, TOKENS, BATCH = 256, 900, 32
"""A few seconds of work: NVML's utilisation is a mean over a good part of a second."""
ROOM = {
    ("cpu", "process_rss_bytes"): 0.1, ("cuda", "memory_used_bytes"): 0.05, ("cuda", "power_watts"): 0.15,
    ("cuda", "utilisation_percent"): 0.15,
}  # fmt: skip
"""How far the mean of the session's readings may be from that of ours."""


def run(setting: Setting) -> None:
    """Another program's readings of a recording, and the allocator's counters at steps of a run in this process."""
    compare_recording(setting)
    compare_allocator(setting)


# --- a recording, watched from outside --------------------------------------------------------------------------------


class Watcher:
    """Reads the device from this process while another one runs the model; (UTC ns, value) by reading."""

    def __init__(self, setting: Setting, pid: int) -> None:
        self.seen: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self._process = psutil.Process(pid)
        self._nvml: Any = None
        if not setting.rehearse:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(str(cuda_uuid(setting.device)).encode())
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            self._note("process_rss_bytes", float(self._process.memory_info().rss))
            if self._nvml is not None:
                rates = self._nvml.nvmlDeviceGetUtilizationRates(self._handle)
                self._note("utilisation_percent", float(rates.gpu))
                self._note("memory_used_bytes", float(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used))
                self._note("power_watts", self._nvml.nvmlDeviceGetPowerUsage(self._handle) / 1e3)

    def _note(self, name: str, value: float) -> None:
        self.seen[name].append((time.time_ns(), value))


def compare_recording(setting: Setting) -> None:
    """A batch that keeps the device busy for a few seconds: means over the moments of the session's own readings."""
    target, draft = setting.models()
    count, tokens, batch = (10, 240, 1) if setting.rehearse else (REQUESTS, TOKENS, BATCH)
    requests = tuple(RequestSpec("The cat sits on", tokens, ignore_eos=True) for _ in range(count))
    switches = Switches(
        kv="paged", attention="sdpa" if setting.rehearse else "triton", batching="continuous", max_batch=batch,
        graphs=not setting.rehearse,
    )  # fmt: skip
    with Recording(LoadSpec(target, draft, device=setting.device_name)) as recording:
        recording.load()
        engine = recording.client.engine_pid
        assert engine is not None
        watcher = Watcher(setting, engine)
        try:
            session = recording.run(RunSpec(requests, switches), None)
        finally:
            watcher.stop()
    for (device, name), room in ROOM.items():
        if device == "cpu" or not setting.rehearse:
            compare(setting, session, device, name, watcher.seen[name], room)


def compare(
    setting: Setting, session: Session, device: str, name: str, seen: list[tuple[int, float]], room: float
) -> None:
    """The session's readings over those that were taken nearest to them."""
    told = readings_of(session)[device, name]
    zero_ns, times = int(session.meta["epoch_ns"]), [at_ns for at_ns, _ in seen]
    nearest = [seen[nearest_to(times, zero_ns + at_ns)][1] for at_ns, _ in told] if seen else []
    whole = sum(value for _, value in told)
    ratio = whole / sum(nearest) if sum(nearest) else float("nan")
    how = f"{len(told)} readings, mean {whole / max(1, len(told)):.4g}"
    setting.report.figure(f"{name}: the session's over ours", ratio, how=how, least=1 - room, most=1 + room)


def nearest_to(times: list[int], at_ns: int) -> int:
    """The place of the time that is nearest to another one."""
    return min(range(len(times)), key=lambda place: abs(times[place] - at_ns))


def readings_of(session: Session) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """(ns since the session's zero, value) by device and name."""
    found: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    table = session.device_samples
    columns = (table[column] for column in ("t_ns", "device", "name", "value"))
    for at_ns, device, name, value in zip(*columns, strict=True):
        found[device, name].append((int(at_ns), float(value)))
    return found


# --- the allocator ----------------------------------------------------------------------------------------------------


def compare_allocator(setting: Setting) -> None:
    """Single steps, each followed by a sample and by a question to the allocator itself."""
    events: list[AnyEvent] = []
    service = Service(events.extend)
    target, draft = setting.models()
    service.handle(protocol.Load(LoadSpec(target, draft, device=setting.device_name)))
    check_weights(setting, events)
    spec = RunSpec(
        (RequestSpec("The cat sits on", 24, ignore_eos=True),),
        Switches(kv="paged", speculate="draft"), Observation("phase"),
    )  # fmt: skip
    service.handle(protocol.Start(spec, paused=True))
    differing, samples = 0, 0
    while service.running:
        service.handle(protocol.StepOnce())
        service.work()
        if service.sampler is not None:
            before = len(events)
            allocated = None if setting.rehearse else torch.cuda.memory_allocated(setting.device)
            service.sampler.sample()
            told = [
                event.value for event in events[before:]
                if isinstance(event, DeviceSample) and event.name == "allocator_allocated_bytes"
            ]  # fmt: skip
            samples += 1
            differing += bool(told) and told[0] != allocated
        assert samples < 1000
    setting.report.figure("samples unlike torch.cuda.memory_allocated", differing, how=f"of {samples}", most=0)
    session = session_of(events)
    tree = memory_tree(session)
    check_tree(setting, tree, session)


def check_weights(setting: Setting, events: list[AnyEvent]) -> None:
    """What the session says that the weights take, against what the allocator has handed out once they are loaded."""
    meta = next(event.meta for event in events if isinstance(event, ModelReady))
    told = sum(json.loads(meta[name])["weight_bytes"] for name in ("model_config", "draft_config"))
    setting.report.figure("weights of target and draft", told / 2**20, "MiB", least=0.0)
    if not setting.rehearse:
        allocated = torch.cuda.memory_allocated(setting.device)
        setting.report.figure("weights over allocated bytes after loading", told / allocated, least=0.95, most=1.0)


def check_tree(setting: Setting, tree: MemoryNode, session: Session) -> None:
    """The parts of the memory sum to the whole, and the draft model is one of them."""
    sizes = {part.name: part.size for part in tree.parts}
    setting.report.holds("the draft model is told apart", bool(sizes.get("draft")), str(sizes))
    known = sum(size or 0 for size in sizes.values())
    setting.report.figure("memory, its parts over all of it", known / (tree.size or 1), least=0.99, most=1.01)
    if setting.rehearse:
        return
    allocated = max(value for _, value in readings_of(session)["cuda", "allocator_peak_bytes"])
    parts = sum(sizes[name] or 0 for name in ("weights", "kv", "draft", "activations"))
    setting.report.figure(
        "weights, KV, draft and activations over the allocator's peak", parts / allocated, least=0.98, most=1.02
    )
