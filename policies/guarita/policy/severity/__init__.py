"""The severity of every rule that a scanner may report, and what each level rests on.

checkov gives no severity offline and kingfisher gives only a confidence, so the gate has a table of its
own. The data stands beside this module as YAML; `docs/severity.md` shows it and says how levels were
chosen.
"""

from __future__ import annotations

import functools

from guarita.policy.severity.load import read_table
from guarita.policy.severity.table import Basis, Citation, Rating, Row, SeverityTable, Source

__all__ = ["Basis", "Citation", "Rating", "Row", "SeverityTable", "Source", "load_table", "read_table"]


@functools.cache
def load_table() -> SeverityTable:
    """The table that ships with Guarita, read once."""
    return read_table()
