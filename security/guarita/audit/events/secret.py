"""Values that must not be written down: a secret refuses to serialise, personal data is sealed."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn

from guarita.audit.errors import EventRefusedError


class Secret:
    """A secret in memory. It shows nothing of itself, and cannot be copied into any serial form.

    `repr`, `str` and `format` give a placeholder; pickling, copying and encoding raise TypeError or
    EventRefusedError. `reveal` is the one way out, easy to find in a review.
    """

    __slots__ = ("_value",)
    _value: Final[str]

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return id(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


class Personal:
    """A value that identifies a person, and whose person it is.

    The ledger writes it sealed under a key of that subject, which `guarita audit erase` destroys. Nothing
    else writes it: encoding one outside a ledger raises, and its `repr` shows neither field. `subject` is
    the stable identifier by which the person asks for erasure; it is not written either.
    """

    # Neither a dataclass nor a Struct: encoders write those by themselves, without asking a hook.
    __slots__ = ("subject", "value")

    def __init__(self, subject: str, value: str) -> None:
        self.subject = subject
        self.value = value

    def __repr__(self) -> str:
        return "Personal(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Personal value cannot be pickled or copied")


Text = str | Personal
"""A text of an event: written as it is, or sealed."""


def refused(value: object) -> EventRefusedError:
    """The error for a value that an encoder may not write. It names the type only."""
    return EventRefusedError(
        "audit.secret",
        f"a {type(value).__name__} cannot be written down",
        hint="put a fingerprint of it into the event",
    )
