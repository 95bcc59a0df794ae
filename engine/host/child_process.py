"""What every child process of the app does: it starts guarded, reads commands from its pipe, and ends with its app."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

from engine.host.ending import end_with_any_thread, fail
from engine.spawning import die_with, open_connection


def run_child(serve: Callable[[Connection], None]) -> None:
    """Run `serve` with the end of the pipe that this process inherited, then end the process.

    The arguments of the process are HANDLE and PARENT: the inherited end of the pipe, and the process with which this
    one must die too (0: rely on the pipe alone).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the app handles Ctrl-C
    faulthandler.enable()  # a crash in native code prints its place on standard error
    end_with_any_thread()
    try:
        handle, parent = int(sys.argv[1]), int(sys.argv[2])
        die_with(parent)
        serve(open_connection(handle))
    except BaseException as error:  # every failure must be reported to the owner
        fail("it", error)
    os._exit(0)  # without destructors: those of a device library can hang


def read_commands(connection: Connection, take: Callable[[bytes], None]) -> None:
    """Give each command to `take` until the app has closed the pipe, then end the process at once, even during work."""
    while True:
        try:
            command = connection.recv_bytes()
        except (EOFError, OSError):
            os._exit(0)
        take(command)
