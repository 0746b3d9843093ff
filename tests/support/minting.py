"""An issuer in memory: keys, a JWK Set, and tokens of every shape, right and wrong."""

import base64
import json
import time

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

ISSUER = "https://issuer.example.com"
AUDIENCE = "https://api.example.com"
SIGNERS = {
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "RS384": RSAAlgorithm(RSAAlgorithm.SHA384),
    "PS256": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
    "ES256": ECAlgorithm(ECAlgorithm.SHA256),
    "ES384": ECAlgorithm(ECAlgorithm.SHA384),
    "EdDSA": OKPAlgorithm(),
}


def b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def new_key(algorithm: str):
    match algorithm[:2]:
        case "RS" | "PS":
            return rsa.generate_private_key(65537, 2048)
        case "ES":
            return ec.generate_private_key({"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[algorithm])
    return ed25519.Ed25519PrivateKey.generate()


def jwk(key, **members):
    kind = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    algorithm = next((v for k, v in kind.items() if isinstance(key, k)), OKPAlgorithm)
    return {**json.loads(algorithm.to_jwk(key.public_key())), "use": "sig", **members}


def claims(now: float | None = None, **changes):
    now = time.time() if now is None else now
    found = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "client_id": "app", "jti": "t-1",
        "iat": int(now), "exp": int(now) + 300, "scope": "docs:read",
    } | changes  # fmt: skip
    return {name: value for name, value in found.items() if value is not ...}


def header(algorithm="RS256", **changes):
    found = {"alg": algorithm, "typ": "at+jwt", "kid": "k-1"} | changes
    return {name: value for name, value in found.items() if value is not ...}


def sign(key, head, payload, algorithm=None) -> bytes:
    """A token; `head` and `payload` may be bytes, to say exactly what stands there."""
    head, payload = (
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, payload)
    )
    signed = b64(head) + b"." + b64(payload)
    name = algorithm or json.loads(head)["alg"]
    return signed + b"." + b64(SIGNERS[name].sign(signed, key))
