"""DecodeScope's recorder: runs inside vLLM and tells a listener what the scheduler does, step by step.

    vllm serve MODEL --scheduler-cls decodescope_recorder.RecordingScheduler

needs only this file on the PYTHONPATH, or `pip install` of its folder. `RecordingScheduler` becomes the scheduler that
vLLM would have taken itself (synchronous or asynchronous), with hooks around its methods; what it decides is never
changed. `RecordingStats` is found by vLLM itself once the wheel is installed, and tells the front end's own figures.

A listener connects to a Unix socket (mode 0600) in `$XDG_RUNTIME_DIR/decodescope` or `/tmp/decodescope-UID` (mode
0700), or to DECODESCOPE_RECORDER=tcp://127.0.0.1:PORT with DECODESCOPE_RECORDER_TOKEN (the figures: at the port after
it). Without a listener a hook is one test of a flag. With one, the scheduler's thread only puts a tuple into a deque;
a daemon thread encodes and sends. What waits is bounded in bytes: beyond it whole steps are dropped and counted, and
the listener gets a new snapshot. An error in here switches the recorder off with one line in the log; the server goes
on.

vLLM's scheduler is no public interface. The versions in KNOWN_VERSIONS have been tried; another is refused in a
sentence (DECODESCOPE_RECORDER_TRY=1 tries it), and so is one that lacks anything in `_missing`. This file imports
nothing but the standard library, msgspec and vLLM. Messages are described in DecodeScope's `recorder_wire.py`.
"""

from __future__ import annotations

import atexit
import contextlib
import hmac
import importlib
import ipaddress
import logging
import os
import select
import socket
import stat
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

PROTOCOL = 1
KNOWN_VERSIONS = ("0.32",)
"""The versions of vLLM, by their beginning, with which this file has been tried."""
LIMIT_BYTES = 32 * 2**20
"""What may wait for a listener, about; beyond it steps are dropped."""
SEND_BYTES = 2**18
"""Encoded bytes that wait for the socket, beside one message."""
LARGEST_BYTES = 16 * 2**20
"""A message; the listener refuses larger ones."""
LARGEST_COMMAND_BYTES = 4096
EVERY_S = 0.02
"""How often a listener is sent what has been recorded."""
LOGIN_S = 5.0
REFUSED_S = 1.0
MOST_REFUSED = 8
"""Refused listeners that are left time to read why, at most."""
MOST_PENDING = 64
"""Steps in flight that are remembered; vLLM has as many as pipeline stages, and one more."""
MOST_SCANNED_BLOCKS = 2**17
"""A pool with more blocks is not searched for cached ones when a listener connects."""

logger = logging.getLogger("vllm.decodescope_recorder")


# --- what is recorded -------------------------------------------------------------------------------------------------


class Feed:
    """Messages on their way to the listener. The scheduler's thread puts them in, the daemon thread takes them out.

    `on`: a listener is there. `live`: it has its snapshot, so that changes make sense to it.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.on = False
        self.live = False
        self.failed = ""
        """Why the recorder switched itself off."""
        self._limit = limit_bytes
        self._entries: deque[tuple[int, tuple[Any, ...]]] = deque()
        self._put = 0
        """Bytes put in, counted by the scheduler's thread alone; `_taken` by the daemon thread alone."""
        self._taken = 0
        self._connection = 0
        """The number of the newest connection, counted by the daemon thread alone."""
        self._served = 0
        """The connection that had its snapshot last, noted by the scheduler's thread alone."""
        self._skipping = True
        """Whether entries are of an earlier connection: until the snapshot of this one comes."""
        self.lost_steps = 0

    # --- the scheduler's thread ---

    def put(self, message: tuple[Any, ...], size: int) -> None:
        """Add a message of about `size` bytes; over the limit nothing more is recorded until the next snapshot."""
        if self._put - self._taken > self._limit:
            self.live = False
            self.lost_steps += message[0] == "step"
            return
        self._put += size
        self._entries.append((size, message))

    def wants_snapshot(self) -> int:
        """The connection that needs a snapshot now, because it is new or because what was lost has room again; or 0."""
        connection = self._connection
        if self._served != connection:
            self._served = connection
            self.lost_steps = 0
            return connection
        return connection if not self.live and self._put - self._taken < self._limit // 2 else 0

    def fail(self, error: BaseException) -> None:
        """Switch recording off for good, with one line in the log."""
        self.on = self.live = False
        if not self.failed:
            self.failed = f"{type(error).__name__}: {str(error)[:200]}"
            logger.error("DecodeScope's recorder switched itself off (%s); the server goes on.", self.failed)

    # --- the daemon thread ---

    def connected(self) -> None:
        """A listener is there: the next step begins with a snapshot."""
        self._connection += 1
        self._skipping = True
        self.live = False
        self.on = not self.failed

    def disconnected(self) -> None:
        """Nobody listens any more."""
        self.on = self.live = False
        while self._entries:
            self._taken += self._entries.popleft()[0]

    def take(self) -> tuple[Any, ...] | None:
        """The next message, None where none waits."""
        while self._entries:
            size, message = self._entries.popleft()
            self._taken += size
            if self._skipping and message[0] == "snapshot" and message[1] == self._connection:
                self._skipping = False
            if not self._skipping or message[0] == "samples":
                return message
        return None


class SchedulerTap:
    """Reads a scheduler at its hooks. Every method swallows its errors: they switch the recorder off."""

    def __init__(self, feed: Feed, scheduler: Any, full_group: int) -> None:
        """`full_group` is the KV group of full attention whose blocks are told to be cached or not; -1: none."""
        self.feed = feed
        self._step = 0
        self._pending: deque[tuple[Any, int]] = deque(maxlen=MOST_PENDING)
        """Scheduled steps, with their numbers, whose outputs have not come."""
        self._inside: list[tuple[Any, ...]] | None = None
        """What ends or is preempted within the method that runs; None between methods."""
        manager = scheduler.kv_cache_manager
        self._pool = manager.block_pool
        self._tables = manager.coordinator.single_type_managers[full_group].req_to_blocks if full_group >= 0 else {}

    def before_schedule(self, scheduler: Any) -> int:
        """The time, after a snapshot where one is wanted; 0 where nothing is recorded."""
        try:
            self._catch_up(scheduler)
            self._inside = []
            return time.monotonic_ns()
        except Exception as error:
            self.feed.fail(error)
            return 0

    def scheduled(self, scheduler: Any, output: Any, start_ns: int) -> None:
        """A step was scheduled. What vLLM may change later is copied."""
        end_ns = time.monotonic_ns()
        try:
            inside, self._inside = self._inside, None
            if not self.feed.live:
                self.feed.lost_steps += bool(output.num_scheduled_tokens)
                return
            scheduled = output.num_scheduled_tokens
            if not scheduled and not inside:
                return
            self._step += 1
            self._pending.append((output, self._step))
            cached = output.scheduled_cached_reqs
            new: tuple[Any, ...] = ()
            size = 400 + 120 * len(scheduled)
            if output.scheduled_new_reqs:
                new = tuple(
                    (one.req_id, one.num_computed_tokens, [ids.copy() for ids in one.block_ids])
                    for one in output.scheduled_new_reqs
                )
                size += 8 * sum(len(ids) for one in new for ids in one[2])
            running, waiting = scheduler.get_request_counts()
            self.feed.put(
                (
                    "step", self._step, start_ns, end_ns, scheduled.copy(), new, cached.req_ids.copy(),
                    cached.num_computed_tokens.copy(), cached.new_block_ids.copy(), list(cached.resumed_req_ids),
                    output.scheduled_spec_decode_tokens, inside or (), running, waiting,
                    self._pool.get_num_free_blocks(), len(self._pool.cached_block_hash_to_block),
                ),
                size,
            )  # fmt: skip
        except Exception as error:
            self.feed.fail(error)

    def before_output(self, output: Any, model_output: Any) -> tuple[int, list[int]] | None:
        """The time, and how many tokens were sampled of each row where drafts were verified; None after an error."""
        try:
            self._inside = []
            counts = list(map(len, model_output.sampled_token_ids)) if output.scheduled_spec_decode_tokens else []
            return time.monotonic_ns(), counts
        except Exception as error:
            self.feed.fail(error)
            return None

    def put_out(self, output: Any, model_output: Any, outputs: Any, before: tuple[int, list[int]]) -> None:
        """A step's outputs were taken into account. The daemon thread reads `outputs`, which vLLM only sends on."""
        end_ns = time.monotonic_ns()
        try:
            inside, self._inside = self._inside, None
            number = self._number_of(output)
            if not self.feed.live or (number < 0 and not output.num_scheduled_tokens and not inside):
                return
            start_ns, counts = before
            told = outputs if _is_light(model_output) else _tokens_of(outputs)
            drafted = output.scheduled_spec_decode_tokens if counts else ()
            self.feed.put(
                (
                    "output", number, start_ns, end_ns, told, drafted, counts,
                    model_output.req_id_to_index if counts else {}, inside or (),
                ),
                200 + 400 * len(output.num_scheduled_tokens),
            )  # fmt: skip
        except Exception as error:
            self.feed.fail(error)

    def arrived(self, scheduler: Any, request: Any) -> None:
        """A request enters the queue."""
        try:
            if self._inside is None:
                self._catch_up(scheduler)
            if self.feed.live and request.request_id not in scheduler.requests:
                message = ("request", time.monotonic_ns(), *_request_facts(request))
                self.feed.put(message, 300 + 8 * request.num_prompt_tokens)
        except Exception as error:
            self.feed.fail(error)

    def ended(self, request: Any) -> None:
        """A request has ended; its blocks go now or, where a KV connector still reads them, later."""
        try:
            if self.feed.live:
                reason = request.get_finished_reason()
                stop = request.stop_reason
                self._tell((
                    "ended", time.monotonic_ns(), request.request_id, "" if reason is None else str(reason),
                    stop if isinstance(stop, int) or stop is None else str(stop)[:200],
                ))  # fmt: skip
        except Exception as error:
            self.feed.fail(error)

    def freed(self, request: Any, preempted: bool) -> None:
        """A request lets go of its blocks, because it has ended or is preempted."""
        try:
            if self.feed.live:
                kind = "preempted" if preempted else "freed"
                self._tell((kind, time.monotonic_ns(), request.request_id, self._uncached(request.request_id)))
        except Exception as error:
            self.feed.fail(error)

    def reset(self) -> None:
        """The prefix cache was emptied."""
        if self.feed.live:
            self.feed.put(("reset", time.monotonic_ns()), 60)

    def _tell(self, message: tuple[Any, ...]) -> None:
        if self._inside is None:
            self.feed.put(message, 200)
        else:
            self._inside.append(message)

    def _number_of(self, output: Any) -> int:
        """The number of a scheduled step, -1 where it was not recorded. Outputs come in the order of scheduling."""
        pending = self._pending
        for index, (one, number) in enumerate(pending):
            if one is output:
                for _ in range(index + 1):
                    pending.popleft()
                return number
        return -1

    def _uncached(self, request_id: str) -> int:
        """How many of the request's last blocks hold nothing that may be reused."""
        count = 0
        for block in reversed(self._tables.get(request_id, ())):
            if block.block_hash is not None:
                break
            count += 1
        return count

    def _catch_up(self, scheduler: Any) -> None:
        """Tell everything that the changes from now on refer to, where a listener waits for that."""
        feed = self.feed
        connection = feed.wants_snapshot()
        if not connection:
            return
        running = {request.request_id for request in scheduler.running}
        blocks = getattr(self._pool, "blocks", ())
        cached = None
        if len(blocks) <= MOST_SCANNED_BLOCKS:
            cached = [block.block_id for block in blocks if block.ref_cnt == 0 and block.block_hash is not None]
        known = [
            (
                _request_facts(request), request.request_id in running, request.num_computed_tokens,
                request.num_output_tokens, request.num_preemptions,
                scheduler.kv_cache_manager.get_block_ids(request.request_id),
            )
            for request in scheduler.requests.values()
        ]  # fmt: skip
        self._pending.clear()
        counts = scheduler.get_request_counts()
        feed.live = True
        feed.put(
            (
                "snapshot", connection, time.monotonic_ns(), feed.lost_steps, len(known), *counts,
                self._pool.get_num_free_blocks(), cached,
            ),
            200 + 8 * len(cached or ()),
        )  # fmt: skip
        for one in known:
            feed.put(("known", *one), 300 + 8 * len(one[0][4] or ()) + 8 * sum(map(len, one[5])))


def _request_facts(request: Any) -> tuple[Any, ...]:
    """Id, ns since the front end received it, its wall clock then, prompt length and ids, max_tokens, priority."""
    age_ns = int((time.time() - request.arrival_time) * 1e9)
    return (
        request.request_id, max(0, age_ns), float(request.arrival_time), request.num_prompt_tokens,
        request.prompt_token_ids, request.max_tokens, request.priority,
    )  # fmt: skip


def _is_light(model_output: Any) -> bool:
    """Whether a step's outputs hold little but tokens, so that they may wait as they are; logprobs may be large."""
    return (
        getattr(model_output, "logprobs", 0) is None
        and getattr(model_output, "pooler_output", 0) is None
        and not getattr(model_output, "prompt_logprobs_dict", 1)
        and getattr(model_output, "aux_output_connector_output", None) is None
    )


def _tokens_of(outputs: Any) -> list[tuple[str, list[int]]]:
    """What each request was given."""
    return [(one.request_id, list(one.new_token_ids)) for group in outputs.values() for one in group.outputs]


def wire_form(message: tuple[Any, ...]) -> tuple[Any, ...]:
    """The message as it is encoded: what holds vLLM's own objects is written out."""
    match message[0]:
        case "snapshot":
            return (message[0], *message[2:])
        case "step":
            drafts = {name: len(ids) for name, ids in message[10].items()}
            return (*message[:10], drafts, *message[11:])
        case "output":
            _, number, start_ns, end_ns, outputs, drafted, counts, rows, inside = message
            tokens = _tokens_of(outputs) if isinstance(outputs, dict) else outputs
            sampled = {name: counts[rows[name]] for name in drafted if name in rows}
            return ("output", number, start_ns, end_ns, [pair for pair in tokens if pair[1]], sampled, inside)
    return message


# --- the socket -------------------------------------------------------------------------------------------------------


class Door:
    """A listening socket and its daemon thread, which lets in one listener at a time and sends it the feed."""

    def __init__(
        self, feed: Feed, listening: socket.socket, token: str, hello: Callable[[], tuple[Any, ...]], path: Path | None
    ) -> None:
        """`hello` makes the first message. `path` is the file of a Unix socket, whose mode guards it: `token` is ""."""
        self._feed = feed
        self._listening = listening
        self._token = token.encode()
        self._hello = hello
        self._path = path
        self._owner = os.getpid()
        self._listener: socket.socket | None = None
        self._refused: deque[tuple[float, socket.socket]] = deque()
        """Those that were refused, and when they are cut off: a moment later, so that they can read why."""
        self._welcome = False
        self._deadline = 0.0
        self._in = bytearray()
        self._out = bytearray()
        self._encoder = msgspec.msgpack.Encoder()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="decodescope-recorder", daemon=True)

    def open(self) -> None:
        self._listening.setblocking(False)
        self._thread.start()

    def close(self) -> None:
        """End the thread and remove the socket's file; a listener is cut off."""
        if os.getpid() != self._owner:
            return
        self._closing = True
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)

    def _run(self) -> None:
        try:
            while not self._closing:
                self._turn()
        except Exception as error:
            if not self._closing:
                self._feed.fail(error)
        finally:
            self._drop()
            for _, visitor in self._refused:
                visitor.close()
            self._listening.close()

    def _turn(self) -> None:
        listener = self._listener
        reading = [self._listening, *([listener] if listener and len(self._out) < SEND_BYTES else [])]
        writing = [listener] if listener and self._out else []
        ready, writable = _wait(reading, writing, EVERY_S if listener or self._refused else None)
        while self._refused and (len(self._refused) > MOST_REFUSED or time.monotonic() > self._refused[0][0]):
            self._refused.popleft()[1].close()
        if self._listening in ready:
            self._let_in()
        if listener is None or listener is not self._listener:
            return
        try:
            if listener in ready:
                self._read(listener)
            if self._welcome:
                self._fill()
            elif time.monotonic() > self._deadline:
                raise ConnectionError
            if self._out:
                sent = listener.send(memoryview(self._out)[:SEND_BYTES])
                del self._out[:sent]
            elif self._feed.failed:
                raise ConnectionError
        except BlockingIOError:
            if not writable:  # the listener does not read: look again later, not at once
                time.sleep(EVERY_S)
        except OSError:
            self._drop()

    def _let_in(self) -> None:
        try:
            visitor, _ = self._listening.accept()
        except OSError:
            if not self._closing:
                time.sleep(EVERY_S)  # out of file descriptors, or gone again
            return
        visitor.setblocking(False)
        if self._listener is not None:
            refusal = self._frame(("refused", "Another program listens to this recorder already; only one can."))
            with contextlib.suppress(OSError):
                visitor.send(refusal)
                visitor.shutdown(socket.SHUT_WR)
            self._refused.append((time.monotonic() + REFUSED_S, visitor))
            return
        self._listener, self._welcome, self._deadline = visitor, False, time.monotonic() + LOGIN_S

    def _drop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None
        self._welcome = False
        self._feed.disconnected()
        self._in.clear()
        self._out.clear()

    def _read(self, listener: socket.socket) -> None:
        received = listener.recv(LARGEST_COMMAND_BYTES)
        if not received:
            raise ConnectionError
        self._in += received
        while len(self._in) >= 4:
            (length,) = struct.unpack_from(">I", self._in)
            if length > LARGEST_COMMAND_BYTES:
                raise ConnectionError
            if len(self._in) < 4 + length:
                return
            body = bytes(self._in[4 : 4 + length])
            del self._in[: 4 + length]
            self._obey(body)

    def _obey(self, body: bytes) -> None:
        try:
            command = msgspec.msgpack.decode(body, type=list[Any])
            name, argument = command[0], command[1]
        except (msgspec.MsgspecError, ValueError, IndexError, RecursionError):
            raise ConnectionError from None
        if name == "login" and not self._welcome:
            given = str(argument).encode("utf-8", "replace")
            if self._token and not hmac.compare_digest(given, self._token):
                self._out += self._frame(("refused", "The token is wrong: give the recorder's own."))
                with contextlib.suppress(OSError):
                    self._listener.send(self._out) if self._listener else None
                raise ConnectionError
            self._welcome = True
            self._out += self._frame(self._hello())
            self._feed.connected()
        elif name == "ping" and self._welcome and isinstance(argument, int):
            self._out += self._frame(("pong", argument, time.monotonic_ns(), time.time_ns()))
        else:
            raise ConnectionError

    def _fill(self) -> None:
        """Encode what waits, as far as there is room."""
        while len(self._out) < SEND_BYTES:
            message = self._feed.take()
            if message is None:
                if self._feed.failed and not self._out:
                    self._out += self._frame(("off", self._feed.failed))
                    self._welcome = False
                    self._deadline = time.monotonic() + LOGIN_S
                return
            self._out += self._frame(wire_form(message))

    def _frame(self, message: tuple[Any, ...]) -> bytes:
        body = self._encoder.encode(message)
        if len(body) > LARGEST_BYTES:
            raise ConnectionError  # the listener would refuse it: it may come again and get a snapshot
        return struct.pack(">I", len(body)) + body


def _wait(
    reading: list[socket.socket], writing: list[socket.socket], timeout_s: float | None
) -> tuple[list[socket.socket], list[socket.socket]]:
    """Those that can be read and written; `select.select` would fail where a server has more than 1024 files open."""
    poll = select.poll()
    for one in reading:
        poll.register(one, select.POLLIN | (select.POLLOUT if one in writing else 0))
    for one in writing:
        if one not in reading:
            poll.register(one, select.POLLOUT)
    found = dict(poll.poll(None if timeout_s is None else 1000 * timeout_s))
    ended = select.POLLHUP | select.POLLERR | select.POLLNVAL
    return (
        [one for one in reading if found.get(one.fileno(), 0) & (select.POLLIN | ended)],
        [one for one in writing if found.get(one.fileno(), 0) & (select.POLLOUT | ended)],
    )


def open_door(feed: Feed, name: str, offset: int, hello: Callable[[], tuple[Any, ...]]) -> Door | None:
    """A door at the place that the environment names; None, with a line in the log, where it cannot be had.

    `name` is the socket's file, `offset` is added to the port of a tcp:// address.
    """
    try:
        where = os.environ.get("DECODESCOPE_RECORDER", "")
        token = ""
        if where:
            token = os.environ.get("DECODESCOPE_RECORDER_TOKEN", "")
            listening, told = _tcp(where, token, offset)
            door = Door(feed, listening, token, hello, None)
        else:
            path = socket_folder() / name
            listening, told = _unix(path), str(path)
            door = Door(feed, listening, "", hello, path)
        door.open()
        atexit.register(door.close)
    except Exception as error:
        logger.error("DecodeScope's recorder records nothing: %s", str(error)[:300])
        return None
    logger.info("DecodeScope's recorder waits for a listener at %s", told)
    return door


def _tcp(where: str, token: str, offset: int) -> tuple[socket.socket, str]:
    address = urlsplit(where)
    host = address.hostname or ""
    loopback = host == "localhost" or _is_loopback(host)
    if address.scheme != "tcp" or not loopback or address.port is None:
        raise ValueError("DECODESCOPE_RECORDER must be tcp://127.0.0.1:PORT, a port of this machine's loopback.")
    if not token:
        raise ValueError("DECODESCOPE_RECORDER needs DECODESCOPE_RECORDER_TOKEN, a secret that the listener gives.")
    host = "127.0.0.1" if host == "localhost" else host
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, address.port + offset))
    listening.listen(4)
    return listening, f"tcp://{host}:{address.port + offset}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unix(path: Path) -> socket.socket:
    folder = path.parent
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise ValueError(f"{folder} is not a folder of this user alone: remove it, or set XDG_RUNTIME_DIR.")
    for old in folder.glob("*.sock"):
        if not _alive(old):
            old.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    path.chmod(0o600)
    listening.listen(4)  # nobody could connect before
    return listening


def socket_folder() -> Path:
    """Where the Unix sockets are: the user's run-time folder, or one in /tmp where there is none."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "decodescope"
    return Path(f"/tmp/decodescope-{os.getuid()}")


def _alive(path: Path) -> bool:
    """Whether the process whose number is in a socket's name (ROLE-PID.sock) is there."""
    try:
        os.kill(int(path.stem.split("-")[1]), 0)
    except (ProcessLookupError, ValueError, IndexError):
        return False
    except OSError:
        return True
    return True


# --- facts ------------------------------------------------------------------------------------------------------------


def hello(role: str, facts: dict[str, Any]) -> tuple[Any, ...]:
    """The first message: protocol, role, process and its parent, both clocks, this boot of the machine, the facts."""
    boot = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ("hello", PROTOCOL, role, os.getpid(), os.getppid(), time.monotonic_ns(), time.time_ns(), boot, facts)


FACTS: dict[str, str] = {
    "model": "model_config.model",
    "served_name": "model_config.served_model_name",
    "dtype": "model_config.dtype",
    "quantization": "model_config.quantization",
    "cache_dtype": "cache_config.cache_dtype",
    "layers": "model_config.hf_text_config.num_hidden_layers",
    "heads": "model_config.hf_text_config.num_attention_heads",
    "kv_heads": "model_config.get_total_num_kv_heads",
    "head_dim": "model_config.get_head_size",
    "hidden": "model_config.get_hidden_size",
    "ffn": "model_config.hf_text_config.intermediate_size",
    "vocab": "model_config.get_vocab_size",
    "max_model_len": "model_config.max_model_len",
    "max_num_seqs": "scheduler_config.max_num_seqs",
    "max_num_batched_tokens": "scheduler_config.max_num_batched_tokens",
    "chunked_prefill": "scheduler_config.enable_chunked_prefill",
    "policy": "scheduler_config.policy",
    "async_scheduling": "scheduler_config.async_scheduling",
    "prefix_caching": "cache_config.enable_prefix_caching",
    "speculation": "speculative_config.method",
    "speculative_tokens": "speculative_config.num_speculative_tokens",
    "kv_connector": "kv_transfer_config.kv_connector",
    "eager": "model_config.enforce_eager",
    "graphs": "compilation_config.cudagraph_mode.name",
    "tensor_parallel": "parallel_config.tensor_parallel_size",
    "pipeline_parallel": "parallel_config.pipeline_parallel_size",
    "data_parallel_rank": "parallel_config.data_parallel_rank",
    "device": "device_config.device_type",
}
"""By name of a fact: where it is in vLLM's configuration; a method is called without arguments."""


def facts_of(config: Any, kv: Any = None) -> dict[str, Any]:
    """What is known of the model, the cache and the settings; a fact that this version does not tell is left out.

    `kv` is the configuration of the cache, where it is known.
    """
    told: dict[str, Any] = {}
    for name, path in FACTS.items():
        with contextlib.suppress(Exception):
            value = config
            for part in path.split("."):
                value = getattr(value, part)
            value = value() if callable(value) else value
            value = value[0] if isinstance(value, list) else value
            if value is not None:
                told[name] = value if isinstance(value, bool | int | float) else str(value).removeprefix("torch.")
    with contextlib.suppress(Exception):
        told["vllm_version"] = str(importlib.import_module("vllm").__version__)
    with contextlib.suppress(Exception):
        architecture = config.model_config.architectures[0]
        told["architecture"] = str(architecture)
    if kv is None:
        return told
    with contextlib.suppress(Exception):
        told["device_name"] = str(importlib.import_module("vllm.platforms").current_platform.get_device_name())
    with contextlib.suppress(Exception):
        told["blocks"] = int(kv.num_blocks)
        told["block_bytes"] = sum(tensor.size for tensor in kv.kv_cache_tensors) // kv.num_blocks
    with contextlib.suppress(Exception):
        groups = kv.kv_cache_groups
        told["groups"] = [
            [type(one.kv_cache_spec).__name__, one.kv_cache_spec.block_size, len(one.layer_names)] for one in groups
        ]
        told["block_group"] = full_group(kv)
    return told


def full_group(kv: Any) -> int:
    """The first KV group of full attention, whose block tables only grow; -1: none, or more than one kind of block."""
    kinds = [type(group.kv_cache_spec).__name__ for group in kv.kv_cache_groups]
    return kinds.index("FullAttentionSpec") if "FullAttentionSpec" in kinds else -1


# --- inside vLLM ------------------------------------------------------------------------------------------------------


def _missing(scheduler: Any) -> str:
    """What a scheduler lacks of that which the recorder reads, as words of a sentence; "" if it has everything."""
    output = importlib.import_module("vllm.v1.core.sched.output")
    request = importlib.import_module("vllm.v1.request").Request
    manager = getattr(scheduler, "kv_cache_manager", None)
    pool = getattr(manager, "block_pool", None)
    coordinator = getattr(manager, "coordinator", None)
    managers = getattr(coordinator, "single_type_managers", None)
    fields = {
        "SchedulerOutput": "scheduled_new_reqs scheduled_cached_reqs num_scheduled_tokens scheduled_spec_decode_tokens",
        "NewRequestData": "req_id block_ids num_computed_tokens",
        "CachedRequestData": "req_ids num_computed_tokens new_block_ids resumed_req_ids",
    }
    lacking = [
        f"{kind}.{name}"
        for kind, names in fields.items()
        for name in names.split()
        if name not in getattr(getattr(output, kind, None), "__dataclass_fields__", ())
    ]
    held = [
        (scheduler, "scheduler", "requests running get_request_counts _preempt_request _free_request _free_blocks"),
        (manager, "kv_cache_manager", "get_block_ids"),
        (pool, "block_pool", "get_num_free_blocks cached_block_hash_to_block blocks"),
        (request, "Request", "get_finished_reason num_output_tokens"),
        *((one, "single_type_manager", "req_to_blocks") for one in managers or [None]),
    ]
    lacking += [f"{kind}.{name}" for holder, kind, names in held for name in names.split() if not hasattr(holder, name)]
    return ", ".join(lacking)


def _hooks(base: Any, tap: SchedulerTap, close: Callable[[], None]) -> dict[str, Any]:
    """The methods that a recording scheduler lays over those of `base`; each first asks whether anyone listens."""
    feed = tap.feed

    def schedule(self: Any, *args: Any, **kwargs: Any) -> Any:
        start_ns = feed.on and tap.before_schedule(self)
        output = base.schedule(self, *args, **kwargs)
        if start_ns:
            tap.scheduled(self, output, start_ns)
        return output

    def update_from_output(
        self: Any, scheduler_output: Any, model_runner_output: Any, *args: Any, **kwargs: Any
    ) -> Any:
        before = feed.on and tap.before_output(scheduler_output, model_runner_output)
        outputs = base.update_from_output(self, scheduler_output, model_runner_output, *args, **kwargs)
        if before:
            tap.put_out(scheduler_output, model_runner_output, outputs, before)
        return outputs

    def add_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if feed.on:
            tap.arrived(self, request)
        return base.add_request(self, request, *args, **kwargs)

    def preempt_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if feed.on:
            tap.freed(request, preempted=True)
        return base._preempt_request(self, request, *args, **kwargs)

    def free_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if feed.on:
            tap.ended(request)
        return base._free_request(self, request, *args, **kwargs)

    def free_blocks(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if feed.on:
            tap.freed(request, preempted=False)
        return base._free_blocks(self, request, *args, **kwargs)

    def reset_prefix_cache(self: Any, *args: Any, **kwargs: Any) -> Any:
        done = base.reset_prefix_cache(self, *args, **kwargs)
        if done and feed.on:
            tap.reset()
        return done

    def shutdown(self: Any, *args: Any, **kwargs: Any) -> Any:
        close()
        return base.shutdown(self, *args, **kwargs)

    return {
        "schedule": schedule, "update_from_output": update_from_output, "add_request": add_request,
        "_preempt_request": preempt_request, "_free_request": free_request, "_free_blocks": free_blocks,
        "reset_prefix_cache": reset_prefix_cache, "shutdown": shutdown,
    }  # fmt: skip


def _own_class(config: Any) -> Any:
    """The scheduler that vLLM would have taken itself."""
    sched = config.scheduler_config
    name = "AsyncScheduler" if getattr(sched, "async_scheduling", False) else "Scheduler"
    if getattr(config, "diffusion_config", None) is not None:
        return getattr(importlib.import_module("vllm.v1.core.sched.diffusion_scheduler"), f"Diffusion{name}")
    module = "async_scheduler" if name == "AsyncScheduler" else "scheduler"
    return getattr(importlib.import_module(f"vllm.v1.core.sched.{module}"), name)


def _recording(*args: Any, **kwargs: Any) -> Any:
    """vLLM's own scheduler for these arguments, recording where this version is known."""
    config = kwargs["vllm_config"] if "vllm_config" in kwargs else args[0]
    base = _own_class(config)
    scheduler = base(*args, **kwargs)
    try:
        version = str(importlib.import_module("vllm").__version__)
        if not version.startswith(KNOWN_VERSIONS) and not os.environ.get("DECODESCOPE_RECORDER_TRY"):
            logger.error(
                "DecodeScope's recorder records nothing: it knows vLLM %s, not %s "
                "(DECODESCOPE_RECORDER_TRY=1 tries this version).", ", ".join(KNOWN_VERSIONS), version,
            )  # fmt: skip
            return scheduler
        if lacking := _missing(scheduler):
            logger.error("DecodeScope's recorder records nothing: vLLM %s has no %s.", version, lacking)
            return scheduler
        feed = Feed()
        tap = SchedulerTap(feed, scheduler, full_group(scheduler.kv_cache_config))
        facts = facts_of(config, scheduler.kv_cache_config)
        rank = facts.get("data_parallel_rank") or 0
        door = open_door(feed, f"scheduler-{os.getpid()}.sock", 2 * rank, lambda: hello("scheduler", facts))
        if door is not None:
            # Only now, so that a scheduler which is not recorded is vLLM's own object and nothing else.
            scheduler.__class__ = type(f"Recording{base.__name__}", (base,), _hooks(base, tap, door.close))
    except Exception as error:
        logger.error("DecodeScope's recorder records nothing: %s: %s", type(error).__name__, str(error)[:200])
    return scheduler


def _scheduler_class() -> Any:
    """A class for `--scheduler-cls`: making one gives vLLM's own scheduler with hooks."""
    try:
        base = importlib.import_module("vllm.v1.core.sched.async_scheduler").AsyncScheduler
    except ImportError:
        return None
    # A subclass of the asynchronous scheduler, because vLLM may look at the class alone and switch overlap off.
    return type("RecordingScheduler", (base,), {"__new__": lambda _, *args, **kwargs: _recording(*args, **kwargs)})


def _stats_class() -> Any:
    """The plug-in of the group `vllm.stat_logger_plugins`."""
    try:
        base = importlib.import_module("vllm.v1.metrics.loggers").StatLoggerBase
    except ImportError:
        return None
    return type("RecordingStats", (base,), {
        "__init__": lambda self, config, engine_index=0: setattr(self, "tap", StatsTap(config, engine_index)),
        "record": lambda self, *args, **kwargs: self.tap.record(*args, **kwargs),
        "log": lambda self: None,
        "log_engine_initialized": lambda self: None,
    })  # fmt: skip


SAMPLES: dict[str, tuple[int, str]] = {
    "running": (0, "num_running_reqs"),
    "waiting": (0, "num_waiting_reqs"),
    "skipped_waiting": (0, "num_skipped_waiting_reqs"),
    "kv_usage": (0, "kv_cache_usage"),
    "prefix_queries": (0, "prefix_cache_stats.queries"),
    "prefix_hits": (0, "prefix_cache_stats.hits"),
    "prefix_preempted_queries": (0, "prefix_cache_stats.preempted_queries"),
    "prefix_preempted_hits": (0, "prefix_cache_stats.preempted_hits"),
    "preempted": (1, "num_preempted_reqs"),
    "prompt_tokens": (1, "num_prompt_tokens"),
    "generation_tokens": (1, "num_generation_tokens"),
}
"""By name of a sample: in which of record's two arguments it stands, and where."""


class StatsTap:
    """The front end's figures of each iteration: name and value, as this version of vLLM tells them."""

    def __init__(self, config: Any, engine_index: int) -> None:
        self.feed = Feed()
        name = f"stats-{os.getpid()}-{engine_index}.sock"
        facts = facts_of(config)
        self._door = open_door(self.feed, name, 2 * engine_index + 1, lambda: hello("stats", facts))

    def close(self) -> None:
        """Let nobody in any more."""
        if self._door is not None:
            self._door.close()

    def record(self, scheduler_stats: Any = None, iteration_stats: Any = None, *_: Any, **named: Any) -> None:
        """One iteration; a figure that this version lacks is left out."""
        if not self.feed.on:
            return
        try:
            stats = (scheduler_stats, iteration_stats)
            told = []
            for name, (which, path) in SAMPLES.items():
                value = stats[which]
                for part in path.split("."):
                    value = getattr(value, part, None)
                if isinstance(value, int | float):
                    told.append((name, float(value)))
            if told:
                engine = named.get("engine_idx", 0)
                self.feed.put(("samples", time.monotonic_ns(), engine if isinstance(engine, int) else 0, told), 600)
        except Exception as error:
            self.feed.fail(error)


RecordingScheduler = _scheduler_class()
RecordingStats = _stats_class()
