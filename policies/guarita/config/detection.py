"""Detection and what follows from it: the types of `detection` in guarita.yaml."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from guarita.config.detection_alerts import AlertsSection, LevelName
from guarita.config.section import Section
from guarita.config.sinks import NonEmpty


class RuleOverride(Section, frozen=True, kw_only=True):
    """What is otherwise with a rule here, and why."""

    reason: NonEmpty
    enabled: Annotated[bool, Meta(description="Whether it detects at all.")] = True
    level: LevelName | None = None
    threshold: Annotated[int, Meta(ge=1, le=100_000, description="Of a correlation's condition.")] | None = (
        None
    )
    timespan: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,5}[smhdw]$", description="Such as 10m.")] | None = (
        None
    )


class DetectionSection(Section, frozen=True, kw_only=True):
    """Detection: rules over the ledger, and who hears of what they find."""

    pack: Annotated[bool, Meta(description="The rules that come with guarita.")] = True
    rules: Annotated[
        list[NonEmpty], Meta(description="Folders and files of Sigma rules, from the folder of guarita.yaml.")
    ] = msgspec.field(default_factory=list)
    overrides: Annotated[dict[NonEmpty, RuleOverride], Meta(description="By a rule's name.")] = msgspec.field(
        default_factory=dict
    )
    lateness: Annotated[
        int, Meta(ge=0, le=86_400, description="Seconds that an event may come after later ones.")
    ] = 60
    max_groups: Annotated[
        int, Meta(ge=16, le=1_000_000, description="Groups that a rule tells apart at most.")
    ] = 10_000
    alerts: AlertsSection | None = None
