import itertools
from pathlib import Path

import pytest
import servers
from rotating import vault_at

from guarita.rotation.vault import Kv


@pytest.fixture(scope="session")
def bao(tmp_path_factory):
    """One OpenBao server in memory for all tests here; gives its address. Its root token is servers.BAO_TOKEN."""
    with servers.openbao(tmp_path_factory.mktemp("bao")) as (address, _):
        yield address


@pytest.fixture
def vault(bao):
    client = vault_at(bao)
    yield client
    client.close()


@pytest.fixture
def kv(vault):
    return Kv(vault)


_numbers = itertools.count()


@pytest.fixture
def place(request):
    """MOUNT/PATH in the KV engine that no other test uses."""
    return f"secret/{Path(request.node.name).name.replace('[', '-').replace(']', '')}-{next(_numbers)}"
