"""Tools run as processes of their own: bounded in time, killed whole, heard to their last words."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from guarita.scan.interface import ScannerError

POLL = 0.2
"""Seconds between two looks at the stop event while waiting for a process."""
LAST_WORDS = 2000
"""Bytes of stderr that an error carries at most."""
MAX_ANSWER = 512 * 1024 * 1024
"""Bytes of one answer from a worker; more counts as a crash."""


@dataclass(frozen=True)
class Completed:
    """What a tool left behind."""

    status: int
    stdout: bytes
    stderr: bytes


def neutral_environment(home: Path, **extra: str) -> dict[str, str]:
    """A small environment for a tool, with `home` as HOME and nothing else of the caller's but PATH.

    The caller's variables are where tokens live, and where a tool's configuration hides.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "TMPDIR": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        **extra,
    }


def run_tool(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    stop: threading.Event,
    scanner: str,
    stdin: bytes = b"",
    ok: Container[int] = (0,),
) -> Completed:
    """Run a tool to its end and give what it wrote.

    `timeout` is in seconds. Raises ScannerError: `scanner.missing`, `scanner.crashed` (a status not in
    `ok`), `scanner.hung` (past its limit, killed with all its children) or `scanner.stopped`.
    """
    with _started(argv, cwd=cwd, env=env, scanner=scanner) as process:
        deadline = time.monotonic() + timeout
        feed: bytes | None = stdin
        while True:
            try:
                stdout, stderr = process.communicate(feed, timeout=POLL)
                break
            except subprocess.TimeoutExpired:
                feed = None
                _check(stop, deadline, scanner, str(argv[0]))
    if process.returncode not in ok:
        raise _crashed(scanner, process.returncode, stderr)
    return Completed(process.returncode, stdout, stderr)


class Worker:
    """A long-lived process that answers one JSON object per line with one JSON object per line."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        scanner: str,
        stop: threading.Event,
    ) -> None:
        self._scanner = scanner
        self._stop = stop
        self._buffer = bytearray()
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker, closed in close()
        self._started = _started(argv, cwd=cwd, env=env, scanner=scanner, stderr=self._words)
        try:
            self._process = self._started.__enter__()
        except BaseException:
            self._words.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id, which is also its process group's."""
        return self._process.pid

    def request(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send one message and wait for its answer, at most `timeout` seconds.

        Raises ScannerError: `scanner.crashed`, `scanner.hung` or `scanner.stopped`; the worker is then
        gone, with all its children.
        """
        deadline = time.monotonic() + timeout
        try:
            self._send(msgspec.json.encode(message) + b"\n", deadline)
            line = self._receive(deadline)
            answer = msgspec.json.decode(line, type=dict[str, Any])
        except (BrokenPipeError, EOFError, msgspec.DecodeError) as error:
            self._process.poll()
            self.close()
            raise _crashed(self._scanner, self._process.returncode, self._last_words) from error
        except BaseException:
            self.close()
            raise
        return answer

    def close(self) -> None:
        """End the worker and all its children. May be called twice."""
        if not self._words.closed:
            self._started.__exit__(None, None, None)
            self._words.seek(max(0, self._words.seek(0, os.SEEK_END) - LAST_WORDS))
            self._last_words = self._words.read()
            self._words.close()

    _last_words: bytes = b""

    def _send(self, data: bytes, deadline: float) -> None:
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101  # Popen was given PIPE
        os.set_blocking(pipe.fileno(), False)
        view = memoryview(data)
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_WRITE)
            while view:
                if selector.select(POLL):
                    view = view[os.write(pipe.fileno(), view[:65536]) :]
                _check(self._stop, deadline, self._scanner, "its worker")

    def _receive(self, deadline: float) -> bytes:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101  # Popen was given PIPE
        scanned = 0
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while (end := self._buffer.find(b"\n", scanned)) < 0:
                scanned = len(self._buffer)
                if selector.select(POLL):
                    chunk = os.read(pipe.fileno(), 1 << 20)
                    if not chunk or len(self._buffer) > MAX_ANSWER:
                        raise EOFError
                    self._buffer += chunk
                _check(self._stop, deadline, self._scanner, "its worker")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


def last_words(stderr: bytes) -> str:
    """The end of what a tool said, on one line, without control characters."""
    text = stderr[-LAST_WORDS:].decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"[^\x20-\x7e\u00a0-\uffff]", "?", " | ".join(lines[-3:]))[-600:]


@contextlib.contextmanager
def _started(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    scanner: str,
    stderr: IO[bytes] | int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            [str(word) for word in argv],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    except OSError as error:
        raise ScannerError(
            "scanner.missing",
            f"{scanner}: cannot start {Path(str(argv[0])).name}: {error.strerror}",
            hint="run `guarita tools sync`, or install what is missing",
        ) from error
    try:
        yield process
    finally:
        # The group outlives its leader: children of a tool that ended are ended too.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _check(stop: threading.Event, deadline: float, scanner: str, what: str) -> None:
    if stop.is_set():
        raise ScannerError("scanner.stopped", f"{scanner}: stopped before it was done")
    if time.monotonic() > deadline:
        raise ScannerError(
            "scanner.hung",
            f"{scanner}: {Path(what).name} did not answer within its limit and was ended",
            hint="raise scan.timeout in guarita.yaml, or look at what it hangs on",
        )


def _crashed(scanner: str, status: int | None, stderr: bytes) -> ScannerError:
    how = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
    words = last_words(stderr)
    return ScannerError(
        "scanner.crashed",
        f"{scanner}: the engine ended with {how}" + (f": {words}" if words else " and said nothing"),
        hint="see `guarita tools list`, then run the scan again",
    )
