"""Vault or OpenBao, as rotation needs it: bounded calls, errors that say whether to try again, KV v2 with `cas`."""

from guarita.rotation.vault.client import Vault
from guarita.rotation.vault.kv import CasMissError, Kv, KvEntry

__all__ = ["CasMissError", "Kv", "KvEntry", "Vault"]
