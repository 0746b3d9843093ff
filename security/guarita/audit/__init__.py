"""The audit ledger: an append-only Merkle log that nobody can quietly change."""

from guarita.audit.errors import (
    EventRefusedError,
    LedgerCorruptError,
    LedgerError,
    LedgerUnavailableError,
    ProofError,
)
from guarita.audit.events.secret import Personal, Secret
from guarita.audit.ledger import Ledger
from guarita.audit.locate import (
    default_ledger,
    ledger_settings,
    ledger_url,
    open_configured,
    open_ledger,
    open_settings,
    settings_of,
)
from guarita.audit.query import Found, Query
from guarita.audit.signing import SignedCheckpoint
from guarita.audit.stores.interface import Appended, Leaf
from guarita.audit.unwritable import Buffer, WhenUnwritable
from guarita.audit.verify import Verified

__all__ = [
    "Appended",
    "Buffer",
    "EventRefusedError",
    "Found",
    "Leaf",
    "Ledger",
    "LedgerCorruptError",
    "LedgerError",
    "LedgerUnavailableError",
    "Personal",
    "ProofError",
    "Query",
    "Secret",
    "SignedCheckpoint",
    "Verified",
    "WhenUnwritable",
    "default_ledger",
    "ledger_settings",
    "ledger_url",
    "open_configured",
    "open_ledger",
    "open_settings",
    "settings_of",
]
