"""Greedy decoding against `transformers.generate` and llama.cpp: same weights, dtype, threads and prompt, in turn."""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from engine.core.settings import LoadSpec, Observation, RequestSpec, RunSpec
from engine.decode.engine import Engine
from engine.measure.ceilings import measure, read_size
from engine.model.loader import LoadedModel, load_model
from tests.benchmarks import llama_cpp_peer
from tests.benchmarks.shapes import DEMO, half_billion

ROUNDS = 5
PROMPT = "The cat sits on the"
NOT_INSTALLED = "not installed"


def run() -> list[dict[str, Any]]:
    """Tokens/s of all three and the ratio (budgets: demo 1.5; 0.5 B shape 1.8 in float32, 2.0 in bfloat16).

    The 0.5 B shape runs in float32 twice: from a checkpoint that stores bfloat16, as published ones do, whose weights
    stay so here while the others widen them, and from one that stores float32, where all read the same bytes.
    The machine's reading speed bounds them all: `ceiling` is tokens/s if nothing but the weights were read, as fast as
    anything here reads memory.
    """
    rows = [_row("demo", DEMO, "bfloat16", "float32", 200)]
    with tempfile.TemporaryDirectory() as folder:
        for stored, dtype in (("float32", "float32"), ("bfloat16", "float32"), ("bfloat16", "bfloat16")):
            rows.append(_row("0.5 B shape", half_billion(Path(folder), stored), stored, dtype, 20))
    return rows


def _row(name: str, folder: Path, stored: str, dtype: str, tokens: int) -> dict[str, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    ids = AutoTokenizer.from_pretrained(folder)(PROMPT, return_tensors="pt", add_special_tokens=False)["input_ids"]
    ours = load_model(LoadSpec(str(folder), dtype=dtype), lambda stage, fraction: None)  # type: ignore[arg-type]
    threads = torch.get_num_threads()
    speeds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        with torch.inference_mode():
            theirs.generate(ids, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False)
        speeds["theirs"].append(tokens / (time.perf_counter() - start))
        speeds["ours"].append(tokens / _seconds(ours, tokens))
    ratios = [a / b for a, b in zip(speeds["ours"][1:], speeds["theirs"][1:], strict=True)]
    cpu, read_bytes = torch.device("cpu"), ours.decoder.reads.weights
    ceiling = measure(cpu, torch.float32, read_size(cpu, read_bytes)).read_bytes_per_s / read_bytes
    del theirs, ours
    gc.collect()
    return {
        "model": name, "stored": stored, "dtype": dtype, "threads": threads,
        "DecodeScope tokens/s": round(statistics.median(speeds["ours"][1:]), 2),
        "generate tokens/s": round(statistics.median(speeds["theirs"][1:]), 2),
        "ratio": round(statistics.median(ratios), 3), "least": round(min(ratios), 3), "most": round(max(ratios), 3),
        "llama.cpp tokens/s": _llama_cpp(folder, ids[0].tolist(), tokens, threads),
        "ceiling tokens/s": round(ceiling, 1),
    }  # fmt: skip


def _llama_cpp(folder: Path, prompt: list[int], tokens: int, threads: int) -> float | str:
    """The peer's rate on the weights as stored; the demo model's vocabulary is not one that the peer reads."""
    if folder == DEMO:
        return "not measured"
    if not llama_cpp_peer.available():
        return NOT_INSTALLED
    rates, _ = llama_cpp_peer.decode(llama_cpp_peer.write_gguf(folder), prompt, tokens, ROUNDS + 1, threads)
    return round(statistics.median(rates[1:]), 2)


def _seconds(model: LoadedModel, tokens: int) -> float:
    """Wall time of one greedy run in this process, watched at detail `phase`."""
    spec = RunSpec((RequestSpec(PROMPT, tokens, ignore_eos=True),), observation=Observation("phase"))
    start = time.perf_counter()
    engine = Engine(model, spec, {}, lambda events: None)
    engine.begin(time.perf_counter_ns())
    while not engine.done:
        engine.step()
    return time.perf_counter() - start
