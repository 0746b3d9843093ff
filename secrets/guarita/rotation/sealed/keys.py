"""Sealing keys: the certificate that everybody may seal by, and the private keys that open."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from guarita.rotation.sealed.crypto import OtherKeyError, unseal
from guarita.rotation.sealed.errors import SealedInputError
from guarita.rotation.sealed.manifest import decoded, objects

MIN_BITS: Final = 2048
"""A shorter RSA key is not sealed by (NIST SP 800-131A: 2048 bits at least)."""
KEY_LABEL: Final = "sealedsecrets.bitnami.com/sealed-secrets-key"
"""On the controller's key Secrets: `active`, or `compromised` for one that may open and never seal."""
_FETCH: Final = "`kubeseal --fetch-cert` writes it, and the controller serves it at /v1/cert.pem"
_BOTH: Final = "this file holds private keys: give the certificate alone"


@dataclass(frozen=True)
class SealingCertificate:
    """A certificate whose RSA key values are sealed by."""

    key: rsa.RSAPublicKey = field(repr=False)
    not_before: dt.datetime
    not_after: dt.datetime
    fingerprint: str
    """As kubeseal shows it: SHA-256 of the key in OpenSSH's form."""


@dataclass(frozen=True)
class PrivateKey:
    """A private key that opens, and what is known about its age."""

    key: rsa.RSAPrivateKey = field(repr=False)
    fingerprint: str
    certificate: SealingCertificate | None = None
    """Absent for a bare PEM key."""
    active: bool = True
    """Whether the controller may seal by it."""


@dataclass(frozen=True)
class PrivateKeys:
    """The keys that a sealed value may be opened by."""

    keys: tuple[PrivateKey, ...]

    def open(self, sealed: bytes, label: bytes) -> tuple[bytes, PrivateKey]:
        """The value, and the key that opened it. Raises OtherKeyError when none does, DamagedError."""
        for key in self.keys:
            try:
                return unseal(key.key, sealed, label), key
            except OtherKeyError:
                continue
        raise OtherKeyError("none of the keys opens it under this label")

    def newest(self, now: dt.datetime) -> SealingCertificate:
        """The newest active certificate, which the controller seals by.

        Raises SealedInputError `sealed.no-certificate`, and as for a certificate that is given.
        """
        certificates = [key.certificate for key in self.keys if key.active and key.certificate]
        if not certificates:
            raise SealedInputError(
                "sealed.no-certificate",
                "none of the keys comes with a certificate, so none can be called the newest",
                hint="give the certificate to seal by with --cert, or the controller's exported Secrets",
            )
        newest = max(certificates, key=lambda certificate: certificate.not_before)
        _must_hold(newest, "the newest key", now)
        return newest


def read_certificate(pem: bytes, source: str, now: dt.datetime) -> SealingCertificate:
    """Read the first certificate of a PEM file, as kubeseal does; `source` is what to call it in errors.

    Raises SealedInputError: `sealed.certificate`, `sealed.certificate-expired`, `sealed.certificate-early`,
    `sealed.weak-key`.
    """
    if b"PRIVATE KEY" in pem:
        raise SealedInputError("sealed.certificate", f"{source}: {_BOTH}", hint=_FETCH)
    certificate = parse_certificate(pem, source)
    _must_hold(certificate, source, now)
    return certificate


def parse_certificate(pem: bytes, source: str) -> SealingCertificate:
    """As `read_certificate`, without asking whether it may be sealed by."""
    try:
        first = x509.load_pem_x509_certificates(pem)[0]
        key = first.public_key()
    except ValueError:
        raise SealedInputError("sealed.certificate", f"{source}: no PEM certificate", hint=_FETCH) from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise SealedInputError("sealed.certificate", f"{source}: its key is not an RSA key", hint=_FETCH)
    return SealingCertificate(key, first.not_valid_before_utc, first.not_valid_after_utc, fingerprint_of(key))


def read_private_keys(text: bytes, source: str) -> PrivateKeys:
    """Read private keys: PEM, or the controller's key Secrets as `kubectl get -o yaml` writes them.

    Raises SealedInputError `sealed.private-key`, and those of reading a manifest.
    """
    if text.lstrip().startswith(b"-----BEGIN"):
        return PrivateKeys(tuple(_from_pem(block, source) for block in _blocks(text)))
    return PrivateKeys(tuple(_from_secret(found, source) for found in objects(text, source)))


def fingerprint_of(key: rsa.RSAPublicKey) -> str:
    """SHA-256 of the key in OpenSSH's form, as in the controller's log."""
    blob = base64.b64decode(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split(b" ")[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def merged(parts: Iterable[PrivateKeys]) -> PrivateKeys:
    """All keys of several files, each once; one that comes with its certificate goes before a bare one."""
    found: dict[str, PrivateKey] = {}
    for key in (key for part in parts for key in part.keys):
        if key.fingerprint not in found or found[key.fingerprint].certificate is None:
            found[key.fingerprint] = key
    return PrivateKeys(tuple(found.values()))


def _from_secret(found: Mapping[str, Any], source: str) -> PrivateKey:
    metadata = found.get("metadata") or {}
    name = f"{source}: Secret {metadata.get('name', '')!r}"
    if found.get("kind") != "Secret":
        raise SealedInputError(
            "sealed.private-key",
            f"{source}: a {found.get('kind')} is no Secret of the controller's",
            hint=f"kubectl get secret -n kube-system -l {KEY_LABEL} -o yaml",
        )
    data = found.get("data") or {}
    if "tls.key" not in data:
        raise SealedInputError("sealed.private-key", f"{name}: holds no tls.key")
    key = _from_pem(decoded(data["tls.key"], name), name)
    certificate = parse_certificate(decoded(data["tls.crt"], name), name) if "tls.crt" in data else None
    if certificate is not None and certificate.fingerprint != key.fingerprint:
        raise SealedInputError("sealed.private-key", f"{name}: its tls.crt is not the certificate of tls.key")
    labels = metadata.get("labels") or {}
    return PrivateKey(key.key, key.fingerprint, certificate, labels.get(KEY_LABEL, "active") == "active")


def _from_pem(block: bytes, source: str) -> PrivateKey:
    try:
        key = load_pem_private_key(block, password=None)
    except TypeError:
        raise SealedInputError(
            "sealed.private-key",
            f"{source}: the private key is encrypted",
            hint="decrypt it by `openssl pkey`, into a place that only you read",
        ) from None
    except ValueError:
        raise SealedInputError("sealed.private-key", f"{source}: no PEM private key") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SealedInputError("sealed.private-key", f"{source}: not an RSA key")
    return PrivateKey(key, fingerprint_of(key.public_key()))


def _blocks(text: bytes) -> list[bytes]:
    starts = [b"-----BEGIN" + part for part in text.split(b"-----BEGIN")[1:]]
    return [block for block in starts if b"PRIVATE KEY-----" in block.split(b"\n", 1)[0]] or [text]


def _must_hold(certificate: SealingCertificate, source: str, now: dt.datetime) -> None:
    if now > certificate.not_after:
        raise SealedInputError(
            "sealed.certificate-expired",
            f"{source}: the certificate expired on {certificate.not_after:%Y-%m-%d}",
            hint=f"fetch the controller's present one: {_FETCH}",
        )
    if now < certificate.not_before - dt.timedelta(minutes=5):
        raise SealedInputError(
            "sealed.certificate-early",
            f"{source}: the certificate begins on {certificate.not_before:%Y-%m-%d %H:%M}Z",
            hint="is this machine's clock right?",
        )
    if certificate.key.key_size < MIN_BITS:
        raise SealedInputError(
            "sealed.weak-key",
            f"{source}: an RSA key of {certificate.key.key_size} bits, and {MIN_BITS} are needed",
            hint="let the controller make one by --key-size 4096",
        )
