"""What a limit answers."""

from __future__ import annotations

from guarita.gateway.refusal import RefusalError, UndecidedError

Headers = tuple[tuple[bytes, bytes], ...]


class LimitError(RefusalError):
    """Too many requests (RFC 6585 section 4): `limit.exceeded`. Its headers say when to come again."""

    status = 429
    error = ""

    def __init__(self, rule: str, headers: Headers) -> None:
        super().__init__("limit.exceeded", f"too many requests: the limit {rule} is used up")
        self.rule = rule
        self.headers = headers


class LimitUndecidedError(UndecidedError):
    """What counts is gone, and the configuration says `deny`: `limit.undecided`."""

    def __init__(self) -> None:
        super().__init__("limit.undecided", "requests cannot be counted now")
        self.headers = ((b"retry-after", b"1"),)
