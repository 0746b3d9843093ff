"""From the configuration's word for a signing key to where it is."""

from __future__ import annotations

import os
from pathlib import Path

from guarita.audit.keys.interface import KeySource
from guarita.audit.keys.local import EnvironmentKeys, FileKeys
from guarita.errors import MissingExtraError, UsageError

VARIABLE = "GUARITA_LEDGER_KEY"
"""The environment variable that holds the signing key, where it is set and nothing else is named."""
NONE = "none"


def key_source(key: str | None, default: Path | None) -> KeySource | None:
    """Where the signing key is: `env:VARIABLE`, `vault:MOUNT/NAME`, `none`, or a file's path.

    Without `key` it is $GUARITA_LEDGER_KEY if that is set, else the file `default`. None means that this
    process signs nothing. Raises UsageError `audit.key`, `extra.missing`.
    """
    if key is None:
        if os.environ.get(VARIABLE):
            return EnvironmentKeys(VARIABLE)
        return None if default is None else FileKeys(default)
    if key == NONE:
        return None
    scheme, colon, rest = key.partition(":")
    if not colon:
        return FileKeys(Path(key))
    if scheme == "file" and rest:
        return FileKeys(Path(rest))
    if scheme == "env" and rest:
        return EnvironmentKeys(rest)
    mount, _, name = rest.rpartition("/")
    if scheme == "vault" and mount and name:
        return _transit(mount, name)
    raise UsageError(
        "audit.key", f"{key}: not a signing key", hint="PATH, env:VARIABLE, vault:MOUNT/NAME or none"
    )


def _transit(mount: str, name: str) -> KeySource:
    try:
        from guarita.audit.keys.transit import TransitKeys  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("ledger-vault", error.name or "hvac") from error
    return TransitKeys(mount, name)
