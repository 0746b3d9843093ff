"""Keys, requests and certificates: made, compared with what was asked for, and shaken hands with."""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from guarita.rotation.interface import Randomness
from guarita.rotation.rotators.keymaking import PrivateKey, make_ec, make_ed25519, make_rsa, pem

_CURVES: Final = {"ec-p256": ec.SECP256R1, "ec-p384": ec.SECP384R1}


class CertificateError(ValueError):
    """What came back is not what was asked for. The text names it and quotes no key."""


def make_key(form: str, randomness: Randomness) -> PrivateKey:
    """A new private key, such as `ec-p256` or `rsa-3072`."""
    if form in _CURVES:
        return make_ec(_CURVES[form](), randomness)
    if form == "ed25519":
        return make_ed25519(randomness)
    return make_rsa(int(form.removeprefix("rsa-")))


def request(key: PrivateKey, names: Sequence[str]) -> str:
    """A certificate request (RFC 2986) for these names; the first is the common name."""
    built = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


def load_key(text: str) -> PrivateKey:
    """The key of a PEM. Raises CertificateError."""
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        raise CertificateError("no PEM private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey):
        raise CertificateError("a private key of a kind that is not used for TLS here")
    return key


def load_certificate(text: str) -> x509.Certificate:
    """The first certificate of a PEM. Raises CertificateError."""
    try:
        return x509.load_pem_x509_certificates(text.encode())[0]
    except ValueError:
        raise CertificateError("no PEM certificate") from None


def public_bytes(of: x509.Certificate | PrivateKey) -> bytes:
    """The public key, in DER."""
    key = of.public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def belongs(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether it is a certificate of this key."""
    return public_bytes(certificate) == public_bytes(key)


def must_belong(chain: str, key: str) -> x509.Certificate:
    """The first certificate of a chain. Raises CertificateError where it is not of this key."""
    certificate = load_certificate(chain)
    if not belongs(certificate, load_key(key)):
        raise CertificateError("the certificate is of another key")
    return certificate


def names_of(certificate: x509.Certificate) -> set[str]:
    """The DNS names that it is for (RFC 9525: the common name counts no more)."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return set()
    return set(extension.value.get_values_for_type(x509.DNSName))


def serial_text(certificate: x509.Certificate) -> str:
    """Its serial number as Vault writes it: `1a:2b:…`."""
    number = certificate.serial_number
    return number.to_bytes((number.bit_length() + 7) // 8 or 1, "big").hex(":")


def serial_number(text: str) -> int:
    """The other way round."""
    return int(text.replace(":", ""), 16)


def serving(chain: str, key: str, authority: str, name: str) -> str:
    """Shake hands in memory as the server of this chain, with a client that trusts `authority` alone.

    Gives the TLS version. Raises CertificateError with what OpenSSL says.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.create_default_context(cadata=authority)
    return _shaken(client, server, {server: chain + key}, name)


def presenting(chain: str, key: str, authority: str) -> str:
    """Shake hands in memory as the client of this chain, with a server that trusts `authority` alone.

    Gives the TLS version. Raises CertificateError with what OpenSSL says.
    """
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE  # the server is this process
    return _shaken(client, server, {client: chain + key, server: "".join(stranger())}, None)


def stranger() -> tuple[str, str]:
    """A certificate that nobody trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stranger")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode(), pem(key)


def _shaken(
    client: ssl.SSLContext, server: ssl.SSLContext, chains: Mapping[ssl.SSLContext, str], name: str | None
) -> str:
    try:
        for context, chain in chains.items():
            _load(context, chain)
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        ours = client.wrap_bio(to_client, to_server, server_hostname=name)
        theirs = server.wrap_bio(to_server, to_client, server_side=True)
        done = [False, False]
        for _ in range(12):
            for at, side in enumerate((ours, theirs)):
                if not done[at]:
                    try:
                        side.do_handshake()
                        done[at] = True
                    except ssl.SSLWantReadError:
                        continue
            if all(done):
                return str(ours.version())
    except ssl.SSLError as error:
        raise CertificateError(f"the handshake fails: {error.reason}") from None
    raise CertificateError("the handshake does not come to an end")


def served(endpoint: str, name: str, authority: str, timeout: float) -> list[tuple[str, x509.Certificate]]:
    """What each address of HOST:PORT serves under this name, as (address, certificate).

    Any certificate is taken, since which one it is is the question. Raises OSError (ssl.SSLError too).
    """
    host, _, port = endpoint.rpartition(":")
    context = ssl.create_default_context(cadata=authority)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    found = []
    addresses = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in addresses:
        with socket.socket(family, kind, protocol) as raw:
            raw.settimeout(timeout)
            raw.connect(address)
            with context.wrap_socket(raw, server_hostname=name.replace("*", "any", 1)) as wrapped:
                der = wrapped.getpeercert(binary_form=True)
        if der is not None:
            where = ":".join(socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV))
            found.append((where, x509.load_der_x509_certificate(der)))
    return found


def _load(context: ssl.SSLContext, text: str) -> None:
    """Load chain and key from memory: Python's ssl takes files alone, and a key has no business on a disk."""
    handle = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(handle, text.encode())
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
