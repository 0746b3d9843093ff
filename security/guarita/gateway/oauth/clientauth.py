"""Who we are to an issuer (RFC 6749 section 2.3): by a secret, by a signature, or by our name alone."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote_plus

from guarita.config.gateway_login import ClientSection
from guarita.errors import UsageError
from guarita.gateway.oauth.secret import reader

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

Form = Mapping[str, str | list[str]]
"""What is posted; a list is sent as one parameter for each item (RFC 8693 section 2.1)."""
Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523 section 2.2."""
_TERM: Final = 60
"""Seconds that an assertion counts."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client of an issuer's."""

    name: str
    secret: Callable[[], str] = field(repr=False, default=lambda: "")
    """The secret, or for `private_key_jwt` the key as PEM. Read for each call, so that a rotated one is used at once.
    Raises UsageError."""
    method: Method = "client_secret_basic"
    audience: str = ""
    """Whom an assertion is for: the issuer's identifier, which no other server can be (RFC 7523 section 3)."""
    key_id: str = ""
    """The key's name in the set that we published."""
    algorithm: str = ""
    """By which the key signs; what its kind signs by where this is empty."""

    def identify(
        self, form: Form, now: Callable[[], float] = time.time
    ) -> tuple[dict[str, str | list[str]], dict[str, str]]:
        """The form with what identifies us, and headers beside it.

        Raises UsageError `gateway.secret` where the secret is not there, or is no key that can sign.
        """
        if self.method == "client_secret_basic":
            # Both are encoded as in a form first (RFC 6749 section 2.3.1), which many libraries leave out.
            pair = f"{quote_plus(self.name)}:{quote_plus(self.secret())}".encode()
            return dict(form), {"authorization": "Basic " + base64.b64encode(pair).decode()}
        if self.method == "client_secret_post":
            return {**form, "client_id": self.name, "client_secret": self.secret()}, {}
        if self.method == "private_key_jwt":
            signed = self._assertion(now())
            return {
                **form, "client_id": self.name, "client_assertion_type": ASSERTION, "client_assertion": signed,
            }, {}  # fmt: skip
        return {**form, "client_id": self.name}, {}

    def _assertion(self, now: float) -> str:
        import jwt  # noqa: PLC0415  # only who signs needs it

        key = private_key(self.secret())
        claims = {
            "iss": self.name, "sub": self.name, "aud": self.audience, "jti": secrets.token_urlsafe(24),
            "iat": int(now), "exp": int(now) + _TERM,
        }  # fmt: skip
        named = {"kid": self.key_id} if self.key_id else {}
        algorithm = self.algorithm or algorithm_of(key)
        try:
            return jwt.encode(claims, key, algorithm, headers=named)  # type: ignore[arg-type]  # it is one that signs
        except (jwt.InvalidKeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError("gateway.secret", f"the client's key does not sign by {algorithm}") from error


def client_of(section: ClientSection, issuer: str, folder: Path) -> Client:
    """The client that a section names. Raises UsageError `gateway.secret` where its secret is not there."""
    source = section.secret or section.key
    if source is None:
        return Client(section.id, method="none")
    secret = reader(source, folder, lines=section.key is not None)
    secret()  # one that is not there is told at the start
    return Client(
        section.id,
        secret,
        section.method,
        audience=issuer,
        key_id=section.key_id or "",
        algorithm=section.key_algorithm or "",
    )


def private_key(pem: str) -> PrivateKeyTypes:
    """The key that a PEM holds. Raises UsageError `gateway.secret`, without a word of the key."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        return load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError) as error:
        raise UsageError(
            "gateway.secret", "the client's key is no PEM of an unencrypted private key"
        ) from error


def algorithm_of(key: PrivateKeyTypes) -> str:
    """The algorithm that a key signs by (RFC 7518 section 3.1, RFC 8037). Raises UsageError `gateway.secret`."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA:
        return "RS256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    raise UsageError(
        "gateway.secret", "the client's key is none of RSA (2048 bits or more), P-256, P-384, P-521, Ed25519"
    )


_MIN_RSA: Final = 2048
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
