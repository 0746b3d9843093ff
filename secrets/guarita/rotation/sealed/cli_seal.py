"""`guarita seal`: Secrets into SealedSecrets, offline, by the controller's certificate."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any, Final

import click

from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError
from guarita.rotation.files import write_whole
from guarita.rotation.sealed import crypto
from guarita.rotation.sealed.keys import SealingCertificate, merged, read_certificate, read_private_keys
from guarita.rotation.sealed.manifest import (
    Secret,
    as_json,
    as_yaml,
    check_name,
    check_namespace,
    check_size,
    read_secrets,
)
from guarita.rotation.sealed.scope import Scope
from guarita.rotation.sealed.sealedsecret import SealedSecret, merge, read_sealed, reseal
from guarita.rotation.sealed.sealedsecret import seal as sealed

READABLE: Final = 0o644
EXISTING = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--cert", type=EXISTING, envvar="GUARITA_SEALING_CERT", help="The controller's certificate, PEM."
)
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    help="Where it may be unsealed. [default: as annotated, else strict]",
)
@click.option("--name", help="The Secret's name, instead of the one in the manifest.")
@click.option("--namespace", "-n", help="Its namespace, likewise.")
@click.option("--raw", is_flag=True, help="FILE is one value, and the answer is what stands for it.")
@click.option(
    "--merge-into",
    type=EXISTING,
    metavar="SEALED",
    help="Put the values into the SealedSecret in this file, and leave its others alone.",
)
@click.option(
    "--reencrypt",
    is_flag=True,
    help="FILE holds SealedSecrets: seal them anew, for --cert or the newest --key.",
)
@click.option("--key", "keys", type=EXISTING, multiple=True, help="Private keys, for --reencrypt.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="[default: stdout]")
@click.option("--force", is_flag=True, help="Replace what stands at --output.")
@command_options
def seal(
    context: Context,
    /,
    *,
    file: Any,
    cert: Path | None,
    scope: str | None,
    name: str | None,
    namespace: str | None,
    raw: bool,
    merge_into: Path | None,
    reencrypt: bool,
    keys: tuple[Path, ...],
    output: Path | None,
    force: bool,
) -> ExitStatus:
    """Seal the Secrets in FILE (default: standard input) so that they may stand in Git."""
    if sum((raw, merge_into is not None, reencrypt)) > 1:
        raise UsageError("sealed.options", "--raw, --merge-into and --reencrypt exclude each other")
    if bool(keys) != reencrypt:
        raise UsageError("sealed.options", "--key and --reencrypt belong together")
    if reencrypt and (scope or name or namespace):
        raise UsageError("sealed.options", "--reencrypt keeps scope, name and namespace")
    text, source = read_input(file)
    now = dt.datetime.now(dt.UTC)
    chosen = None if scope is None else Scope(scope)
    if reencrypt:
        known = merged(read_private_keys(path.read_bytes(), str(path)) for path in keys)
        by = _certificate(cert, now) if cert else known.newest(now)
        anew = [reseal(found, known, by) for found in read_sealed(text, source)]
        return _put(context, anew, output, force=force)
    by = _certificate(cert, now)
    if raw:
        value = _raw(text, by, chosen or Scope.STRICT, name or "", namespace or "")
        if text.endswith(b"\n"):
            context.note("the value ends with a line break, which was sealed with it")
        return write_answer(value + "\n", output, mode=READABLE, force=force)
    secrets = [_renamed(secret, name, namespace) for secret in read_secrets(text, source)]
    if merge_into is not None:
        if output is not None:
            raise UsageError("sealed.options", "--merge-into writes into its file, not to --output")
        return _merge(context, merge_into, secrets, by, chosen)
    made = [sealed(secret, by, chosen or Scope.of(secret.annotations)) for secret in secrets]
    return _put(context, made, output, force=force)


def read_input(file: Any) -> tuple[bytes, str]:
    """What stands in FILE, and what to call it. Raises UsageError `sealed.no-input` where it is a terminal."""
    if file.isatty():
        raise UsageError(
            "sealed.no-input",
            "nothing to read: standard input is a terminal",
            hint="name a FILE, or pipe one in",
        )
    content: bytes = file.read()
    return content, str(getattr(file, "name", "standard input"))


def write_answer(text: str, output: Path | None, *, mode: int, force: bool) -> ExitStatus:
    """Write to a file, whole, or to standard output."""
    if output is None:
        click.echo(text, nl=False)
    else:
        write_whole(output, text, mode=mode, replace=force)
    return ExitStatus.PASSED


def _certificate(path: Path | None, now: dt.datetime) -> SealingCertificate:
    if path is None:
        raise UsageError(
            "sealed.no-certificate",
            "no certificate to seal by",
            hint="--cert names it, or GUARITA_SEALING_CERT; `kubeseal --fetch-cert` writes it",
        )
    return read_certificate(path.read_bytes(), str(path), now)


def _renamed(secret: Secret, name: str | None, namespace: str | None) -> Secret:
    if name is not None:
        secret = dataclasses.replace(secret, name=check_name(name, "--name"))
    if namespace is not None:
        secret = dataclasses.replace(secret, namespace=check_namespace(namespace, "--namespace"))
    return secret


def _raw(value: bytes, by: SealingCertificate, scope: Scope, name: str, namespace: str) -> str:
    check_size({"value": value}, "standard input")
    if scope is Scope.STRICT:
        check_name(name, "--name")
    if scope is not Scope.CLUSTER_WIDE and not check_namespace(namespace, "--namespace"):
        raise UsageError("sealed.options", f"--raw in scope {scope.value} needs --namespace")
    return base64.b64encode(crypto.seal(by.key, value, scope.label(namespace, name))).decode()


def _merge(
    context: Context, path: Path, secrets: list[Secret], by: SealingCertificate, scope: Scope | None
) -> ExitStatus:
    standing = read_sealed(path.read_bytes(), str(path))
    if len(standing) != 1 or len(secrets) != 1:
        raise UsageError("sealed.options", "--merge-into takes one Secret and one SealedSecret")
    if scope not in {None, standing[0].scope}:
        raise UsageError(
            "sealed.other", f"{path}: is {standing[0].scope.value}, and its other values are bound to that"
        )
    whole = merge(standing[0], secrets[0], by)
    text = as_json([whole.manifest()]) if path.suffix == ".json" else as_yaml([whole.manifest()])
    write_whole(path, text, mode=path.stat().st_mode & 0o777)
    context.note(f"{path}: sealed {', '.join(sorted(secrets[0].values))}")
    return ExitStatus.PASSED


def _put(context: Context, made: list[SealedSecret], output: Path | None, *, force: bool) -> ExitStatus:
    documents = [found.manifest() for found in made]
    text = as_json(documents) if context.json else as_yaml(documents)
    return write_answer(text, output, mode=READABLE, force=force)
