"""`guarita gateway revoke`: revoke a token, a subject's tokens or a client's, and record that."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

import click

from guarita import config
from guarita.audit import Personal, open_configured
from guarita.audit.events import Event, entity_management, user_change
from guarita.audit.locate import project
from guarita.cli import Context, command_options
from guarita.config.gateway import GatewaySection
from guarita.errors import ExitStatus, UsageError
from guarita.gateway.revocation.interface import Kind, Revocation, revocation
from guarita.gateway.revocation.revocations import build_revocations

HOUR: Final = 3_600


@click.command()
@click.option("--issuer", required=True, help="Who issued the tokens.")
@click.option("--token", metavar="JTI", help="One token, by its `jti`.")
@click.option(
    "--subject", metavar="SUB", help="Every token of a subject until now; `-` reads it from standard input."
)
@click.option("--client", metavar="ID", help="Every token that a client got until now.")
@click.option(
    "--hours", type=click.IntRange(min=1, max=8760), default=24, show_default=True,
    help="The longest that such a token may still live.",
)  # fmt: skip
@command_options
def revoke(
    context: Context,
    /,
    *,
    issuer: str,
    token: str | None,
    subject: str | None,
    client: str | None,
    hours: int,
) -> ExitStatus:
    """Revoke tokens before their time, in every gateway that shares the configured Redis.

    What a subject or client is issued afterwards is good: revoking ends sessions, and locks nobody out.
    """
    named: list[tuple[Kind, str]] = []
    if token is not None:
        named.append(("token", token))
    if subject is not None:
        named.append(("subject", sys.stdin.readline().removesuffix("\n") if subject == "-" else subject))
    if client is not None:
        named.append(("client", client))
    if len(named) != 1 or not named[0][1] or not issuer:
        raise UsageError("revocation.which", "name one of --token, --subject and --client, and the issuer")
    kind, value = named[0]
    section, folder = _section(context)
    now = time.time()
    one = revocation(kind, issuer, value, at=now, until=now + hours * HOUR)
    # The ledger first, so that what cannot be recorded is found before; then the revocation, which may not wait.
    with open_configured(context.ledger, context.config) as ledger:
        asyncio.run(_published(section, folder, one))
        ledger.append(_event(kind, issuer, value, one))
    if context.json:
        context.emit({"revoked": kind, "identity": one.identity, "until": int(one.until)})
    else:
        context.out.print(f"revoked: {kind} {one.identity}", markup=False)
    return ExitStatus.PASSED


async def _published(section: GatewaySection, folder: Path, one: Revocation) -> None:
    if section.revocation is None:
        raise UsageError(
            "revocation.not-configured",
            "guarita.yaml has no gateway.revocation, so no gateway would hear of it",
        )
    revocations = build_revocations(section.revocation, section.redis, folder)
    try:
        await revocations.revoke(one)
    finally:
        await revocations.aclose()


def _section(context: Context) -> tuple[GatewaySection, Path]:
    file = context.config or project() / config.FILE_NAME
    return (config.load(file).gateway if file.exists() else GatewaySection()), file.absolute().parent


def _event(kind: Kind, issuer: str, value: str, one: Revocation) -> Event:
    at, uid = int(one.at * 1000), f"revoked:{one.identity}:{one.at!r}"
    if kind == "subject":
        return user_change(time=at, user=Personal(value, value), activity="lock", uid=uid)
    return entity_management(
        time=at,
        entity=f"revocation/{one.identity}",
        kind=kind,
        activity="disable",
        success=True,
        details={"revocation": {"issuer": issuer, "until": int(one.until)}},
        uid=uid,
    )
