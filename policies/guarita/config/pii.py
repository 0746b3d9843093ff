"""`pii` in guarita.yaml: what counts as personal data, for everybody and for one tenant."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from guarita.config.pii_handling import (
    HandlingSection,
    PseudonymSection,
    QueueSection,
    ReadingSection,
    StoreSection,
    SubjectSection,
)
from guarita.config.secret_place import SecretPlace
from guarita.config.section import Section

NonEmpty = Annotated[str, Meta(min_length=1)]
EntityName = Annotated[
    str,
    Meta(pattern=r"^PII_[A-Z][A-Z0-9_]{1,60}$", description="An entity type: PII_CPF, or one of your own."),
]
Probability = Annotated[float, Meta(ge=0, le=1)]
TenantName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
PatternText = Annotated[
    str,
    Meta(min_length=1, max_length=500, description="A regular expression without lookaround (RE2 syntax)."),
]


class ListedValue(Section, frozen=True, kw_only=True):
    """A value, or every value of a form, whose standing is known."""

    value: (
        Annotated[NonEmpty, Meta(description="Compared without case, accents, spaces and punctuation.")]
        | None
    ) = None
    pattern: PatternText | None = None
    entity: EntityName | None = None
    reason: NonEmpty

    def __post_init__(self) -> None:
        if (self.value is None) == (self.pattern is None):
            raise ValueError("give either `value` or `pattern`")
        _compilable([self.pattern] if self.pattern else [])


class RecognizerSection(Section, frozen=True, kw_only=True):
    """A recognizer of your own: patterns, the labels that stand beside the value, and a check."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="In explanations.")]
    entity: EntityName
    title: NonEmpty | None = None
    patterns: Annotated[list[PatternText], Meta(min_length=1, max_length=20)]
    labels: Annotated[
        list[NonEmpty], Meta(max_length=100, description="Words beside the value, in any language.")
    ] = msgspec.field(default_factory=list)
    labelled: Annotated[Probability, Meta(description="How probable it is beside a label.")] = 0.9
    alone: Annotated[
        Probability,
        Meta(description="How probable it is without one; below the threshold it is not reported."),
    ] = 0.3
    check: Annotated[
        Literal["none", "luhn", "mod97", "cpf", "cnpj"],
        Meta(description="Check digits. A labelled value that fails them is a suspect, another is nothing."),
    ] = "none"

    def __post_init__(self) -> None:
        _compilable(self.patterns)


class TenantSection(Section, frozen=True, kw_only=True):
    """What holds for one tenant's documents, beside what holds for all."""

    allow: list[ListedValue] = msgspec.field(default_factory=list)
    deny: list[ListedValue] = msgspec.field(default_factory=list)
    recognizers: list[RecognizerSection] = msgspec.field(default_factory=list)


class PiiSection(Section, frozen=True, kw_only=True):
    """Personal data in documents."""

    names: Annotated[
        Literal["required", "off"],
        Meta(description="Names and addresses by the model. `required`: without it nothing is scanned."),
    ] = "required"
    threshold: Annotated[Probability, Meta(description="Detections are reported from this probability.")] = (
        0.35
    )
    ignore: Annotated[list[EntityName], Meta(description="Entity types that are not reported.")] = (
        msgspec.field(default_factory=list)
    )
    enable: Annotated[
        list[EntityName],
        Meta(description="Entity types that are off by default: PII_IP_ADDRESS, PII_URL, …."),
    ] = msgspec.field(default_factory=list)
    engine: Annotated[
        Literal["auto", "hyperscan", "re2", "re"],
        Meta(description="What looks for patterns. `auto` takes the fastest installed; all give the same."),
    ] = "auto"
    allow: Annotated[list[ListedValue], Meta(description="Values that are no personal data.")] = (
        msgspec.field(default_factory=list)
    )
    deny: Annotated[list[ListedValue], Meta(description="Values that always are.")] = msgspec.field(
        default_factory=list
    )
    recognizers: list[RecognizerSection] = msgspec.field(default_factory=list)
    plugins: Annotated[
        list[Annotated[str, Meta(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]],
        Meta(description="Presidio recognizers as MODULE:CLASS, imported from the environment."),
    ] = msgspec.field(default_factory=list)
    tenants: dict[TenantName, TenantSection] = msgspec.field(default_factory=dict)
    handling: HandlingSection = HandlingSection()
    reading: ReadingSection = ReadingSection()
    key: (
        Annotated[
            SecretPlace,
            Meta(
                description="The master key of fingerprints, hashes and the subject index. [default: "
                ".guarita/pii.key beside guarita.yaml, made when it is first needed]"
            ),
        ]
        | None
    ) = None
    fingerprint_days: Annotated[
        int, Meta(ge=1, le=366, description="Days after which fingerprints are under another key.")
    ] = 30
    pseudonyms: PseudonymSection | None = None
    subjects: SubjectSection | None = None
    queue: QueueSection = QueueSection()
    s3: StoreSection = StoreSection()


def _compilable(patterns: list[str]) -> None:
    for number, pattern in enumerate(patterns, start=1):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"pattern {number} is no regular expression: {error.msg}") from error
        if re.search(r"\(\?(?:[=!]|<[=!]|P=)|\\[1-9]", pattern):
            raise ValueError(f"pattern {number} uses lookaround or a back-reference, which is not linear")
