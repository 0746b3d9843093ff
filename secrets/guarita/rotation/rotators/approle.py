"""The secret-id of an AppRole: registered by a value of our own, so that it can be registered twice and found again.

Vault's plain `secret-id` makes a new one whenever it is asked; `custom-secret-id` takes the one that the journal holds.
For the same reason the ladder can be climbed back: disabling destroys the accessor, enabling registers the same value
again. Each registration has an accessor of its own, so a call that comes late ends nothing but what it meant.

Five failed logins within a quarter of an hour lock the role out for everybody (measured on OpenBao 2.7; Vault's user
lockout is the same), and a login that succeeds sets the count back: so each login that has to fail is made once, and
followed by one that succeeds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from guarita.config.rotation_engines import AppRoleSecret
from guarita.rotation.errors import (
    DriftError,
    NotYetError,
    ProbeFailedError,
    StillValidError,
    TransientError,
)
from guarita.rotation.interface import ADOPTED, Credential, Fence, Problem, Proof, Randomness, Rotator
from guarita.rotation.parts import Parts
from guarita.rotation.vault.client import VaultRefusedError

_BYTES: Final = 32
_MARK: Final = "guarita_secret"
"""In the metadata of secret-ids of ours: the name of the secret. Beside it the rotation."""
_ROTATION: Final = "guarita_rotation"
_LOOKED_AT: Final = 100
"""Secret-ids that `check` asks about one by one; of more it says how many there are."""


def build(name: str, section: AppRoleSecret, parts: Parts) -> Rotator:
    """The rotator of one AppRole's secret-id."""
    return AppRoleRotator(name, section, parts)


class AppRoleRotator(Rotator):
    """Consumers get `role_id` and `secret_id`."""

    kind: ClassVar[str] = "approle"

    def __init__(self, name: str, section: AppRoleSecret, parts: Parts) -> None:
        self._name = name
        self._section = section
        self._parts = parts
        self._vault = parts.vault
        self._role = f"auth/{section.mount}/role/{section.role}"
        self._place = f"{section.mount}/{section.role}"

    def current(self, values: Mapping[str, str]) -> Credential | None:
        secret_id = values.get(self._section.secret_id_field)
        if secret_id is None:
            return None
        role_id = values.get(self._section.role_id_field, "")
        if role_id and role_id != self._role_id():
            raise DriftError(
                "approle.other-role",
                f"{self._place}: the role_id in Vault is another role's",
                hint=f"put the role_id of {self._section.role} there, or name the other role",
            )
        found = self._lookup(secret_id)
        handle = {"role": self._place, **({"accessor": found["secret_id_accessor"]} if found else {})}
        return Credential(rotation=ADOPTED, handle=handle, values=dict(values))

    def check(self, current: Credential | None) -> Sequence[Problem]:
        role = self._vault.read(self._role)
        if role is None:
            return [Problem(code="approle.no-role", message=f"{self._place}: there is no such role")]
        found = []
        if not role.get("bind_secret_id"):
            found.append(
                Problem(
                    code="approle.unbound",
                    message=f"{self._place}: takes any secret-id (bind_secret_id is false)",
                    hint="there is nothing to rotate until it is true",
                )
            )
        if role.get("secret_id_num_uses"):
            found.append(
                Problem(
                    code="approle.few-uses",
                    message=f"{self._place}: a secret-id may be used {role['secret_id_num_uses']} times, and probes use it",
                    hint="set secret_id_num_uses to 0",
                )
            )
        if role.get("secret_id_bound_cidrs") or role.get("token_bound_cidrs"):
            found.append(
                Problem(
                    code="approle.bound-addresses",
                    message=f"{self._place}: takes logins from some addresses alone, and probes come from this runner's",
                    hint="it has to be among secret_id_bound_cidrs and token_bound_cidrs",
                    hinders=False,
                )
            )
        ttl = int(role.get("secret_id_ttl") or 0)
        if ttl and ttl < self._section.max_age_days * 86_400:
            found.append(
                Problem(
                    code="approle.short-life",
                    message=f"{self._place}: secret-ids end after {ttl} s, before they are {self._section.max_age_days:g} days old",
                    hint="set secret_id_ttl to 0, or lower max_age_days",
                )
            )
        return found + self._others(current)

    def _others(self, current: Credential | None) -> list[Problem]:
        accessors = self._vault.list(f"{self._role}/secret-id")
        known = current.handle.get("accessor") if current else None
        others = [accessor for accessor in accessors if accessor != known]
        if len(others) <= _LOOKED_AT:
            ours = {accessor for accessor, mark in self._marked(others) if mark.get(_MARK) == self._name}
            others = [accessor for accessor in others if accessor not in ours]
        if not others:
            return []
        return [
            Problem(
                code="approle.others",
                message=f"{self._place}: {len(others)} more secret-ids are valid",
                hint="their accessors: " + ", ".join(others[:5]),
                hinders=False,
            )
        ]

    def plan(self, rotation: str, current: Credential | None, randomness: Randomness) -> Credential:  # noqa: ARG002
        return Credential(
            rotation=rotation,
            handle={"role": self._place},
            values={self._section.secret_id_field: randomness(_BYTES).hex()},
        )

    def create(self, new: Credential, fence: Fence) -> Credential:
        secret_id = new.values[self._section.secret_id_field]
        role_id = self._role_id()
        accessor = self._registered(secret_id, new.rotation, fence)
        return Credential(
            rotation=new.rotation,
            handle={**new.handle, "accessor": accessor},
            values={**new.values, self._section.role_id_field: role_id},
            created=new.created or self._vault.now(),
        )

    def probe(self, credential: Credential) -> Proof:
        secret_id = credential.values[self._section.secret_id_field]
        role_id = credential.values.get(self._section.role_id_field) or self._role_id()
        if not self._logs_in(role_id, secret_id):
            raise ProbeFailedError("approle.probe", f"{self._place}: the new secret-id does not log in")
        any_does = self._logs_in(role_id, self._parts.randomness(_BYTES).hex())
        self._logs_in(role_id, secret_id)
        if any_does:
            raise ProbeFailedError(
                "approle.probe", f"{self._place}: any secret-id logs in, so a login proves nothing"
            )
        return Proof(kind="login", facts={"role": self._place, "other_refused": True})

    def idle(self, old: Credential) -> Proof:
        """Vault does not say by which secret-id somebody logged in: that every consumer was restarted has to do."""
        role = self._vault.read(self._role) or {}
        return Proof(
            kind="not-observable",
            facts={
                "role": self._place,
                "accessor": old.handle.get("accessor", ""),
                "tokens_live_on_seconds": role.get("token_max_ttl", 0),
            },
        )

    def disable(self, old: Credential, fence: Fence) -> None:
        self._end(old, fence)

    def enable(self, old: Credential, fence: Fence) -> None:
        self._registered(old.values[self._section.secret_id_field], old.rotation, fence)

    def refused(self, old: Credential) -> Proof:
        secret_id = old.values[self._section.secret_id_field]
        if self._lookup(secret_id) is not None:
            raise StillValidError(
                "approle.still-valid", f"{self._place}: the old secret-id is still registered"
            )
        live = self._published()
        if live is None or live == secret_id:
            # Nothing to set the count of failed logins back by.
            return Proof(kind="not-registered", facts={"role": self._place})
        role_id = self._role_id()
        if self._logs_in(role_id, secret_id):
            raise StillValidError("approle.still-valid", f"{self._place}: the old secret-id still logs in")
        if not self._logs_in(role_id, live):
            raise NotYetError(
                "approle.unproven",
                f"{self._place}: what is published does not log in, so a refusal says nothing",
            )
        return Proof(
            kind="login-refused", facts={"role": self._place, "status": 400, "published_logs_in": True}
        )

    def destroy(self, credential: Credential, fence: Fence) -> None:
        self._end(credential, fence)

    def sweep(self, keep: Sequence[Credential], fence: Fence) -> Sequence[str]:
        known = {
            found["secret_id_accessor"]
            for credential in keep
            if (secret_id := credential.values.get(self._section.secret_id_field))
            and (found := self._lookup(secret_id)) is not None
        } | {credential.handle["accessor"] for credential in keep if "accessor" in credential.handle}
        left = [
            (accessor, mark.get(_ROTATION, ""))
            for accessor, mark in self._marked(self._vault.list(f"{self._role}/secret-id"))
            if mark.get(_MARK) == self._name and accessor not in known
        ]
        for accessor, _ in left:
            fence.hold()
            self._destroy(accessor)
        return [f"{self._place}: secret-id {accessor} of {rotation}" for accessor, rotation in left]

    def _registered(self, secret_id: str, rotation: str, fence: Fence) -> str:
        """The accessor of this secret-id, which is registered if it is not yet."""
        found = self._lookup(secret_id)
        if found is None:
            fence.hold()
            metadata = json.dumps({_MARK: self._name, _ROTATION: rotation})
            body = {"secret_id": secret_id, "metadata": metadata}
            try:
                made = self._vault.write(f"{self._role}/custom-secret-id", body)
            except TransientError:
                # Unanswered, or registered by another runner meanwhile, which Vault answers with 500.
                found = self._lookup(secret_id)
                if found is None:
                    raise
            else:
                return str(made["secret_id_accessor"])
        return str(found["secret_id_accessor"])

    def _end(self, credential: Credential, fence: Fence) -> None:
        secret_id = credential.values.get(self._section.secret_id_field)
        found = self._lookup(secret_id) if secret_id else None
        if found is not None:
            fence.hold()
            self._destroy(str(found["secret_id_accessor"]))

    def _destroy(self, accessor: str) -> None:
        body = {"secret_id_accessor": accessor}
        try:
            self._vault.write(f"{self._role}/secret-id-accessor/destroy", body)
        except TransientError:
            # One that is gone is answered with 500.
            if self._vault.call("post", f"{self._role}/secret-id-accessor/lookup", body) is not None:
                raise

    def _lookup(self, secret_id: str) -> dict[str, Any] | None:
        return self._vault.write(f"{self._role}/secret-id/lookup", {"secret_id": secret_id}) or None

    def _marked(self, accessors: Sequence[str]) -> list[tuple[str, Mapping[str, str]]]:
        """Accessors with the metadata of their secret-ids."""
        found = []
        for accessor in accessors:
            body = {"secret_id_accessor": accessor}
            told = self._vault.call("post", f"{self._role}/secret-id-accessor/lookup", body)
            if told is not None:
                found.append((accessor, (told.get("data") or {}).get("metadata") or {}))
        return found

    def _logs_in(self, role_id: str, secret_id: str) -> bool:
        body = {"role_id": role_id, "secret_id": secret_id}
        try:
            answer = self._vault.call("post", f"auth/{self._section.mount}/login", body)
        except VaultRefusedError:
            return False
        token = ((answer or {}).get("auth") or {}).get("client_token")
        if not token:
            return False
        self._vault.revoke_self(str(token))
        return True

    def _published(self) -> str | None:
        entry = self._parts.kv.get(self._section.vault)
        value = None if entry is None or entry.data is None else entry.data.get(self._section.secret_id_field)
        return value if isinstance(value, str) else None

    def _role_id(self) -> str:
        told = self._vault.read(f"{self._role}/role-id")
        if told is None:
            raise DriftError("approle.no-role", f"{self._place}: there is no such role any more")
        return str(told["role_id"])
