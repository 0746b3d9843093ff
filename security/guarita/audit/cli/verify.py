"""`guarita audit verify`: the log holds, or the index where it does not."""

from __future__ import annotations

import click
from rich.text import Text

from guarita.audit.cli.opening import opened
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus


@click.command()
@command_options
def verify(context: Context) -> ExitStatus:
    """Verify the log from its bytes: every leaf, every node, the sequence, every checkpoint.

    Exit status 0 when it holds, 1 when it does not (the message names the first wrong index), 3 when it
    cannot be read.
    """
    with opened(context) as ledger, context.progress() as bars:
        task = bars.add_task("leaves", total=None)
        verified = ledger.verify(progress=lambda done, total: bars.update(task, completed=done, total=total))
    if context.json:
        context.emit({"verified": verified})
    elif not context.quiet:
        context.out.print(Text.assemble(("✓ ", "green"), f"{verified.size} entries hold"))
        context.out.print(f"  log   {verified.origin}", markup=False)
        context.out.print(f"  root  {verified.root}", markup=False)
    return ExitStatus.PASSED
