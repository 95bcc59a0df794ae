"""The console script: `decodescope` opens the window, `decodescope COMMAND` needs no display.

Imports nothing of this program before `main` is called: until then Ctrl-C ends Python with a traceback.
"""

from __future__ import annotations

import errno
import os
import signal
import sys

INTERRUPTED = 130
UNWRITABLE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "the file would be too large",
    errno.EIO: "the device fails",
    errno.EBADF: "it is not open for writing",
}
"""Why writing to standard output failed, by error number."""


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns the exit status: 0 done, 2 wrong input, 130 interrupted, 143 and 129 ended by
    SIGTERM and SIGHUP, 1 anything else. Without `arguments` it takes the command line, and keeps its signal handlers.
    """
    if arguments is None and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `signals.watch` installs a handler
    from app.cli.output import open_closed_streams
    from app.start import signals

    if arguments is not None:
        with signals.watched():
            return _run(arguments)
    open_closed_streams()
    signals.watch()
    return _run(sys.argv[1:])


def _run(arguments: list[str]) -> int:
    from app.cli.output import flush, let_go, say
    from app.start import signals
    from engine.errors import DecodeScopeError

    try:
        status = _obey(arguments)
        sys.stdout.flush()  # here, where a full disk can still be reported
        return status
    except DecodeScopeError as error:
        say(str(error))
        return error.exit_status
    except KeyboardInterrupt as ended:
        return ended.exit_status if isinstance(ended, signals.Ended) else INTERRUPTED
    except BrokenPipeError:
        let_go(sys.stdout)  # the process that reads the output has ended
        return 1
    except (OSError, MemoryError, ImportError) as error:
        if not (why := _what_lacks(error)):
            raise
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            let_go(sys.stdout)
        say(why)
        return 1
    finally:
        flush()


def _what_lacks(error: OSError | MemoryError | ImportError) -> str:
    """The sentence for a resource of the machine that is used up or missing; empty for other errors."""
    if isinstance(error, MemoryError):
        return "There is not enough memory."
    if isinstance(error, ImportError):
        if ".so" not in str(error):
            return ""
        from app.start.system_check import missing_packages, sentence

        missing = missing_packages(window=False)
        return sentence(missing) if missing else f"A system library cannot be loaded: {error}."
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "No more files can be opened (see `ulimit -n`)."
    if error.errno in UNWRITABLE and error.filename is None:
        return f"The output cannot be written: {UNWRITABLE[error.errno]}."
    return ""


def _obey(arguments: list[str]) -> int:
    from app.cli.output import escape_what_cannot_be_shown
    from app.cli.parser import COMMANDS, parse_command

    escape_what_cannot_be_shown()
    if arguments and arguments[0] in COMMANDS:
        command, options = parse_command(arguments)
        return command(options)
    return _window(arguments)


def _window(arguments: list[str]) -> int:
    from app.cli.parser import COMMANDS, parse_window
    from app.start.display import check_display

    session, model, replay = parse_window(arguments)
    check_display(os.environ, COMMANDS)
    from app.window.gui import run_window

    return run_window(session, model, replay)


if __name__ == "__main__":
    sys.exit(main())
