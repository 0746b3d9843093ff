"""The envelope of a token: JWS Compact Serialization (RFC 7515 section 7.1), read in exactly one way."""

from __future__ import annotations

import binascii
import functools
from dataclasses import dataclass
from typing import Any, Final

from guarita.gateway.refusal import TokenError
from guarita.gateway.tokens import strictjson

MAX_TOKEN: Final = 16_384
"""Bytes of a whole token."""
MAX_HEADER: Final = 2_048
"""Bytes of the decoded header."""
MAX_KID: Final = 256
"""Characters of a key's name."""

_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
_KEYS_IN_HEADER: Final = frozenset({"jwk", "jku", "x5u"})
"""A token does not bring the key that it is judged by (RFC 8725 section 3.10)."""
_LAST: Final = {2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}
"""The last characters that leave no bits over, by the length modulo 4 (RFC 4648 section 3.5)."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A token taken apart. Nothing in it has been verified."""

    algorithm: str
    type: str
    """`typ` in lower case, without `application/` (RFC 7515 section 4.1.9); empty where there is none."""
    kid: str | None
    signed: bytes
    """What the signature is over: the first two parts as they were sent."""
    signature: bytes
    payload: bytes
    key: Any = None
    """`jwk`, where the token may bring its own key: only a DPoP proof does (RFC 9449 section 4.2)."""

    def claims(self) -> dict[str, Any]:
        """The payload as an object. Raises TokenError `token.payload`."""
        try:
            return strictjson.parse(self.payload)
        except strictjson.StrictJsonError as error:
            raise TokenError("token.payload", f"the token's payload: {error}") from error


def open_envelope(token: bytes, *, brings_key: bool = False) -> Envelope:
    """Take a token apart.

    Accepts one spelling only: three parts of base64url without padding, line breaks or bits left over
    (RFC 7515 section 2, RFC 4648 section 3.5). Raises TokenError with `token.size`, `token.format`,
    `token.header`, `token.critical` or `token.header-key`.
    """
    if len(token) > MAX_TOKEN:
        raise TokenError("token.size", f"the token has more than {MAX_TOKEN} bytes")
    parts = token.split(b".")
    if len(parts) != 3 or not all(parts) or token.translate(None, _LETTERS):  # noqa: PLR2004  # RFC 7515 section 7.1
        raise TokenError("token.format", "the token is not three parts of base64url")
    header_part, payload_part, signature_part = parts
    algorithm, kind, kid, key = _own_key(header_part) if brings_key else _known(header_part)
    return Envelope(
        algorithm=algorithm,
        type=kind,
        kid=kid,
        signed=token[: -len(signature_part) - 1],
        signature=_decoded(signature_part),
        payload=_decoded(payload_part),
        key=key,
    )


@functools.lru_cache(maxsize=512)
def _known(part: bytes) -> tuple[str, str, str | None, None]:
    """What a header says. All tokens of one key have the same one; what is refused is not remembered."""
    header = _header(_decoded(part))
    if not _KEYS_IN_HEADER.isdisjoint(header):
        raise TokenError("token.header-key", "the token brings its own key")
    return _algorithm(header), _type(header), _kid(header), None


def _own_key(part: bytes) -> tuple[str, str, str | None, Any]:
    header = _header(_decoded(part))
    if not (_KEYS_IN_HEADER - {"jwk"}).isdisjoint(header):
        raise TokenError("token.header-key", "the token says where its key is")
    return _algorithm(header), _type(header), _kid(header), header.get("jwk")


def _decoded(part: bytes) -> bytes:
    rest = len(part) % 4
    if rest == 1 or (rest and part[-1] not in _LAST[rest]):
        raise TokenError("token.format", "a part of the token is not base64url in its one spelling")
    return binascii.a2b_base64(part.translate(_STANDARD) + b"=" * (-len(part) % 4))


_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def _header(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_HEADER:
        raise TokenError("token.header", f"the token's header has more than {MAX_HEADER} bytes")
    try:
        header = strictjson.parse(raw)
    except strictjson.StrictJsonError as error:
        raise TokenError("token.header", f"the token's header: {error}") from error
    if "crit" in header or "b64" in header or "zip" in header or "enc" in header:
        # We understand no extension, and one that must be understood makes the token invalid (RFC 7515
        # section 4.1.11).
        raise TokenError("token.critical", "the token needs an extension that is not understood here")
    return header


def _algorithm(header: dict[str, Any]) -> str:
    algorithm = header.get("alg")
    if type(algorithm) is not str or not algorithm:
        raise TokenError("token.algorithm", "the token names no algorithm")
    return algorithm


def _type(header: dict[str, Any]) -> str:
    kind = header.get("typ", "")
    if type(kind) is not str:
        raise TokenError("token.type", "the token's type is no text")
    return kind.lower().removeprefix("application/")


def _kid(header: dict[str, Any]) -> str | None:
    if "kid" not in header:
        return None
    kid = header["kid"]
    if type(kid) is not str or not 0 < len(kid) <= MAX_KID:
        raise TokenError("token.header", f"the token's key name is no text of 1 to {MAX_KID} characters")
    return kid
