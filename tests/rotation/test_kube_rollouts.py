"""Restarts: templates pointed at immutable versions, and the gate that a rollout has to pass."""

import json

import kubeing
import pytest
from kubeapi.cluster import secret
from kubeapi.kubelet import Behaviour

from guarita.rotation.errors import DriftError, FencedOutError, NotYetError, RolloutFailedError
from guarita.rotation.kube.names import ROLLOUT, fence_annotation, template_annotation


def running(kube, choose, *documents, settle=(("deployments", "web"),)):
    kube.apply(secret(kube.namespace, "db", password="old"), *documents)
    kubelet = kube.server.kubelet(choose, kube.namespace)
    kubelet.__enter__()
    for kind, name in settle:
        kube.settle(kind, name)
    return kubelet


@pytest.fixture
def play(kube):
    """Runs workloads by a behaviour; gives the kubelet."""
    kubelets = []

    def play(choose, *documents, **more):
        kubelets.append(running(kube, choose, *documents, **more))
        return kubelets[-1]

    yield play
    for kubelet in kubelets:
        kubelet.__exit__()


def values(kubelet):
    return {life.running.env["PASSWORD"] for life in kubelet.live()}


def test_a_rotation_replaces_every_pod_and_pointing_back_is_a_rollback(kube, play):
    kubelet = play(lambda pod: Behaviour, kubeing.deployment(kube.namespace))
    proof = kube.turn("r1")
    assert (
        proof.facts["updated"]
        == proof.facts["available"]
        == proof.facts["replicas"]
        == proof.facts["pods"]
        == 2
    )
    assert values(kubelet) == {"value-of-r1"}
    assert {pod.rotation for pod in kube.cluster.pods(kube.delivery)} == {"r1"}
    template = kube.read("deployments", "web")["spec"]["template"]
    assert template["metadata"]["annotations"] == {template_annotation(kube.delivery): "r1"}
    sets = {one["metadata"]["name"] for one in kube.client.get(kube.path("replicasets"))["items"]}
    kube.turn(None)
    assert values(kubelet) == {"old"}
    assert {pod.rotation for pod in kube.cluster.pods(kube.delivery)} == {None}
    assert "annotations" not in kube.read("deployments", "web")["spec"]["template"]["metadata"]
    # The template is what it was before, so the ReplicaSet from before serves again.
    assert {one["metadata"]["name"] for one in kube.client.get(kube.path("replicasets"))["items"]} == sets


@pytest.mark.parametrize("field", [True, False], ids=["terminatingReplicas", "without-the-field"])
def test_a_terminating_pod_that_still_runs_holds_the_gate(kube, play, field):
    if not field and kube.server.real:
        pytest.skip("a feature gate of the control plane")
    if not field:
        kube.server.side("terminating-field", on=False)
    kubelet = play(lambda pod: kubeing.Slow, kubeing.deployment(kube.namespace, replicas=1))
    kube.cluster.store(kube.delivery, "r1", {"password": "new"}, kube.fences.next())
    consumer = kube.consumer()
    kube.cluster.point(consumer, "r1", kube.fences.next())

    def usual_status_says_done():
        content = kube.read("deployments", "web")
        status = content["status"]
        return status["observedGeneration"] == content["metadata"]["generation"] and [
            status.get(name) for name in ("replicas", "updatedReplicas", "availableReplicas")
        ] == [1, 1, 1]

    kubeing.wait_for(usual_status_says_done, pause=0.01)
    assert ("terminatingReplicas" in kube.read("deployments", "web")["status"]) is field
    with pytest.raises(NotYetError, match="still ending"):
        kube.cluster.converged(consumer, "r1")
    assert values(kubelet) == {"old", "new"}, "the old pod was to run on"
    assert any(pod.terminating and pod.rotation is None for pod in kube.cluster.pods(kube.delivery))
    kube.gate(consumer, "r1")
    assert values(kubelet) == {"new"}


def test_a_status_of_the_generation_before_proves_nothing(kube, play):
    if kube.server.real:
        pytest.skip("the controller of a real control plane is not held")
    play(lambda pod: Behaviour, kubeing.deployment(kube.namespace))
    kube.server.side("hold", on=True)
    kube.cluster.store(kube.delivery, "r1", {"password": "new"}, kube.fences.next())
    consumer = kube.consumer()
    kube.cluster.point(consumer, "r1", kube.fences.next())
    status = kube.read("deployments", "web")["status"]
    assert status["updatedReplicas"] == status["availableReplicas"] == 2, (
        "it says done, of the template before"
    )
    with pytest.raises(NotYetError, match=r"has seen generation \d of \d"):
        kube.cluster.converged(consumer, "r1")
    kube.server.side("hold", on=False)
    kube.gate(consumer, "r1")


def test_a_value_that_does_not_work_ends_in_the_deadline_and_the_way_back_is_not_mistaken_for_it(kube, play):
    kubelet = play(
        lambda pod: kubeing.NeverReady,
        kubeing.deployment(kube.namespace, replicas=2, progressDeadlineSeconds=2),
    )
    with pytest.raises(RolloutFailedError, match="ProgressDeadlineExceeded") as caught:
        kube.turn("r1", value="bad")
    assert caught.value.code == "kube.deadline"
    assert "bad" not in str(caught.value)
    # The condition of the failed rollout still stands when the template has been pointed back: not this one's.
    if not kube.server.real:
        kube.server.side("lag", seconds=0.4)
    consumer = kube.consumer()
    kube.cluster.point(consumer, None, kube.fences.next())
    known = json.loads(kube.read("deployments", "web")["metadata"]["annotations"][ROLLOUT])
    assert known["known"]
    kube.gate(consumer, None)
    assert values(kubelet) == {"old"}


def test_pods_that_crash_are_named_while_they_are_waited_for(kube, play):
    play(
        lambda pod: kubeing.Refusing,
        kubeing.deployment(
            kube.namespace, replicas=1, strategy={"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
        ),
    )
    kube.cluster.store(kube.delivery, "r1", {"password": "bad"}, kube.fences.next())
    consumer = kube.consumer()
    kube.cluster.point(consumer, "r1", kube.fences.next())

    def told():
        with pytest.raises(NotYetError) as caught:
            kube.cluster.converged(consumer, "r1")
        return "CrashLoopBackOff" in str(caught.value)

    kubeing.wait_for(told)


def test_an_evicted_pod_comes_back_with_the_value_that_its_template_had(kube, play):
    kubelet = play(lambda pod: Behaviour, kubeing.deployment(kube.namespace, replicas=3))
    kube.cluster.store(kube.delivery, "r1", {"password": "new"}, kube.fences.next())
    before = {life.name: life.running.env["PASSWORD"] for life in kubelet.live()}
    victim = min(before)
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": victim, "namespace": kube.namespace},
    }
    kube.client.create(f"{kube.path('pods', victim)}/eviction", body)
    kubeing.wait_for(
        lambda: len(kubelet.live()) == 3 and victim not in {life.name for life in kubelet.live()}
    )
    # Nothing was pointed yet: the version that is there already changes nothing for it.
    assert values(kubelet) == {"old"}
    consumer = kube.consumer()
    kube.cluster.point(consumer, "r1", kube.fences.next())
    victim = next(life.name for life in kubelet.live())
    body["metadata"]["name"] = victim
    kube.client.create(f"{kube.path('pods', victim)}/eviction", body)
    kube.gate(consumer, "r1")
    assert values(kubelet) == {"new"}


def test_the_same_version_again_starts_no_rollout(kube, play):
    play(lambda pod: Behaviour, kubeing.deployment(kube.namespace))
    kube.turn("r1")
    pods = {pod["metadata"]["uid"] for pod in kube.pods()}
    sets = len(kube.client.get(kube.path("replicasets"))["items"])
    kube.turn("r1")
    assert {pod["metadata"]["uid"] for pod in kube.pods()} == pods
    assert len(kube.client.get(kube.path("replicasets"))["items"]) == sets


def test_a_runner_that_was_overtaken_changes_nothing(kube, play):
    play(lambda pod: Behaviour, kubeing.deployment(kube.namespace, replicas=1))
    late = kubeing.fence_of("db", "r1", 1)  # it does not even see that the journal has gone on
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, late)
    consumer = kube.consumer()
    kube.turn("r2", fence=kubeing.fence_of("db", "r2", 7))
    with pytest.raises(FencedOutError):
        kube.cluster.point(consumer, "r1", late)
    assert kube.consumer().rotation == "r2"


def test_a_runner_that_wakes_between_its_look_and_its_patch_changes_nothing(kube, play):
    """The other one had nothing to change: its token alone keeps the late one out."""
    play(lambda pod: Behaviour, kubeing.deployment(kube.namespace, replicas=1))
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    consumer = kube.consumer()
    other = kube.another()

    def overtaken():
        other.point(consumer, None, kubeing.fence_of("db", "r1", 9))

    with pytest.raises(FencedOutError):
        kube.cluster.point(consumer, "r1", kubeing.fence_of("db", "r1", 3, hold=overtaken))
    there = kube.read("deployments", "web")
    assert there["metadata"]["annotations"][fence_annotation("db")] == "9"
    assert kube.consumer().rotation is None
    other.close()


def test_somebody_else_changes_the_same_object_at_the_same_time(kube, play):
    play(lambda pod: Behaviour, kubeing.deployment(kube.namespace, replicas=1))
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    consumer = kube.consumer()
    rounds = iter(range(2))

    def meanwhile():
        for n in rounds:
            kube.patch(
                "deployments", "web", {"spec": {"minReadySeconds": n}, "metadata": {"labels": {"n": str(n)}}}
            )
            return

    kube.cluster.point(consumer, "r1", kubeing.fence_of("db", "r1", 3, hold=meanwhile))
    there = kube.read("deployments", "web")
    assert there["metadata"]["labels"]["n"] == "1", "what the other wrote stands"
    kube.gate(consumer, "r1")


def test_a_template_that_somebody_puts_back_is_drift(kube, play):
    play(lambda pod: Behaviour, kubeing.deployment(kube.namespace, replicas=1))
    kube.turn("r1")
    consumer = kube.consumer()
    container = {
        "name": "app",
        "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
    }
    body = {"spec": {"template": {"spec": {"containers": [container]}}}}
    kube.client.patch(kube.path("deployments", "web"), body, "application/strategic-merge-patch+json")
    with pytest.raises(DriftError, match="any more"):
        kube.cluster.converged(consumer, "r1")


def test_a_template_that_no_longer_takes_the_secret_is_looked_up_again(kube, play):
    play(lambda pod: Behaviour, kubeing.deployment(kube.namespace, replicas=1))
    consumer = kube.consumer()
    kube.patch(
        "deployments",
        "web",
        {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "x:1"}]}}}},
    )
    with pytest.raises(NotYetError, match="no longer refers"):
        kube.cluster.point(consumer, "r1", kube.fences.next())


def test_a_workload_that_is_deleted_meanwhile_is_looked_up_again(kube, play):
    play(lambda pod: Behaviour, kubeing.deployment(kube.namespace, replicas=1))
    consumer = kube.consumer()
    kube.client.delete(kube.path("deployments", "web"))
    with pytest.raises(NotYetError):
        kube.cluster.converged(consumer, "r1")
    kube.cluster._forget(kube.namespace)
    assert kube.cluster.consumers(kube.delivery) == []


def test_no_replicas_converge_at_once(kube, play):
    play(lambda pod: Behaviour, kubeing.deployment(kube.namespace, replicas=0))
    assert kube.turn("r1").facts["pods"] == 0


def test_a_quota_that_leaves_no_room_is_said(kube, play):
    play(
        lambda pod: Behaviour,
        kubeing.deployment(
            kube.namespace,
            replicas=1,
            progressDeadlineSeconds=1,
            strategy={"rollingUpdate": {"maxUnavailable": 0}},
        ),
    )
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small", "namespace": kube.namespace},
        "spec": {"hard": {"pods": "1"}},
    }  # fmt: skip
    kube.apply(quota)
    if kube.server.real:
        kubeing.wait_for(lambda: kube.read("resourcequotas", "small").get("status", {}).get("used"))
    with pytest.raises(RolloutFailedError, match="ResourceQuota leaves no room"):
        kube.turn("r1")
