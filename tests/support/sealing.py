"""Sealing keys as the controller makes them, and its Secrets as kubectl exports them."""

import base64
import datetime as dt
import functools
import json
import os
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from npmpackages import installed

PEERS = Path(__file__).parent / "sealedpeers"
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@functools.cache
def rsa_key(number=0, bits=2048):
    """One of the keys of this process: making one takes long."""
    return rsa.generate_private_key(65537, bits)


class SealingKey:
    """A key pair with the certificate that the controller signs for itself."""

    def __init__(self, number=0, *, bits=2048, born=0.0, days=3650, kind="rsa"):
        """`born` days ago, good for `days` from then."""
        self.key = rsa_key(number, bits) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
        begin = NOW - dt.timedelta(days=born)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sealed-secrets")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + dt.timedelta(days=days))
            .sign(self.key, hashes.SHA256())
            .public_bytes(Encoding.PEM)
        )
        self.private = self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        self.public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def secret(self, name, state="active"):
        """The controller's Secret of it."""
        data = {"tls.crt": self.certificate, "tls.key": self.private}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": "kube-system",
                "labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": state},
            },
            "type": "kubernetes.io/tls",
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }


def exported(*secrets):
    return {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": list(secrets)}


class Peer:
    """Another implementation, in a process that is asked by lines."""

    def __init__(self, process, encode):
        self.process = process
        self.encode = encode

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def seal(self, key, label, value):
        """base64 of the sealed value."""
        pem = (key.public if self.encode is None else key.certificate).decode()
        sent = value.decode() if self.encode is None else self.encode(value)
        return self.ask(pem=pem, label=label, value=sent)

    def open(self, key, label, sealed):
        """The value, or None where it does not open."""
        answer = self.ask(pem=key.private.decode(), label=label, open=base64.b64encode(sealed).decode())
        return None if answer is None else base64.b64decode(answer)


def node_peer():
    process = subprocess.Popen(
        ["node", "peers.mjs"], cwd=installed(PEERS), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return Peer(process, None)


def go_peer(folder):
    # Only Go's own library: nothing is fetched.
    env = {
        **os.environ,
        "GO111MODULE": "off",
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
        "CGO_ENABLED": "0",
    }
    subprocess.run(["go", "build", "-o", folder / "peer", "main.go"], cwd=PEERS, env=env, check=True)
    process = subprocess.Popen([folder / "peer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return Peer(process, lambda value: base64.b64encode(value).decode())
