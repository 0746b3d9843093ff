"""`WWW-Authenticate`, exactly as RFC 6750 section 3, RFC 9449 section 7.1 and RFC 9728 section 5.1 have it."""

from __future__ import annotations

from dataclasses import dataclass

from guarita.gateway.oauth.presented import BEARER, DPOP
from guarita.gateway.refusal import RefusalError

_PRINTABLE = range(0x20, 0x7F)


@dataclass(frozen=True, slots=True)
class Challenger:
    """What this service offers."""

    realm: str = "guarita"
    dpop_algorithms: tuple[str, ...] = ()
    """Those that a proof may be signed by; empty where DPoP is not offered."""
    dpop_only: bool = False
    """Whether tokens must be bound, so that Bearer is not offered."""
    resource_metadata: str = ""
    """Where the metadata of RFC 9728 are; empty where there are none."""

    def plain(self) -> tuple[str, ...]:
        """To be offered where nothing was brought: without an error code (RFC 6750 section 3.1)."""
        bearer = () if self.dpop_only else (self._challenge(BEARER),)
        return bearer + ((self._challenge(DPOP),) if self.dpop_algorithms else ())

    def refused(self, refusal: RefusalError, scheme: str) -> tuple[tuple[bytes, bytes], ...]:
        """Header lines for a refusal of a token that was presented by `scheme`.

        The error stands in the challenge of that scheme; the other one is offered beside it.
        """
        said = [("error", refusal.error), ("error_description", refusal.message)]
        lines = [self._challenge(scheme, *said)]
        if scheme == DPOP and not self.dpop_only:
            lines.append(self._challenge(BEARER))
        if scheme == BEARER and self.dpop_algorithms:
            lines.append(self._challenge(DPOP))
        return tuple((b"www-authenticate", line.encode("ascii")) for line in lines)

    def _challenge(self, scheme: str, *said: tuple[str, str]) -> str:
        parameters = [("realm", self.realm), *said]
        if scheme == DPOP:
            parameters.append(("algs", " ".join(self.dpop_algorithms)))
        if self.resource_metadata:
            parameters.append(("resource_metadata", self.resource_metadata))
        return f"{scheme} " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in parameters)


def _quoted(value: str) -> str:
    """A value without what RFC 6750 section 3 keeps out of one: quotes, backslashes, what is not printable ASCII."""
    plain = value.replace("\\", "/").replace('"', "'")
    return "".join(letter if ord(letter) in _PRINTABLE else "?" for letter in plain)
