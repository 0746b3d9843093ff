"""`guarita pii reveal`: pseudonyms turned back, for whoever may."""

from __future__ import annotations

import sys

import click

from guarita import config
from guarita.audit import open_configured
from guarita.audit.locate import project
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, MissingExtraError, UsageError
from guarita.pii.cli.checking import tenant_option
from guarita.pii.ingest.build import settings
from guarita.pii.pseudonyms.reveal import Revealer
from guarita.policy.access import load


@click.command()
@click.argument("pseudonyms", nargs=-1, metavar="PSEUDONYM...")
@click.option(
    "--purpose", required=True, metavar="REFERENCE", help="What it is needed for: a ticket, a request."
)
@tenant_option
@command_options
def reveal(context: Context, /, pseudonyms: tuple[str, ...], purpose: str, tenant: str) -> ExitStatus:
    """Turn pseudonyms back into what they stand for.

    PSEUDONYM is `[CPF~p:…]`, whole; `-` reads them from standard input, one a line. Who asks is whose token is in
    VAULT_TOKEN: a role with the permission pii:reveal is needed, by a binding in gateway.access for the issuer `vault`.
    It is in the ledger before anything is shown, and nothing is shown when it cannot be.
    """
    section, _ = settings(context.config)
    if section.pseudonyms is None:
        raise UsageError(
            "pii.no-pseudonyms", "there is no key for pseudonyms", hint="name one by pii.pseudonyms.transit"
        )
    try:
        from guarita.pii.pseudonyms.transit import TransitPseudonyms  # noqa: PLC0415  # needs an extra
        from guarita.pii.pseudonyms.vault import holder  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("pii-vault", error.name or "hvac") from error
    tokens = [line for word in pseudonyms for line in _lines(word)]
    if not tokens:
        raise UsageError("pii.reveal", "name a PSEUDONYM, or `-` for standard input")
    policy = load(context.config or project() / config.FILE_NAME)
    principal = holder(section.pseudonyms.timeout_seconds)
    with open_configured(context.ledger, context.config) as ledger:
        revealer = Revealer(policy, TransitPseudonyms.of(section.pseudonyms).open, ledger)
        values = revealer.reveal(tokens, principal=principal, tenant=tenant, purpose=purpose)
    if context.json:
        context.emit({"values": values})
    else:
        for value in values:
            context.out.print(value, markup=False, soft_wrap=True)
    return ExitStatus.PASSED


def _lines(word: str) -> list[str]:
    if word != "-":
        return [word]
    return [line for line in sys.stdin.read().splitlines() if line.strip()]
