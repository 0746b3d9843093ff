"""Detection and what follows from it: the types of `detection` in guarita.yaml."""

from __future__ import annotations

from guarita.config.detection_alerts import AlertsSection
from guarita.config.section import Section


class DetectionSection(Section, frozen=True, kw_only=True):
    """Detection: rules over the ledger, and who hears of what they find."""

    alerts: AlertsSection | None = None
