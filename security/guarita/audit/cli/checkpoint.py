"""`guarita audit checkpoint` and `guarita audit key`: signing the log, and the keys that do it."""

from __future__ import annotations

import base64
from pathlib import Path

import click
from rich.text import Text

from guarita.audit.cli.opening import opened
from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.notes.ed25519 import SigningKey
from guarita.audit.signing import SignedCheckpoint
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the signed note here, to be kept by somebody else.",
)
@command_options
def checkpoint(context: Context, /, output: Path | None) -> ExitStatus:
    """Sign the log as it is now: a C2SP checkpoint, a signed note of its size and root.

    Whoever keeps one can tell later that nothing before it was changed or taken away, with
    `guarita audit verify --since FILE`.
    """
    with opened(context, read_only=False) as ledger:
        signed = ledger.checkpoint()
    if output is not None:
        write(output, signed.note)
    if context.json:
        context.emit({"checkpoint": described(signed)})
    elif output is None:
        context.out.print(signed.note, end="", markup=False, soft_wrap=True)
    else:
        context.note(f"{output}: {signed.size} entries, signed by {signed.signed_by[0]}")
    return ExitStatus.PASSED


@click.group()
def key() -> None:
    """The keys that sign the log's checkpoints: show, rotate, retire, generate."""


@key.command()
@command_options
def show(context: Context) -> ExitStatus:
    """Show the log's public keys (C2SP vkeys), oldest first. Pin the first with `verify --vkey`."""
    with opened(context) as ledger:
        chain = ledger.signing.chain()
        in_force = chain.in_force(ledger.size) if chain else []
        keys = [{"vkey": one.vkey, "in_force": one in in_force} for one in (chain.keys if chain else [])]
    if context.json:
        context.emit({"keys": keys})
        return ExitStatus.PASSED
    for one in keys:
        context.out.print(
            Text.assemble(str(one["vkey"]), ("" if one["in_force"] else "  retired", "dim")), soft_wrap=True
        )
    return ExitStatus.PASSED


@key.command()
@command_options
def rotate(context: Context) -> ExitStatus:
    """Put a new key into force. The old one signs beside it until `guarita audit key retire`."""
    with opened(context, read_only=False) as ledger:
        new = ledger.rotate_key()
    _say(context, "added", [new.vkey])
    return ExitStatus.PASSED


@key.command()
@command_options
def retire(context: Context) -> ExitStatus:
    """Take every key but the newest out of force. What they signed before stays good."""
    with opened(context, read_only=False) as ledger:
        retired = [one.vkey for one in ledger.retire_keys()]
    _say(context, "retired", retired)
    return ExitStatus.PASSED


@key.command()
@click.argument("origin")
@command_options
def generate(context: Context, /, origin: str) -> ExitStatus:
    """Make a private key for the log ORIGIN and print its line, for an environment variable or a secret store."""
    made = SigningKey.generate(origin)
    if context.json:
        context.emit({"private": made.encode(), "vkey": made.public.vkey})
    else:
        context.out.print(made.encode(), markup=False, soft_wrap=True)
        context.note(f"public key: {made.public.vkey}")
    return ExitStatus.PASSED


def described(signed: SignedCheckpoint) -> dict[str, object]:
    """The checkpoint for machines."""
    return {
        "origin": signed.origin,
        "size": signed.size,
        "root": base64.b64encode(signed.root).decode(),
        "note": signed.note,
        "signed_by": signed.signed_by,
    }


def write(path: Path, text: str) -> None:
    """Write an answer to a file. Raises LedgerUnavailableError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LedgerUnavailableError("audit.output", f"{path}: {error.strerror}") from error


def _say(context: Context, what: str, vkeys: list[str]) -> None:
    if context.json:
        context.emit({what: vkeys})
    for vkey in vkeys if not context.json else ():
        context.out.print(f"{what} {vkey}", markup=False, soft_wrap=True)
