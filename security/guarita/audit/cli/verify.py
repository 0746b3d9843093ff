"""`guarita audit verify`: the log holds, or the index where it does not."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from guarita.audit.cli.opening import opened
from guarita.audit.verify import Verified
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError


@click.command()
@click.option(
    "--since",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="CHECKPOINT",
    help="Only what came after this checkpoint of the log, and that the log continues it.",
)
@click.option("--vkey", metavar="KEY", help="The log's first public key, as you know it (C2SP vkey).")
@command_options
def verify(context: Context, /, since: Path | None, vkey: str | None) -> ExitStatus:
    """Verify the log from its bytes: every leaf, every node, the sequence, every checkpoint.

    Exit status 0 when it holds, 1 when it does not (the message names the first wrong index), 3 when it
    cannot be read.
    """
    note = None if since is None else _read(since)
    with opened(context, vkey=vkey, check=False) as ledger, context.progress() as bars:
        task = bars.add_task("leaves", total=None)
        verified = ledger.verify(
            since=note, progress=lambda done, total: bars.update(task, completed=done, total=total)
        )
    if context.json:
        context.emit({"verified": verified})
    elif not context.quiet:
        _show(context, verified)
    return ExitStatus.PASSED


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("audit.checkpoint", f"{path}: not a checkpoint that can be read") from error


def _show(context: Context, verified: Verified) -> None:
    what = "1 entry holds" if verified.size == 1 else f"{verified.size} entries hold"
    if verified.checked_from:
        what += f", those from {verified.checked_from} on read anew"
    context.out.print(Text.assemble(("✓ ", "green"), what))
    lines = [("log", verified.origin), ("root", verified.root)]
    if verified.vkey is None:
        lines.append(("signed", "never: there is no checkpoint and no key"))
    else:
        whose = "the key you named" if verified.pinned else "by the log's own word; pin it with --vkey"
        lines.append(
            (
                "signed",
                f"up to {verified.signed} by {verified.checkpoints} checkpoint{'s'[verified.checkpoints == 1 :]}",
            )
        )
        lines.append(("key", f"{verified.vkey} ({whose})"))
    for name, text in lines:
        context.out.print(f"  {name:<8}{text}", markup=False, soft_wrap=True)
