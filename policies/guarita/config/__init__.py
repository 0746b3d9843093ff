"""guarita.yaml: loading, types, errors that say where."""

from guarita.config.load import FILE_NAME, json_schema, load, parse, parse_placed, read
from guarita.config.model import Config, LedgerSection, ScanSection, Waiver

__all__ = [
    "FILE_NAME",
    "Config",
    "LedgerSection",
    "ScanSection",
    "Waiver",
    "json_schema",
    "load",
    "parse",
    "parse_placed",
    "read",
]
