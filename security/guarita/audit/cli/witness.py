"""`guarita audit witness`: run a witness for somebody's log, ask others to witness ours, show what was seen."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import click
from rich.text import Text

from guarita.audit.cli.opening import ledger_section, opened
from guarita.audit.errors import LedgerUnavailableError
from guarita.audit.keys.local import FileKeys, LocalSigner
from guarita.audit.notes.cosignature import CosigningKey, WitnessKey
from guarita.audit.notes.ed25519 import SigningKey, VerifyingKey
from guarita.audit.witness.client import WitnessAddress
from guarita.audit.witness.collect import TIMEOUT, Witnessed, collect
from guarita.audit.witness.server import WitnessServer
from guarita.audit.witness.state import State
from guarita.audit.witness.witness import Witness
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError

_STATE = click.option(
    "--state", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE",
    help="What the witness must never forget (SQLite).",
)  # fmt: skip
_KEY = click.option(
    "--key", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE",
    help="Its private key. Made, with the state, where it is not there.",
)  # fmt: skip


@click.group()
def witness() -> None:
    """Run a witness for somebody's log; ask witnesses to cosign this one (C2SP tlog-witness)."""


@witness.command()
@_STATE
@_KEY
@click.option(
    "--log", "logs", multiple=True, required=True, metavar="VKEY", help="A log's public key. Repeatable."
)
@click.option("--name", default="guarita/witness", show_default=True, help="The name of a key that is made.")
@click.option("--listen", default="127.0.0.1:8467", show_default=True, metavar="HOST:PORT")
@click.option("--new-state", is_flag=True, help="Begin without a state: only for a key that never cosigned.")
@command_options
def serve(
    context: Context,
    /,
    *,
    state: Path,
    key: Path,
    logs: tuple[str, ...],
    name: str,
    listen: str,
    new_state: bool,
) -> ExitStatus:
    """Run a witness until it is told to stop.

    For each log it remembers the largest checkpoint it cosigned, durably before it answers, and refuses what
    does not continue it. It speaks plain HTTP: put what ends TLS before it.
    """
    signing, fresh = _key(key, name)
    public = CosigningKey(signing).public
    memory = State(state, public, create=fresh or new_state)
    try:
        server = _server(listen, Witness(signing, [VerifyingKey.parse(log) for log in logs], memory))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        host, port = server.server_address[:2]
        if context.json:
            context.emit({"witness": {"vkey": public.vkey, "host": host, "port": port}})
        else:
            context.out.print(public.vkey, markup=False, soft_wrap=True)
            context.note(f"listening on {host!s}:{port} for {len(logs)} log keys")
        sys.stdout.flush()
        with server:
            server.serve_forever()
    finally:
        memory.close()
    return ExitStatus.PASSED


@witness.command(name="collect")
@click.option(
    "--witness",
    "named",
    multiple=True,
    metavar="URL=VKEY",
    help="A witness. [default: those of guarita.yaml]",
)
@click.option(
    "--quorum", type=click.IntRange(1), metavar="K", help="How many must cosign. [default: more than half]"
)
@click.option(
    "--timeout", type=click.FloatRange(0.1, 600), default=TIMEOUT, show_default=True, metavar="SECONDS"
)
@command_options
def collect_command(
    context: Context, /, named: tuple[str, ...], quorum: int | None, timeout: float
) -> ExitStatus:
    """Sign a checkpoint and have witnesses cosign it. Those that hang or lie are left out.

    Exit status 0 when the quorum has cosigned; 1 when a witness says that it was shown another log under this
    name; 3 when too few could be had.
    """
    section = ledger_section(context)
    witnesses = [_address(*one.split("=", 1)) for one in named] or [
        _address(one.url, one.vkey) for one in section.witnesses
    ]
    wanted = quorum or section.witness_quorum or len(witnesses) // 2 + 1
    if not witnesses or wanted > len(witnesses):
        raise UsageError(
            "audit.witnesses",
            f"{wanted} witnesses are wanted, and {len(witnesses)} are named",
            hint="--witness URL=VKEY, or `ledger.witnesses` in guarita.yaml",
        )
    with opened(context, read_only=False) as ledger:
        witnessed = collect(ledger, witnesses, quorum=wanted, timeout=timeout)
    _show(context, witnessed)
    if witnessed.contradicted:
        return ExitStatus.REFUSED
    return ExitStatus.PASSED if witnessed.reached else ExitStatus.UNKNOWN


@witness.command()
@_STATE
@_KEY
@command_options
def conflicts(context: Context, /, state: Path, key: Path) -> ExitStatus:
    """Show the signed checkpoints that did not continue a log: proof against whoever signed them.

    Exit status 1 when there is one.
    """
    if FileKeys(key).origin is None:
        raise UsageError("audit.witness-key", f"{key}: no key here")
    memory = State(state, CosigningKey(_key(key, "")[0]).public, create=False)
    found = memory.conflicts()
    memory.close()
    if context.json:
        context.emit({"conflicts": [{"origin": origin, "note": note} for origin, note in found]})
    for _, note in found if not context.json else ():
        context.out.print(note, markup=False, soft_wrap=True)
    if not found:
        context.note("no log has contradicted itself here")
    return ExitStatus.REFUSED if found else ExitStatus.PASSED


def _key(path: Path, name: str) -> tuple[SigningKey, bool]:
    """The witness's key, and whether it was made now."""
    source = FileKeys(path)
    fresh = source.origin is None
    if fresh:
        source.add(name)
    (signer, *_) = source.load(source.origin or name)
    if not isinstance(signer, LocalSigner):
        raise UsageError("audit.witness-key", f"{path}: not a key that can be used here")
    return signer.key, fresh


def _server(listen: str, serving: Witness) -> WitnessServer:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal():
        raise UsageError("audit.listen", f"{listen}: HOST:PORT is expected")
    try:
        return WitnessServer((host.strip("[]"), int(port)), serving)
    except (OSError, OverflowError) as error:
        raise LedgerUnavailableError("audit.listen", f"{listen}: cannot listen there: {error}") from error


def _address(url: str, vkey: str = "") -> WitnessAddress:
    return WitnessAddress(url, WitnessKey.parse(vkey))


def _show(context: Context, witnessed: Witnessed) -> None:
    if context.json:
        replies = [{"witness": r.witness, "outcome": r.outcome, "text": r.text} for r in witnessed.replies]
        context.emit(
            {
                "checkpoint": {"size": witnessed.size, "note": witnessed.note},
                "cosigned": witnessed.cosigned,
                "quorum": witnessed.quorum,
                "reached": witnessed.reached,
                "witnesses": replies,
            }
        )
        return
    for reply in witnessed.replies:
        mark = Text("✓ ", "green") if reply.outcome == "cosigned" else Text("✗ ", "red")
        context.out.print(mark + Text(f"{reply.witness}: {reply.text}"), soft_wrap=True)
    context.note(
        f"{witnessed.cosigned} of {len(witnessed.replies)} cosigned {witnessed.size} entries; {witnessed.quorum} wanted"
    )
