"""The seams of rotation: what changes a credential at its target, and the cluster whose pods take the new one.

The engine calls the steps in one order, and writes its intent to the journal before each that changes something:

    plan · create · probe · (warm) · publish · deliver · verify · disable · refused · soak · destroy

Every step may be called again with the same arguments, after a crash at any moment or by another runner: it must
then find its work done, or do it. A step that changes a target takes a `Fence` and lets the target compare it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from guarita.rotation.errors import (
    DriftError,
    FencedOutError,
    NotYetError,
    PermanentError,
    ProbeFailedError,
    RolloutFailedError,
    RotationConfigError,
    RotationError,
    StillInUseError,
    StillValidError,
    TransientError,
)

Randomness = Callable[[int], bytes]
"""So many unpredictable bytes: `secrets.token_bytes`, or a test's."""

ADOPTED = "adopted"
"""The rotation id of a credential that was there before Guarita rotated it."""


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What a rotation replaces, or replaces it by. Neither its `repr` nor its `handle` reveal the value."""

    rotation: str
    """The id of the rotation that made it, or ADOPTED."""
    handle: Mapping[str, str]
    """What names it without revealing it: a user, an accessor, a kid, a serial number. May be logged."""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What consumers get, merged into the fields of the secret in Vault: username, password, key."""
    material: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What only the rotator needs again, and nobody is given: a CSR, a key before it is published."""
    version: int | None = None
    """Of the secret in Vault's KV engine that it is published in. The engine sets it."""
    created: float | None = None
    """When the target made it, in seconds since the epoch by the target's clock, if it knows."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Evidence that was seen, for the journal and the ledger: what was tried, where, and what came back.

    `facts` hold numbers, names, SQLSTATEs, HTTP statuses; never a value.
    """

    kind: str
    """A stable word: `login`, `login-refused`, `sessions`, `rollout`, `handshake`, `jwks`, `key-version`."""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What `plan` found that would hinder a rotation, or that somebody should know of."""

    code: str
    message: str
    hint: str = ""
    hinders: bool = True
    """Whether the rotation is not begun because of it."""


@dataclass(frozen=True, kw_only=True)
class Fence:
    """The right to take one step, and no later one: the number only grows with every write to the journal.

    A target that can compare refuses a smaller number than it has seen (a row in the same transaction, `cas`, a
    resourceVersion). One that cannot is asked after `hold()`, directly before the call, and what slips through all
    the same is found by `Rotator.sweep` at the next run.
    """

    secret: str
    """The name of the secret in guarita.yaml: one fence at a target for each."""
    rotation: str
    token: int
    """The version of the journal's entry that declared this step. No two steps have the same."""
    hold: Callable[[], None] = field(repr=False, compare=False)
    """Read the journal again. Raises FencedOutError when it has grown beyond `token`."""
    step: str = ""
    """What is about to be done: `create`, `disable`, `destroy`, …"""


class Rotator(ABC):
    """How one kind of credential is renewed at its target.

    Errors: TransientError (try again after its delay), NotYetError (on its way), PermanentError (roll back),
    FencedOutError. No text of an error, a handle or a proof may hold a value. Every call to a target has a bound in
    time.
    """

    kind: ClassVar[str]
    """The `type` in guarita.yaml, and the entity's type in the ledger."""

    @abstractmethod
    def current(self, values: Mapping[str, str]) -> Credential | None:
        """The credential in force, from what is published in Vault; None where there is none yet.

        `values` is empty where nothing is published, or where this kind publishes nothing: then the target is asked.
        The engine sets `rotation` by the journal. Raises DriftError when what stands there is none of this target's.
        """

    @abstractmethod
    def check(self, current: Credential | None) -> Sequence[Problem]:
        """Look at the target, change nothing: what would hinder a rotation, as far as can be seen before."""

    @abstractmethod
    def plan(self, rotation: str, current: Credential | None, randomness: Randomness) -> Credential:
        """Decide the new credential completely: which user, which value, which key. Pure; asks nobody.

        The engine stages what this gives in Vault before anything is made of it, so that it is decided once.
        """

    @abstractmethod
    def create(self, new: Credential, fence: Fence) -> Credential:
        """Make it valid at the target, beside the old one.

        Gives it back, completed by what only the target can say (a certificate, an accessor); the engine stages that
        too. When it is there already, find it rather than make another.
        """

    @abstractmethod
    def probe(self, credential: Credential) -> Proof:
        """Use it as a consumer would: log in, sign and verify, shake hands. Raises ProbeFailedError.

        A probe that any value would pass proves nothing, and is refused as one that failed.
        """

    def warm(self, new: Credential) -> float:  # noqa: ARG002  # for those who need it
        """Seconds from `create` until everybody who checks it knows it, such as a key set's max-age and skew."""
        return 0.0

    def served(self, new: Credential) -> Proof | None:  # noqa: ARG002
        """Evidence from outside that consumers serve the new one, after they were restarted. Raises NotYetError."""
        return None

    def overlap(self, old: Credential) -> float:  # noqa: ARG002
        """Seconds from the last consumer's switch during which the old one has to stay valid (a token's lifetime)."""
        return 0.0

    @abstractmethod
    def idle(self, old: Credential) -> Proof:
        """Evidence that nobody uses the old one. Raises StillInUseError with who does."""

    def users(self, old: Credential) -> Sequence[str]:
        """Who would be cut off if it were disabled now, for a person to read."""
        try:
            self.idle(old)
        except StillInUseError as error:
            return error.users or (error.message,)
        return ()

    @abstractmethod
    def disable(self, old: Credential, fence: Fence) -> None:
        """Refuse it from now on, so that `enable` can undo it."""

    @abstractmethod
    def enable(self, old: Credential, fence: Fence) -> None:
        """Climb back: accept it again after `disable`."""

    def cut(self, old: Credential, fence: Fence) -> None:  # noqa: B027  # nothing, for those with no sessions
        """In an emergency, after `disable`: end what is open by the old one (its sessions)."""

    @abstractmethod
    def refused(self, old: Credential) -> Proof:
        """Evidence that it is refused now: a login that failed. Raises StillValidError, or NotYetError."""

    @abstractmethod
    def destroy(self, credential: Credential, fence: Fence) -> None:
        """End it for good. Also called for a new one that may never have been made: that is no error.

        It raises the fence at the target in every case, so that a late `create` is refused.
        """

    def sweep(self, keep: Sequence[Credential], fence: Fence) -> Sequence[str]:  # noqa: ARG002
        """End what a late or lost call of ours left valid at the target beside `keep`; says what that was.

        `keep` is what is in force, by its handle and the fields that are published. For targets that cannot compare a
        fence, or whose calls cannot be repeated. Touches only what bears our mark.
        """
        return ()

    def close(self) -> None:  # noqa: B027
        """Let go of connections."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A Kubernetes Secret that consumers refer to by `name`; its versions are called `name-ROTATION`, immutable."""

    cluster: str
    """Which of `rotation.clusters`."""
    namespace: str
    name: str
    type: str = "Opaque"
    restart: bool = True
    """Whether templates are pointed at each new version. Otherwise only the Secret is made."""


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A workload whose pods take a delivered Secret, as found from its pod template."""

    delivery: Delivery
    kind: str
    """Deployment, StatefulSet, DaemonSet, CronJob, …"""
    name: str
    rotation: str | None = None
    """The version that its template refers to now; None for the plain name."""
    uses: Sequence[str] = ()
    """How: `api: env DB_PASSWORD`, `envFrom`, `volume db`, `projected all`, `imagePullSecrets`."""
    obstacle: str | None = None
    """Why it will not converge (paused, OnDelete, partition, an owner that puts its template back), if it will not."""

    def __str__(self) -> str:
        return f"{self.kind} {self.delivery.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class PodState:
    """One live pod that takes a delivered Secret."""

    name: str
    owner: str
    rotation: str | None
    """The version that it runs, by its own spec; None for the Secret of the plain name."""
    ready: bool
    terminating: bool


class Cluster(Protocol):
    """What the engine asks of Kubernetes. Every call is bounded in time; polling is the engine's.

    The fence of a workload is an annotation with the token, compared and set in the same write that changes the
    template, under the resourceVersion that was read: reading it afresh after a stop does not make a late runner's
    token larger.

    Errors as of a Rotator: a 409 or an ambiguous timeout is resolved by reading back, or is a TransientError; a
    change by somebody else is a DriftError; one by a later runner is a FencedOutError.
    """

    def consumers(self, delivery: Delivery) -> Sequence[Consumer]:
        """Every workload whose template refers to the plain name or to any version of it."""
        ...

    def check(self, delivery: Delivery) -> Sequence[Problem]:
        """For `plan`: what is missing, drifted, or owned by someone else (an ExternalSecret, a SealedSecret)."""
        ...

    def store(self, delivery: Delivery, rotation: str, data: Mapping[str, str], fence: Fence) -> None:
        """Make the immutable Secret of this rotation, annotated with it. The same again is no error."""
        ...

    def canary(self, consumer: Consumer, rotation: str, fence: Fence) -> Proof:
        """Start one pod of the template with the new Secret, out of traffic, and see it become ready.

        Made if it is not there, removed when it was proven. Raises NotYetError, RolloutFailedError.
        """
        ...

    def point(self, consumer: Consumer, rotation: str | None, fence: Fence) -> None:
        """Let the template refer to this version (None: to the plain name), annotated. The same again is no error."""
        ...

    def converged(self, consumer: Consumer, rotation: str | None) -> Proof:
        """The strict gate of DESIGN section 5, looked at once. Raises NotYetError, RolloutFailedError."""
        ...

    def pods(self, delivery: Delivery) -> Sequence[PodState]:
        """Every pod alive that takes any version of the Secret, terminating ones and those of Jobs too."""
        ...

    def prune(self, delivery: Delivery, keep: Collection[str], fence: Fence) -> Sequence[str]:
        """Delete versions of ours that no template and no pod refers to and that are not in `keep`; says which.

        Where `keep` is one rotation, the plain Secret gets its values: nothing leads back to what it held.
        """
        ...

    def acquire(self, holder: str, seconds: float) -> str | None:
        """Take or renew the Lease of rotation for so many seconds: None, or who holds it.

        For liveness only, so that two runners do not get into each other's way; what keeps them from harm is the
        fence.
        """
        ...

    def release(self, holder: str) -> None:
        """Give the Lease back, if it is still this holder's."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


__all__ = [
    "ADOPTED",
    "Cluster",
    "Consumer",
    "Credential",
    "Delivery",
    "DriftError",
    "Fence",
    "FencedOutError",
    "NotYetError",
    "PermanentError",
    "PodState",
    "ProbeFailedError",
    "Problem",
    "Proof",
    "Randomness",
    "RolloutFailedError",
    "RotationConfigError",
    "RotationError",
    "Rotator",
    "StillInUseError",
    "StillValidError",
    "TransientError",
]
