"""From a URL, or from the project's configuration, to an open ledger."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from guarita import config
from guarita.audit.checkpointing import EVERY
from guarita.audit.errors import LedgerCorruptError
from guarita.audit.keys.locate import NONE, key_source
from guarita.audit.ledger import Ledger
from guarita.audit.notes.ed25519 import VerifyingKey
from guarita.audit.retention.reader import with_archive
from guarita.audit.sealing.interface import KeyStore
from guarita.audit.sealing.sqlite import SqliteKeys
from guarita.audit.sealing.wrap import wrapping
from guarita.audit.signing import Signing
from guarita.audit.stores.interface import Store
from guarita.audit.stores.sqlite import SqliteStore
from guarita.audit.stores.sqlite_file import FOLDER
from guarita.audit.tiles.directory import TileDirectory
from guarita.audit.unwritable import Buffer, WhenUnwritable
from guarita.errors import MissingExtraError, UsageError

DEFAULT_NAME = "ledger.db"
KEY_SUFFIX = ".key"
"""The signing key of `ledger.db` is `ledger.key` beside it, unless the configuration names another."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Which ledger, and how it is signed: the arguments of `open_ledger`."""

    url: str
    key: str | None = None
    vkey: str | None = None
    checkpoint_every: int = EVERY
    when_unwritable: WhenUnwritable = "deny"
    sealing_key: str | None = None


def ledger_settings(ledger: str | None = None, configuration: Path | None = None) -> Settings:
    """The ledger given, else `ledger.url` of guarita.yaml, else the file beside that; its keys from there too.

    What guarita.yaml says of one ledger is not said of another that is given.
    `configuration` is the configuration's file; without it the project's counts, if there is one. Raises
    UsageError when the configuration is wrong.
    """
    file = configuration or project() / config.FILE_NAME
    section = config.load(file).ledger if configuration or file.exists() else config.LedgerSection()
    return settings_of(section, ledger, default=str(file.parent / FOLDER / DEFAULT_NAME))


def settings_of(section: config.LedgerSection, ledger: str | None, *, default: str) -> Settings:
    """As `ledger_settings`, from a section that is read already; `default` is the URL where nobody names one."""
    if ledger and section.url and ledger != section.url:
        return Settings(url=ledger)
    return Settings(
        url=ledger or section.url or default,
        key=section.key,
        vkey=section.vkey,
        checkpoint_every=section.checkpoint_every or EVERY,
        when_unwritable="deny" if section.buffer is None else Buffer(section.buffer),
        sealing_key=section.sealing_key,
    )


def ledger_url(ledger: str | None = None, configuration: Path | None = None) -> str:
    """The URL of `ledger_settings`."""
    return ledger or ledger_settings(ledger, configuration).url


def open_configured(
    ledger: str | None = None,
    configuration: Path | None = None,
    *,
    create: bool = True,
    read_only: bool = False,
    vkey: str | None = None,
    archive: Path | None = None,
    check: bool = True,
    sign: bool = True,
) -> Ledger:
    """Open the ledger of `ledger_settings`, as `open_ledger` does. `vkey` wins over the configured one.

    With `sign=False` no signing key is looked for: for one who writes beside the log, and nothing into it.
    """
    return open_settings(
        ledger_settings(ledger, configuration),
        create=create,
        read_only=read_only,
        vkey=vkey,
        archive=archive,
        check=check,
        sign=sign,
    )


def open_settings(
    found: Settings,
    *,
    create: bool = True,
    read_only: bool = False,
    vkey: str | None = None,
    archive: Path | None = None,
    check: bool = True,
    sign: bool = True,
) -> Ledger:
    """As `open_configured`, with settings that are found already."""
    return open_ledger(
        found.url,
        create=create,
        read_only=read_only,
        key=found.key if sign else NONE,
        vkey=vkey or found.vkey,
        checkpoint_every=found.checkpoint_every,
        when_unwritable=found.when_unwritable,
        sealing_key=found.sealing_key,
        archive=archive,
        check=check,
    )


def default_ledger() -> str:
    """The project's own ledger, whatever its guarita.yaml says: for a caller who does not trust that file."""
    return str(project() / FOLDER / DEFAULT_NAME)


def project() -> Path:
    """The project's folder: from here upwards the nearest with a guarita.yaml, not beyond the repository.

    Without one it is the repository's top, and outside a repository the current folder.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / config.FILE_NAME).exists() or (folder / ".git").exists():
            return folder
    return here


def open_store(url: str, *, create: bool = True, read_only: bool = False, origin: str | None = None) -> Store:
    """Open a store by URL: `sqlite:///relative.db`, `sqlite:////absolute.db`, a plain path, `postgresql://…`.

    Raises UsageError for a URL of another kind, or a ledger that is not there and not to be made.
    """
    path = sqlite_path(url)
    if path is not None:
        return SqliteStore(path, create=create, read_only=read_only, origin=origin)
    if urlsplit(url).scheme in {"postgresql", "postgres"}:
        return _postgres(url, create=create, read_only=read_only, origin=origin)
    raise UsageError(
        "audit.url",
        f"no ledger store for {urlsplit(url).scheme}://",
        hint="sqlite:///PATH, postgresql://…, or a plain path",
    )


def _postgres(url: str, *, create: bool, read_only: bool, origin: str | None) -> Store:
    try:
        from guarita.audit.stores.postgres import PostgresStore  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("ledger-postgres", error.name or "psycopg") from error
    return PostgresStore(url, create=create, read_only=read_only, origin=origin)


def sqlite_path(url: str) -> Path | None:
    """The file that the URL names, if it names one. Raises UsageError for a SQLite URL that is malformed."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme != "sqlite":
        return None if scheme else Path(url)
    path = url.removeprefix("sqlite://").removeprefix("/")
    if not path or url == f"sqlite://{path}":
        raise UsageError(
            "audit.url", "a SQLite URL has three slashes before a relative path, four before an absolute one"
        )
    return Path(path)


def open_ledger(
    url: str,
    *,
    create: bool = True,
    read_only: bool = False,
    origin: str | None = None,
    key: str | None = None,
    vkey: str | None = None,
    checkpoint_every: int = EVERY,
    when_unwritable: WhenUnwritable = "deny",
    sealing_key: str | None = None,
    archive: Path | None = None,
    check: bool = True,
) -> Ledger:
    """Open a ledger, or make it. Use it as a context manager: closing it signs a last checkpoint.

    `origin` names a new log, for checkpoints; an existing log keeps its name. `key` says where the signing key
    is (`PATH`, `env:VARIABLE`, `vault:MOUNT/NAME`, or `none` for a process that signs nothing); without it
    it is in $GUARITA_LEDGER_KEY, or beside a SQLite file, where it is made with the ledger. `vkey` pins the first
    key of the log's chain. `when_unwritable` says what becomes of appends while the ledger cannot be written. `sealing_key` says where the master key of the subjects' keys is, as in guarita.yaml. `archive` is a folder
    of tiles that bodies are read from which are no longer in the store. `check=False` leaves out the comparison
    with the last checkpoint, for one who verifies anyway.

    Raises UsageError when the URL or the key is wrong or nothing is there and `create` is False,
    LedgerUnavailableError when the place cannot be reached or written, LedgerCorruptError when the log is shorter
    than its last checkpoint, forked or edited.
    """
    pinned = None if vkey is None else VerifyingKey.parse(vkey)
    path = sqlite_path(url)
    source = None if read_only else key_source(key, path and path.with_suffix(KEY_SUFFIX))
    known = source.origin if source and create else None
    if source and source.paths() and known and key is None and origin is None and path and not path.exists():
        raise LedgerCorruptError(
            "audit.ledger-gone",
            f"{path}: no ledger here, but the key of one, {known}",
            index=0,
            hint="put the ledger back; to begin another, move its key away first",
        )
    bare = open_store(url, create=create and not read_only, read_only=read_only, origin=origin or known)
    try:
        store = bare if archive is None else with_archive(bare, TileDirectory(archive))
        signing = Signing(store, source, pinned)
        signing.prepare()
        if check:
            signing.check()
        keys = key_store(bare, sealing_key, read_only=read_only)
        return Ledger(
            store, signing, keys, checkpoint_every=checkpoint_every, when_unwritable=when_unwritable
        )
    except BaseException:
        bare.close()
        raise


def key_store(store: Store, sealing_key: str | None = None, *, read_only: bool = False) -> KeyStore | None:
    """The subjects' keys that belong to this log: in `NAME.keys.db` beside a file, in `SCHEMA_keys` on a server.

    `sealing_key` names the master key that wraps them. Raises UsageError when that cannot be one.
    """
    if isinstance(store, SqliteStore):
        path = store.path.with_name(f"{store.path.stem}.keys.db")
        return SqliteKeys(path, store.origin, wrapping(sealing_key), read_only=read_only)
    try:
        from guarita.audit.sealing.postgres import PostgresKeys  # noqa: PLC0415  # needs an extra
        from guarita.audit.stores.postgres import PostgresStore  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError:
        return None
    if isinstance(store, PostgresStore):
        return PostgresKeys(store.place, store.origin, wrapping(sealing_key), read_only=read_only)
    return None
