"""Documents in an S3-compatible store, by obstore. Needs the extra `pii-s3`.

Signing and the credentials of a pod or a machine are obstore's: the `object_store` crate of Apache Arrow.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from guarita.config.pii_handling import StoreSection
from guarita.errors import UsageError
from guarita.pii.documents import Source
from guarita.pii.documents.claims import is_document
from guarita.pii.documents.interface import too_large
from guarita.pii.places.interface import Item, PlaceError

SCHEME: Final = "s3://"
_HEAD: Final = 8192


@dataclass(frozen=True)
class Bucket:
    """A bucket and what its keys begin with."""

    name: str
    prefix: str
    store: S3Store

    @classmethod
    def of(cls, reference: str, section: StoreSection) -> Bucket:
        """What `s3://BUCKET/PREFIX` names. Raises UsageError `pii.reference`."""
        name, _, prefix = reference.removeprefix(SCHEME).partition("/")
        if not reference.startswith(SCHEME) or not name:
            raise UsageError("pii.reference", "a place in S3 is s3://BUCKET/KEY")
        options: dict[str, Any] = {
            "client_options": {
                "timeout": timedelta(seconds=section.timeout),
                "connect_timeout": timedelta(seconds=min(section.timeout, 10)),
                "allow_http": bool(section.endpoint and section.endpoint.startswith("http://")),
            },
            "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=2 * section.timeout)},
        }
        if section.region:
            options["region"] = section.region
        if section.endpoint:
            options |= {"endpoint": section.endpoint, "virtual_hosted_style_request": False}
        return cls(name, prefix, S3Store(name, **options))

    def items(self) -> list[Item]:
        """The object of this key, or the documents below it, in order of their keys. Raises PlaceError."""
        with _asked(self.name):
            if self.prefix and not self.prefix.endswith("/"):
                with contextlib.suppress(FileNotFoundError):
                    obstore.head(self.store, self.prefix)
                    return [ObjectItem(self, self.prefix)]
            listed = [
                entry["path"]
                for batch in obstore.list(self.store, prefix=self.prefix or None)
                for entry in batch
            ]
        if not listed:
            raise _not_found(self.name)
        return [ObjectItem(self, key) for key in sorted(listed) if self._is_document(key)]

    def write(self, key: str, descriptor: int) -> str:
        """Put what an open file holds. An object appears whole or not at all. Raises PlaceError."""
        with _asked(self.name), os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            obstore.put(self.store, key, file)
        return f"{SCHEME}{self.name}/{key}"

    def _is_document(self, key: str) -> bool:
        with _asked(self.name):
            head = (
                bytes(obstore.get_range(self.store, key, start=0, end=_HEAD))
                if _size(self.store, key)
                else b""
            )
        return is_document(PurePosixPath(key).name, head)


@dataclass(frozen=True)
class ObjectItem:
    """An object."""

    bucket: Bucket
    key: str

    @property
    def reference(self) -> str:
        return f"{SCHEME}{self.bucket.name}/{self.key}"

    @contextlib.contextmanager
    def opened(self, limit: int) -> Iterator[Source]:
        with tempfile.TemporaryFile() as file:
            with _asked(self.bucket.name):
                answer = obstore.get(self.bucket.store, self.key)
                if answer.meta["size"] > limit:
                    raise too_large(answer.meta["size"], limit)
                for piece in answer.stream():
                    file.write(piece)
            file.flush()
            yield Source(PurePosixPath(self.key).name, descriptor=file.fileno())


def _size(store: S3Store, key: str) -> int:
    return int(obstore.head(store, key)["size"])


@contextlib.contextmanager
def _asked(bucket: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise _not_found(bucket) from None
    except (BaseError, OSError, ValueError) as error:
        # Their texts hold addresses, keys and what the server said; their names say enough.
        raise PlaceError(
            "pii.place-unreachable",
            f"bucket {bucket}: {type(error).__name__}",
            hint="look at pii.s3 in guarita.yaml and at the credentials of this machine",
        ) from None


def _not_found(bucket: str) -> PlaceError:
    return PlaceError("pii.not-found", f"bucket {bucket}: there is no such object or bucket")
