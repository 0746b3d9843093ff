"""Asking one witness for its cosignature, in bounded time and trusting nothing that it says unsigned."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from guarita.audit.errors import ProofError
from guarita.audit.notes.cosignature import Cosignature, WitnessKey, cosignatures
from guarita.audit.notes.note import with_signatures
from guarita.audit.witness.protocol import MAX_ANSWER, PATH, SIZE_TYPE, encode_request, parse_size
from guarita.errors import UsageError

ATTEMPTS: Final = 4
"""Requests to one witness at most: its size may move while we ask."""
FUTURE: Final = 300
"""Seconds that a witness's clock may be ahead of ours."""

Prove = Callable[[int], list[bytes]]
"""The consistency proof from a size to the checkpoint's; empty from 0 and from the same size."""
Outcome = Literal["cosigned", "unreachable", "late", "refused", "conflict", "ahead", "invalid"]


class WitnessAddress(msgspec.Struct, frozen=True):
    """A witness: where it answers, and the key by which it is known."""

    url: str
    """Its submission prefix: http:// or https://."""
    key: WitnessKey

    def __post_init__(self) -> None:
        """Raises UsageError `audit.witness-url` for a URL of another kind."""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(
                "audit.witness-url", f"{self.key.name}: a witness's address is http://… or https://…"
            )


class Reply(msgspec.Struct, frozen=True):
    """What became of asking one witness."""

    witness: str
    """Its name."""
    outcome: Outcome
    text: str
    """In words of ours: nothing that the witness said stands here but numbers."""
    cosignature: Cosignature | None = None


class Call:
    """One witness being asked. `run` in a thread of its own; `cancel` ends it from another."""

    def __init__(
        self, address: WitnessAddress, note: str, size: int, prove: Prove, *, old: int, timeout: float
    ) -> None:
        """`note` is the checkpoint, of `size`; `old` the size that the witness is thought to have seen last."""
        self._address = address
        self._note = note
        self._size = size
        self._prove = prove
        self._old = old
        self._until = time.monotonic() + timeout
        self._lock = threading.Lock()
        self._cancelled = False
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> Reply:
        """Ask, until there is a cosignature or a reason why not. Never raises for what the witness does."""
        reply = self._asked()
        # What a cut connection gave looks like an answer of another kind.
        return self.late() if self._cancelled and reply.outcome != "cosigned" else reply

    def _asked(self) -> Reply:
        try:
            for _ in range(ATTEMPTS):
                reply = self._once()
                if reply is not None:
                    return reply
        except TimeoutError:
            return self.late()
        except (OSError, http.client.HTTPException) as error:
            outcome: Outcome = "late" if time.monotonic() > self._until else "unreachable"
            return self._reply(outcome, f"it cannot be reached ({type(error).__name__})")
        return self._reply("refused", f"its size moved {ATTEMPTS} times")

    def cancel(self) -> None:
        """Cut the connection: whatever waits on it ends now."""
        self._cancelled = True
        with self._lock:
            sock = None if self._connection is None else self._connection.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def late(self) -> Reply:
        """The reply when it is given up."""
        return self._reply("late", "it did not answer in time")

    def _once(self) -> Reply | None:
        status, kind, body = self._post(encode_request(self._old, self._prove(self._old), self._note))
        if status == HTTPStatus.OK:
            return self._accepted(body)
        if status == HTTPStatus.CONFLICT and kind == SIZE_TYPE:
            try:
                seen = parse_size(body)
            except ValueError:
                return self._reply("invalid", "it answered 409 without a size")
            if seen > self._size:
                return self._reply(
                    "ahead", f"it has seen {seen} entries of this log, and we have {self._size}"
                )
            if seen == self._old:
                return self._reply("invalid", f"it has seen {seen} entries, and refuses them")
            self._old = seen
            return None
        if status in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}:
            return self._reply(
                "conflict", f"what it has seen of this log is not what we have (HTTP {status})"
            )
        return self._reply("refused", f"HTTP {status}")

    def _accepted(self, body: bytes) -> Reply:
        try:
            found = cosignatures(with_signatures(self._note, body.decode()), [self._address.key])
        except (ProofError, UnicodeDecodeError):
            found = []
        if not found:
            return self._reply("invalid", "its answer is not a cosignature of this checkpoint by its key")
        if found[0].time > time.time() + FUTURE:
            return self._reply("invalid", "its cosignature is from the future")
        return msgspec.structs.replace(self._reply("cosigned", "cosigned"), cosignature=found[0])

    def _post(self, body: bytes) -> tuple[int, str, bytes]:
        parts = urlsplit(self._address.url)
        kind: Any = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection = kind(parts.hostname, parts.port, timeout=left)
        with self._lock:
            self._connection = connection
        try:
            headers = {"Content-Type": "text/plain; charset=utf-8"}
            connection.request("POST", parts.path.rstrip("/") + PATH, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read(MAX_ANSWER)
        finally:
            connection.close()

    def _reply(self, outcome: Outcome, text: str) -> Reply:
        return Reply(self._address.key.name, outcome, text)
