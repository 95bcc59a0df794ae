"""The options of the command line; the module of each command is imported when the command runs."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Final, NoReturn, TypeVar, get_args

from app.models.differences import ALL_NAMES
from app.panels.registry import PANELS
from engine.core import typed
from engine.core.sampling import FILTERS, KINDS, Sampling
from engine.core.settings import (
    Attention,
    Batching,
    CompareSpec,
    Detail,
    Dtype,
    Kv,
    RequestSpec,
    Speculate,
    SwitchChange,
    Switches,
)
from engine.errors import InputError
from engine.regular_file import check_regular

Command = Callable[[argparse.Namespace], int]
Value = TypeVar("Value")

COMMANDS: Final = ("record", "attach", "info", "export", "compare", "screenshot", "bench", "quantise", "compare-models")
FORMATS: Final = ("chrome", "perfetto", "csv", "parquet", "html", "png", "svg")
SUITES: Final = {
    "decode": "tokens/s of each cache and attention (default)",
    "switches": "every improvement off and on",
    "batching": "the same requests under static and continuous batching",
    "kernels": "each kernel of this device against its bytes and FLOPs",
}
QUANTISED: Final = {
    "q8_0": "8.5 bits a weight",
    "q4_0": "4.5 bits a weight",
    "q4_k": "4.5 bits a weight, with a search for the least error",
}
SESSION_OR_TRACE: Final = "a session file, or a trace of PyTorch's profiler (.json, .json.gz)"
DEFAULT_PROMPT: Final = "The cat sits on"
DEFAULT_FIGURE: Final = "tokens/s"
"""Of `compare --gate`."""


class Parser(argparse.ArgumentParser):
    """Reports an error in one line, and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        with suppress(OSError):  # standard error may be closed; the exit status still reports the error
            print(f"{self.prog}: {message} (see `{self.prog} --help`).", file=sys.stderr, flush=True)
        sys.exit(2)


def parse_command(arguments: list[str]) -> tuple[Command, argparse.Namespace]:
    """The command and its options; exits with 2 where they cannot be understood."""
    name, *rest = arguments
    parser = Parser(prog=f"decodescope {name}", allow_abbrev=False)
    {
        "record": _record, "attach": _attach, "info": _info, "export": _export, "compare": _compare,
        "screenshot": _screenshot, "bench": _bench, "compare-models": _compare_models,
        "quantise": _quantise,
    }[name](parser)  # fmt: skip
    command: Command = importlib.import_module(f"app.cli.{name.replace('-', '_')}").run
    return command, parser.parse_args(rest)


def parse_window(arguments: list[str]) -> tuple[str | None, str | None, bool]:
    """(file, model folder) to open the window on, and whether the file is a session to be replayed.

    Raises InputError for a path that cannot be opened, and for a replay of what is no session.
    """
    parser = Parser(
        prog="decodescope",
        description="Shows a language model generating text, token by token. Without arguments, opens the window on "
        f"the demo model. Commands that need no display: {', '.join(COMMANDS)} (each has --help).",
    )
    parser.add_argument("--version", action="version", version=f"decodescope {version('decodescope')}")
    parser.add_argument(
        "path",
        nargs="?",
        metavar="SESSION | TRACE.json | MODEL_DIR | MODEL.gguf | REQUESTS.jsonl",
        help="a recorded session, a trace of PyTorch's profiler, a model folder or GGUF file, or a request list",
    )
    parser.add_argument("--replay", action="store_true", help="replay the session as it was recorded")
    options = parser.parse_args(arguments)
    path = options.path
    if options.replay and (path is None or path.endswith((".jsonl", ".gguf")) or os.path.isdir(path)):
        raise InputError("--replay needs a recorded session: decodescope SESSION --replay")
    if path is None:
        return None, None, False
    try:
        check_regular(path)
    except IsADirectoryError:
        return None, path, False
    except FileNotFoundError:
        raise InputError(f"There is no file or folder {path}.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be opened: {getattr(error, 'strerror', None) or error}.") from None
    return (None, path, False) if path.lower().endswith(".gguf") else (path, None, options.replay)


def switch_change(text: str) -> SwitchChange:
    """`STEP:NAME=VALUE[,NAME=VALUE...]` as typed on the command line (`typed.switch_change`)."""
    return _typed(typed.switch_change, text)


def whole_number(text: str) -> int:
    """`42` or `-3`, in 64 bits; its limits are checked where it is used."""
    if not re.fullmatch(r"[+-]?[0-9]+", text.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    if len(text) > 20 or abs(int(text)) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is too large")
    return int(text)


def byte_size(text: str) -> int:
    """`1500000`, `512MiB`, `2G`: a number of bytes."""
    return _typed(typed.byte_size, text)


def step_range(text: str) -> tuple[int, int]:
    """`FIRST:LAST` as (first, last) step, both included; whether the session has these steps is checked later."""
    match = re.fullmatch(r"([0-9]{1,18}):([0-9]{1,18})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIRST:LAST, for example 0:63")
    first, last = int(match[1]), int(match[2])
    if first > last:
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins; FIRST must not be above LAST")
    return first, last


def share_in_percent(text: str) -> float:
    """`5` or `2.5`, percent, as a share of 1."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of percent, for example 5")
    return float(text) / 100


def window_size(text: str) -> tuple[int, int]:
    """`1600x1000` as (width, height) in logical pixels."""
    match = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", text.lower())
    if not match or not all(200 <= int(side) <= 16_384 for side in match.groups()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1600x1000 (200 to 16384 a side)")
    return int(match[1]), int(match[2])


def _typed(read: Callable[[str], Value], text: str) -> Value:
    """What `read` makes of a text; its InputError becomes argparse's own error."""
    try:
        return read(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from None


def _record(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run prompts through a model and record what every step computed and cost."
    parser.add_argument(
        "--scenario", metavar="NAME",
        help="run an experiment of the Scenarios menu and say what it measured: its section (2.1) or its file's name; "
        "it sets requests, switches and detail itself (list: say which there are)",
    )  # fmt: skip
    switches = Switches()
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", default="demo", metavar="DIR | FILE.gguf", help='checkpoint folder or GGUF file, or "demo" (default)'
    )
    model.add_argument("--draft-model", metavar="DIR", help="smaller checkpoint that proposes tokens")
    model.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    model.add_argument("--dtype", default="auto", choices=get_args(Dtype), help="default: auto (float32 on a CPU)")
    model.add_argument(
        "--threads", type=whole_number, default=0, metavar="N", help="CPU threads (default: the engine chooses)"
    )
    _add_requests(parser)
    how = parser.add_argument_group("switches")
    how.add_argument("--kv", default=switches.kv, choices=get_args(Kv))
    how.add_argument("--block-size", type=whole_number, default=switches.block_size, metavar="B")
    how.add_argument("--kv-memory", type=byte_size, metavar="BYTES", help="limit of the KV cache, for example 512MiB")
    how.add_argument(
        "--attention", default=switches.attention, choices=get_args(Attention),
        help="auto (default): native where a CPU can run it, else sdpa",
    )  # fmt: skip
    how.add_argument("--speculate", default=switches.speculate, choices=get_args(Speculate))
    how.add_argument("--k", type=whole_number, default=switches.k, metavar="K", help="tokens a proposer drafts")
    how.add_argument("--batching", default=switches.batching, choices=get_args(Batching))
    how.add_argument("--max-batch", type=whole_number, default=switches.max_batch, metavar="N")
    how.add_argument(
        "--graphs", default="auto", choices=("auto", "on", "off"),
        help="launch a step as one: with attention native the compiled step on a CPU, with sdpa or triton CUDA graphs "
        "on a GPU (auto, the default: on on a CPU, off on a GPU)",
    )  # fmt: skip
    how.add_argument(
        "--switch-at", action="append", type=switch_change, default=[], metavar="STEP:NAME=VALUE[,NAME=VALUE...]",
        help="flip switches before this step; repeatable",
    )  # fmt: skip
    observed = parser.add_argument_group("observation and output")
    observed.add_argument("--detail", default="phase", choices=get_args(Detail))
    observed.add_argument(
        "--attention-layer", type=whole_number, metavar="L", help="record the attention of this layer"
    )
    observed.add_argument(
        "--attention-head", type=whole_number, metavar="H", help="... of this head only (default: every head)"
    )
    observed.add_argument(
        "--pace", type=float, default=0.0, metavar="N",
        help="at most N tokens a second for each request, to watch a run; rests are recorded as pauses (0: full speed)",
    )  # fmt: skip
    observed.add_argument("--nvtx", action="store_true", help="name phases for Nsight Systems (CUDA only)")
    observed.add_argument("-o", "--output", metavar="FILE.dscope", help="default: decodescope-DATE-TIME.dscope here")
    observed.add_argument("--json", action="store_true", help="one JSON object instead of a table; no file without -o")


def _add_requests(parser: argparse.ArgumentParser, default: str = f"default: {DEFAULT_PROMPT!r}") -> None:
    """The options of the requests; `default` says what happens without any."""
    sampling = Sampling()
    what = parser.add_argument_group("requests")
    what.add_argument("--prompt", action="append", metavar="TEXT", help=f"repeatable ({default})")
    filters = FILTERS[::-1]
    keys = ", ".join(f'"{name}"' for name in ("temperature", *(one.name for one in filters), "seed"))
    what.add_argument(
        "--requests", metavar="FILE.jsonl",
        help=f'lines {{"prompt", "max_new_tokens", "arrival_s", "chat", "ignore_eos", "stop", {keys}}}; all but the '
        'prompt may be left out, and are then those given here; in place of the prompt, "messages": [{"role", '
        '"content"}, ...] is a conversation for the chat template',
    )  # fmt: skip
    limit = RequestSpec("").max_new_tokens
    what.add_argument("--max-new-tokens", type=whole_number, default=limit, metavar="N", help=f"default: {limit}")
    what.add_argument("--ignore-eos", action="store_true", help="go on after an end-of-text token")
    what.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end where this appears; repeatable")
    what.add_argument("--chat", action="store_true", help="put each prompt into the model's chat template")
    what.add_argument("--temperature", type=float, default=sampling.temperature, metavar="T", help="0 is greedy")
    for one in filters:
        what.add_argument(
            f"--{one.name.replace('_', '-')}", type=whole_number if KINDS[one.name] is int else float,
            default=getattr(sampling, one.name), metavar=one.metavar,
        )  # fmt: skip
    what.add_argument("--seed", type=whole_number, default=sampling.seed, metavar="S")


def _attach(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Attach to a serving engine (vLLM, SGLang, llama.cpp, any OpenAI-compatible server) and record what it tells. "
        "A key is taken from the environment variable DECODESCOPE_API_KEY."
    )
    parser.add_argument("url", metavar="URL", help="for example http://localhost:8000")
    server = parser.add_argument_group("server")
    server.add_argument("--model", metavar="NAME", help="the served model (default: the first that the server lists)")
    server.add_argument(
        "--doctor", action="store_true", help="say what this server tells, and which flag adds the rest"
    )
    server.add_argument(
        "--recorder", metavar="ADDRESS",
        help="the recorder inside vLLM: a socket's path or tcp://127.0.0.1:PORT (default: the one of this server, if "
        "it runs on this machine); none: do not look for one",
    )  # fmt: skip
    server.add_argument(
        "--kv-events", metavar="ADDRESS", help="the server's KV events, for example tcp://localhost:5557"
    )
    server.add_argument("--logprobs", type=whole_number, metavar="N", help="ask for logprobs with N alternatives")
    _add_requests(parser, "without prompts or requests: only watch what others send")
    kept = parser.add_argument_group("observation and output")
    kept.add_argument("--for", dest="for_s", type=float, metavar="SECONDS", help="end after so long")
    kept.add_argument("-o", "--output", metavar="FILE.dscope", help="default: decodescope-DATE-TIME.dscope here")
    kept.add_argument("--json", action="store_true", help="one JSON object instead of a table; no file without -o")


def _info(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print the figures of a recorded session or a trace of PyTorch's profiler, or of a range of its steps."
    )
    parser.add_argument("session", metavar="SESSION", help=SESSION_OR_TRACE)
    _add_steps(
        parser,
        "figures of these steps only, both included, as the panels show them for a selection; with --json also each "
        "token, row of work and attention row of the range",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def _add_steps(parser: argparse.ArgumentParser, help_: str) -> None:
    parser.add_argument("--steps", type=step_range, metavar="FIRST:LAST", help=help_)


def _export(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write a session in a format that other programs read. In csv, a text that a spreadsheet would run as a "
        "formula (it begins with =, +, -, @) has an apostrophe before it; numbers are as they are. Parquet holds the "
        "same tables with types, and lists where csv spells them out."
    )
    parser.add_argument("session", metavar="SESSION", help=SESSION_OR_TRACE)
    parser.add_argument("--to", required=True, choices=FORMATS)
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="file; for csv and parquet a folder")
    _add_steps(parser, "only these steps, both included, and what happened while they ran")
    parser.add_argument(
        "--panel", choices=[one.name for one in PANELS], help="for png and svg: one panel instead of the window"
    )
    parser.add_argument("--size", type=window_size, default=(1600, 1000), metavar="WxH", help="for png and svg")
    parser.add_argument(
        "--utf8-mark", action="store_true", help="for csv: begin each file with the mark by which Excel knows UTF-8"
    )


def _compare(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Put two sessions side by side: their figures, the differences with 95 %% intervals, what explains the "
        "difference, and where the generated tokens part. With --gate it exits with 3 where B is worse than A in one "
        "figure, significantly and by more than a limit."
    ).replace("%%", "%")
    parser.add_argument("a", metavar="A", help="the session to compare with, for example of the version before")
    parser.add_argument("b", metavar="B")
    _add_steps(parser, "only these steps of both sessions, both included")
    parser.add_argument(
        "--gate", type=share_in_percent, metavar="PERCENT",
        help="exit with 3 where the whole 95 %% interval of the figure is worse by more than PERCENT",
    )  # fmt: skip
    parser.add_argument(
        "--figure", default=DEFAULT_FIGURE, choices=ALL_NAMES, metavar="NAME",
        help=f"of --gate (default: {DEFAULT_FIGURE}): {', '.join(ALL_NAMES)}",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def _compare_models(parser: argparse.ArgumentParser) -> None:
    usual = CompareSpec("", "", "")
    parser.description = (
        "Compare two precisions of one model over the same text: speed, bytes of weights, memory, perplexity, KL "
        "divergence a token, agreement of the top token, and what each layer alone does in B's precision."
    )
    parser.add_argument("a", metavar="A", help='the reference: a checkpoint folder, a GGUF file, or "demo"')
    parser.add_argument("b", metavar="B", help="the model that is compared with it")
    parser.add_argument("--text", required=True, metavar="FILE", help="the text, UTF-8")
    parser.add_argument(
        "--window", type=whole_number, default=usual.window, metavar="N",
        help=f"the text is cut into contexts of N tokens (default: {usual.window})",
    )  # fmt: skip
    parser.add_argument(
        "--most-tokens", type=whole_number, default=usual.most_tokens, metavar="N",
        help=f"compare on the first N tokens (default: {usual.most_tokens})",
    )  # fmt: skip
    parser.add_argument(
        "--layer-tokens", type=whole_number, default=usual.layer_tokens, metavar="N",
        help=f"judge each layer on the first N tokens (default: {usual.layer_tokens}; 0: judge no layer)",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument(
        "--dtype", default="auto", choices=get_args(Dtype), help="what both compute in (default: auto, as `record`)"
    )
    for side in "ab":
        parser.add_argument(
            f"--dtype-{side}", choices=get_args(Dtype), help=f"what {side.upper()} computes in, where it is another"
        )
    parser.add_argument("--threads", type=whole_number, default=0, metavar="N", help="default: the engine chooses")
    parser.add_argument("-o", "--output", metavar="FILE.dscope", help="default: decodescope-DATE-TIME.dscope here")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table; no file without -o")


def _screenshot(parser: argparse.ArgumentParser) -> None:
    parser.description = "Draw the window, or one panel, of a recorded session without a display."
    parser.add_argument("session", metavar="SESSION", help=SESSION_OR_TRACE)
    parser.add_argument("-o", "--output", required=True, metavar="OUT.png", help="a .png or .svg file")
    parser.add_argument("--panel", choices=[one.name for one in PANELS], help="one panel instead of the window")
    parser.add_argument("--size", type=window_size, default=(1600, 1000), metavar="WxH", help="default: 1600x1000")


def _bench(parser: argparse.ArgumentParser) -> None:
    parser.description = "Measure this machine on the demo model and print a table."
    parser.add_argument(
        "--suite", default="decode", choices=tuple(SUITES),
        help="; ".join(f"{name}: {what}" for name, what in SUITES.items()),
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="FILE.dscope", help="for switches and batching: keep the runs as one session"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def _quantise(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write a model as a quantised GGUF file, which llama.cpp can load too. Matrices get the kind of --to, the LM "
        "head a finer one where that has 4 bits, and norms and biases stay in single precision. A GGUF file that is "
        "quantised again keeps its metadata."
    )
    parser.add_argument(
        "model", metavar="MODEL", help='checkpoint folder, GGUF file, cached repository name, or "demo"'
    )
    parser.add_argument(
        "--to", required=True, choices=tuple(QUANTISED),
        help="; ".join(f"{name}: {what}" for name, what in QUANTISED.items()),
    )  # fmt: skip
    parser.add_argument("-o", "--output", required=True, metavar="FILE.gguf")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
