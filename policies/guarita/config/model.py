"""What may stand in guarita.yaml: the types that its sections are decoded into."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from guarita.config.detection import DetectionSection
from guarita.config.gateway import GatewaySection
from guarita.config.pii import PiiSection
from guarita.config.profiles import ProfileName, ProfileSection
from guarita.config.rotation import RotationSection
from guarita.config.sinks import NonEmpty, SinkSection, unique

SeverityName = Literal["info", "low", "medium", "high", "critical"]
FrameworkName = Literal["cis-kubernetes", "nsa-cisa", "lgpd", "gdpr", "pci-dss", "iso-27001", "soc-2"]
Patterns = Annotated[list[NonEmpty], Meta(min_length=1)]
RuleName = Annotated[str, Meta(min_length=1, pattern=r"^[A-Za-z0-9_.*?:-]+$")]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A mapping in guarita.yaml. Keys that it does not know are errors."""


class WitnessSection(Section, frozen=True, kw_only=True):
    """Somebody else who sees the log grow, and signs that."""

    url: Annotated[str, Meta(pattern="^https?://", description="Its submission prefix (C2SP tlog-witness).")]
    vkey: Annotated[NonEmpty, Meta(description="Its public key (C2SP vkey of signature type 4).")]


class LedgerSection(Section, frozen=True, kw_only=True):
    """Where the audit ledger is."""

    url: Annotated[NonEmpty, Meta(description="sqlite:///PATH or postgresql://…")] | None = None
    key: (
        Annotated[
            NonEmpty, Meta(description="The signing key: PATH, env:VARIABLE, vault:MOUNT/NAME or none.")
        ]
        | None
    ) = None
    vkey: Annotated[NonEmpty, Meta(description="The first public key of the log, pinned.")] | None = None
    checkpoint_every: (
        Annotated[int, Meta(ge=1, description="Entries after which a checkpoint is signed.")] | None
    ) = None
    buffer: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=100_000,
                description="Events to hold in memory while the ledger cannot be written. [default: refuse them]",
            ),
        ]
        | None
    ) = None
    sinks: Annotated[list[SinkSection], Meta(description="Where entries are copied to.")] = []
    sealing_key: (
        Annotated[
            NonEmpty,
            Meta(description="Master key of the subjects' keys: PATH, env:VARIABLE or vault:MOUNT/NAME."),
        ]
        | None
    ) = None
    witnesses: Annotated[list[WitnessSection], Meta(description="Who cosigns checkpoints.")] = []
    witness_quorum: (
        Annotated[int, Meta(ge=1, description="How many of them must. [default: more than half]")] | None
    ) = None

    def __post_init__(self) -> None:
        unique(self.sinks)


class Exclusion(Section, frozen=True, kw_only=True):
    """Files that are not scanned, by a rule with a name and a reason."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Shown in the coverage.")]
    paths: Annotated[Patterns, Meta(description="Patterns as in .gitignore, from the scanned root.")]
    reason: NonEmpty


class SeverityOverride(Section, frozen=True, kw_only=True):
    """Another severity for a rule, everywhere or at some paths."""

    rule: RuleName
    severity: SeverityName
    reason: NonEmpty
    paths: Patterns | None = None


class PathRule(Section, frozen=True, kw_only=True):
    """Another threshold at some paths. The last one that matches holds."""

    paths: Patterns
    fail_on: SeverityName
    reason: NonEmpty


class Waiver(Section, frozen=True, kw_only=True):
    """An accepted finding: who answers for it, why, and until when."""

    owner: Annotated[NonEmpty, Meta(description="A person or team that answers for it.")]
    reason: NonEmpty
    expires: Annotated[dt.date, Meta(description="The last day it holds (UTC).")]
    rule: RuleName | None = None
    fingerprint: Annotated[str, Meta(pattern=r"^[0-9a-f]{8,32}$")] | None = None
    paths: Patterns | None = None
    resource: NonEmpty | None = None


class AcceptedSuppression(Section, frozen=True, kw_only=True):
    """Inline comments that are accepted for a rule. All others are shown, and do not hide."""

    rule: RuleName
    reason: NonEmpty
    paths: Patterns | None = None


class InlineSuppressions(Section, frozen=True, kw_only=True):
    """What the policy makes of `# nosec`, `checkov:skip` and their like."""

    accept: list[AcceptedSuppression] = []


class ScanSection(Section, frozen=True, kw_only=True):
    """The gate: what is scanned, and the policy that judges it."""

    fail_on: Annotated[
        SeverityName, Meta(description="Findings of this severity or worse fail the gate.")
    ] = "medium"
    scanners: Annotated[list[NonEmpty], Meta(min_length=1)] | None = None
    packs: Annotated[
        list[Literal["platform"]],
        Meta(description="Demands beside the scanners' own rules (docs/platform-pack.md)."),
    ] = []
    frameworks: Annotated[
        list[FrameworkName],
        Meta(description="Frameworks whose controls are shown as passed, failed or not checked."),
    ] = []
    exclude: list[Exclusion] = []
    severity: list[SeverityOverride] = []
    paths: list[PathRule] = []
    waivers: list[Waiver] = []
    inline_suppressions: InlineSuppressions = InlineSuppressions()
    baseline: (
        Annotated[NonEmpty, Meta(description="A baseline file, from the folder of guarita.yaml.")] | None
    ) = None
    timeout: Annotated[int, Meta(ge=1, le=86_400, description="Seconds that a scanner may take.")] = 600
    max_file_size: Annotated[
        int, Meta(ge=1024, le=2**31, description="Bytes. A larger text file is unparseable, never skipped.")
    ] = 10 * 1024 * 1024
    advisories_max_age: Annotated[
        int, Meta(ge=1, le=3650, description="Days since the newest known vulnerability was written down.")
    ] = 7
    max_waiver_days: Annotated[
        int | None, Meta(description="A waiver may not reach further than this many days from today.")
    ] = 366


class Config(Section, frozen=True, kw_only=True):
    """The whole of guarita.yaml."""

    ledger: LedgerSection = LedgerSection()
    scan: ScanSection = ScanSection()
    gateway: GatewaySection = GatewaySection()
    pii: PiiSection = PiiSection()
    rotation: RotationSection = RotationSection()
    detection: DetectionSection = DetectionSection()
    profiles: Annotated[
        dict[ProfileName, ProfileSection],
        Meta(description="What is otherwise where $GUARITA_PROFILE names one of these."),
    ] = {}
