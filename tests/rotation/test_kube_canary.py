"""One pod with the new value before the fleet: out of traffic, bounded, always removed."""

import kubeing
import pytest
from kubeapi.cluster import secret
from kubeapi.kubelet import Behaviour

from guarita.rotation.errors import FencedOutError, NotYetError, RolloutFailedError
from guarita.rotation.kube.names import CANARY, IN_TRAFFIC


@pytest.fixture
def web(kube):
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.deployment(kube.namespace, replicas=1))
    return kube


def canaries(kube):
    return [pod for pod in kube.pods() if CANARY in (pod["metadata"].get("labels") or {})]


def test_a_canary_proves_the_value_out_of_traffic_and_goes(web):
    with web.server.kubelet(lambda pod: kubeing.Refusing, web.namespace) as kubelet:
        web.settle()
        web.cluster.store(web.delivery, "r1", {"password": "good"}, web.fences.next())
        consumer, fence = web.consumer(), web.fences.next()
        with pytest.raises(NotYetError):
            web.cluster.canary(consumer, "r1", fence)
        (pod,) = canaries(web)
        assert pod["spec"]["readinessGates"] == [{"conditionType": IN_TRAFFIC}]
        assert 0 < pod["spec"]["activeDeadlineSeconds"] <= 660
        assert not pod["metadata"].get("ownerReferences"), "no ReplicaSet takes it in"
        kubeing.wait_for(lambda: "good" in {life.running.env["PASSWORD"] for life in kubelet.live()})

        def conditions():
            (pod,) = canaries(web)
            return {one["type"]: one["status"] for one in pod["status"].get("conditions") or []}

        kubeing.wait_for(lambda: conditions().get("ContainersReady") == "True")
        assert conditions()["Ready"] == "False", "no Service sends it anything"
        proof = kubeing.patiently(lambda: web.cluster.canary(consumer, "r1", fence))
        assert proof.facts["ready"] is True
        kubeing.wait_for(lambda: not canaries(web))
        assert {life.running.env["PASSWORD"] for life in kubelet.live()} == {"old"}, (
            "the fleet was not touched"
        )


def test_a_value_that_does_not_work_stops_before_the_fleet(web):
    with web.server.kubelet(lambda pod: kubeing.Refusing, web.namespace) as kubelet:
        web.settle()
        web.cluster.store(web.delivery, "r1", {"password": "bad"}, web.fences.next())
        consumer, fence = web.consumer(), web.fences.next()
        with pytest.raises(RolloutFailedError, match="did not become ready") as caught:
            kubeing.patiently(lambda: web.cluster.canary(consumer, "r1", fence))
        assert caught.value.code == "kube.canary-failed"
        kubeing.wait_for(lambda: not canaries(web))
        assert {life.running.env["PASSWORD"] for life in kubelet.live()} == {"old"}
        assert web.consumer().rotation is None


def test_one_that_was_left_behind_is_found_again_or_pruned(web):
    with web.server.kubelet(lambda pod: Behaviour, web.namespace):
        web.settle()
        web.cluster.store(web.delivery, "r1", {"password": "good"}, web.fences.next())
        consumer = web.consumer()
        with pytest.raises(NotYetError):
            web.cluster.canary(consumer, "r1", web.fences.next())
        (left,) = canaries(web)
        # Another runner goes on with it.
        other = web.another()
        proof = kubeing.patiently(lambda: other.canary(consumer, "r1", web.fences.next()))
        other.close()
        assert proof.facts["pod"] == left["metadata"]["name"]
        kubeing.wait_for(lambda: not canaries(web))
        with pytest.raises(NotYetError):
            web.cluster.canary(consumer, "r1", web.fences.next())
        gone = web.cluster.prune(web.delivery, ["r2"], web.fences.next())
        assert f"Pod {web.namespace}/{left['metadata']['name']}" in gone
        kubeing.wait_for(lambda: not canaries(web))


def test_a_canary_of_a_later_token_is_left_alone(web):
    web.cluster.store(web.delivery, "r1", {"password": "good"}, web.fences.next())
    consumer = web.consumer()
    with pytest.raises(NotYetError):
        web.cluster.canary(consumer, "r1", kubeing.fence_of("db", "r1", 9))
    with pytest.raises(FencedOutError):
        web.cluster.canary(consumer, "r1", kubeing.fence_of("db", "r1", 3))


def test_somebody_elses_pod_of_its_name_is_not_touched(web):
    web.cluster.store(web.delivery, "r1", {"password": "good"}, web.fences.next())
    consumer = web.consumer()
    pod = {
        "apiVersion": "v1", "kind": "Pod", "spec": kubeing.pod_spec(),
        "metadata": {"name": "web-deployment-canary-r1", "namespace": web.namespace},
    }  # fmt: skip
    web.apply(pod)
    with pytest.raises(RolloutFailedError, match="is none"):
        web.cluster.canary(consumer, "r1", web.fences.next())
    assert any(one["metadata"]["name"] == "web-deployment-canary-r1" for one in web.pods())


def test_a_canary_that_the_scheduler_has_no_room_for_is_waited_for(web):
    with web.server.kubelet(lambda pod: Behaviour, web.namespace) as kubelet:
        web.settle()
        web.cluster.store(web.delivery, "r1", {"password": "good"}, web.fences.next())
        kubelet.freeze()
        consumer, fence = web.consumer(), web.fences.next()
        with pytest.raises(NotYetError):
            web.cluster.canary(consumer, "r1", fence)
        (pod,) = canaries(web)
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        web.client.patch(
            f"{web.path('pods', pod['metadata']['name'])}/status", {"status": {"conditions": [condition]}}
        )
        with pytest.raises(NotYetError):
            web.cluster.canary(consumer, "r1", fence)
        if not web.server.real:
            web.server.side("clock", offset=90)
            assert "no room" in web.cluster.canary(consumer, "r1", fence).facts["skipped"]
        kubelet.thaw()


def test_a_quota_that_leaves_no_room_skips_it(web):
    with web.server.kubelet(lambda pod: Behaviour, web.namespace):
        web.settle()
        quota = {
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small", "namespace": web.namespace},
            "spec": {"hard": {"pods": "1"}},
        }  # fmt: skip
        web.apply(quota)
        if web.server.real:
            kubeing.wait_for(lambda: web.read("resourcequotas", "small").get("status", {}).get("used"))
        web.cluster.store(web.delivery, "r1", {"password": "good"}, web.fences.next())
        proof = web.cluster.canary(web.consumer(), "r1", web.fences.next())
        assert "ResourceQuota" in proof.facts["skipped"]


def test_a_min_ready_time_is_waited_out(kube):
    kube.apply(
        secret(kube.namespace, "db", password="old"),
        kubeing.deployment(kube.namespace, replicas=1, minReadySeconds=2),
    )
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace) as kubelet:
        kube.cluster.store(kube.delivery, "r1", {"password": "good"}, kube.fences.next())
        consumer, fence = kube.consumer(), kube.fences.next()
        with pytest.raises(NotYetError):
            kube.cluster.canary(consumer, "r1", fence)
        kubeing.wait_for(lambda: "good" in {life.running.env["PASSWORD"] for life in kubelet.live()})
        with pytest.raises(NotYetError, match="not ready yet"):
            kube.cluster.canary(consumer, "r1", fence)
        assert kubeing.patiently(lambda: kube.cluster.canary(consumer, "r1", fence)).facts["ready"] is True


@pytest.mark.parametrize(
    ("kind", "document", "why"),
    [
        ("StatefulSet", kubeing.statefulset, "one pod at a time"),
        ("DaemonSet", lambda ns: kubeing.daemonset(ns, spec=kubeing.pod_spec(hostNetwork=True)), "ports of their node"),
        (
            "Deployment",
            lambda ns: kubeing.deployment(ns, spec=kubeing.pod_spec(volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}])),
            "hold volumes",
        ),
    ],
)  # fmt: skip
def test_where_a_second_pod_would_do_harm_there_is_none(kube, kind, document, why):
    kube.apply(secret(kube.namespace, "db", password="old"), document(kube.namespace))
    kube.cluster.store(kube.delivery, "r1", {"password": "good"}, kube.fences.next())
    assert why in kube.cluster.canary(kube.consumer(kind), "r1", kube.fences.next()).facts["skipped"]
    assert not canaries(kube)


def test_on_the_way_back_what_was_being_tried_is_withdrawn(web):
    """Another workload's canary failed: this one's holds a value that is going to end."""
    with web.server.kubelet(lambda pod: Behaviour, web.namespace):
        web.settle()
        web.cluster.store(web.delivery, "r1", {"password": "good"}, web.fences.next())
        consumer = web.consumer()
        with pytest.raises(NotYetError):
            web.cluster.canary(consumer, "r1", web.fences.next())
        assert canaries(web)
        web.cluster.point(consumer, None, web.fences.next("r1"))
        kubeing.wait_for(lambda: not canaries(web))
        assert {pod.rotation for pod in web.cluster.pods(web.delivery)} == {None}
