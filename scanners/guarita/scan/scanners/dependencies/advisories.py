"""The advisory database: files in OSV's format, indexed once by package. Nothing is fetched.

OSV's own archives (`all.zip` of an ecosystem) and JSON lines are read
(https://google.github.io/osv.dev/data/#data-dumps).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from packaging.utils import canonicalize_name

from guarita.scan.interface import ScannerError
from guarita.scan.scanners.dependencies.interface import Ecosystem

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one advisory; a larger one is none."""
KEPT: Final = ("id", "aliases", "summary", "severity", "affected", "database_specific", "references")
CLOCKS: Final = dt.timedelta(days=1)
"""How far in the future the newest advisory may lie: clocks differ."""
_ECOSYSTEMS: Final = {item.value: item for item in Ecosystem}


@dataclass(frozen=True)
class Database:
    """An indexed database."""

    path: Path
    newest: dt.datetime
    """When its newest advisory was changed, which is how old it is. UTC."""
    count: int
    identity: str
    """SHA-256 over its files, hex."""

    def about(self, ecosystem: Ecosystem, name: str) -> list[dict[str, Any]]:
        """The advisories about a package."""
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as base:
            rows = base.execute(
                "SELECT advisory FROM advisories WHERE ecosystem = ? AND name = ?", (ecosystem.value, name)
            ).fetchall()
        return [msgspec.json.decode(row[0], type=dict[str, Any]) for row in rows]


def opened(files: Sequence[Path], folder: Path) -> Database:
    """The database of these files, indexed in `folder`, or found there. Raises ScannerError (`scanner.advisories`)."""
    if not files:
        raise ScannerError(
            "scanner.advisories",
            "dependencies: there is no advisory database to look into",
            hint="--advisories FILE: an archive of OSV, or JSON lines in its format",
        )
    identity = hashlib.sha256(b"guarita.advisories/1")
    for file in files:
        try:
            with file.open("rb") as stream:
                identity.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise _bad(f"{file}: {error.strerror}") from error
    index = folder / f"advisories-{identity.hexdigest()[:32]}.db"
    try:
        if not index.exists():
            _index(files, index)
        with contextlib.closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True)) as base:
            count, newest = base.execute("SELECT count, newest FROM about").fetchone()
    except (OSError, sqlite3.Error) as error:
        raise _bad(f"the index cannot be made in {folder}: {error}") from error
    return Database(index, dt.datetime.fromisoformat(newest), count, identity.hexdigest())


def check_age(database: Database, now: dt.datetime, most: dt.timedelta) -> None:
    """Raise ScannerError (`scanner.advisories-old`) where the newest advisory is older than `most`, or of tomorrow."""
    age = now - database.newest
    if age > most or age < -CLOCKS:
        days = age / dt.timedelta(days=1)
        raise ScannerError(
            "scanner.advisories-old",
            f"dependencies: the newest advisory is of {database.newest:%Y-%m-%d}, {days:.0f} days ago; "
            f"{most.days} are allowed",
            hint="renew the file, or set scan.advisories_max_age in the policy",
        )


def _index(files: Iterable[Path], index: Path) -> None:
    """Write the index beside its place and move it there whole."""
    handle, partial = tempfile.mkstemp(dir=index.parent, prefix=".advisories-", suffix=".partial")
    os.close(handle)
    try:
        with contextlib.closing(sqlite3.connect(partial)) as base:
            base.execute("PRAGMA synchronous = OFF")
            base.execute("CREATE TABLE advisories (ecosystem TEXT, name TEXT, advisory BLOB)")
            base.execute("CREATE TABLE about (count INTEGER, newest TEXT)")
            count, newest = 0, ""
            for file in files:
                for advisory in _entries(file):
                    count += 1
                    newest = max(newest, _time(advisory, file))
                    if not advisory.get("withdrawn"):
                        base.executemany("INSERT INTO advisories VALUES (?, ?, ?)", _rows(advisory, file))
            if not count:
                raise _bad("it holds no advisory")
            base.execute("INSERT INTO about VALUES (?, ?)", (count, newest))
            base.execute("CREATE INDEX by_name ON advisories (ecosystem, name)")
            base.commit()
        Path(partial).replace(index)
    finally:
        Path(partial).unlink(missing_ok=True)


def _rows(advisory: dict[str, Any], file: Path) -> Iterator[tuple[str, str, bytes]]:
    kept = msgspec.json.encode({key: advisory[key] for key in KEPT if key in advisory})
    seen = set()
    for affected in advisory.get("affected") or ():
        package = affected.get("package") or {} if isinstance(affected, dict) else None
        if package is None:
            raise _bad(f"{file}: {advisory['id']}: not in OSV's format")
        ecosystem, name = package.get("ecosystem"), package.get("name")
        if ecosystem in _ECOSYSTEMS and isinstance(name, str):
            name = canonicalize_name(name) if ecosystem == Ecosystem.PYPI.value else name
            if (ecosystem, name) not in seen:
                seen.add((ecosystem, name))
                yield ecosystem, name, kept


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                for item in archive.infolist():
                    if item.filename.endswith(".json"):
                        if item.file_size > LARGEST:
                            raise _bad(f"{file}: {item.filename} is too large")
                        yield _advisory(archive.read(item), file)
            return
        with file.open("rb") as lines:
            while line := lines.readline(LARGEST + 1):
                if len(line) > LARGEST:
                    raise _bad(f"{file}: a line is too long")
                if line.strip():
                    yield _advisory(line, file)
    except (OSError, zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise _bad(f"{file}: it is damaged") from error


def _advisory(text: bytes, file: Path) -> dict[str, Any]:
    try:
        advisory = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(f"{file}: an advisory is not valid JSON") from error
    if not isinstance(advisory.get("id"), str):
        raise _bad(f"{file}: an entry has no id")
    return advisory


def _time(advisory: dict[str, Any], file: Path) -> str:
    try:
        moment = dt.datetime.fromisoformat(str(advisory.get("modified")))
    except ValueError as error:
        raise _bad(f"{file}: {advisory['id']} does not say when it was modified") from error
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def _bad(message: str) -> ScannerError:
    return ScannerError(
        "scanner.advisories",
        f"dependencies: advisories: {message}",
        hint="--advisories FILE: an archive of OSV, or JSON lines in its format",
    )
