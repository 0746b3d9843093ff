"""One document at some place, and how to have it as an open file."""

from __future__ import annotations

import contextlib
from typing import Protocol

from guarita.errors import GuaritaError
from guarita.pii.documents import Source


class PlaceError(GuaritaError):
    """A place cannot be read or written now: the answer about its documents is unknown."""


class Item(Protocol):
    """A document that was found and not read yet."""

    @property
    def reference(self) -> str:
        """Where it is: a path, `s3://BUCKET/KEY`, `-`."""

    def opened(self, limit: int) -> contextlib.AbstractContextManager[Source]:
        """The document as an open file, read to at most `limit` bytes. Raises PlaceError, DocumentError."""
