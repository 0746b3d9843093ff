"""`guarita audit verify`: the log holds, or the index where it does not."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from guarita.audit.cli.opening import archive_option, opened
from guarita.audit.prove import check_proof
from guarita.audit.retention.archive import verify_archive
from guarita.audit.tiles.directory import TileDirectory
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
@click.option(
    "--proof",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Only this .tlog-proof, by --vkey alone: no ledger is needed.",
)
@click.option(
    "--entry",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The entry's bytes, for a proof that does not hold them.",
)
@click.option("--vkey", metavar="KEY", help="The log's first public key, as you know it (C2SP vkey).")
@archive_option
@command_options
def verify(
    context: Context,
    /,
    *,
    since: Path | None,
    proof: Path | None,
    entry: Path | None,
    vkey: str | None,
    archive: Path | None,
) -> ExitStatus:
    """Verify the log from its bytes: every leaf, every node, the sequence, every checkpoint.

    Exit status 0 when it holds, 1 when it does not (the message names the first wrong index), 3 when it
    cannot be read. Entries that are archived are verified by their hashes, and with --archive by their bytes
    and tiles too.
    """
    if proof is not None or entry is not None:
        return _proof(context, proof, entry, vkey)
    note = None if since is None else _read(since)
    with opened(context, vkey=vkey, archive=archive, check=False) as ledger, context.progress() as bars:
        task = bars.add_task("leaves", total=None)
        verified = ledger.verify(
            since=note, progress=lambda done, total: bars.update(task, completed=done, total=total)
        )
        if archive is not None:
            verify_archive(ledger, TileDirectory(archive))
    if context.json:
        context.emit({"verified": verified})
    elif not context.quiet:
        _show(context, verified)
    return ExitStatus.PASSED


def _proof(context: Context, proof: Path | None, entry: Path | None, vkey: str | None) -> ExitStatus:
    if vkey is None or proof is None:
        raise UsageError(
            "audit.verify", "a proof is checked by the log's public key: --proof FILE --vkey KEY"
        )
    proved = check_proof(_read(proof), [vkey], None if entry is None else entry.read_bytes())
    if context.json:
        context.emit({"proved": proved})
        return ExitStatus.PASSED
    context.out.print(
        Text.assemble(("✓ ", "green"), f"entry {proved.index} stands in the log {proved.origin}")
    )
    context.out.print(f"  signed  at size {proved.size}, root {proved.root}", markup=False, soft_wrap=True)
    # ASCII only: control characters of an event do not reach the terminal.
    context.out.print_json(data=proved.event, ensure_ascii=True)
    return ExitStatus.PASSED


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("audit.unreadable", f"{path}: cannot be read as text") from error


def _show(context: Context, verified: Verified) -> None:
    what = "1 entry holds" if verified.size == 1 else f"{verified.size} entries hold"
    if verified.checked_from:
        what += f", those from {verified.checked_from} on read anew"
    context.out.print(Text.assemble(("✓ ", "green"), what))
    lines = [("log", verified.origin), ("root", verified.root)]
    if verified.archived:
        known = (
            f"entries 0 to {verified.archived - 1}, by their hashes alone; their bytes with --archive FOLDER"
        )
        lines.append(("archived", known))
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
        context.out.print(f"  {name:<10}{text}", markup=False, soft_wrap=True)
