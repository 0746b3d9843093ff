"""What becomes of documents with personal data: the settings of `pii` beside those of what is found."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from guarita.config.section import Section

NonEmpty = Annotated[str, Meta(min_length=1)]
DecisionName = Literal["allow", "redact", "review", "block"]
MethodName = Literal["replace", "mask", "hash", "pseudonym"]
ClassName = Literal[
    "sensitive", "children", "credential", "financial", "identifier", "contact", "person", "organisation", "online",
    "other",
]  # fmt: skip
Probability = Annotated[float, Meta(ge=0, le=1)]
EntityPattern = Annotated[
    str, Meta(pattern=r"^[A-Z][A-Z0-9_]*\*?$", description="PII_CPF, or PII_US_* for all that begin so.")
]
RulePlace = Annotated[str, Meta(min_length=1, max_length=512, description="`*` stands for anything.")]
VaultKey = Annotated[
    str, Meta(pattern="^[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)+$", description="MOUNT/KEY of a transit engine.")
]


class HandlingRule(Section, frozen=True, kw_only=True):
    """What is done about data that meets all conditions that are named."""

    name: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="In reasons and in the audit event.")
    ]
    decision: DecisionName
    method: (
        Annotated[MethodName, Meta(description="How it is redacted. [default: `pii.handling.method`]")] | None
    ) = None
    classes: Annotated[list[ClassName], Meta(min_length=1)] | None = None
    entities: Annotated[list[EntityPattern], Meta(min_length=1)] | None = None
    tenants: Annotated[list[RulePlace], Meta(min_length=1)] | None = None
    sources: (
        Annotated[
            list[RulePlace], Meta(min_length=1, description="Where the document comes from: s3://hr/*.")
        ]
        | None
    ) = None
    suspect: (
        Annotated[bool, Meta(description="Only what fails its check digits, or only what does not.")] | None
    ) = None
    min_score: Annotated[Probability, Meta(description="Only from this probability.")] = 0.0
    below: Annotated[Probability, Meta(description="Only below this probability.")] | None = None
    basis: Annotated[str, Meta(max_length=200, description="The law or the policy that it rests on.")] = ""

    def __post_init__(self) -> None:
        if self.method is not None and self.decision != "redact":
            raise ValueError("`method` goes with `decision: redact`")


class HandlingSection(Section, frozen=True, kw_only=True):
    """What is done about personal data in a document. The first rule that matches a datum decides about it."""

    rules: list[HandlingRule] = msgspec.field(default_factory=list)
    builtin: Annotated[bool, Meta(description="The rules of Guarita follow yours.")] = True
    otherwise: Annotated[DecisionName, Meta(description="What no rule matches.")] = "redact"
    method: Annotated[MethodName, Meta(description="How data is redacted unless a rule says.")] = "replace"
    unreadable: Annotated[
        Literal["block", "review"], Meta(description="A document that cannot be read to its end.")
    ] = "block"
    pictures: Annotated[
        Literal["allow", "review", "block"],
        Meta(description="A document with pictures, whose content nobody reads."),
    ] = "allow"
    embedded: Annotated[
        Literal["remove", "refuse"],
        Meta(description="Objects and files inside of a document that is redacted."),
    ] = "remove"
    pages: Annotated[
        Literal["rasterise", "refuse"],
        Meta(description="A page of a PDF that data cannot be taken out of for certain."),
    ] = "rasterise"

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two rules are called {name!r}")


class ReadingSection(Section, frozen=True, kw_only=True):
    """What reading one document may cost. The workers that read are bounded by the kernel."""

    workers: Annotated[int, Meta(ge=1, le=64, description="Processes that read documents.")] = 2
    seconds: Annotated[
        float, Meta(gt=0, le=86_400, description="For one document, each time it is read.")
    ] = 120.0
    kib_per_second: Annotated[
        float, Meta(gt=0, le=1_000_000, description="A large document has a second more for so many KiB.")
    ] = 50.0
    memory_mib: Annotated[
        int, Meta(ge=512, le=65_536, description="Address space of one worker, its libraries included.")
    ] = 3072
    document_mib: Annotated[int, Meta(ge=1, le=1_048_576, description="A larger document is refused.")] = 2048
    container_mib: Annotated[
        int,
        Meta(ge=1, le=8192, description="The same for what is held in memory: PDF, DOCX, XLSX, HTML, JSON."),
    ] = 256
    pages: Annotated[int, Meta(ge=1, le=1_000_000, description="Pages of a PDF.")] = 10_000
    documents: Annotated[int, Meta(ge=1, description="After so many a worker is replaced by a new one.")] = (
        1000
    )


class PseudonymSection(Section, frozen=True, kw_only=True):
    """Pseudonyms that can be turned back, under a key that never leaves Vault's (or OpenBao's) transit engine."""

    transit: VaultKey
    version: (
        Annotated[
            int, Meta(ge=1, description="The key's version that new ones are under. [default: the newest]")
        ]
        | None
    ) = None
    timeout_seconds: Annotated[float, Meta(gt=0, le=60, description="For one call to Vault.")] = 10.0


class SubjectSection(Section, frozen=True, kw_only=True):
    """The index that answers which documents name a person. It holds keyed tokens, and no personal data."""

    index: Annotated[NonEmpty, Meta(description="sqlite:///PATH from the folder of guarita.yaml.")] = (
        "sqlite:///.guarita/subjects.db"
    )


class QueueSection(Section, frozen=True, kw_only=True):
    """Documents on many machines, by Celery."""

    broker: Annotated[
        NonEmpty, Meta(description="env:VARIABLE that holds the URL, or a URL without a password.")
    ] = "env:GUARITA_BROKER_URL"
    queue: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "guarita-pii"
    roots: Annotated[
        list[NonEmpty],
        Meta(description="References that are read: s3://BUCKET/PREFIX, or a folder. Others are refused."),
    ] = msgspec.field(default_factory=list)
    output: (
        Annotated[NonEmpty, Meta(description="Where redacted documents go: s3://BUCKET/PREFIX, or a folder.")]
        | None
    ) = None
    attempts: Annotated[
        int,
        Meta(ge=1, le=20, description="A document that ended its worker so often is put into quarantine."),
    ] = 3
    visibility_seconds: (
        Annotated[
            int, Meta(ge=10, le=604_800, description="After this a broker gives a document to another.")
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if not self.broker.startswith("env:") and urlsplit(self.broker).password is not None:
            raise ValueError("a password does not stand in guarita.yaml: name a variable by env:VARIABLE")


class StoreSection(Section, frozen=True, kw_only=True):
    """How documents in S3 are reached; credentials are those of the machine or the pod."""

    region: NonEmpty | None = None
    endpoint: Annotated[NonEmpty, Meta(description="For stores other than AWS.")] | None = None
    timeout: Annotated[float, Meta(gt=0, le=600, description="Seconds for one answer.")] = 30.0

    def __post_init__(self) -> None:
        if self.endpoint is not None and not re.match("https?://[^@]+$", self.endpoint):
            raise ValueError(
                "expected an address that begins with https:// or http://, without user and password"
            )
