"""A client certificate's thumbprint (RFC 8705 section 3.1), from TLS itself or from what a declared proxy hands on.

Whoever reads a header here has made sure that the peer is a declared proxy: anybody can write one.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from guarita.gateway.keys.thumbprint import encoded
from guarita.gateway.refusal import RefusalError

MAX_HEADER: Final = 32_768
"""Bytes of a header that holds a certificate."""
_BYTES: Final = re.compile(rb":([A-Za-z0-9+/]+={0,2}):")
_HASH: Final = re.compile(rb"(?i:hash)=([0-9A-Fa-f]{64})")
_ONE: Final = re.compile(rb"\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*")


class CertificateError(RefusalError):
    """What a proxy hands on is no certificate."""

    status = 400
    error = "invalid_request"

    def __init__(self) -> None:
        super().__init__("certificate.header", "the header for the client's certificate cannot be read")


def of_der(der: bytes) -> str:
    """`x5t#S256` of a certificate as TLS carries it. Raises CertificateError."""
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise CertificateError from error
    return encoded(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())


@functools.lru_cache(maxsize=1_024)
def of_pem(pem: str) -> str:
    """`x5t#S256` of a certificate as PEM. Raises CertificateError."""
    try:
        return of_der(x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER))
    except ValueError as error:
        raise CertificateError from error


def of_client_cert(value: bytes) -> str:
    """From `Client-Cert` (RFC 9440 section 2.2): a byte sequence of RFC 8941. Raises CertificateError."""
    found = _BYTES.fullmatch(value.strip()) if len(value) <= MAX_HEADER else None
    if found is None:
        raise CertificateError
    try:
        return of_der(base64.b64decode(found.group(1), validate=True))
    except binascii.Error as error:
        raise CertificateError from error


def of_escaped_pem(value: bytes) -> str:
    """From nginx's `$ssl_client_escaped_cert` or Traefik's: a PEM, URL-encoded. Raises CertificateError.

    Traefik leaves out the PEM's first and last line, and parts a chain by commas: the client's comes first.
    """
    if len(value) > MAX_HEADER:
        raise CertificateError
    pem = unquote_to_bytes(value.partition(b",")[0])
    if b"-----" not in pem:
        pem = b"-----BEGIN CERTIFICATE-----\n" + pem.strip() + b"\n-----END CERTIFICATE-----\n"
    if not _ONE.fullmatch(pem):
        raise CertificateError
    return of_pem(pem.decode("ascii"))


def of_xfcc(value: bytes) -> str:
    """From Envoy's `x-forwarded-client-cert`: the `Hash` of the last element, which the nearest proxy wrote.

    Raises CertificateError.
    """
    if len(value) > MAX_HEADER:
        raise CertificateError
    nearest = _split(value, ord(","))[-1]
    hashes = [found for part in _split(nearest, ord(";")) if (found := _HASH.fullmatch(part.strip()))]
    if len(hashes) != 1:
        raise CertificateError
    return encoded(bytes.fromhex(hashes[0].group(1).decode()))


def _split(value: bytes, separator: int) -> list[bytes]:
    """Parts that are separated outside of quotes; within them a backslash escapes what follows."""
    parts, quoted, escaped = [bytearray()], False, False
    for byte in value:
        if escaped:
            escaped = False
        elif quoted and byte == ord("\\"):
            escaped = True
        elif byte == ord('"'):
            quoted = not quoted
        elif byte == separator and not quoted:
            parts.append(bytearray())
            continue
        parts[-1].append(byte)
    if quoted:
        raise CertificateError
    return [bytes(part) for part in parts]
