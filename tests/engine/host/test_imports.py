"""What the engine's process imports until the first token: a start is as long as that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("torch._dynamo", "torch._inductor", "torch.distributed.tensor", "sympy", "transformers", "scipy", "PySide6")
"""PyTorch's compiler takes 2 s to import (AMD EPYC, 2026-11-28), as long as PyTorch itself; the others are nothing to
an engine."""
RUN = f"""
import sys
from engine.core.settings import LoadSpec, RequestSpec, RunSpec, Switches
from engine.host import protocol
from engine.host.service import Service
said = []
service = Service(said.extend)
service.receive(protocol.encode(protocol.Load(LoadSpec("demo", device="cpu"))))
run = RunSpec((RequestSpec("The cat", 3, ignore_eos=True),), Switches(kv="paged", speculate="draft", k=2))
service.receive(protocol.encode(protocol.Start(run)))
while getattr(said[-1], "state", "") != "idle":
    service.work()
print([name for name in {HEAVY!r} if name in sys.modules], [type(one).__name__ for one in said].count("Token"))
"""


def test_an_engine_that_generates_has_imported_no_compiler() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, cwd=root, check=False)
    assert (done.returncode, done.stdout) == (0, "[] 3\n"), done.stderr
