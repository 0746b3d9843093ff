"""A JWK Set (RFC 7517 section 5) as the keys that may verify here. What may not is left out, with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWKError
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from guarita.gateway.tokens import strictjson
from guarita.gateway.tokens.algorithms import ALGORITHMS, PublicKey

MAX_SET: Final = 262_144
"""Bytes of a whole set."""
MAX_KEYS: Final = 100
MAX_EXPONENT: Final = 33
"""Bits of RSA's public exponent: a signature check takes as many squarings, and real keys need 17 of them at most."""
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_IMPORTERS: Final = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk}


class KeySetError(ValueError):
    """The set as a whole is not acceptable; the text says why."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One public key, and the algorithms that it may verify."""

    kid: str | None
    key: PublicKey
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeySet:
    """An issuer's keys at one moment."""

    keys: tuple[KeyEntry, ...]
    left_out: tuple[str, ...] = ()
    """Why keys of the set are not used, a line each. Holds nothing of the keys."""
    _by_name: dict[tuple[str, str], KeyEntry] = field(default_factory=dict)

    def find(self, kid: str | None, algorithm: str) -> KeyEntry | None:
        """The key of this name for this algorithm.

        Without a name (RFC 7515 section 4.1.4 leaves it out where there is no choice) the one key that fits,
        and None where several do.
        """
        if kid is not None:
            return self._by_name.get((kid, algorithm))
        fitting = [entry for entry in self.keys if algorithm in entry.algorithms]
        return fitting[0] if len(fitting) == 1 else None


def parse_key_set(raw: bytes, allowed: Iterable[str] = tuple(ALGORITHMS)) -> KeySet:
    """Read a set, and keep what may verify signatures by the `allowed` algorithms.

    Left out are symmetric keys, private ones, ones for encryption, weak ones, and all that share a name and
    an algorithm, since nobody can say which is meant. Raises KeySetError for a set that is none, is too
    large, or leaves no key: an issuer without keys is a fault, and not a wish to be believed.
    """
    if len(raw) > MAX_SET:
        raise KeySetError(f"the key set has more than {MAX_SET} bytes")
    try:
        members = strictjson.parse(raw).get("keys")
    except strictjson.StrictJsonError as error:
        raise KeySetError(f"the key set: {error}") from error
    if type(members) is not list or len(members) > MAX_KEYS:
        raise KeySetError(f"the key set has no list `keys` of at most {MAX_KEYS}")
    kept, reasons = [], []
    for number, member in enumerate(members, start=1):
        entry = _entry(member, frozenset(allowed))
        if isinstance(entry, str):
            reasons.append(f"key {number}: {entry}")
        else:
            kept.append(entry)
    names = Counter((entry.kid, name) for entry in kept if entry.kid is not None for name in entry.algorithms)
    twice = {name for name, count in names.items() if count > 1}
    reasons += sorted({f"keys that share a name for {algorithm}" for _, algorithm in twice})
    by_name = {
        (entry.kid, name): entry
        for entry in kept
        if entry.kid is not None
        for name in entry.algorithms
        if (entry.kid, name) not in twice
    }
    usable = tuple(entry for entry in kept if entry.kid is None or any(v is entry for v in by_name.values()))
    if not usable:
        raise KeySetError(
            "the key set holds no key that may verify: " + ("; ".join(reasons) or "it is empty")
        )
    return KeySet(usable, tuple(reasons), by_name)


def parse_key(member: Any, allowed: Iterable[str] = tuple(ALGORITHMS)) -> KeyEntry:
    """Read one public key. Raises KeySetError, as for one that a set would be read without."""
    entry = _entry(member, frozenset(allowed))
    if isinstance(entry, str):
        raise KeySetError(entry)
    return entry


def _entry(member: Any, allowed: frozenset[str]) -> KeyEntry | str:
    """The key, or why it is not used."""
    if type(member) is not dict:
        return "no object"
    importer = _IMPORTERS.get(member.get("kty", "")) if type(member.get("kty")) is str else None
    if importer is None:
        return "of a kind that does not verify here"
    if not _PRIVATE.isdisjoint(member):
        return "a private key is published: the issuer must replace it"
    if reason := _not_for_verifying(member):
        return reason
    try:
        key = importer(member)
    except (InvalidKeyError, PyJWKError, ValueError, TypeError, KeyError):
        return "cannot be read"
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return "of a kind that does not verify here"
    if isinstance(key, rsa.RSAPublicKey) and key.public_numbers().e.bit_length() > MAX_EXPONENT:
        return "its exponent is too large"
    fitting = frozenset(name for name in allowed if name in ALGORITHMS and ALGORITHMS[name].accepts(key))
    if "alg" in member:
        fitting &= {member["alg"]} if type(member["alg"]) is str else frozenset()
    if not fitting:
        return "too weak, or for an algorithm that is not allowed"
    return KeyEntry(member.get("kid"), key, fitting)


def _not_for_verifying(member: dict[str, Any]) -> str:
    """RFC 7517 sections 4.2, 4.3 and 4.5."""
    if member.get("use", "sig") != "sig":
        return "not for signatures"
    operations = member.get("key_ops", ["verify"])
    if type(operations) is not list or "verify" not in operations:
        return "not for verifying"
    kid = member.get("kid")
    if kid is not None and (type(kid) is not str or not kid):
        return "its name is no text"
    return ""
