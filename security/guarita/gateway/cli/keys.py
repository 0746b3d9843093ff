"""`guarita gateway keys`: create, list, revoke and rotate API keys. Each change is an audit event."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import click
from rich.table import Table

from guarita import config
from guarita.audit import Ledger, open_configured
from guarita.audit.events import entity_management
from guarita.audit.locate import project
from guarita.cli import Context, command_options
from guarita.config.gateway_keys import ApiKeysSection
from guarita.errors import ExitStatus, GuaritaError, UsageError
from guarita.gateway.apikeys import manage
from guarita.gateway.apikeys.build import open_store, read_peppers
from guarita.gateway.apikeys.interface import ConflictError, KeyRecord, KeyStore

DAY: Final = 86_400
HOUR: Final = 3_600


@click.group()
def keys() -> None:
    """Make, list, revoke and rotate API keys."""


@keys.command()
@click.option("--name", required=True, help="What the key is for.")
@click.option("--subject", help="Whom its holder acts as. [default: the name]")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="May be given several times.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="May be given several times.")
@click.option("--days", type=click.IntRange(min=1), help="Its life. [default: as configured, 90]")
@click.option("--environment", help="[default: the first configured one]")
@command_options
def create(
    context: Context,
    /,
    *,
    name: str,
    subject: str | None,
    scopes: tuple[str, ...],
    roles: tuple[str, ...],
    days: int | None,
    environment: str | None,
) -> ExitStatus:
    """Make a key and show it on standard output: this once, and nowhere else."""
    section, folder = _section(context)
    subject = name if subject is None else subject
    for what in (name, subject, *scopes, *roles):
        _must_be_plain(what)
    environment = environment or section.environments[0]
    if environment not in section.environments:
        raise UsageError(
            "apikey.environment",
            f"{environment}: no environment of this gateway",
            hint=f"one of: {', '.join(section.environments)}",
        )
    now = time.time()
    expires = now + _days(section, days) * DAY
    with _opened(context, section, folder) as (store, ledger):
        key, record = manage.create(
            store,
            read_peppers(section.pepper, folder, timeout=section.timeout_seconds),
            name=name,
            subject=subject,
            environment=environment,
            created=now,
            expires=expires,
            scopes=scopes,
            roles=roles,
        )
        _record_new(ledger, store, record)
    _show(context, key.text, record)
    return ExitStatus.PASSED


@keys.command("list")
@click.option("--all", "everything", is_flag=True, help="Revoked and expired ones too.")
@command_options
def list_(context: Context, /, *, everything: bool) -> ExitStatus:
    """List keys, without what is secret of them."""
    section, folder = _section(context)
    now = time.time()
    store = open_store(section, folder)
    try:
        found = [record for record in store.every() if everything or record.state(now) == "active"]
    finally:
        store.close()
    if context.json:
        context.emit([_public(record, now) for record in found])
        return ExitStatus.PASSED
    table = Table("id", "name", "subject", "rights", "expires", "last used", "state", box=None)
    for record in found:
        rights = " ".join([*sorted(record.scopes), *(f"role:{role}" for role in sorted(record.roles))])
        used = "" if record.last_used is None else _hour(record.last_used)
        table.add_row(
            record.key_id, record.name, record.subject, rights, _hour(record.expires), used, record.state(now)
        )
    context.out.print(table)
    return ExitStatus.PASSED


@keys.command()
@click.argument("key_id", metavar="ID")
@command_options
def revoke(context: Context, /, key_id: str) -> ExitStatus:
    """Revoke the key ID. Every gateway refuses it within the configured `cache_seconds`."""
    section, folder = _section(context)
    with _opened(context, section, folder) as (store, ledger):
        record = store.revoke(key_id, time.time())
        if record is None:
            raise ConflictError("apikey.not-active", "there is no key of this id")
        # Revoked stays revoked where the ledger cannot be written: that error is said, and the door is shut.
        ledger.append(_event(record, "disable", uid=f"api-key:{key_id}:revoked"))
    if context.json:
        context.emit({"revoked": record.key_id, "within_seconds": section.cache_seconds})
    else:
        context.out.print(f"revoked: {record.key_id}", markup=False)
        context.note(f"refused everywhere within {section.cache_seconds:g} s")
    return ExitStatus.PASSED


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap", type=click.IntRange(min=0), default=24, show_default=True, help="Hours both keys are good."
)
@click.option("--days", type=click.IntRange(min=1), help="The new key's life. [default: as configured, 90]")
@command_options
def rotate(context: Context, /, key_id: str, *, overlap: int, days: int | None) -> ExitStatus:
    """Make a successor of the key ID with the same rights and show it once; the old one ends after the overlap."""
    section, folder = _section(context)
    now = time.time()
    with _opened(context, section, folder) as (store, ledger):
        key, record = manage.rotate(
            store,
            read_peppers(section.pepper, folder, timeout=section.timeout_seconds),
            key_id,
            now=now,
            expires=now + _days(section, days) * DAY,
            overlap=overlap * HOUR,
        )
        _record_new(ledger, store, record, replaces=key_id)
    _show(context, key.text, record, replaces=key_id)
    context.note(f"the key {key_id} ends at {_hour(now + overlap * HOUR)} at the latest")
    return ExitStatus.PASSED


def _section(context: Context) -> tuple[ApiKeysSection, Path]:
    file = context.config or project() / config.FILE_NAME
    section = config.load(file).gateway.api_keys if file.exists() else None
    if section is None:
        raise UsageError(
            "apikey.not-configured", f"{file}: no gateway.api_keys", hint="name a store and a pepper there"
        )
    return section, file.absolute().parent


@contextmanager
def _opened(context: Context, section: ApiKeysSection, folder: Path) -> Iterator[tuple[KeyStore, Ledger]]:
    # The ledger first: nothing is changed that cannot be recorded.
    with open_configured(context.ledger, context.config) as ledger:
        store = open_store(section, folder, create=True)
        try:
            yield store, ledger
        finally:
            store.close()


def _record_new(ledger: Ledger, store: KeyStore, record: KeyRecord, *, replaces: str | None = None) -> None:
    """Write the event of a new key, and revoke the key where that fails: nobody has seen it."""
    try:
        ledger.append(_event(record, "create", uid=f"api-key:{record.key_id}:created", replaces=replaces))
    except GuaritaError:
        store.revoke(record.key_id, record.created)
        raise


def _event(
    record: KeyRecord, activity: Literal["create", "disable"], *, uid: str, replaces: str | None = None
) -> Any:
    details = {
        "environment": record.environment,
        "expires": int(record.expires),
        "scopes": sorted(record.scopes),
        "roles": sorted(record.roles),
        **({} if replaces is None else {"replaces": replaces}),
    }
    return entity_management(
        time=time.time_ns() // 1_000_000,
        entity=f"api-key/{record.key_id}",
        kind="API key",
        activity=activity,
        success=True,
        details={"api_key": details},
        uid=uid,
    )


def _show(context: Context, text: str, record: KeyRecord, *, replaces: str | None = None) -> None:
    if context.json:
        also = {} if replaces is None else {"replaces": replaces}
        context.emit({"key": text, **_public(record, record.created), **also})
        return
    click.echo(text)
    context.note(f"key {record.key_id}, good until {_hour(record.expires)}. It is not shown again.")


def _public(record: KeyRecord, now: float) -> dict[str, Any]:
    return {
        "id": record.key_id,
        "name": record.name,
        "subject": record.subject,
        "environment": record.environment,
        "scopes": sorted(record.scopes),
        "roles": sorted(record.roles),
        "created": int(record.created),
        "expires": int(record.expires),
        "revoked": None if record.revoked is None else int(record.revoked),
        "replaced_by": record.replaced_by,
        "last_used": record.last_used,
        "state": record.state(now),
    }


def _days(section: ApiKeysSection, days: int | None) -> int:
    days = section.default_days if days is None else days
    if days > section.max_days:
        raise UsageError("apikey.days", f"a key lives at most {section.max_days} days here")
    return days


def _must_be_plain(text: str) -> None:
    if not text or len(text) > 256 or not text.isprintable():  # noqa: PLR2004  # as a claim of a token
        raise UsageError("apikey.name", "names, subjects, scopes and roles are printable and not empty")


def _hour(at: float) -> str:
    return f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%d %H:%M}Z"
