"""Two ACL users that take turns, so that CLIENT LIST shows who still uses the old one.

One user with two passwords would do for logins, but Redis does not say by which password a client came in: nobody could
prove that the old one is out of use, nor end its connections alone.

Passwords reach Redis as SHA-256 alone. Every change adds or takes away one hash, so that a call that comes late touches
no password but its own; beside that a key compares the fence in the same transaction. Redis replicates keys and not its
ACL: each node is changed for itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from guarita.config.rotation_redis import RedisSecret
from guarita.rotation.errors import (
    DriftError,
    PermanentError,
    ProbeFailedError,
    StillInUseError,
    StillValidError,
)
from guarita.rotation.generate import generate
from guarita.rotation.interface import ADOPTED, Credential, Fence, Problem, Proof, Randomness, Rotator
from guarita.rotation.parts import Parts
from guarita.rotation.rotators.redis.node import Node

_ACL: Final = (6, 0, 0)
_SELECTORS: Final = (7, 0, 0)
_CLEARED: Final = ("resetkeys", "resetchannels", "nocommands")


def build(name: str, section: RedisSecret, parts: Parts) -> Rotator:
    """The rotator of one login."""
    admin, ca_file = section.admin, section.ca_file

    def password() -> str | None:
        return None if admin.password is None else parts.secret(admin.password)

    nodes = [
        Node(
            address,
            user=admin.user,
            password=password,
            tls=section.tls,
            ca_file=str(parts.folder / ca_file) if ca_file else None,
            timeout=section.timeout_seconds,
        )
        for address in section.nodes
    ]
    return RedisRotator(name, section, parts, nodes)


class RedisRotator(Rotator):
    """Consumers get a username and a password."""

    kind: ClassVar[str] = "redis"

    def __init__(self, name: str, section: RedisSecret, parts: Parts, nodes: Sequence[Node]) -> None:
        self._name = name
        self._section = section
        self._parts = parts
        self._nodes = nodes

    def current(self, values: Mapping[str, str]) -> Credential | None:
        user = values.get(self._section.username_field)
        if user is None:
            return None
        if user not in self._section.users:
            raise DriftError(
                "redis.other-user",
                f"{self._section.vault}: its user {user!r} is none of {' and '.join(self._section.users)}",
                hint="name the pair in `users`, the one in force among them",
            )
        return Credential(rotation=ADOPTED, handle={"user": user}, values=dict(values))

    def check(self, current: Credential | None) -> Sequence[Problem]:
        found: list[Problem] = []
        primary = self._nodes[0]
        replicas = primary.replicas()
        if replicas is None:
            found.append(
                Problem(
                    code="redis.not-primary",
                    message=f"{primary.address}: is a replica, and the first of `nodes` has to be the primary",
                )
            )
        elif replicas > len(self._nodes) - 1:
            found.append(
                Problem(
                    code="redis.replicas-missing",
                    message=f"{primary.address}: has {replicas} replicas, and `nodes` names {len(self._nodes) - 1}",
                    hint="Redis does not replicate its ACL: after a failover nobody would log in there",
                )
            )
        for node in self._nodes:
            found += self._check(node, current)
        return found

    def plan(self, rotation: str, current: Credential | None, randomness: Randomness) -> Credential:
        first, second = self._section.users
        user = second if current is not None and current.handle["user"] == first else first
        values = {
            self._section.username_field: user,
            self._section.password_field: generate(self._section.generator, randomness),
        }
        return Credential(rotation=rotation, handle={"user": user}, values=values)

    def create(self, new: Credential, fence: Fence) -> Credential:
        user = new.handle["user"]
        rules = self._rights(user)
        for node in self._nodes:
            there = node.users().get(user)
            cleared = [*_CLEARED, *(["clearselectors"] if node.version() >= _SELECTORS else [])]
            # `nopass` would let any password in, and only resetpass takes it away.
            opened = ["resetpass"] if there is not None and there.nopass else []
            node.change(user, ["on", *opened, f"#{self._hash(new)}", *cleared, *rules], fence)
        return Credential(
            rotation=new.rotation,
            handle=new.handle,
            values=new.values,
            created=new.created or self._parts.vault.now(),
        )

    def probe(self, credential: Credential) -> Proof:
        user, password = credential.handle["user"], credential.values[self._section.password_field]
        other = self._parts.randomness(16).hex()
        for node in self._nodes:
            if not node.logs_in(user, password):
                raise ProbeFailedError("redis.probe", f"{node.address}: {user} does not log in")
            if node.logs_in(user, other):
                raise ProbeFailedError("redis.probe", f"{node.address}: {user} logs in by any password")
        return Proof(kind="login", facts={"user": user, "nodes": self._addresses, "other_refused": True})

    def idle(self, old: Credential) -> Proof:
        user = old.handle["user"]
        clients = [f"{client} at {node.address}" for node in self._nodes for client in node.clients_of(user)]
        if clients:
            raise StillInUseError(
                "redis.still-in-use", f"{user}: {len(clients)} connections are open", users=clients
            )
        return Proof(kind="sessions", facts={"user": user, "nodes": self._addresses, "open": 0})

    def disable(self, old: Credential, fence: Fence) -> None:
        self._without(old, fence)

    def enable(self, old: Credential, fence: Fence) -> None:
        for node in self._nodes:
            node.change(old.handle["user"], ["on", f"#{self._hash(old)}"], fence)

    def cut(self, old: Credential, fence: Fence) -> None:
        for node in self._nodes:
            fence.hold()
            node.kill(old.handle["user"])

    def refused(self, old: Credential) -> Proof:
        user, password = old.handle["user"], old.values[self._section.password_field]
        for node in self._nodes:
            if node.logs_in(user, password):
                raise StillValidError(
                    "redis.still-valid", f"{node.address}: {user} still logs in by the old password"
                )
        return Proof(
            kind="login-refused", facts={"user": user, "nodes": self._addresses, "error": "WRONGPASS"}
        )

    def destroy(self, credential: Credential, fence: Fence) -> None:
        self._without(credential, fence)

    def sweep(self, keep: Sequence[Credential], fence: Fence) -> Sequence[str]:
        known = {(kept.handle["user"], self._hash(kept)) for kept in keep}
        left = []
        for node in self._nodes:
            users = node.users()
            for user in self._section.users:
                strange = [h for h in users[user].hashes if (user, h) not in known] if user in users else []
                for digest in strange:  # each for itself: one that is gone already would keep the others
                    node.change(user, [f"!{digest}"], fence)
                if strange:
                    left.append(f"{node.address}: {len(strange)} passwords of {user}")
        return left

    def close(self) -> None:
        for node in self._nodes:
            node.close()

    @property
    def _addresses(self) -> list[str]:
        return [node.address for node in self._nodes]

    def _without(self, credential: Credential, fence: Fence) -> None:
        user, digest = credential.handle["user"], self._hash(credential)
        for node in self._nodes:
            there = node.users().get(user)
            if there is not None and digest in there.hashes:
                node.change(user, [f"!{digest}"], fence)
            else:
                node.raise_fence(fence)

    def _hash(self, credential: Credential) -> str:
        return hashlib.sha256(credential.values[self._section.password_field].encode()).hexdigest()

    def _rights(self, user: str) -> Sequence[str]:
        """What both may do: as configured, else as the other one may, else as this one may already."""
        if self._section.rules is not None:
            return self._section.rules
        users = self._nodes[0].users()
        other = next(name for name in self._section.users if name != user)
        there = users.get(other) or users.get(user)
        if there is None:
            raise PermanentError(
                "redis.no-rights", f"{self._nodes[0].address}: neither user exists", hint="name `rules`"
            )
        return there.rules

    def _check(self, node: Node, current: Credential | None) -> list[Problem]:
        found: list[Problem] = []
        if node.version() < _ACL:
            return [
                Problem(
                    code="redis.too-old", message=f"{node.address}: has no ACL; Redis 6 or later is needed"
                )
            ]
        if not node.persists():
            found.append(
                Problem(
                    code="redis.not-persistent",
                    message=f"{node.address}: has neither an ACL file nor a configuration file: a restart forgets users",
                    hint="start it with `aclfile`",
                )
            )
        users = node.users()
        if self._section.rules is None and not any(user in users for user in self._section.users):
            found.append(
                Problem(
                    code="redis.no-rights",
                    message=f"{node.address}: neither user exists",
                    hint="name `rules`",
                )
            )
        for user in (name for name in self._section.users if name in users):
            if users[user].nopass:
                found.append(
                    Problem(
                        code="redis.nopass",
                        message=f"{node.address}: {user} logs in by any password",
                        hint=f"ACL SETUSER {user} resetpass, and set the one in force again",
                        hinders=current is not None and current.handle["user"] == user,
                    )
                )
            if (current is None or current.handle["user"] != user) and (clients := node.clients_of(user)):
                found.append(
                    Problem(
                        code="redis.idle-in-use",
                        message=f"{node.address}: {user} is next, and {len(clients)} connections use it already",
                        hint="the pair is Guarita's alone; give the others a user of their own",
                    )
                )
        return found
