"""Makes traces as Kineto writes them on a GPU, and the sums that they must give, computed while they are made."""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from engine.importing.import_trace import events_of
from engine.importing.read_trace import read_trace
from engine.session.patience import Patience
from engine.session.store import Session
from engine.session.trace_fact import TraceFact

BASE_NS: Final = 1_790_857_026_000_000_000
LAYER: Final = (
    ("input_layernorm", "void vllm::rms_norm_kernel<c10::BFloat16, 8>(c10::BFloat16*, c10::BFloat16 const*)", 6.0),
    ("qkv_proj", "nvjet_tst_192x192_64x4_2x1_v_bz_coopA_TNN", 38.0),
    ("rotary_emb", "void vllm::rotary_embedding_kernel<c10::BFloat16, true>(long const*, c10::BFloat16*)", 4.0),
    ("kv_cache", "void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16, __nv_bfloat16>(__nv_bfloat16 const*)", 3.0),
    ("self_attn", "void flash::flash_fwd_splitkv_kernel<Flash_fwd_kernel_traits<128, 64, 128, 4>, false>", 22.0),
    ("o_proj", "nvjet_tst_128x64_64x10_2x1_v_bz_TNT", 17.0),
    ("post_attention_layernorm", "void vllm::fused_add_rms_norm_kernel<c10::BFloat16, 8>(c10::BFloat16*)", 6.0),
    ("mlp", "nvjet_tst_256x128_64x4_1x2_h_bz_coopA_TNT", 71.0),
    ("mlp", "void vllm::act_and_mul_kernel<c10::BFloat16, silu_kernel<c10::BFloat16>, true>(c10::BFloat16*)", 7.0),
    ("mlp", "nvjet_tst_128x128_64x6_2x1_v_bz_TNT", 44.0),
)
"""(module, kernel, µs) of one layer."""


@dataclass
class MadeTrace:
    """Events, and by name of a kernel (count, ns) and (step, ns) as they were made."""

    events: list[dict[str, Any]] = field(default_factory=list)
    kernels: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    by_step: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    launches: int = 0

    def kernel(
        self, name: str, start_us: float, us: float, stream: int = 7, step: int = -1, cat: str = "kernel", **args: Any
    ) -> None:
        """Add one piece of the device's work."""
        args = {"device": 0, "context": 1, "stream": stream, "queued": 0, **args}
        self.events.append(
            {"ph": "X", "cat": cat, "name": name, "pid": 0, "tid": stream, "ts": start_us, "dur": us, "args": args}
        )
        sums = self.kernels[name]
        sums[0] += 1
        sums[1] += round(us * 1000)
        self.by_step[step] += round(us * 1000)

    def range(self, cat: str, name: str, start_us: float, us: float, **args: Any) -> None:
        """Add one range of the host's main thread."""
        self.events.append(
            {"ph": "X", "cat": cat, "name": name, "pid": 41, "tid": 41, "ts": start_us, "dur": us, "args": args}
        )

    def launched(self, name: str, at_us: float, start_us: float, us: float, **more: Any) -> None:
        """Add a kernel and the call of the runtime that launched it."""
        self.launches += 1
        self.range("cuda_runtime", "cudaLaunchKernel", at_us, 2.5, cbid=211, correlation=self.launches)
        arrow = {"id": self.launches, "pid": 41, "tid": 41, "ts": at_us, "cat": "ac2g", "name": "ac2g"}
        self.events.append({"ph": "s", **arrow})
        self.kernel(name, start_us, us, correlation=self.launches, grid=[132, 1, 1], block=[384, 1, 1], **more)

    def text(self, **facts: Any) -> str:
        """The trace as Kineto writes it: facts, then the events in no particular order."""
        head = {
            "schemaVersion": 1,
            "deviceProperties": [{"id": 0, "name": "NVIDIA H200", "totalGlobalMem": 150_122_528_768}],
            "cuda_runtime_version": 12090, "displayTimeUnit": "ms", "baseTimeNanoseconds": BASE_NS, **facts,
        }  # fmt: skip
        events = ",\n  ".join(json.dumps(event) for event in self.events)
        return json.dumps(head, indent=2)[:-2] + f',\n  "traceEvents": [\n  {events}\n  ],"traceName": "made" }}\n'

    def write(self, path: Path, **facts: Any) -> Path:
        """Write the trace; gzipped where the name ends in .gz."""
        text = self.text(**facts).encode()
        path.write_bytes(gzip.compress(text, 1) if path.suffix == ".gz" else text)
        return path


def session_of(made: MadeTrace) -> Session:
    """The session of a trace, in memory."""
    with TemporaryDirectory() as folder:
        path = made.write(Path(folder) / "made.json")
        trace = read_trace(path, Patience(), lambda _share: None)
    session = Session()
    session.apply(events_of(trace, TraceFact("made.json")))
    return session


def serving_trace(steps: int, layers: int = 28, seed: int = 0, prefill_every: int = 25) -> MadeTrace:
    """A decoding model as a serving engine runs it: steps of two kinds, kernels that lag behind their launches, and
    copies on a second stream that overlap them. Ten kernels a layer and some more a step.
    """
    draw = random.Random(seed)
    made = MadeTrace()
    host = device = 5_138_365_598_935.25
    for stream, name in ((7, "stream 7 "), (20, "stream 20 ")):
        made.events.append({"ph": "M", "name": "thread_name", "pid": 0, "tid": stream, "args": {"name": name}})
    made.events.append({"ph": "M", "name": "thread_name", "pid": 41, "tid": 41, "args": {"name": "thread 41 (python)"}})
    for step in range(steps):
        begin = host
        prefill = step % prefill_every == 0
        scale = 9.0 if prefill else 1.0
        device = max(device, host + 30)
        made.launched(
            "Memcpy HtoD (Pinned -> Device)", host + 4, host + 12, 3.25, stream=20, step=step, cat="gpu_memcpy",
            bytes=8192,
        )  # fmt: skip
        host += 30
        for layer in range(layers):
            for module, kernel, us in LAYER:
                took = round(us * scale * draw.uniform(0.94, 1.12), 3)
                made.range("python_function", f"nn.Module: {module}_{layer}", host, 6.0)
                made.range("cpu_op", "vllm::op" if "nvjet" not in kernel else "aten::mm", host + 0.5, 5.0)
                made.launched(kernel, host + 1, max(device, host + 5), took, step=step)
                device = max(device, host + 5) + took + 0.8
                host += 6.5
        made.launched("nvjet_tst_64x8_64x16_4x1_v_bz_splitK_TNT", host, device, 120.5, step=step)
        made.range("user_annotation", "compute_logits", host - 0.25, 4.0)
        device += 121
        made.range("user_annotation", "sample", host + 6, 12.0)
        made.launched(
            "void at::native::reduce_kernel<512, 1, ArgMaxOps<float>>(float)", host + 7, device, 9.5, step=step
        )
        device += 10
        host = max(host + 20, device)  # waits for the token
        made.range("cuda_runtime", "cudaStreamSynchronize", begin + 32 + 6.5 * 10 * layers + 21, 1.0, cbid=131)
        made.range("user_annotation", "prefill" if prefill else "decode", begin + 1, host - begin - 2)
        made.range("user_annotation", f"ProfilerStep#{step + 3}", begin, host - begin)
        host += draw.uniform(40, 90)
    made.kernel("ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)", host, 55.0, stream=24)
    draw.shuffle(made.events)
    return made
