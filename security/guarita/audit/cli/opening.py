"""How the audit commands open the ledger that the common options name."""

from __future__ import annotations

from guarita.audit.ledger import Ledger
from guarita.audit.locate import open_configured
from guarita.cli import Context


def opened(
    context: Context, *, read_only: bool = True, vkey: str | None = None, check: bool = True
) -> Ledger:
    """The ledger of `--ledger`, the environment or guarita.yaml. It must exist: reading makes none."""
    return open_configured(
        context.ledger, context.config, create=False, read_only=read_only, vkey=vkey, check=check
    )
