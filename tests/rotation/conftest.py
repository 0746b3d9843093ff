import itertools
from pathlib import Path

import enginebenches
import kubeing
import meddling
import pytest
import servers
from enginebenches import Case, PostgresBench
from kubeapi import cluster as kubecluster
from rotating import vault_at
from runners import Nursery

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


@pytest.fixture(scope="session")
def nursery(tmp_path_factory):
    """Starts `guarita` as processes, each forked from one that has imported it."""
    made = Nursery(tmp_path_factory.mktemp("runners"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres():
    with servers.postgres() as server:
        PostgresBench.server = enginebenches.scram(server)
        yield server


@pytest.fixture
def trap():
    return meddling.Trap()


@pytest.fixture(scope="session")
def raft(tmp_path_factory):
    """An OpenBao server with raft storage. Who seals or kills it brings it back."""
    server = servers.RaftBao(tmp_path_factory.mktemp("raft"))
    yield server
    server.kill()


@pytest.fixture
def cases(bao, nursery, trap, tmp_path, request):
    """Makes a Case of a bench: `cases(KvBench)`. Every server is reached through a relay with the trap."""
    made = []

    def make(kind, *, vault=bao, token=servers.BAO_TOKEN, **settings):
        folder = tmp_path / f"case-{len(made)}"
        folder.mkdir()
        if kind is PostgresBench:
            request.getfixturevalue("postgres")
        bench = kind(vault, folder, token=token)
        relays = {"vault": meddling.to_vault(trap, int(vault.rpartition(":")[2]))}
        if bench.kind == "postgres":
            relays["postgres"] = meddling.to_postgres(trap, bench.server.port)
        if bench.kind == "redis":
            relays["redis"] = meddling.to_redis(trap, bench.servers[0].port)
        case = Case(bench, nursery, relays, folder, **settings)
        case.trap = trap
        made.append(case)
        return case

    yield make
    for case in made:
        for relay in case.relays.values():
            relay.close()
        case.bench.close()
        case.bench.eyes.close()


@pytest.fixture
def case(cases, request):
    return cases(request.param)
