"""The console script: `decodescope` opens the window, `decodescope COMMAND` needs no display."""

from __future__ import annotations

import errno
import os
import sys

from app import signals
from app.cli.output import escape_what_cannot_be_shown
from app.cli.parser import COMMANDS, parse_command, parse_window
from app.display import check_display
from engine.errors import DecodeScopeError

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns the exit status: 0 done, 2 wrong input, 130 interrupted, 143 and 129 ended by
    SIGTERM and SIGHUP, 1 anything else."""
    arguments = sys.argv[1:] if arguments is None else arguments
    escape_what_cannot_be_shown()
    try:
        if arguments and arguments[0] in COMMANDS:
            command, options = parse_command(arguments)
            with signals.raised():
                status = command(options)
                sys.stdout.flush()  # here, where a full disk can still be told
            return status
        return _window(arguments)
    except DecodeScopeError as error:
        print(f"decodescope: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as ended:
        _forget_a_lost_terminal()
        return ended.exit_status if isinstance(ended, signals.Ended) else INTERRUPTED
    except BrokenPipeError:
        _let_go_of_output()  # whoever read it has gone
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _let_go_of_output()
        print("decodescope: The output cannot be written: the disk is full.", file=sys.stderr)
        return 1


def _let_go_of_output() -> None:
    """Send what is left of standard output nowhere, so that nothing fails when the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _forget_a_lost_terminal() -> None:
    """Where the terminal has gone, what is left to be written must not change the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _window(arguments: list[str]) -> int:
    session, model = parse_window(arguments)
    check_display(os.environ, COMMANDS)
    from app.gui import run_window

    return run_window(session, model)


if __name__ == "__main__":
    sys.exit(main())
