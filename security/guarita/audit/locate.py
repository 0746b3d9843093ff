"""From a URL, or from the project's configuration, to an open ledger."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from guarita import config
from guarita.audit.ledger import Ledger
from guarita.audit.sealing.interface import KeyStore
from guarita.audit.sealing.sqlite import SqliteKeys
from guarita.audit.sealing.wrap import wrapping
from guarita.audit.stores.interface import Store
from guarita.audit.stores.sqlite import SqliteStore
from guarita.audit.stores.sqlite_file import FOLDER
from guarita.errors import UsageError

DEFAULT_NAME = "ledger.db"


def ledger_url(ledger: str | None = None, configuration: Path | None = None) -> str:
    """The ledger to use: the one given, else `ledger.url` of guarita.yaml, else the file beside that.

    `configuration` is the configuration's file; without it the project's counts, if there is one. Raises
    UsageError when the configuration is wrong.
    """
    if ledger:
        return ledger
    file = configuration or project() / config.FILE_NAME
    url = config.load(file).ledger.url if configuration or file.exists() else None
    return url or str(file.parent / FOLDER / DEFAULT_NAME)


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
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme == "sqlite":
        path = url.removeprefix("sqlite://").removeprefix("/")
        if not path or url == f"sqlite://{path}":
            raise UsageError(
                "audit.url",
                "a SQLite URL has three slashes before a relative path, four before an absolute one",
            )
        return SqliteStore(Path(path), create=create, read_only=read_only, origin=origin)
    if scheme in {"postgresql", "postgres"}:
        raise UsageError("audit.url", "PostgreSQL is not built in yet")
    if scheme:
        raise UsageError(
            "audit.url",
            f"no ledger store for {scheme}://",
            hint="sqlite:///PATH, postgresql://…, or a plain path",
        )
    return SqliteStore(Path(url), create=create, read_only=read_only, origin=origin)


def open_ledger(
    url: str,
    *,
    create: bool = True,
    read_only: bool = False,
    origin: str | None = None,
    sealing_key: str | None = None,
) -> Ledger:
    """Open a ledger, or make it. Use it as a context manager.

    `origin` names a new log, for checkpoints; an existing log keeps its name. `sealing_key` says where the
    master key of the subjects' keys is, as in guarita.yaml. Raises UsageError when the
    URL is wrong or nothing is there and `create` is False, LedgerUnavailableError when the place cannot be
    reached or written, LedgerCorruptError when the log is shorter than its last checkpoint, forked or edited.
    """
    store = open_store(url, create=create and not read_only, read_only=read_only, origin=origin)
    try:
        return Ledger(store, key_store(store, sealing_key, read_only=read_only))
    except BaseException:
        store.close()
        raise


def key_store(store: Store, sealing_key: str | None = None, *, read_only: bool = False) -> KeyStore | None:
    """The subjects' keys that belong to this log: for a file, in `NAME.keys.db` beside it.

    `sealing_key` names the master key that wraps them. Raises UsageError when that cannot be one.
    """
    if isinstance(store, SqliteStore):
        path = store.path.with_name(f"{store.path.stem}.keys.db")
        return SqliteKeys(path, store.origin, wrapping(sealing_key), read_only=read_only)
    return None
