"""`python -m tests.prepared.serving`: runs command lines, each in a process forked from this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn


class PreparedProgram:
    """The program, started once and forked for each command line; to be closed."""

    def __init__(self, environment: dict[str, str], root: Path) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.prepared.serving"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**environment, "PYTHONPATH": str(root)}, cwd=root,
        )  # fmt: skip

    def run(
        self, arguments: tuple[str, ...], folder: Path, environment: dict[str, str], streams: Path
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` runs a process; the folder `streams` takes what it writes."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        out, err = streams / "stdout", streams / "stderr"
        told = {
            "arguments": arguments, "folder": str(folder), "environment": environment, "out": str(out),
            "err": str(err),
        }  # fmt: skip
        print(json.dumps(told), file=self._server.stdin, flush=True)
        status = int(self._server.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, out.read_text("utf-8"), err.read_text("utf-8"))

    def close(self) -> None:
        """End the process and wait for it."""
        self._server.communicate()


# --- in its process -------------------------------------------------------------------------------------------------


def serve() -> None:
    """Run each command line of standard input, and write its exit status: negative, where a signal ended it."""
    for line in sys.stdin:
        told = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(told)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(told: dict[str, Any]) -> NoReturn:
    """Be the program, as if it had been started with these arguments in this folder and environment."""
    status = 1
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(told["out"], flags), 1)
        os.dup2(os.open(told["err"], flags), 2)
        os.chdir(told["folder"])
        os.environ.clear()
        os.environ.update(told["environment"])
        sys.argv = ["decodescope", *told["arguments"]]
        from app.main import main

        try:
            status = main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


if __name__ == "__main__":
    from tests.prepared.importing import import_everything

    import_everything(window=False, engine=True, fork=True)
    serve()
