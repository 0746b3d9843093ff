"""Servers that several modules share, one of each for a whole session."""

import os

import pytest
import servers

from guarita.audit import open_ledger


class Place:
    """Where a test's ledger is, and the key that signs it."""

    def __init__(self, url, folder):
        self.url = url
        self.key = str(folder / "l.key")

    def open(self, **options):
        return open_ledger(self.url, **{"key": self.key, **options})


@pytest.fixture(scope="session")
def openbao(tmp_path_factory):
    with servers.openbao(tmp_path_factory.mktemp("bao")) as (address, _):
        yield address


@pytest.fixture(scope="session")
def postgres():
    with servers.postgres() as server:
        yield server


@pytest.fixture(
    params=[
        pytest.param("sqlite", id="sqlite"),
        pytest.param("postgres", id="postgres", marks=pytest.mark.servers),
    ]
)
def place(request, tmp_path, monkeypatch):
    """A place for a new ledger, of each kind, with a key beside it: what a store must do, every store does."""
    if request.param == "sqlite":
        return Place(str(tmp_path / "l.db"), tmp_path)
    server = request.getfixturevalue("postgres")
    return Place(server.url(schema=f"t{os.urandom(6).hex()}"), tmp_path)
