"""StatefulSets and DaemonSets: their own order, and the help that a stuck one needs."""

import kubeing
import pytest
from kubeapi.cluster import secret
from kubeapi.kubelet import Behaviour

from guarita.rotation.errors import NotYetError, RolloutFailedError


def test_a_statefulset_is_rotated_pod_by_pod(kube):
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.statefulset(kube.namespace, replicas=3))
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace) as kubelet:
        kube.settle("statefulsets", "store")
        proof = kube.turn("r1", kind="StatefulSet")
        assert proof.facts["pods"] == proof.facts["updated"] == 3
        assert {life.running.env["PASSWORD"] for life in kubelet.live()} == {"value-of-r1"}


def test_a_broken_pod_of_a_statefulset_is_helped_out_on_the_way_back(kube):
    """Kubernetes' documented "forced rollback": the controller waits for the broken pod for ever."""
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.statefulset(kube.namespace, replicas=2))
    with kube.server.kubelet(lambda pod: kubeing.NeverReady, kube.namespace) as kubelet:
        kube.settle("statefulsets", "store")
        kube.cluster.store(kube.delivery, "r1", {"password": "bad"}, kube.fences.next())
        consumer = kube.consumer("StatefulSet")
        kube.cluster.point(consumer, "r1", kube.fences.next())
        kubeing.wait_for(lambda: "bad" in {life.running.env["PASSWORD"] for life in kubelet.live()})
        with pytest.raises(NotYetError):
            kube.cluster.converged(consumer, "r1")
        # The first pod was never touched: it goes on with what works.
        assert "old" in {life.running.env["PASSWORD"] for life in kubelet.live()}
        kube.cluster.point(consumer, None, kube.fences.next())
        kube.gate(consumer, None)
        assert {life.running.env["PASSWORD"] for life in kubelet.live()} == {"old"}


def test_a_statefulset_that_never_converges_fails_by_its_own_clock(kube):
    if kube.server.real:
        pytest.skip("the clock of a real control plane is not set")
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.statefulset(kube.namespace, replicas=1))
    with kube.server.kubelet(lambda pod: kubeing.NeverReady, kube.namespace):
        kube.settle("statefulsets", "store")
        kube.cluster.store(kube.delivery, "r1", {"password": "bad"}, kube.fences.next())
        consumer = kube.consumer("StatefulSet")
        kube.cluster.point(consumer, "r1", kube.fences.next())
        with pytest.raises(NotYetError):
            kube.cluster.converged(consumer, "r1")
        kube.server.side("clock", offset=700)
        with pytest.raises(RolloutFailedError, match="has not converged in 7"):
            kube.cluster.converged(consumer, "r1")


def test_an_evicted_pod_below_a_partition_keeps_its_value_until_the_version_is_pruned(kube):
    """A partition that appears in mid-rotation: what still needs the old version keeps it."""
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.statefulset(kube.namespace, replicas=2))
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace) as kubelet:
        kube.settle("statefulsets", "store")
        kube.turn("r1", kind="StatefulSet")
        kube.patch("statefulsets", "store", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 1}}}})
        kube.cluster.store(kube.delivery, "r2", {"password": "two"}, kube.fences.next())
        consumer = kube.consumer("StatefulSet")
        assert "partition" in consumer.obstacle
        kube.cluster.point(consumer, "r2", kube.fences.next())
        kubeing.wait_for(
            lambda: {life.running.env["PASSWORD"] for life in kubelet.live()} == {"value-of-r1", "two"}
        )
        assert kube.cluster.prune(kube.delivery, [], kube.fences.next()) == []
        # No pod of r1 for a moment: the revision of the StatefulSet alone still wants it.
        kubelet.freeze()
        kube.client.delete(kube.path("pods", "store-0"))
        kubeing.wait_for(lambda: {life.running.env["PASSWORD"] for life in kubelet.live()} == {"two"})
        assert kube.cluster.prune(kube.delivery, [], kube.fences.next()) == []
        kubelet.thaw()
        kubeing.wait_for(
            lambda: {life.running.env["PASSWORD"] for life in kubelet.live()} == {"value-of-r1", "two"}
        )
        with pytest.raises(NotYetError):
            kube.cluster.converged(consumer, "r2")


def test_a_daemonset_is_rotated_node_by_node(kube):
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.daemonset(kube.namespace))
    with kube.server.kubelet(lambda pod: kubeing.Slow, kube.namespace) as kubelet:
        kube.settle("daemonsets", "agent")
        proof = kube.turn("r1", kind="DaemonSet")
        assert proof.facts["pods"] == len(kubelet.nodes) == 2
        assert {life.running.env["PASSWORD"] for life in kubelet.live()} == {"value-of-r1"}


def test_a_recreated_deployment_is_away_for_a_while_and_comes_back(kube):
    kube.apply(
        secret(kube.namespace, "db", password="old"),
        kubeing.deployment(kube.namespace, strategy={"type": "Recreate"}),
    )
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace) as kubelet:
        kube.settle()
        kube.turn("r1")
        assert {life.running.env["PASSWORD"] for life in kubelet.live()} == {"value-of-r1"}
