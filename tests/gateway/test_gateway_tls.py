"""Certificate-bound tokens (RFC 8705) where the server itself ends TLS, with real handshakes.

uvicorn tells nothing of TLS yet, so a protocol class adds what the ASGI TLS Extension has servers tell.
"""

import base64
import datetime as dt
import hashlib
import json
import ssl

import httpx
import nginxserver
import portal as portals
import pytest
import servers
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from guarita.gateway import Gateway, GatewayMiddleware
from guarita.gateway.asgi.request import request_of
from guarita.gateway.proxies import Proxies

PEM = serialization.Encoding.PEM


class TellingTls(H11Protocol):
    """Adds `tls` to the extensions (asgi.readthedocs.io, specs/tls)."""

    def connection_made(self, transport):
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        der = connection.getpeercert(binary_form=True) if connection else None
        chain = [ssl.DER_cert_to_PEM_cert(der)] if der else []
        inner = self.app

        async def telling(scope, receive, send):
            told = {"client_cert_chain": chain, "client_cert_error": None, "tls_version": 0x0304}
            await inner({**scope, "extensions": {**scope.get("extensions", {}), "tls": told}}, receive, send)

        self.app = telling


class Authority:
    """Signs certificates of clients."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
        made = self._certificate(self.name, self.key.public_key(), authority=True)
        self.file = folder / "authority.crt"
        self.file.write_bytes(made.public_bytes(PEM))

    def client(self, name):
        """The files of a client's certificate and key, and its thumbprint."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        made = self._certificate(subject, key.public_key(), authority=False)
        files = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        files[0].write_bytes(made.public_bytes(PEM))
        files[1].write_bytes(
            key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        digest = hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).digest()
        return files, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _certificate(self, subject, key, *, authority):
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
            .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip


@pytest.fixture
def service(tmp_path, local_issuer):
    """A service behind TLS that takes clients' certificates; its address, and who signs them."""
    section = {
        "tokens": {
            "insecure_loopback": True,
            "issuers": [{"issuer": local_issuer.issuer, "audiences": [local_issuer.audience]}],
        },
        "access": {"routes": [{"path": "/docs", "methods": ["GET"], "authenticated": True}]},
    }
    path = tmp_path / "guarita.yaml"
    path.write_text(json.dumps({"gateway": section}))

    async def docs(request):
        return PlainTextResponse("docs")

    app = GatewayMiddleware(Starlette(routes=[Route("/docs", docs)]), Gateway.from_file(path))
    authority = Authority(tmp_path)
    certificate, key = nginxserver.certified(tmp_path, "localhost")
    port = servers.free_port()
    tls = {
        "ssl_certfile": certificate, "ssl_keyfile": key, "ssl_ca_certs": str(authority.file),
        "ssl_cert_reqs": ssl.CERT_OPTIONAL, "http": TellingTls,
    }  # fmt: skip
    with portals.served(app, port=port, **tls):
        yield f"https://localhost:{port}/docs", authority, certificate


def test_a_bound_token_counts_with_the_certificate_of_its_own_connection(service, local_issuer):
    url, authority, trusted = service
    mine, thumbprint = authority.client("mine")
    others, _ = authority.client("others")
    headers = {"authorization": f"Bearer {local_issuer.mint(cnf={'x5t#S256': thumbprint})}"}

    def ask(files=None):
        context = ssl.create_default_context(cafile=trusted)
        if files:
            context.load_cert_chain(*files)
        answer = httpx.get(url, headers=headers, verify=context, timeout=60)
        return answer.status_code, answer.json()["code"] if answer.status_code != 200 else ""

    for _ in range(2):
        assert ask(mine) == (200, "")
        assert ask(others) == (401, "certificate.mismatch")
        assert ask() == (401, "certificate.missing")


def scope(peer, **tls):
    return {
        "type": "http", "method": "GET", "path": "/docs", "raw_path": b"/docs", "query_string": b"", "headers": [],
        "client": (peer, 1), "scheme": "https", "extensions": {"tls": tls},
    }  # fmt: skip


def test_a_proxys_own_certificate_is_not_its_clients(tmp_path):
    (file, _), thumbprint = Authority(tmp_path).client("proxy")
    proxies = Proxies(["10.0.0.0/8"])
    chain = [file.read_text()]
    assert request_of(scope("203.0.113.5", client_cert_chain=chain), proxies).certificate == thumbprint
    assert request_of(scope("10.0.0.1", client_cert_chain=chain), proxies).certificate == ""
    for told in ({}, {"client_cert_chain": []}, {"client_cert_chain": None},
                 {"client_cert_chain": chain, "client_cert_error": "self-signed"}):  # fmt: skip
        assert request_of(scope("203.0.113.5", **told), proxies).certificate == ""
