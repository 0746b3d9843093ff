"""Signing keys: created, published, waited for, switched to; the old one is withdrawn when its last token has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final

from guarita.config.rotation_jwt import JwtSecret
from guarita.rotation.errors import (
    DriftError,
    NotYetError,
    ProbeFailedError,
    StillValidError,
    TransientError,
)
from guarita.rotation.fetch import fetch
from guarita.rotation.interface import ADOPTED, Credential, Fence, Problem, Proof, Randomness, Rotator
from guarita.rotation.parts import Parts
from guarita.rotation.rotators.jwt import keys
from guarita.rotation.rotators.jwt.document import Change, kids, parse, removed_at
from guarita.rotation.rotators.jwt.places import Place, place_of
from guarita.rotation.rotators.keymaking import PrivateKey, pem

_MAX_SET: Final = 262_144
_TOKEN_SECONDS: Final = 60
_LATE: Final = 300.0
"""Seconds beyond max-age and skew after which a cache is a fault and no longer on its way."""
_POLL: Final = 15.0


def build(name: str, section: JwtSecret, parts: Parts) -> Rotator:
    """The rotator of one signing key."""
    return JwtRotator(name, section, parts)


class JwtRotator(Rotator):
    """The signer gets `kid`, `algorithm` and `private_key`; the public half goes to the key sets."""

    kind: ClassVar[str] = "jwt"

    def __init__(self, name: str, section: JwtSecret, parts: Parts) -> None:
        self._name = name
        self._section = section
        self._parts = parts
        self._places: Sequence[Place] = [place_of(place, parts) for place in section.key_sets]

    def current(self, values: Mapping[str, str]) -> Credential | None:
        if "private_key" not in values:
            return None
        algorithm = values.get("algorithm", self._section.algorithm)
        try:
            key = keys.load(values["private_key"], algorithm)
        except (ValueError, TypeError):
            raise DriftError(
                "jwt.no-key", f"{self._section.vault}: its private_key is no PEM key for {algorithm}"
            ) from None
        kid = values.get("kid") or keys.thumbprint(key)
        whole = {"kid": kid, "algorithm": algorithm, "private_key": values["private_key"]}
        return Credential(rotation=ADOPTED, handle={"kid": kid, "alg": algorithm}, values=whole)

    def check(self, current: Credential | None) -> Sequence[Problem]:
        if current is None:
            return ()
        missing = [place.name for place in self._places if current.handle["kid"] not in kids(place.read())]
        return [
            Problem(
                code="jwt.not-published",
                message=f"{name}: the key that signs now ({current.handle['kid']}) is not in this set",
                hint="its tokens are refused by who follows the set; publish it there first",
            )
            for name in missing
        ]

    def plan(self, rotation: str, current: Credential | None, randomness: Randomness) -> Credential:  # noqa: ARG002
        key = keys.make(self._section.algorithm, randomness)
        kid = keys.thumbprint(key)
        return Credential(
            rotation=rotation,
            handle={"kid": kid, "alg": self._section.algorithm},
            values={"kid": kid, "algorithm": self._section.algorithm, "private_key": pem(key)},
        )

    def create(self, new: Credential, fence: Fence) -> Credential:
        now = self._parts.vault.now()
        self._change(Change(add=self._public(new)), fence, now)
        return Credential(
            rotation=new.rotation, handle=new.handle, values=new.values, created=new.created or now
        )

    def probe(self, credential: Credential) -> Proof:
        kid = credential.handle["kid"]
        public = self._public(credential)
        for name, document in self._everywhere():
            found = [key for key in document["keys"] if key.get("kid") == kid]
            if not found:
                raise NotYetError("jwt.not-served", f"{name}: does not hold the key {kid} yet", delay=_POLL)
            if len(found) > 1 or any(found[0].get(member) != value for member, value in public.items()):
                raise ProbeFailedError("jwt.other-key", f"{name}: holds another key by the name {kid}")
        facts: dict[str, Any] = {"kid": kid, "sets": len(self._places) + len(self._section.served_at)}
        if self._section.probe is not None:
            facts["status"] = self._accepted(credential)
        return Proof(kind="jwks", facts=facts)

    def warm(self, new: Credential) -> float:  # noqa: ARG002
        return self._section.max_age_seconds + self._section.skew_seconds

    def overlap(self, old: Credential) -> float:  # noqa: ARG002
        return self._section.token_lifetime_seconds + self._section.skew_seconds

    def idle(self, old: Credential) -> Proof:
        """Nobody can say who holds tokens: that the longest-lived has ended has to do (`overlap`)."""
        facts = {"kid": old.handle["kid"], "token_lifetime_seconds": self._section.token_lifetime_seconds}
        return Proof(kind="token-lifetime", facts=facts)

    def disable(self, old: Credential, fence: Fence) -> None:
        self._change(Change(remove=[old.handle["kid"]]), fence, self._parts.vault.now())

    def enable(self, old: Credential, fence: Fence) -> None:
        self._change(Change(add=self._public(old)), fence, self._parts.vault.now())

    def refused(self, old: Credential) -> Proof:
        kid = old.handle["kid"]
        for place in self._places:
            if kid in kids(place.read()):
                raise StillValidError("jwt.still-valid", f"{place.name}: still holds the key {kid}")
        for url in self._section.served_at:
            if kid in kids(self._served(url)):
                raise self._waiting(old, f"{url}: still serves the key {kid}")
        facts: dict[str, Any] = {"kid": kid, "sets": len(self._places) + len(self._section.served_at)}
        if self._section.probe is None:
            return Proof(kind="jwks", facts=facts)
        status = self._asked(old, self._key_of(old))
        if status not in self._section.probe.refused:
            raise self._waiting(
                old, f"{self._section.probe.url}: answered {status} to a token by the old key"
            )
        return Proof(kind="login-refused", facts={**facts, "status": status})

    def destroy(self, credential: Credential, fence: Fence) -> None:
        self._change(Change(remove=[credential.handle["kid"]]), fence, self._parts.vault.now())

    def sweep(self, keep: Sequence[Credential], fence: Fence) -> Sequence[str]:
        known = [credential.handle["kid"] for credential in keep]
        left = []
        for place in self._places:
            if found := [kid for kid in kids(place.read(), self._name) if kid not in known]:
                place.change(Change(keep_only=known), fence, self._parts.vault.now())
                left += [f"{place.name}: key {kid}" for kid in found]
        return left

    def _change(self, change: Change, fence: Fence, now: float) -> None:
        fence.hold()
        for place in self._places:
            place.change(change, fence, now)

    def _key_of(self, credential: Credential) -> PrivateKey:
        return keys.load(credential.values["private_key"], credential.handle["alg"])

    def _public(self, credential: Credential) -> dict[str, Any]:
        return keys.jwk(self._key_of(credential), credential.handle["kid"], credential.handle["alg"])

    def _everywhere(self) -> list[tuple[str, dict[str, Any]]]:
        found = [(place.name, place.read()) for place in self._places]
        return found + [(url, self._served(url)) for url in self._section.served_at]

    def _waiting(self, old: Credential, message: str) -> NotYetError | StillValidError:
        """While caches may be what they are, this is on its way; after that it is a fault."""
        at = [removed_at(place.read(), self._name, old.handle["kid"]) for place in self._places]
        known = [moment for moment in at if moment is not None]
        limit = self._section.max_age_seconds + self._section.skew_seconds + _LATE
        if known and self._parts.vault.now() > max(known) + limit:
            return StillValidError("jwt.still-valid", message)
        return NotYetError("jwt.still-cached", message, delay=_POLL)

    def _accepted(self, credential: Credential) -> int:
        """The status for a token by this key, where one by another key of the same name is refused."""
        probe = self._section.probe
        assert probe is not None  # noqa: S101  # the caller looked
        key = self._key_of(credential)
        status = self._asked(credential, key)
        if status not in probe.ok:
            message = f"{probe.url}: answered {status} to a token by the new key"
            since = credential.created
            limit = self._section.max_age_seconds + self._section.skew_seconds + _LATE
            if since is not None and self._parts.vault.now() > since + limit:
                raise ProbeFailedError("jwt.probe", message)
            raise NotYetError("jwt.not-known", message, delay=_POLL)
        if self._asked(credential, keys.make(credential.handle["alg"], self._parts.randomness)) in probe.ok:
            raise ProbeFailedError("jwt.probe", f"{probe.url}: takes a token by any key")
        return status

    def _asked(self, credential: Credential, key: PrivateKey) -> int:
        probe = self._section.probe
        assert probe is not None  # noqa: S101
        now = int(self._parts.vault.now())
        header = {"alg": credential.handle["alg"], "kid": credential.handle["kid"], "typ": probe.type}
        times = {"iat": now, "exp": now + _TOKEN_SECONDS, "jti": self._parts.randomness(16).hex()}
        token = keys.token(key, header, {**probe.claims, **times})
        return self._get(probe.url, {"Authorization": f"Bearer {token}"}, probe.ca_file)[0]

    def _served(self, url: str) -> dict[str, Any]:
        status, body = self._get(url, {"Accept": "application/json"}, None)
        if status != HTTPStatus.OK:
            raise TransientError("jwt.not-served", f"{url}: answered {status}", delay=_POLL)
        return parse(body.decode("utf-8", "replace"), url)

    def _get(self, url: str, headers: Mapping[str, str], ca_file: str | None) -> tuple[int, bytes]:
        authority = ca_file or self._section.ca_file
        return fetch(
            url,
            code="jwt.unreachable",
            timeout=self._section.timeout_seconds,
            limit=_MAX_SET,
            headers=headers,
            verify=str(self._parts.folder / authority) if authority else True,
        )
