"""Servers that several modules share, one of each for a whole session."""

import pytest
import servers


@pytest.fixture(scope="session")
def openbao(tmp_path_factory):
    with servers.openbao(tmp_path_factory.mktemp("bao")) as (address, _):
        yield address
