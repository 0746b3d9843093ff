"""Whole rotations of a PostgreSQL login whose consumers are pods that really log in, with what goes wrong meanwhile."""

import random
import threading

import hvac
import kubeing
import loginpods
import pytest
import servers

from guarita.rotation.engine.runner import Result
from guarita.rotation.journal import Phase
from guarita.rotation.rbac import grants, hcl, manifests


@pytest.fixture(scope="module")
def database():
    with servers.postgres() as server:
        yield loginpods.closed(server)


@pytest.fixture
def shop(kube, bao, database):
    shop = loginpods.Shop(kube, bao, database)
    yield shop
    shop.close()


@pytest.fixture
def fleet(shop):
    """The shop with pods of a Deployment, a StatefulSet and a DaemonSet; gives the kubelet."""
    kube = shop.kube
    kube.apply(*loginpods.fleet(kube.namespace))
    with kube.server.kubelet(lambda pod: shop.pods(), kube.namespace) as kubelet:
        kube.settle()
        kube.settle("statefulsets", "store")
        kube.settle("daemonsets", "agent")
        yield kubelet


def users(kubelet):
    return {life.behaviour.login[0] for life in kubelet.live()}


def test_not_one_login_fails_while_a_fleet_is_rotated_and_pods_are_evicted(shop, fleet):
    stop = threading.Event()

    def evict():
        """Now and then a pod has to go, as on a node that is drained."""
        dice = random.Random(7)
        while not stop.wait(1.0):
            names = [life.name for life in fleet.live() if "canary" not in life.name]
            if names:
                name = dice.choice(names)
                body = {
                    "apiVersion": "policy/v1",
                    "kind": "Eviction",
                    "metadata": {"name": name, "namespace": shop.kube.namespace},
                }
                with kubeing.contextlib.suppress(kubeing.ApiError):
                    shop.kube.client.create(f"{shop.kube.path('pods', name)}/eviction", body)

    evictor = threading.Thread(target=evict, daemon=True)
    evictor.start()
    before = shop.published()
    report = shop.rotate()
    assert report.result is Result.DONE, report.error
    assert shop.published()["username"] == shop.users[1]
    assert not shop.can_log_in(before["username"], before["password"])
    stop.set()
    evictor.join(5)
    kubeing.wait_for(lambda: len(fleet.live()) == 7 and users(fleet) == {shop.users[1]})
    entry = shop.settled(fleet)
    assert entry.last.phase is Phase.DONE
    assert shop.failures == []
    assert shop.logins > 30


def test_a_value_that_pods_cannot_use_goes_no_further_than_the_canary(shop, fleet):
    shop.sabotage = lambda running: "crash" if "canary" in running.name else None
    before = shop.published()
    report = shop.rotate()
    assert report.result is Result.ROLLED_BACK
    entry = shop.settled(fleet)
    assert entry.last.reason.code == "kube.canary-failed"
    assert shop.published() == before
    assert users(fleet) == {shop.users[0]}
    assert shop.failures == []


def test_pods_that_do_not_come_up_are_rolled_back_by_the_deadline(kube, bao, database):
    """The fleet is half way when it stops: some pods have the new value, and all come back to the old one."""
    shop = loginpods.Shop(kube, bao, database, deliver={"canary": False})
    kube.apply(
        kubeing.deployment(kube.namespace, replicas=3, spec=loginpods.spec(), progressDeadlineSeconds=2)
    )
    first = []
    lock = threading.Lock()

    def sabotage(running):
        """One pod with the new user comes up, none after it."""
        if running.env.get("USERNAME") != shop.users[1]:
            return None
        with lock:
            if running.uid not in first:
                first.append(running.uid)
            return "unready" if first.index(running.uid) else None

    shop.sabotage = sabotage
    with kube.server.kubelet(lambda pod: shop.pods(), kube.namespace) as kubelet:
        kube.settle()
        report = shop.rotate()
        assert report.result is Result.ROLLED_BACK
        assert len(first) > 1
        entry = shop.settled(kubelet)
        assert entry.last.reason.code == "kube.deadline"
        assert users(kubelet) == {shop.users[0]}
        assert shop.failures == []
        # Whatever was wrong is mended: the next run goes through.
        shop.sabotage = lambda running: None
        assert shop.rotate().result is Result.DONE
        shop.settled(kubelet)
        assert users(kubelet) == {shop.users[1]}
        assert shop.failures == []
    shop.close()


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "lose", "method": "PATCH", "path": "*/deployments/*", "times": 2},
        {"action": "drop", "method": "*", "path": "*", "times": 3, "skip": 20},
        {
            "action": "status",
            "method": "*",
            "path": "/apis/apps/*",
            "code": 429,
            "retry_after": "1",
            "times": 2,
        },
    ],
    ids=lambda fault: f"{fault['action']}-{fault['method']}",
)
def test_a_server_that_fails_now_and_then_changes_nothing_about_the_end(kube, bao, database, fault):
    shop = loginpods.Shop(kube, bao, database, cluster={"timeout_seconds": 1})
    kube.apply(kubeing.deployment(kube.namespace, replicas=2, spec=loginpods.spec()))
    with kube.server.kubelet(lambda pod: shop.pods(), kube.namespace) as kubelet:
        kube.settle()
        kube.server.fault(user="admin", **fault)
        for _ in range(4):
            report = shop.rotate() if shop.entry() is None or shop.entry().work is None else shop.resume()[0]
            if report.result is Result.DONE:
                break
        assert report.result is Result.DONE, report.error
        shop.settled(kubelet)
        assert users(kubelet) == {shop.users[1]}
        assert shop.failures == []
    shop.close()


def test_what_will_not_converge_is_not_begun(shop):
    kube = shop.kube
    kube.apply(
        kubeing.statefulset(
            kube.namespace, replicas=2, spec=loginpods.spec(), updateStrategy={"type": "OnDelete"}
        )
    )
    report = shop.rotate()
    assert report.result is Result.HALTED
    assert report.error.code == "rotation.hindered"
    assert "OnDelete" in report.error.message
    assert shop.entry() is None or shop.entry().work is None
    assert shop.published()["username"] == shop.users[0]
    assert kube.secret_names() == ["db"]


def test_an_emergency_reaches_even_those(shop):
    """It is not held up by what hinders: the old value is ended, and what nobody restarts is named."""
    kube = shop.kube
    kube.apply(kubeing.deployment(kube.namespace, replicas=2, spec=loginpods.spec()))
    with kube.server.kubelet(lambda pod: shop.pods(), kube.namespace) as kubelet:
        kube.settle()
        before = shop.published()
        assert shop.rotate(emergency=True).result is Result.DONE
        assert not shop.can_log_in(before["username"], before["password"])
        kubeing.wait_for(lambda: users(kubelet) == {shop.users[1]} and len(kubelet.live()) == 2)
        shop.settled(kubelet)


def test_a_runner_with_only_the_printed_rights_logs_in_by_its_account_and_rotates(shop):
    """The whole of it as in a cluster: a token by TokenRequest, Vault's Kubernetes method, the least Role and policy."""
    kube, namespace = shop.kube, shop.kube.namespace
    for name in ("rotation", "reviewer"):
        kube.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        )
    group = "rbac.authorization.k8s.io"
    kube.apply(
        {
            "apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": f"reviewer-{namespace}"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "system:auth-delegator"},
            "subjects": [{"kind": "ServiceAccount", "name": "reviewer", "namespace": namespace}],
        }
    )  # fmt: skip
    kubeconfig = kube.server.kubeconfig(kube.server.token(namespace, "rotation"), namespace=namespace)
    login = {"method": "kubernetes", "role": "rotation", "mount": f"k-{namespace}", "service_account": f"{namespace}/rotation",
             "token_file": str(kube.folder / "none")}  # fmt: skip
    shop.write(vault={"login": login}, cluster={"kubeconfig": str(kubeconfig)})
    section = loginpods.config.load(shop.file).rotation
    for document in manifests(section, "default", f"{namespace}/rotation"):
        kube.apply(document)
    root = hvac.Client(url=shop.bao, token=servers.BAO_TOKEN)
    root.sys.create_or_update_policy(f"rotation-{namespace}", hcl(grants(section)))
    root.sys.enable_auth_method("kubernetes", path=f"k-{namespace}")
    root.auth.kubernetes.configure(
        kubernetes_host=kube.server.url, kubernetes_ca_cert=kube.server.ca.read_text(), disable_local_ca_jwt=True,
        token_reviewer_jwt=kube.server.token(namespace, "reviewer"), mount_point=f"k-{namespace}",
    )  # fmt: skip
    root.write_data(
        f"auth/k-{namespace}/role/rotation",
        data={
            "bound_service_account_names": "rotation", "bound_service_account_namespaces": namespace,
            "audience": "vault", "token_policies": f"rotation-{namespace}", "token_ttl": "10m",
        },
    )  # fmt: skip
    kube.apply(kubeing.deployment(namespace, replicas=2, spec=loginpods.spec()))
    with kube.server.kubelet(lambda pod: shop.pods(), namespace) as kubelet:
        kube.settle()
        report = shop.rotate()
        assert report.result is Result.DONE, report.error
        shop.settled(kubelet)
    assert shop.failures == []
    user = f"system:serviceaccount:{namespace}:rotation"
    assert kube.server.requests(user=user), "it was that account that did it"
    root.sys.disable_auth_method(f"k-{namespace}")
