"""`make test-serving`: the checks against a real vLLM on this machine's CPU, which take about ten minutes.

It makes an environment for vLLM where there is none, and starts vLLM on loopback with the demo model. `--only NAME`
runs one of the checks, `--vllm-python` takes another environment.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from engine.errors import InputError
from tests.serving.environment import environment_folder, made_environment
from tests.serving.vllm_server import MODEL, ROOT

CHECKS: Final[dict[str, tuple[str, ...]]] = {
    "observe": (
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "tests/serving/check_observe.py",
        "tests/serving/check_doctor.py",
    ),
    "recorder": ("-m", "tests.serving.check_recorder"),
}
"""What is run for each name, by the Python that runs this."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=tuple(CHECKS))
    parser.add_argument("--vllm-python", type=Path, help="the Python of an environment with vLLM")
    given = parser.parse_args()
    try:
        _check_here()
        python = given.vllm_python or made_environment(environment_folder())
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    environment = {**os.environ, "VLLM_PYTHON": str(python)}
    failed = []
    for name, command in CHECKS.items():
        if given.only in (None, name):
            print(f"--- {name}", flush=True)
            if subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=False).returncode:
                failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "every check passed")
    return 1 if failed else 0


def _check_here() -> None:
    if "PYTEST_CURRENT_TEST" in os.environ:
        raise InputError("These checks start a real vLLM and are no part of the suite; run `make test-serving`.")
    if not (MODEL / "config.json").exists():
        raise InputError(f"The demo model is not in {MODEL}.")


if __name__ == "__main__":
    sys.exit(main())
