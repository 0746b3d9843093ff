"""Whole rotations of a PostgreSQL login whose consumers are pods: killed, cut off and stopped at every change there."""

import itertools
import ssl
from typing import ClassVar

import kubeing
import meddling
import psycopg
import pytest
from enginebenches import Case, PostgresBench
from kubeapi.cluster import secret
from kubeapi.kubelet import Behaviour, CrashError

from guarita.rotation.journal import Phase


class LogsIn(Behaviour):
    """A consumer with one session as whoever its Secret says, from its start to its end."""

    bench: ClassVar = None
    failed: ClassVar = []
    knows: ClassVar = None
    """If set, the build starts with this user alone."""
    linger = 0.2
    session = None

    def start(self):
        if self.knows not in {None, self.running.env["username"]}:
            raise CrashError("this build knows the old login only")
        user, password = self.running.env["username"], self.running.env["password"]
        try:
            self.session = psycopg.connect(
                host="127.0.0.1", port=self.bench.server.port, dbname="postgres", user=user, password=password,
                autocommit=True,
            )  # fmt: skip
        except psycopg.OperationalError:
            self.failed.append(user)
            raise CrashError("password authentication failed") from None

    def ready(self):
        try:
            return self.session.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:  # its session was ended
            return False

    def stop(self):
        if self.session is not None:
            self.session.close()


@pytest.fixture
def delivered(bao, postgres, nursery, kube, tmp_path):
    """A Case whose secret is delivered to the Deployment `web`; its trap is at Kubernetes' API alone."""
    folder = tmp_path / "case"
    folder.mkdir()
    bench = PostgresBench(bao, folder)
    LogsIn.bench, LogsIn.failed, LogsIn.knows = bench, [], None
    relays = {
        "vault": meddling.to_vault(meddling.Trap(), int(bao.rpartition(":")[2])),
        "postgres": meddling.to_postgres(meddling.Trap(), postgres.port),
    }
    trap = meddling.Trap()
    context = ssl.create_default_context(cafile=str(kube.server.ca))
    relays["kubernetes"] = meddling.to_kubernetes(trap, kube.server.port, context)
    path = kube.server.kubeconfig(namespace=kube.namespace, server=relays["kubernetes"].url)
    case = Case(
        bench, nursery, relays, folder,
        clusters={"default": {"kubeconfig": str(path), "namespace": kube.namespace}}, deliver=[{"secret": "db"}],
    )  # fmt: skip
    case.trap, case.kube = trap, kube
    spec = kubeing.pod_spec()
    spec["containers"][0] |= {"env": [], "envFrom": [{"secretRef": {"name": "db"}}]}
    kube.apply(secret(kube.namespace, "db", **bench.published), kubeing.deployment(kube.namespace, spec=spec))
    with kube.server.kubelet(lambda pod: LogsIn, kube.namespace):
        kube.settle()
        yield case
    for relay in relays.values():
        relay.close()
    bench.close()
    bench.eyes.close()


def everything_agrees(case):
    """What is published works, every pod runs it, and of the Secret there is this version and the plain one."""
    live = case.settled()
    pods = [pod for pod in case.kube.pods() if pod["metadata"]["name"].startswith("web-")]
    current = case.entry.current.rotation
    names = {pod["spec"]["containers"][0]["envFrom"][0]["secretRef"]["name"] for pod in pods}
    assert names == {f"db-{current}" if current != "adopted" else "db"}
    assert len(pods) == 2
    assert case.kube.secret_names() == sorted({"db", *names})
    query = "SELECT usename, count(*) FROM pg_stat_activity WHERE usename = ANY(%s) GROUP BY 1"

    def sessions():
        return case.bench.admin.execute(query, (case.bench.users,)).fetchall()

    # Those of probes just now end in their own time.
    kubeing.wait_for(lambda: sessions() == [(live.handle["user"], 2)])
    assert LogsIn.failed == [], "not one failed login"


def at_every_change(case, how):
    for at in itertools.count(1):
        runner = case.start("run", case.bench.name)
        case.trap.set(at, how, runner.pid)
        yield runner
        if case.trap.what is None:
            assert at > 4
            return


def test_the_pods_take_each_new_login(delivered):
    for _ in range(2):
        delivered.rotate()
        everything_agrees(delivered)
    proofs = {
        proof["kind"]: proof
        for event in delivered.events()
        for proof in event["unmapped"]["guarita"].get("proofs", [])
    }
    assert {"login", "kv-version", "pods", "sessions", "login-refused"} <= set(proofs)


def test_killed_after_every_change_in_the_cluster(delivered):
    for runner in at_every_change(delivered, "kill"):
        runner.wait()
        if delivered.trap.what is not None:
            delivered.resume()
        if delivered.entry is None:
            continue  # killed as it took the Lease: nothing had been begun
        everything_agrees(delivered)


def test_the_answer_to_every_change_in_the_cluster_is_lost(delivered):
    for runner in at_every_change(delivered, "lose"):
        assert runner.wait() == 0, (delivered.trap.what, runner.said())
        everything_agrees(delivered)


def test_stopped_before_every_change_in_the_cluster_while_others_finish_twice(delivered):
    for runner in at_every_change(delivered, "stop"):
        while not (delivered.trap.caught.wait(0.01) or runner.ended):
            pass
        if delivered.trap.what is None:
            continue
        delivered.resume()
        delivered.rotate()
        everything_agrees(delivered)
        before = delivered.entry.current
        delivered.trap.released.set()
        assert runner.wait() in {0, 3}, (delivered.trap.what, runner.said())
        delivered.resume()
        everything_agrees(delivered)
        assert delivered.entry.current == before


def test_the_lease_of_a_runner_that_died_is_respected_and_waited_out(delivered):
    delivered.rotation["lease_seconds"] = 3
    delivered.section()
    runner = delivered.start("run", delivered.bench.name)
    delivered.trap.set(2, "kill", runner.pid)
    assert runner.wait() is None
    other = delivered.start("run", delivered.bench.name)
    assert other.wait() == 3
    assert "rotation.lease-held" in other.said() or "rotation.busy" in other.said()
    delivered.resume()
    everything_agrees(delivered)


def test_a_value_that_pods_do_not_start_with_is_rolled_back(delivered):
    delivered.rotate()
    before = delivered.entry.current
    delivered.kube.patch("deployments", "web", {"spec": {"progressDeadlineSeconds": 4}})
    LogsIn.knows = before.handle["user"]
    runner = delivered.run("run", delivered.bench.name, status=1)
    LogsIn.knows = None
    report = runner.answer()["secrets"][0]
    assert report["result"] == "rolled-back", report
    everything_agrees(delivered)
    entry = delivered.entry
    assert entry.last.phase is Phase.ROLLED_BACK
    assert entry.current.handle == before.handle
    assert entry.current.created == before.created, "its age goes on"
    delivered.rotate()
    everything_agrees(delivered)


def test_an_old_session_elsewhere_keeps_the_old_login_alive(delivered):
    delivered.section(soak_seconds=0.0)
    delivered.rotation["patience_seconds"] = 6
    delivered.section()
    bench = delivered.bench
    password = bench.published["password"]
    with psycopg.connect(
        host="127.0.0.1", port=bench.server.port, dbname="postgres", user=bench.users[0], password=password
    ):
        runner = delivered.run("run", bench.name)
        report = runner.answer()["secrets"][0]
        assert (report["result"], report["phase"]) == ("waiting", "delivered")
        assert report["error"]["code"] == "postgres.sessions-open"
        assert bench.logs_in(bench.users[0], password)
        status = delivered.run("status").answer()["secrets"][0]
        assert status["under_way"]["waiting"]["code"] == "postgres.sessions-open"
    delivered.resume()
    everything_agrees(delivered)


def test_an_emergency_cuts_off_whoever_holds_the_old_login(delivered):
    bench = delivered.bench
    password = bench.published["password"]
    thief = psycopg.connect(
        host="127.0.0.1", port=bench.server.port, dbname="postgres", user=bench.users[0], password=password,
        autocommit=True,
    )  # fmt: skip
    runner = delivered.run("run", "--emergency", bench.name)
    said = runner.said()
    assert "cuts off Deployment" in said
    assert "127.0.0.1 (unnamed), 3" in said, "two pods, and somebody else"
    with pytest.raises(psycopg.OperationalError):
        thief.execute("SELECT 1")
    LogsIn.failed.clear()  # pods that restarted by themselves in between were cut off, as was said
    everything_agrees(delivered)
    order = [event["unmapped"]["guarita"]["phase"] for event in delivered.events()]
    assert order.index("disabled") < order.index("delivered")
