"""Rotations under way of secrets that guarita.yaml no longer names: nobody would finish them, and two values stay valid."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from guarita.rotation.errors import PermanentError
from guarita.rotation.journal import Entry, Journal
from guarita.rotation.vault import Kv


def orphans(kv: Kv, state: str, configured: Collection[str]) -> Sequence[Entry]:
    """The journals with work in them whose secret is not configured, by name.

    `state` is the place of all journals, MOUNT/PATH. Raises TransientError, and PermanentError for a journal that
    cannot be read.
    """
    found = []
    for name in sorted(set(kv.names(f"{state}/journal")) - set(configured)):
        entry = Journal(kv, state, name, nonce=lambda: "").read()
        if entry is not None and entry.work is not None:
            found.append(entry)
    return found


def orphaned(entry: Entry) -> PermanentError:
    """What is to be done about one."""
    phase = "claimed" if entry.work is None else entry.work.phase
    return PermanentError(
        "rotation.orphaned",
        f"{entry.secret}: its rotation is {phase}, and guarita.yaml no longer names it: the old value may still be valid",
        hint=f"put `{entry.secret}` back under `rotation.secrets` until `guarita rotate resume` or `rollback` has ended it",
    )
