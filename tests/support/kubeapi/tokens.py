"""Service-account tokens: signed JWTs with a published key set, reviewed against the accounts and pods that they name."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .errors import Refusal, bad_request
from .resources import ACCOUNTS, PODS

ISSUER = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True)
class User:
    name: str
    groups: tuple = ()
    uid: str = ""
    extra: dict = field(default_factory=dict, hash=False)

    @property
    def masters(self):
        return "system:masters" in self.groups


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
SYSTEM = User("system:apiserver", ("system:masters",))


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Signer:
    """The cluster's own issuer."""

    def __init__(self, key=None, issuer=ISSUER):
        self.issuer = issuer
        self.key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        der = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.kid = _b64(hashlib.sha256(der).digest())

    def public_pem(self):
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def jwks(self):
        numbers = self.key.public_key().public_numbers()
        return {
            "keys": [
                {
                    "use": "sig",
                    "kty": "RSA",
                    "kid": self.kid,
                    "alg": "RS256",
                    "n": _b64(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
                    "e": _b64(numbers.e.to_bytes(3, "big")),
                }
            ]
        }

    def discovery(self):
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def sign(self, claims):
        head = {"alg": "RS256", "kid": self.kid}
        text = ".".join(_b64(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
        return f"{text}.{_b64(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def claims(self, token):
        """The claims of a token whose signature holds, or None."""
        try:
            text, _, signature = token.rpartition(".")
            self.key.public_key().verify(
                _unb64(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            return json.loads(_unb64(text.partition(".")[2]))
        except (InvalidSignature, ValueError):
            return None


class Accounts:
    """Issues and reviews the tokens of the accounts in a store."""

    def __init__(self, store, signer, clock=time.time):
        self.store, self.signer, self.clock = store, signer, clock

    def issue(self, namespace, name, request):
        """Carries out a TokenRequest; gives its object with the token in the status."""
        account = self.store.get(ACCOUNTS.key, (namespace, name))
        spec = dict(request.get("spec") or {})
        audiences = spec.get("audiences") or [self.signer.issuer]
        lifetime = spec.get("expirationSeconds") or 3600
        if lifetime < 600:
            raise Refusal(
                422, "Invalid",
                f'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: {lifetime}: '
                "may not specify a duration less than 10 minutes",
            )  # fmt: skip
        now = int(self.clock())
        mine = {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": account.object["metadata"]["uid"]},
        }
        bound = spec.get("boundObjectRef")
        if bound:
            if bound.get("kind") != "Pod":
                raise bad_request(f"cannot bind token to object of kind {bound.get('kind')}")
            pod = self.store.get(PODS.key, (namespace, bound["name"]))
            if pod is None:
                raise Refusal(404, "NotFound", f'pods "{bound["name"]}" not found')
            if bound.get("uid") not in {None, "", pod.object["metadata"]["uid"]}:
                raise Refusal(
                    409, "Conflict", "the UID in the bound object reference does not match the UID in record"
                )
            mine["pod"] = {"name": bound["name"], "uid": pod.object["metadata"]["uid"]}
        token = self.signer.sign(
            {
                "aud": audiences,
                "exp": now + lifetime,
                "iat": now,
                "iss": self.signer.issuer,
                "jti": secrets.token_hex(16),
                "kubernetes.io": mine,
                "nbf": now,
                "sub": f"system:serviceaccount:{namespace}:{name}",
            }
        )
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + lifetime))
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": None},
            "spec": {"audiences": audiences, "expirationSeconds": lifetime, "boundObjectRef": bound},
            "status": {"token": token, "expirationTimestamp": stamp},
        }

    def user(self, token, audiences=None):
        """The user that a token names and its audiences, or None with the reason."""
        claims = self.signer.claims(token)
        if claims is None or claims.get("iss") != self.signer.issuer:
            return None, "invalid bearer token"
        now = self.clock()
        if not claims["nbf"] - 5 <= now < claims["exp"]:
            return None, "service account token has expired"
        shared = [audience for audience in audiences or [self.signer.issuer] if audience in claims["aud"]]
        if not shared:
            return None, f"token audiences {claims['aud']} is invalid for the target audiences {audiences}"
        mine = claims["kubernetes.io"]
        namespace, name = mine["namespace"], mine["serviceaccount"]["name"]
        account = self.store.get(ACCOUNTS.key, (namespace, name))
        if account is None or account.object["metadata"]["uid"] != mine["serviceaccount"]["uid"]:
            return None, "service account token has been invalidated"
        extra = {"authentication.kubernetes.io/credential-id": [f"JTI={claims['jti']}"]}
        if "pod" in mine:
            pod = self.store.get(PODS.key, (namespace, mine["pod"]["name"]))
            if pod is None or pod.object["metadata"]["uid"] != mine["pod"]["uid"]:
                return None, "service account token has been invalidated"
            extra["authentication.kubernetes.io/pod-name"] = [mine["pod"]["name"]]
            extra["authentication.kubernetes.io/pod-uid"] = [mine["pod"]["uid"]]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return User(claims["sub"], groups, mine["serviceaccount"]["uid"], extra), shared

    def review(self, request):
        spec = request.get("spec") or {}
        user, more = self.user(spec.get("token", ""), spec.get("audiences"))
        status = (
            {"authenticated": False, "error": more, "user": {}}
            if user is None
            else {
                "authenticated": True,
                "audiences": more,
                "user": {
                    "username": user.name,
                    "uid": user.uid,
                    "groups": list(user.groups),
                    "extra": user.extra,
                },
            }
        )
        return {**request, "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status}
