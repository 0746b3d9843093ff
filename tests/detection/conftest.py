"""Places for a ledger and its alerts, of each kind."""

import os

import pytest
import servers


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
def place(request, tmp_path):
    """The URL of a new ledger: what is promised of alerts, each store keeps."""
    if request.param == "sqlite":
        return str(tmp_path / "l.db")
    return request.getfixturevalue("postgres").url(schema=f"t{os.urandom(6).hex()}")
