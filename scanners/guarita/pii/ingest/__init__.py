"""The door for documents: each is checked, and allowed, redacted, put before a person, or blocked."""

from guarita.pii.ingest.gate import IngestGate
from guarita.pii.ingest.interface import Outcome, Placed, Reason, Recorded, Redacted

__all__ = ["IngestGate", "Outcome", "Placed", "Reason", "Recorded", "Redacted"]
