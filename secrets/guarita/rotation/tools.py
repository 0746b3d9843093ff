"""What the engine works with: one secret and its rotator, and what all secrets of a run share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from guarita.config.rotation_secrets import SecretSection
from guarita.rotation.clock import Clock
from guarita.rotation.interface import ADOPTED, Cluster, Consumer, Credential, Delivery, Randomness, Rotator
from guarita.rotation.journal import Entity, Journal, Work
from guarita.rotation.record import Recorder
from guarita.rotation.staging import Fingerprints, Staged, Staging
from guarita.rotation.vault import Kv


@dataclass(frozen=True)
class Supply:
    """A delivery, and the templates of its keys."""

    delivery: Delivery
    keys: Mapping[str, str]
    canary: bool


@dataclass(frozen=True)
class Subject:
    """One secret of guarita.yaml, ready to be rotated."""

    name: str
    section: SecretSection
    rotator: Rotator
    supplies: tuple[Supply, ...] = ()

    @property
    def place(self) -> str | None:
        """Where its value is published in Vault, if it is."""
        return getattr(self.section, "vault", None)


@dataclass
class Restarts:
    """How many workloads may restart at the same time, over all secrets of a run."""

    limit: int
    under_way: set[str] = field(default_factory=set)

    def take(self, consumer: Consumer) -> bool:
        """Whether this one may restart now; it then counts until `free`."""
        name = f"{consumer.delivery.cluster} {consumer}"
        if name not in self.under_way and len(self.under_way) >= self.limit:
            return False
        self.under_way.add(name)
        return True

    def free(self, consumer: Consumer) -> None:
        """It has converged, or was given up."""
        self.under_way.discard(f"{consumer.delivery.cluster} {consumer}")


@dataclass(frozen=True)
class Tools:
    """What all secrets of a run share."""

    kv: Kv
    clock: Clock
    recorder: Recorder
    fingerprints: Fingerprints
    randomness: Randomness
    clusters: Mapping[str, Cluster]
    restarts: Restarts
    state: str
    """The place of journals and staged values in Vault."""
    runner: str
    """This process, unlike any other."""
    lease: float
    """Seconds for which others leave a rotation to its runner after each sign of life."""
    may_restart: Callable[[float], bool]
    """Whether consumers may be restarted at a time (seconds since the epoch): the maintenance windows."""
    say: Callable[[str], None] = lambda _: None
    """Progress, for a person."""

    def journal(self, subject: Subject) -> Journal:
        """The journal of a secret."""
        return Journal(self.kv, self.state, subject.name, nonce=lambda: self.randomness(8).hex())

    def staging(self, subject: Subject) -> Staging:
        """The staged values of a secret."""
        return Staging(self.kv, self.state, subject.name)


@dataclass
class Job:
    """A rotation that is under way, as its steps see it. Steps put what they learn into `work` and `staged`."""

    subject: Subject
    tools: Tools
    work: Work
    current: Entity | None = None
    """What the journal says is in force."""
    staged: Staged | None = None

    @property
    def rotator(self) -> Rotator:
        """How this kind is renewed."""
        return self.subject.rotator

    @property
    def known(self) -> Staged:
        """What was staged, read when it is first needed. Raises DriftError when it is gone."""
        if self.staged is None:
            self.staged = self.tools.staging(self.subject).must(self.work.rotation)
        return self.staged

    @property
    def new(self) -> Credential:
        """The credential of this rotation."""
        version = None if self.work.new is None else self.work.new.version
        return replace(self.known.credential, version=version)

    @property
    def old(self) -> Credential | None:
        """The one that it replaces."""
        return self.known.replaced

    def named(self, found: Credential, version: int, created: float | None) -> Credential:
        """The credential that was found in force, with the rotation that made it: by the journal, or ADOPTED.

        `created` is when Vault got the version that it stands in.
        """
        known = self.current
        ours = known is not None and (
            known.version == version if self.subject.place is not None else known.handle == found.handle
        )
        if known is not None and ours:
            return replace(found, rotation=known.rotation, version=known.version, created=known.created)
        version_of = None if self.subject.place is None else version
        return replace(found, rotation=ADOPTED, version=version_of, created=found.created or created)

    def cluster(self, supply: Supply) -> Cluster:
        """The cluster of a delivery."""
        return self.tools.clusters[supply.delivery.cluster]
