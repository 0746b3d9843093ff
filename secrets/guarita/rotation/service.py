"""From guarita.yaml to what the commands work with: Vault, clusters, the ledger, each secret with its rotator."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import msgspec

from guarita import config
from guarita.audit import LedgerUnavailableError, open_settings, settings_of
from guarita.audit.locate import project
from guarita.audit.stores.sqlite_file import FOLDER
from guarita.config.rotation import ClusterSection, RotationSection
from guarita.config.rotation_base import DeliverySection
from guarita.config.rotation_secrets import SecretSection
from guarita.errors import UsageError
from guarita.rotation.clock import Clock, Moment
from guarita.rotation.engine.machine import Machine
from guarita.rotation.interface import Cluster, Delivery
from guarita.rotation.journal import Entry, Journal
from guarita.rotation.kube import Api, KubeCluster, connect, service_account_token
from guarita.rotation.orphans import orphans
from guarita.rotation.parts import Parts
from guarita.rotation.record import NONE, Recorder
from guarita.rotation.rotators.build import build, kind_of
from guarita.rotation.staging import Fingerprints
from guarita.rotation.standing import Standing, standing
from guarita.rotation.tools import Restarts, Subject, Supply, Tools
from guarita.rotation.vault import Kv, Vault
from guarita.rotation.vault.login import connect as connect_vault
from guarita.rotation.windows import is_open


class Clusters(Mapping[str, Cluster]):
    """The configured clusters, each connected when it is first asked for."""

    def __init__(self, sections: Mapping[str, ClusterSection], folder: Path) -> None:
        self._sections = sections
        self._folder = folder
        self._apis: dict[str, Api] = {}
        self._made: dict[str, KubeCluster] = {}

    def api(self, name: str | None) -> Api:
        """The client of a cluster; without a name that of the only one."""
        name = name or next(iter(self._sections))
        if name not in self._apis:
            self._apis[name] = connect(name, self._sections[name], self._folder)
        return self._apis[name]

    def __getitem__(self, name: str) -> Cluster:
        if name not in self._made:
            self._made[name] = KubeCluster(self.api(name), self._sections[name].namespace)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)

    @property
    def requests(self) -> int:
        """How many requests were sent to all of them."""
        return sum(cluster.requests for cluster in self._made.values())

    def close(self) -> None:
        """Let go of connections."""
        for cluster in self._made.values():
            cluster.close()


class Service:
    """Everything that a command needs, opened as far as it is used. Use it as a context manager."""

    def __init__(
        self,
        section: RotationSection,
        folder: Path,
        *,
        recorder: Recorder,
        say: Callable[[str], None] = lambda _: None,
        vault: Vault | None = None,
        clusters: Clusters | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`folder` is that of guarita.yaml. What is given is used in place of what the configuration names."""
        self.section = section
        self.folder = folder
        self.clusters = clusters or Clusters(section.clusters, folder)
        self.vault = vault or connect_vault(
            section.vault, folder, lambda login: service_account_token(login, self.clusters.api)
        )
        self.kv = Kv(self.vault)
        self.clock = clock or Clock(self.vault.now, time.time)
        self.runner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stack = ExitStack()
        self._stack.callback(self.clusters.close)
        self._stack.callback(self.vault.close)
        self.tools = Tools(
            kv=self.kv,
            clock=self.clock,
            recorder=recorder,
            fingerprints=Fingerprints(self.kv, section.vault.state, secrets.token_bytes),
            randomness=secrets.token_bytes,
            clusters=self.clusters,
            restarts=Restarts(section.max_restarts),
            state=section.vault.state,
            runner=self.runner,
            lease=section.lease_seconds,
            may_restart=lambda at: is_open(section.windows, at),
            say=say,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def named(self, names: Sequence[str]) -> dict[str, SecretSection]:
        """The secrets of these names, or all. Raises UsageError for one that is not configured."""
        for name in names:
            if name not in self.section.secrets:
                raise UsageError(
                    "rotation.no-such-secret",
                    f"{name}: no secret of this name under `rotation.secrets`",
                    hint=f"there are: {', '.join(sorted(self.section.secrets)) or 'none'}",
                )
        return {name: self.section.secrets[name] for name in names or self.section.secrets}

    def subject(self, name: str) -> Subject:
        """A secret, ready to be rotated."""
        section = self.section.secrets[name]
        rotator = build(name, section, Parts(self.vault, self.folder, api_of=self.clusters.api))
        self._stack.callback(rotator.close)
        return Subject(name, section, rotator, tuple(self._supply(one) for one in section.deliver))

    def machine(self, name: str, *, anytime: bool = False) -> Machine:
        """The machine of a secret, at what its journal says."""
        return Machine(self.subject(name), self.tools, anytime=anytime)

    def entry(self, name: str) -> Entry | None:
        """The journal of a secret; one request."""
        return Journal(self.kv, self.section.vault.state, name, nonce=lambda: "").read()

    def orphans(self) -> Sequence[Entry]:
        """The journals of rotations under way whose secret is not configured. Raises RotationError."""
        return orphans(self.kv, self.section.vault.state, self.section.secrets)

    def standing(self, name: str, now: Moment) -> Standing:
        """How a secret stands, by its journal; where there is none, by what is published or the target."""
        section, entry = self.section.secrets[name], self.entry(name)
        created = None
        if entry is not None and entry.current is not None:
            created = entry.current.created
        if created is None and (entry is None or entry.current is None):
            created = self._found(name, section)
        return standing(
            name,
            section,
            kind=kind_of(section),
            entry=entry,
            created=created,
            now=now,
            jitter_days=self.section.jitter_days,
        )

    def _found(self, name: str, section: SecretSection) -> float | None:
        """When what was there before Guarita was made, if anything was."""
        place: str | None = getattr(section, "vault", None)
        if place is not None:
            there = self.kv.get(place)
            return None if there is None or there.data is None else there.created
        current = self.subject(name).rotator.current({})
        return None if current is None else (current.created or 0.0)

    def _supply(self, section: DeliverySection) -> Supply:
        cluster = section.cluster or next(iter(self.section.clusters))
        namespace = section.namespace or self.section.clusters[cluster].namespace
        delivery = Delivery(
            cluster=cluster,
            namespace=namespace,
            name=section.secret,
            type=section.type,
            restart=section.restart,
        )
        return Supply(delivery, section.data, section.canary)


@contextlib.contextmanager
def opened(
    ledger: str | None,
    configuration: Path | None,
    *,
    writes: bool,
    say: Callable[[str], None] = lambda _: None,
    make: Callable[..., Service] = Service,
) -> Iterator[Service]:
    """The service of the project's configuration, with its ledger where something is going to be recorded.

    Raises UsageError, and LedgerUnavailableError unless `rotation.audit.when_unwritable` says to buffer.
    """
    file = configuration or project() / config.FILE_NAME
    found = config.load(file)
    recorder = Recorder(None, "stop")
    with ExitStack() as stack:
        if writes:
            recorder = stack.enter_context(_recorder(ledger, found, file))
        yield stack.enter_context(make(found.rotation, file.parent, recorder=recorder, say=say))


@contextlib.contextmanager
def _recorder(given: str | None, found: config.Config, file: Path) -> Iterator[Recorder]:
    when = found.rotation.audit.when_unwritable
    settings = settings_of(found.ledger, given, default=str(file.parent / FOLDER / "ledger.db"))
    if settings.url == NONE:
        yield Recorder(None, when)
        return
    try:
        # A process that ends in a moment has nowhere to hold back what the ledger does not take: the journal has.
        ledger = open_settings(msgspec.structs.replace(settings, when_unwritable="deny"))
    except LedgerUnavailableError as error:
        if when == "stop":
            raise
        yield Recorder(error, when)
        return
    try:
        with ledger:
            yield Recorder(ledger, when)
    except LedgerUnavailableError:
        # Closing signs a checkpoint. What could not be told stands in the journals.
        if when == "stop":
            raise


def ordered(names: Iterable[str], sections: Mapping[str, SecretSection]) -> list[str]:
    """The names so that each stands behind those it comes after."""
    done: list[str] = []

    def place(name: str) -> None:
        for other in sections[name].after:
            place(other)
        if name not in done:
            done.append(name)

    wanted = list(names)
    for name in wanted:
        place(name)
    return [name for name in done if name in set(wanted)]
