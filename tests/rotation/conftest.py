import itertools
from pathlib import Path

import kubeing
import pytest
import servers
from kubeapi import cluster as kubecluster
from rotating import vault_at

from guarita.rotation.interface import Delivery
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


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory):
    """One control plane for all tests here: the emulator, or Kubernetes itself with KUBEBUILDER_ASSETS."""
    with kubecluster.running(tmp_path_factory.mktemp("kube")) as plane:
        yield plane


@pytest.fixture
def kube(control_plane, tmp_path):
    """A namespace of its own, with the code under test at it as administrator."""
    with control_plane.namespace() as namespace:
        setting = kubeing.Setting(
            control_plane,
            namespace,
            None,
            Delivery(cluster="default", namespace=namespace, name="db"),
            kubeing.Fences(),
            tmp_path,
        )
        setting.cluster = setting.another()
        yield setting
        setting.cluster.close()
        control_plane.reset()
