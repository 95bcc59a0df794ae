"""Benchmarks are not run by tests; that they refuse and build their models rightly is."""

from __future__ import annotations

import sys

import pytest
import torch

from engine.core.settings import RequestSpec, RunSpec, Switches
from engine.graphs.device import PlainDevice
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.random_llama import Shape, random_llama
from tests.engine.drive import drive, tokens_of


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_suite_for_one_refuses_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "gpu_decode"])
    assert benchmarks.main() == 2
    assert capsys.readouterr().err == "gpu_decode needs a CUDA device, and there is none here.\n"


@pytest.mark.parametrize("tied", [False, True])
def test_both_random_models_are_one(tied: bool) -> None:
    shape = Shape("tiny", 2, 64, 4, 2, 96, 5000, tied=tied, context=128)
    theirs, ours = random_llama(shape, torch.device("cpu"), torch.float32)
    prompt = list(ours.tokenizer.encode("The cat"))
    run = RunSpec((RequestSpec("The cat", 8, ignore_eos=True),), Switches(kv="paged", graphs=True))
    with torch.inference_mode():
        ids = theirs.generate(torch.tensor([prompt]), max_new_tokens=8, min_new_tokens=8, do_sample=False)
    assert tokens_of(drive(ours, run, graph_device=PlainDevice()))[0] == ids[0, len(prompt) :].tolist()
