"""What interrupts a rotation in a drill: parts that act as those they stand for, and kill this process after an effect.

Nothing else uses them: a run is never interrupted by what stands here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from guarita.config.rotation import RotationSection
from guarita.rotation.interface import (
    Cluster,
    Consumer,
    Credential,
    Delivery,
    Fence,
    PodState,
    Problem,
    Proof,
    Randomness,
    Rotator,
)
from guarita.rotation.kube import service_account_token
from guarita.rotation.record import Recorder
from guarita.rotation.service import Clusters, Service
from guarita.rotation.tools import Subject
from guarita.rotation.vault import Vault
from guarita.rotation.vault.client import UnansweredError
from guarita.rotation.vault.login import connect

T = TypeVar("T")
How = Literal["kill", "lose"]
"""Kill this process after the effect, or lose the answer to it and go on."""
_READS: Final = ("lookup", "/login", "/encrypt/", "/decrypt/")


class Trap:
    """Springs after the effect of one number; counts from 1."""

    def __init__(self, at: int, how: How, sprung: Callable[[str], None]) -> None:
        """`sprung` is told what it was, before anything happens."""
        self._at, self._how, self._sprung = at, how, sprung
        self._count = 0

    def effect(self, what: str, *, answered: bool = False) -> None:
        """Something was changed. Raises UnansweredError where the answer of Vault is to be lost."""
        self._count += 1
        if self._count != self._at:
            return
        self._sprung(what)
        if self._how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if answered:
            raise UnansweredError("rotation.drill", f"the answer to {what} was lost by the drill", delay=0.1)


class MeddledVault(Vault):
    """Vault with a trap after each request that changes something."""

    trap: Trap | None = None

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """As the base class, and then perhaps not."""
        answer = super().call(method, path, body, params=params)
        if (
            self.trap is not None
            and method not in {"get", "list"}
            and not any(word in path for word in _READS)
        ):
            self.trap.effect(f"{method} {path}", answered=True)
        return answer


class MeddledRotator(Rotator):
    """A rotator with a trap after each step that changes its target."""

    def __init__(self, real: Rotator, trap: Trap) -> None:
        self._real, self._trap = real, trap
        self.kind = real.kind  # type: ignore[misc]  # of this one

    def _done(self, what: str, answer: T) -> T:
        self._trap.effect(f"{self.kind}: {what}")
        return answer

    def current(self, values: Mapping[str, str]) -> Credential | None:
        return self._real.current(values)

    def check(self, current: Credential | None) -> Sequence[Problem]:
        return self._real.check(current)

    def plan(self, rotation: str, current: Credential | None, randomness: Randomness) -> Credential:
        return self._real.plan(rotation, current, randomness)

    def create(self, new: Credential, fence: Fence) -> Credential:
        return self._done("create", self._real.create(new, fence))

    def probe(self, credential: Credential) -> Proof:
        return self._real.probe(credential)

    def warm(self, new: Credential) -> float:
        return self._real.warm(new)

    def served(self, new: Credential) -> Proof | None:
        return self._real.served(new)

    def overlap(self, old: Credential) -> float:
        return self._real.overlap(old)

    def idle(self, old: Credential) -> Proof:
        return self._real.idle(old)

    def users(self, old: Credential) -> Sequence[str]:
        return self._real.users(old)

    def disable(self, old: Credential, fence: Fence) -> None:
        self._real.disable(old, fence)
        self._done("disable", None)

    def enable(self, old: Credential, fence: Fence) -> None:
        self._real.enable(old, fence)
        self._done("enable", None)

    def cut(self, old: Credential, fence: Fence) -> None:
        self._real.cut(old, fence)
        self._done("cut", None)

    def refused(self, old: Credential) -> Proof:
        return self._real.refused(old)

    def destroy(self, credential: Credential, fence: Fence) -> None:
        self._real.destroy(credential, fence)
        self._done("destroy", None)

    def sweep(self, keep: Sequence[Credential], fence: Fence) -> Sequence[str]:
        return self._real.sweep(keep, fence)

    def close(self) -> None:
        self._real.close()


class MeddledCluster:
    """A cluster with a trap after each change of it."""

    def __init__(self, real: Cluster, trap: Trap) -> None:
        self._real, self._trap = real, trap

    def _done(self, what: str, answer: T) -> T:
        self._trap.effect(f"cluster: {what}")
        return answer

    def consumers(self, delivery: Delivery) -> Sequence[Consumer]:
        """As the real one, as is all else here."""
        return self._real.consumers(delivery)

    def check(self, delivery: Delivery) -> Sequence[Problem]:
        return self._real.check(delivery)

    def store(self, delivery: Delivery, rotation: str, data: Mapping[str, str], fence: Fence) -> None:
        self._real.store(delivery, rotation, data, fence)
        self._done("store", None)

    def canary(self, consumer: Consumer, rotation: str, fence: Fence) -> Proof:
        return self._done("canary", self._real.canary(consumer, rotation, fence))

    def point(self, consumer: Consumer, rotation: str | None, fence: Fence) -> None:
        self._real.point(consumer, rotation, fence)
        self._done("point", None)

    def converged(self, consumer: Consumer, rotation: str | None) -> Proof:
        return self._real.converged(consumer, rotation)

    def pods(self, delivery: Delivery) -> Sequence[PodState]:
        return self._real.pods(delivery)

    def prune(self, delivery: Delivery, keep: Collection[str], fence: Fence) -> Sequence[str]:
        return self._done("prune", self._real.prune(delivery, keep, fence))

    def acquire(self, holder: str, seconds: float) -> str | None:
        return self._real.acquire(holder, seconds)

    def release(self, holder: str) -> None:
        self._real.release(holder)

    def close(self) -> None:
        self._real.close()


class MeddledClusters(Clusters):
    """The configured clusters, each with the trap."""

    trap: Trap

    def __getitem__(self, name: str) -> Cluster:
        return MeddledCluster(super().__getitem__(name), self.trap)


class DrilledService(Service):
    """A service without waits: what soaks for days is destroyed at once, and nobody's claim is respected."""

    def __init__(
        self,
        section: RotationSection,
        folder: Path,
        *,
        recorder: Recorder,
        say: Callable[[str], None],
        trap: Trap | None = None,
    ) -> None:
        """Without a trap nothing is interrupted."""
        section = msgspec.structs.replace(
            section,
            lease_seconds=0.0,
            windows=[],
            secrets={
                name: msgspec.structs.replace(one, soak_seconds=0.0, overlap_seconds=0.0)
                for name, one in section.secrets.items()
            },
        )
        self._trap = trap
        clusters = (
            Clusters(section.clusters, folder) if trap is None else MeddledClusters(section.clusters, folder)
        )
        if isinstance(clusters, MeddledClusters) and trap is not None:
            clusters.trap = trap
        vault = connect(
            section.vault, folder, lambda login: service_account_token(login, clusters.api), MeddledVault
        )
        if isinstance(vault, MeddledVault):
            vault.trap = trap
        super().__init__(section, folder, recorder=recorder, say=say, vault=vault, clusters=clusters)

    def subject(self, name: str) -> Subject:
        """A secret whose rotator has the trap."""
        made = super().subject(name)
        return made if self._trap is None else replace(made, rotator=MeddledRotator(made.rotator, self._trap))
