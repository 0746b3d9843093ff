"""`guarita audit prove`: entries as `.tlog-proof` files, for somebody who has nothing but the log's key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guarita.audit.cli.checkpoint import write
from guarita.audit.cli.opening import archive_option, opened
from guarita.audit.cli.query import chosen, query_options
from guarita.audit.notes.proof import SUFFIX
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError


@click.command()
@click.argument("index", type=click.IntRange(0), required=False)
@click.option("--query", "by_query", is_flag=True, help="Every event that the options below choose.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A file; with --query a folder, which gets INDEX.tlog-proof for each.",
)
@query_options
@archive_option
@command_options
def prove(
    context: Context,
    /,
    *,
    index: int | None,
    by_query: bool,
    output: Path | None,
    archive: Path | None,
    **options: Any,
) -> ExitStatus:
    """Prove that an entry stands in the log: C2SP tlog-proof, with the entry itself in it.

    It stands in the newest checkpoint; `guarita audit checkpoint` makes one that covers everything. Check it
    anywhere with `guarita audit verify --proof FILE --vkey KEY`.
    """
    if (index is None) != by_query or (not by_query and any(value is not None for value in options.values())):
        raise UsageError("audit.prove", "name an INDEX, or say --query with what to look for")
    if by_query and output is None:
        raise UsageError("audit.prove", "name a folder for the proofs", hint="--output FOLDER")
    with opened(context, archive=archive) as ledger:
        if index is not None:
            proofs = [ledger.prove(index)]
        else:
            proofs = [ledger.prove(found.index) for found in ledger.query(chosen(options), reveal=True)]
    for proof in proofs:
        if by_query and output is not None:
            output.mkdir(parents=True, exist_ok=True)
            write(output / f"{proof.index}{SUFFIX}", proof.encode())
        elif output is not None:
            write(output, proof.encode())
        elif not context.json:
            context.out.print(proof.encode(), end="", markup=False, soft_wrap=True)
    if context.json:
        context.emit({"proofs": [{"index": proof.index, "proof": proof.encode()} for proof in proofs]})
    elif output is not None:
        context.note(f"{output}: {len(proofs)} {'proof' if len(proofs) == 1 else 'proofs'}")
    # Nothing found is nothing proved.
    return ExitStatus.PASSED if proofs else ExitStatus.REFUSED
