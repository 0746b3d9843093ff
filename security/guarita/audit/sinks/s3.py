"""Objects in an S3-compatible store, each of a range of entries and named by it.

Signing (SigV4), and the credentials of a pod or a machine, are obstore's: the `object_store` crate of Apache Arrow.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from guarita.audit.events.secret import Secret
from guarita.audit.export.lines import json_line
from guarita.audit.sinks.interface import Batch, Sink, SinkRefusedError, SinkUnavailableError

if TYPE_CHECKING:
    from obstore.store import S3Credential

_DIGITS: Final = 20

Credentials = Callable[[], Mapping[str, Secret]]
"""Gives `access_key_id` and the like for each object, so that rotated ones are used; empty for the machine's own."""


class S3Sink(Sink):
    """Puts one object a batch: `PREFIX/LOG/FIRST-LAST.jsonl.gz`, indexes with leading zeros so that they sort.

    An object is made and never overwritten (`If-None-Match: *`). One that is there already is compared: the
    same entries are a lost answer, others are another log's.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        region: str | None,
        endpoint: str | None,
        timeout: float,
        credentials: Credentials = dict,
    ) -> None:
        """`timeout` is in seconds, for one object."""
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._credentials = credentials
        self._options: dict[str, Any] = {
            "client_options": {
                "timeout": timedelta(seconds=timeout),
                "connect_timeout": timedelta(seconds=min(timeout, 10)),
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
            },
            # Trying again is the shipper's business, which tells of it.
            "retry_config": {"max_retries": 0, "retry_timeout": timedelta(seconds=timeout)},
        }
        if region:
            self._options["region"] = region
        if endpoint:
            self._options |= {"endpoint": endpoint, "virtual_hosted_style_request": False}

    def send(self, batch: Batch) -> int:
        name = self.name(batch)
        content = b"".join(json_line(leaf) for leaf in batch.leaves)
        try:
            store = self._store()
            try:
                obstore.put(store, name, gzip.compress(content, mtime=0), mode="create")
            except AlreadyExistsError:
                self._compare(name, bytes(obstore.get(store, name).bytes()), content)
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise self._refused(
                error, "look at the credentials that guarita.yaml names for this sink"
            ) from None
        except FileNotFoundError as error:
            raise self._refused(error, "the bucket must be there") from None
        except (BaseError, OSError, ValueError) as error:
            # Their texts hold addresses and what the server said; their names say enough.
            raise SinkUnavailableError(
                "audit.sink-unreachable", f"bucket {self._bucket}: {type(error).__name__}"
            ) from None
        return 0

    def name(self, batch: Batch) -> str:
        """The object's name."""
        log = quote(batch.origin, safe="/")
        file = f"{batch.start:0{_DIGITS}d}-{batch.stop - 1:0{_DIGITS}d}.jsonl.gz"
        return "/".join(part for part in (self._prefix, log, file) if part)

    def _store(self) -> S3Store:
        named = {name: value.reveal() for name, value in self._credentials().items()}
        if not named:
            return S3Store(self._bucket, **self._options)
        # As a whole: given one by one they would be mixed with a session token of the environment.
        whole: S3Credential = {
            "access_key_id": named["access_key_id"],
            "secret_access_key": named["secret_access_key"],
            "token": named.get("session_token"),
            "expires_at": None,
        }
        return S3Store(self._bucket, **self._options, credential_provider=lambda: whole)

    def _compare(self, name: str, there: bytes, content: bytes) -> None:
        try:
            same = gzip.decompress(there) == content
        except (OSError, EOFError):
            same = False
        if not same:
            raise SinkRefusedError(
                "audit.sink-foreign",
                f"bucket {self._bucket}: {name} is there already, and holds something else",
                hint="give each ledger a prefix of its own",
            )

    def _refused(self, error: Exception, hint: str) -> SinkRefusedError:
        return SinkRefusedError(
            "audit.sink-refused", f"bucket {self._bucket}: {type(error).__name__}", hint=hint
        )
