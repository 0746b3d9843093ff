"""`guarita unseal`: SealedSecrets opened offline. Values are shown only when that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table

from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError
from guarita.rotation.sealed.cli_seal import EXISTING, read_input, write_answer
from guarita.rotation.sealed.keys import PrivateKeys, merged, read_private_keys
from guarita.rotation.sealed.manifest import as_json, as_yaml, check_name, check_namespace, decoded
from guarita.rotation.sealed.scope import Scope
from guarita.rotation.sealed.sealedsecret import SealedSecret, open_values, read_sealed
from guarita.rotation.sealed.sealedsecret import unseal as unsealed

PRIVATE: Final = 0o600


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--key",
    "keys",
    type=EXISTING,
    multiple=True,
    required=True,
    help="Private keys: PEM, or the controller's Secrets as exported. May be given several times.",
)
@click.option("--stdout", is_flag=True, help="Show the Secrets, values and all.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write them to a file of mode 0600.",
)
@click.option("--force", is_flag=True, help="Replace what stands at --output.")
@click.option("--raw", is_flag=True, help="FILE is one value of `encryptedData`.")
@click.option(
    "--scope", type=click.Choice([scope.value for scope in Scope]), default="strict", help="Of --raw."
)
@click.option("--name", default="", help="Of --raw: the Secret's name.")
@click.option("--namespace", "-n", default="", help="Of --raw: its namespace.")
@command_options
def unseal(
    context: Context,
    /,
    *,
    file: Any,
    keys: tuple[Path, ...],
    stdout: bool,
    output: Path | None,
    force: bool,
    raw: bool,
    scope: str,
    name: str,
    namespace: str,
) -> ExitStatus:
    """Open the SealedSecrets in FILE with private keys, offline.

    Without --stdout or --output it says only that every value opens, and with which key.
    """
    if stdout and output is not None:
        raise UsageError("sealed.options", "--stdout and --output exclude each other")
    text, source = read_input(file)
    known = merged(read_private_keys(path.read_bytes(), str(path)) for path in keys)
    shown = stdout or output is not None
    if raw:
        one = _one(text, Scope(scope), name, namespace)
        if not shown:
            return _check(context, [one], known)
        values, _ = open_values(one, known)
        try:
            return write_answer(values["value"].decode(), output, mode=PRIVATE, force=force)
        except UnicodeDecodeError:
            raise UsageError("sealed.binary", "the value is no text: unseal the whole SealedSecret") from None
    found = read_sealed(text, source)
    if not shown:
        return _check(context, found, known)
    documents = [unsealed(sealed, known)[0].manifest() for sealed in found]
    answer = as_json(documents) if context.json else as_yaml(documents)
    return write_answer(answer, output, mode=PRIVATE, force=force)


def _one(text: bytes, scope: Scope, name: str, namespace: str) -> SealedSecret:
    if scope is Scope.STRICT:
        check_name(name, "--name")
    check_namespace(namespace, "--namespace")
    values = {"value": decoded(text.decode("ascii", "replace"), "the value")}
    return SealedSecret(name, namespace, scope, values, metadata={}, template={})


def _check(context: Context, found: list[SealedSecret], known: PrivateKeys) -> ExitStatus:
    rows = []
    for sealed in found:
        values, by = open_values(sealed, known)
        rows += [
            {
                "namespace": sealed.namespace,
                "name": sealed.name,
                "scope": sealed.scope.value,
                "key": key,
                "bytes": len(value),
                "sealed_for": by[key].fingerprint,
            }
            for key, value in values.items()
        ]
    if context.json:
        context.emit(rows)
        return ExitStatus.PASSED
    table = Table("secret", "scope", "key", "bytes", "sealed for", box=None)
    for row in rows:
        where = f"{row['namespace']}/{row['name']}"
        table.add_row(where, *(str(row[column]) for column in ("scope", "key", "bytes", "sealed_for")))
    context.out.print(table)
    context.note("every value opens; --stdout or --output shows them")
    return ExitStatus.PASSED
