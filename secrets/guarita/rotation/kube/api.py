"""Requests to the Kubernetes API: bounded in time and size, repeated where that is safe, with errors that say so."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError

from guarita.rotation.errors import PermanentError, TransientError
from guarita.rotation.kube.names import MANAGER

Object = dict[str, Any]
"""A Kubernetes object as JSON. Fields that this version does not know pass through untouched."""

PAGE: Final = 500
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""Lists without contents, so that no value of a Secret travels where only its name is asked for."""

_MANAGED: Final = f"fieldManager={MANAGER}"
"""Under which name the server notes whose a field is; what puts templates back can be told to leave those alone."""
_TRIES: Final = 4
_BACKOFF: Final = 0.25
"""Seconds before the second try; doubled each time."""
_PATIENT: Final = 10.0
"""Seconds of `Retry-After` that are waited here; a longer one is the caller's."""
_LARGEST: Final = 256 * 1024 * 1024
"""Bytes of one answer; a page of 500 objects of etcd's 1.5 MB could not be more than three times that."""
_OPERATOR: Final = 300.0
"""Seconds until what a person has to mend is tried again."""
_OK: Final = range(200, 300)
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_GONE: Final = 410
_UNPROCESSABLE: Final = 422
_TOO_MANY: Final = 429
_FAILED: Final = 500


class ConflictError(TransientError):
    """The object is not as it was read (409): read it again, and judge anew."""


class ExistsError(TransientError):
    """An object of this name is there already (409)."""


class GoneError(TransientError):
    """What a list went on from is no longer known (410): start it again."""


class QuotaError(TransientError):
    """A ResourceQuota leaves no room."""


class AmbiguousError(TransientError):
    """A request that changes something was not answered. It may have been carried out: read back."""


class RefusedError(PermanentError):
    """The server understood the request and says no (400, 404, 405, 415, 422)."""


class Api:
    """One API server. Each call takes at most about four times the timeout, waits included."""

    def __init__(
        self,
        pool: urllib3.PoolManager,
        server: str,
        credentials: Callable[[], Mapping[str, str]],
        *,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`credentials` gives the headers that say who asks, anew for each request. `timeout` is in seconds."""
        self.server = server
        self._pool, self._credentials, self._timeout = pool, credentials, timeout
        self._clock, self._sleep = clock, sleep
        self._heard: tuple[float, float] | None = None
        self.requests = 0
        """How many requests were sent."""

    def now(self) -> float:
        """The time by the server's clock, in seconds since the epoch: from its last answer's `Date`."""
        if self._heard is None:
            self.get("/version")
        if self._heard is None:
            raise TransientError("kube.no-date", f"{self.server}: answers without a Date (RFC 9110, 6.6.1)")
        date, at = self._heard
        return date + (self._clock() - at)

    def get(self, path: str) -> Object | None:
        """The object at a path, or None where there is none."""
        return self._repeated("GET", path)

    def list(self, path: str, *, labels: str = "", metadata_only: bool = False) -> Sequence[Object]:
        """All objects of a collection, in pages; begun again when the server has forgotten where it was."""
        for _ in range(_TRIES):
            try:
                return list(self._pages(path, labels, METADATA_ONLY if metadata_only else "application/json"))
            except GoneError as error:
                forgotten = error
        raise forgotten

    def create(self, path: str, body: Mapping[str, Any]) -> Object:
        """POST. Raises ExistsError, AmbiguousError, QuotaError."""
        return self._written("POST", f"{path}?{_MANAGED}", body)

    def replace(self, path: str, body: Mapping[str, Any]) -> Object:
        """PUT, fenced by the `resourceVersion` in it. Raises ConflictError, AmbiguousError."""
        return self._written("PUT", f"{path}?{_MANAGED}", body)

    def patch(self, path: str, body: Any, kind: str = MERGE_PATCH) -> Object:
        """PATCH. Raises ConflictError where the patch holds an older `resourceVersion`, AmbiguousError."""
        return self._written("PATCH", f"{path}?{_MANAGED}", body, kind)

    def delete(self, path: str, *, uid: str, version: str | None = None) -> None:
        """DELETE of this very object; that it is gone already is no error. Raises ConflictError."""
        wanted = {"uid": uid} | ({"resourceVersion": version} if version else {})
        try:
            self._written("DELETE", path, {"propagationPolicy": "Background", "preconditions": wanted})
        except RefusedError as error:
            if error.code != "kube.not-found":
                raise

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _pages(self, path: str, labels: str, accept: str) -> Iterator[Object]:
        token = ""
        while True:
            query = {"limit": str(PAGE)}
            if labels:
                query["labelSelector"] = labels
            if token:
                query["continue"] = token
            page = self._repeated("GET", f"{path}?{urlencode(query)}", accept)
            if page is None:
                raise RefusedError(
                    "kube.not-found", f"{self.server}: has no {path}", hint="is that resource served?"
                )
            yield from page.get("items") or ()
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    def _repeated(self, method: str, path: str, accept: str = "application/json") -> Object | None:
        """A request that changes nothing: tried again while the server is not well. None for 404."""
        wait = _BACKOFF
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                return self._once(method, path, None, "", accept)
            except RefusedError as error:
                if error.code == "kube.not-found":
                    return None
                raise
            except (GoneError, QuotaError, ConflictError):
                raise
            except TransientError as error:
                if last or error.delay > _PATIENT or error.code == "kube.forbidden":
                    raise
                self._sleep(max(wait, error.delay if error.code == "kube.busy" else 0.0))
                wait *= 2
        raise AssertionError  # pragma: no cover  # the last try returns or raises

    def _written(self, method: str, path: str, body: Any, kind: str = "application/json") -> Object:
        """A request that changes something: repeated only where the server says that it did nothing (429)."""
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                return self._once(method, path, body, kind, "application/json") or {}
            except TransientError as error:
                if last or error.code != "kube.busy" or error.delay > _PATIENT:
                    raise
                self._sleep(error.delay)
        raise AssertionError  # pragma: no cover

    def _once(self, method: str, path: str, body: Any, kind: str, accept: str) -> Object | None:
        headers = {"Accept": accept, "User-Agent": MANAGER, **self._credentials()}
        data = None
        if body is not None:
            headers["Content-Type"] = kind
            data = json.dumps(body).encode()
        self.requests += 1
        try:
            answer = self._pool.request(
                method,
                self.server + path,
                body=data,
                headers=headers,
                timeout=urllib3.Timeout(connect=min(self._timeout, 5.0), read=self._timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                text = self._read(answer)
            finally:
                answer.release_conn()
        except (HTTPError, TimeoutError, OSError) as error:
            raise self._unanswered(method, path, type(error).__name__) from None
        self._listen(answer.headers.get("Date", ""))
        if answer.status in _OK:
            return self._decoded(method, path, text)
        raise self._refusal(method, path, answer.status, answer.headers.get("Retry-After"), text)

    def _read(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        """The whole answer, within the timeout: a socket's own would begin anew with every byte."""
        until = self._clock() + self._timeout
        parts: list[bytes] = []
        size = 0
        # read1 gives what is there; read, which is all that urllib3 1 has, waits for a whole chunk.
        read = getattr(answer, "read1", answer.read)
        while part := read(65_536):
            parts.append(part)
            size += len(part)
            if size > _LARGEST or self._clock() > until:
                answer.close()
                raise TimeoutError
        return b"".join(parts)

    def _decoded(self, method: str, path: str, text: bytes) -> Object:
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            # Something else than the API server answered.
            raise self._unanswered(method, path, "no JSON")
        return found

    def _listen(self, header: str) -> None:
        sent = email.utils.parsedate_tz(header)
        if sent is not None:
            self._heard = (float(email.utils.mktime_tz(sent)), self._clock())

    def _unanswered(self, method: str, path: str, why: str) -> TransientError:
        place = path.partition("?")[0]
        if method == "GET":
            return TransientError(
                "kube.unreachable",
                f"{self.server}: no answer ({why}) for {place}",
                hint="is it up, and may this host reach it?",
            )
        return AmbiguousError("kube.ambiguous", f"{self.server}: no answer ({why}) to {method} {place}")

    def _refusal(
        self, method: str, path: str, status: int, retry_after: str | None, text: bytes
    ) -> TransientError | PermanentError:
        """What a status means. The server's own words stay out: they may quote a value."""
        reason, message, fields = _told(text)
        place = path.partition("?")[0]
        where = f"{self.server}: {method} {place}"
        if status == _CONFLICT:
            kind = ExistsError if reason == "AlreadyExists" else ConflictError
            return kind("kube.conflict", f"{where}: is not as it was ({reason})", delay=0.5)
        if status == _GONE:
            return GoneError("kube.gone", f"{where}: is too old to go on from", delay=0.5)
        if status == _TOO_MANY:
            return TransientError("kube.busy", f"{where}: too many requests", delay=_seconds(retry_after))
        if status in {401, 403}:
            return self._denied(where, status, message)
        if status >= _FAILED:
            if method == "GET":
                delay = _seconds(retry_after)
                return TransientError("kube.busy", f"{where}: failed ({status} {reason})", delay=delay)
            return AmbiguousError("kube.ambiguous", f"{where}: failed ({status} {reason})")
        if status == _NOT_FOUND:
            return RefusedError("kube.not-found", f"{where}: is not there")
        told = f", at {', '.join(fields)}" if fields else ""
        code = "kube.invalid" if status == _UNPROCESSABLE else "kube.refused"
        return RefusedError(code, f"{where}: refused ({status} {reason}{told})")

    def _denied(self, where: str, status: int, message: str) -> TransientError:
        if "quota" in message:
            return QuotaError(
                "kube.quota", f"{where}: a ResourceQuota leaves no room", hint="raise it", delay=_OPERATOR
            )
        if "is being terminated" in message:
            return TransientError(
                "kube.terminating", f"{where}: the namespace is being deleted", delay=_OPERATOR
            )
        what = "may not do this" if status == 403 else "is not known"  # noqa: PLR2004
        return TransientError(
            "kube.forbidden",
            f"{where}: this account {what} ({status})",
            hint="`guarita rotate rbac` prints the Role that the configuration needs",
            delay=_OPERATOR,
        )


def _seconds(header: str | None) -> float:
    """`Retry-After` in seconds; 1 where it says none, or a date, which the API server never sends."""
    return float(header) if header and header.isdecimal() else 1.0


def _told(text: bytes) -> tuple[str, str, Sequence[str]]:
    """Reason, message and fields of a Status object; blanks where it is none."""
    try:
        status = json.loads(text)
        causes = (status.get("details") or {}).get("causes") or ()
        fields = dict.fromkeys(str(cause.get("field", "")) for cause in causes)
        return str(status.get("reason") or ""), str(status.get("message") or ""), [f for f in fields if f]
    except (ValueError, AttributeError):
        return "", "", ()


def segment(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")
