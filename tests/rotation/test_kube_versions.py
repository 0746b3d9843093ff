"""Immutable versions of a Secret: made once, compared when in doubt, pruned when nothing refers to them."""

import base64

import kubeing
import pytest
from kubeapi.client import ApiError
from kubeapi.cluster import secret
from kubeapi.kubelet import Behaviour

from guarita.rotation.errors import DriftError, FencedOutError, PermanentError, TransientError


def test_a_version_is_immutable_marked_and_made_once(kube):
    fence = kube.fences.next()
    kube.cluster.store(kube.delivery, "r1", {"password": "pässword", "empty": ""}, fence)
    made = kube.read("secrets", "db-r1")
    assert made["immutable"] is True
    assert base64.b64decode(made["data"]["password"]).decode() == "pässword"
    assert made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "guarita"
    kube.cluster.store(kube.delivery, "r1", {"password": "pässword", "empty": ""}, kube.fences.next())
    assert kube.read("secrets", "db-r1")["metadata"]["uid"] == made["metadata"]["uid"]
    with pytest.raises(ApiError) as caught:
        kube.patch("secrets", "db-r1", {"data": {"password": "eA=="}})
    assert caught.value.code == 422


def test_another_secret_of_its_name_is_drift_and_no_value_is_told(kube):
    kube.apply(secret(kube.namespace, "db-r1", password="somebody-elses"))
    with pytest.raises(DriftError) as caught:
        kube.cluster.store(kube.delivery, "r1", {"password": "my-own-value"}, kube.fences.next())
    assert "somebody-elses" not in str(caught.value)
    assert "my-own-value" not in f"{caught.value!r}{caught.value.__context__!r}"


def test_one_that_is_not_immutable_is_not_trusted(kube):
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    there = kube.read("secrets", "db-r1")
    kube.client.delete(kube.path("secrets", "db-r1"))
    for field in ("resourceVersion", "uid", "creationTimestamp"):
        del there["metadata"][field]
    kube.apply({**there, "immutable": False})
    with pytest.raises(DriftError, match="not immutable"):
        kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())


def test_a_type_is_kept_to_and_a_wrong_one_says_no_value(kube):
    delivery = kubeing.Delivery(
        cluster="default", namespace=kube.namespace, name="tls", type="kubernetes.io/tls"
    )
    with pytest.raises(PermanentError) as caught:
        kube.cluster.store(delivery, "r1", {"password": "hunter-two"}, kube.fences.next())
    assert caught.value.code == "kube.invalid"
    assert "tls.crt" in str(caught.value)
    assert "hunter-two" not in str(caught.value)
    kube.cluster.store(delivery, "r1", {"tls.crt": "a", "tls.key": "b"}, kube.fences.next())


def test_an_overtaken_runner_stores_nothing(kube):
    late = kube.fences.next("r1")
    kube.fences.next("r2")
    with pytest.raises(FencedOutError):
        kube.cluster.store(kube.delivery, "r1", {"password": "one"}, late)
    assert kube.secret_names() == []


def test_a_namespace_that_is_not_there_is_no_ones_fault_but_the_configurations(kube):
    delivery = kubeing.Delivery(cluster="default", namespace="nowhere", name="db")
    with pytest.raises(PermanentError, match="is not there"):
        kube.cluster.store(delivery, "r1", {"password": "one"}, kube.fences.next())


def test_only_versions_that_nothing_refers_to_are_pruned(kube):
    kube.apply(
        secret(kube.namespace, "db", password="old"), secret(kube.namespace, "db-admin", password="x"),
        kubeing.deployment(kube.namespace),
    )  # fmt: skip
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace):
        kube.settle()
        for n in range(1, 5):
            kube.turn(f"r{n}")
        other = kubeing.Delivery(cluster="default", namespace=kube.namespace, name="db-r4")
        kube.cluster.store(other, "r9", {"password": "another delivery's"}, kube.fences.next())
        everything = ["db", "db-admin", "db-r1", "db-r2", "db-r3", "db-r4", "db-r4-r9"]
        assert kube.secret_names() == everything
        # ReplicaSets of r1 to r3 are there with no pods: history that keeps nothing.
        gone = kube.cluster.prune(kube.delivery, ["r2"], kube.fences.next())
        assert gone == [f"Secret {kube.namespace}/db-r1", f"Secret {kube.namespace}/db-r3"]
        assert kube.secret_names() == ["db", "db-admin", "db-r2", "db-r4", "db-r4-r9"]


def test_a_version_that_only_a_terminating_pod_still_has_is_kept(kube):
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.deployment(kube.namespace, replicas=1))
    with kube.server.kubelet(lambda pod: kubeing.Slow, kube.namespace):
        kube.settle()
        kube.turn("r1")
        kube.cluster.store(kube.delivery, "r2", {"password": "two"}, kube.fences.next())
        consumer = kube.consumer()
        kube.cluster.point(consumer, "r2", kube.fences.next())
        kubeing.wait_for(lambda: any(pod.terminating for pod in kube.cluster.pods(kube.delivery)), pause=0.01)
        assert kube.cluster.prune(kube.delivery, [], kube.fences.next()) == []
        kube.gate(consumer, "r2")
        assert kube.cluster.prune(kube.delivery, [], kube.fences.next()) == [f"Secret {kube.namespace}/db-r1"]


def test_a_job_that_may_still_make_pods_keeps_its_version(kube):
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "later", "namespace": kube.namespace},
        "spec": {"suspend": True, "template": {"spec": {**kubeing.pod_spec(secret="db-r1"), "restartPolicy": "Never"}}},
    }  # fmt: skip
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    kube.apply(job)
    assert kube.cluster.prune(kube.delivery, [], kube.fences.next()) == []


def test_nothing_is_pruned_while_not_everything_can_be_looked_up(kube):
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    kube.server.fault("status", path="*/cronjobs", code=403, times=10)
    with pytest.raises(TransientError):
        kube.cluster.prune(kube.delivery, [], kube.fences.next())
    assert kube.secret_names() == ["db-r1"]


def test_an_overtaken_runner_prunes_nothing(kube):
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    late = kube.fences.next("r1")
    kube.fences.next("r2")
    with pytest.raises(FencedOutError):
        kube.cluster.prune(kube.delivery, [], late)
    assert kube.secret_names() == ["db-r1"]


def test_a_version_that_was_made_anew_since_it_was_listed_is_not_deleted(kube):
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())

    def anew():
        kube.client.delete(kube.path("secrets", "db-r1"))
        other = kube.another()
        other.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
        other.close()

    fence = kubeing.fence_of("db", "r1", 99, hold=anew)
    assert kube.cluster.prune(kube.delivery, [], fence) == []
    assert kube.secret_names() == ["db-r1"]


def value(kube, name="db"):
    return base64.b64decode(kube.read("secrets", name)["data"]["password"]).decode()


def test_the_plain_secret_holds_what_is_in_force_once_there_is_no_way_back(kube):
    kube.apply(secret(kube.namespace, "db", password="old"))
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    kube.cluster.store(kube.delivery, "r2", {"password": "two"}, kube.fences.next())
    kube.cluster.prune(kube.delivery, ["r1", "r2"], kube.fences.next())
    assert value(kube) == "old", "it is not certain which is in force"
    kube.cluster.prune(kube.delivery, ["r1"], kube.fences.next("r1"))
    assert value(kube) == "one"
    assert kube.secret_names() == ["db", "db-r1"]
    assert kube.cluster.check(kube.delivery) == []
    version = kube.read("secrets", "db")["metadata"]["resourceVersion"]
    kube.cluster.prune(kube.delivery, ["r1"], kube.fences.next("r1"))
    assert kube.read("secrets", "db")["metadata"]["resourceVersion"] == version
    kube.cluster.store(kube.delivery, "r3", {"password": "three"}, kube.fences.next("r3"))
    with pytest.raises(FencedOutError):
        kube.cluster.prune(kube.delivery, ["r3"], kubeing.fence_of("db", "r3", 2))
    assert value(kube) == "one"


@pytest.mark.parametrize("change", [{"immutable": True}, {"type": "other"}, {"owner": True}])
def test_a_plain_secret_that_is_somebody_elses_is_left_alone(kube, change):
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "operator", "controller": True}
    (config,) = kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "operator", "namespace": kube.namespace},
        }
    )
    plain = {
        **secret(kube.namespace, "db", password="old"),
        **{k: v for k, v in change.items() if k != "owner"},
    }
    if "owner" in change:
        plain["metadata"]["ownerReferences"] = [{**owner, "uid": config["metadata"]["uid"]}]
    kube.apply(plain)
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    kube.cluster.prune(kube.delivery, ["r1"], kube.fences.next())
    assert value(kube) == "old"


def test_no_value_travels_where_only_names_are_asked_for(kube):
    if kube.server.real:
        pytest.skip("answers of a real control plane are not kept")
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    found = kube.cluster._api.list(kube.path("secrets"), metadata_only=True)
    assert [sorted(one) for one in found] == [["metadata"]]
