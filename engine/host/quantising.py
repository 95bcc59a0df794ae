"""Has a process of its own quantise a model: the file appears at its place when it is complete. Imports no torch."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import msgspec

from engine import leftovers
from engine.destination import destination, partial_beside
from engine.errors import DecodeScopeError, EngineStoppedError, InputError
from engine.gguf.mix import Target
from engine.gguf.quantise_protocol import Answer, Asked, Failed, Finished, Progress
from engine.plain_text import one_line, path_text
from engine.spawning import spawn


def quantise(model: str, to: Target, target: Path, told: Callable[[Progress], None]) -> Finished:
    """Quantise `model` into the file `target`, which is replaced only by a complete one; `told` hears of the progress.

    Where it is interrupted the process ends and nothing of the file stays. Raises InputError for a model or a path that
    cannot be used, and DecodeScopeError where the file cannot be written.
    """
    place = file_of(target)
    with leftovers.removed(partial_beside(place)) as partial:
        finished = _in_process(Asked(model, to, str(partial)), told)
        try:
            os.replace(partial, place)
        except OSError as error:
            raise DecodeScopeError(f"{path_text(target)} cannot be written: {one_line(error.strerror)}.") from error
    return finished


def file_of(target: Path) -> Path:
    """The file that a path leads to, links followed; raises InputError where none can be written there."""
    try:
        found = destination(target)
    except (OSError, ValueError) as error:
        why = one_line(getattr(error, "strerror", None) or error)
        raise InputError(f"{path_text(target)} cannot be written: {why}.") from error
    if found.kind not in ("file", "new"):
        raise InputError(f"{path_text(target)} is a {found.kind}; a GGUF file is written as a file of its own.")
    if not os.access(found.path.parent, os.W_OK | os.X_OK):
        raise InputError(f"{path_text(target)} cannot be written: its folder does not allow new files.")
    return found.path


def _in_process(asked: Asked, told: Callable[[Progress], None]) -> Finished:
    connection, theirs = Pipe(duplex=True)
    with connection:
        with theirs:
            try:
                process = spawn("engine.model.quantise_child", theirs, subprocess.DEVNULL, os.environ)
            except OSError as error:
                raise DecodeScopeError(f"The process that quantises could not be started: {error}.") from error
        with leftovers.ended(process.kill):
            try:
                connection.send_bytes(msgspec.msgpack.encode(asked))
                return _answered(connection, told)
            except (EOFError, OSError) as error:
                raise EngineStoppedError(f"The process that quantises {_how_it_ended(process)}.") from error
            finally:
                process.kill()
                process.wait()


def _answered(connection: Connection, told: Callable[[Progress], None]) -> Finished:
    """The result, once it is there; raises what the process failed with, EOFError and OSError where it is gone."""
    while True:
        message: Answer = msgspec.msgpack.decode(connection.recv_bytes(), type=Answer)
        if isinstance(message, Finished):
            return message
        if isinstance(message, Failed):
            raise InputError(message.sentence) if message.wrong_input else DecodeScopeError(message.sentence)
        told(message)


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    try:
        status = process.wait(1.0)
    except subprocess.TimeoutExpired:
        return "does not answer"
    return f"was ended ({signal.Signals(-status).name})" if status < 0 else f"ended with exit status {status}"
