"""Sealing an event's personal fields as it is written, and opening them again for whoever holds the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from guarita.audit.events.secret import Personal
from guarita.audit.sealing import token
from guarita.audit.sealing.interface import KeyStore
from guarita.errors import UsageError

ERASED: Final = "(erased)"
"""Shown in place of a value whose key was destroyed."""
SEALED: Final = "(sealed)"
"""Shown in place of a value whose key is not at hand, or which was not sealed where it stands."""


class Sealer:
    """Seals the personal fields of one log's events."""

    def __init__(self, origin: str, keys: KeyStore) -> None:
        self._origin = origin
        self._keys = keys

    def seal(self, body: bytes, mark: bytes, values: Sequence[Personal]) -> bytes:
        """Put tokens where `body` has placeholders with this mark; the n-th stands for `values[n]`.

        Each subject's key is durable before this returns. Raises LedgerUnavailableError, TypeError for a value
        or subject that is no text.
        """
        if not all(isinstance(text, str) for value in values for text in (value.subject, value.value)):
            raise TypeError("a personal value and its subject are text")
        bound = token.binding(self._origin, body)
        keys = {value.subject: self._keys.current(value.subject) for value in values}

        def sealed(number: int, key_id: bytes, data: str) -> bytes | None:
            if key_id != mark:
                return None
            value = values[int(data)]
            return f'"{token.seal(keys[value.subject], value.value, bound=bound, number=number)}"'.encode()

        return token.replace(body, sealed)


def reveal(origin: str, body: bytes, keys: KeyStore | None) -> bytes:
    """The event's JSON for reading: sealed values opened, or `(erased)`, or `(sealed)`.

    The result is not what is hashed. Without `keys` every sealed value reads `(sealed)`.
    """
    if token.PREFIX.encode() not in body:
        return body
    bound = token.binding(origin, body)

    def opened(number: int, key_id: bytes, data: str) -> bytes:
        if keys is None:
            return msgspec.json.encode(SEALED)
        try:
            key = keys.key(key_id)
        except UsageError:  # a reader without the master key reads the rest
            return msgspec.json.encode(SEALED)
        if key is None:
            return msgspec.json.encode(ERASED if keys.destroyed(key_id) else SEALED)
        value = token.open_sealed(key, data, bound=bound, number=number)
        return msgspec.json.encode(SEALED if value is None else value)

    return token.replace(body, opened)
