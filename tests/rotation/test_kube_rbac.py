"""The Role that is printed: enough for a whole rotation, and not a verb more."""

import copy

import kubeing
import pytest
from kubeapi.cluster import secret
from kubeapi.kubelet import Behaviour

from guarita.rotation.errors import NotYetError, TransientError
from guarita.rotation.interface import Delivery
from guarita.rotation.kube.rbac import delivery_rules, lease_rules


def everything(kube, cluster):
    """What a run asks of a cluster, from the plan to the pruning, with its way back and every kind of consumer."""
    delivery = kube.delivery

    def consumers():
        cluster._forget(kube.namespace)
        return cluster.consumers(delivery)

    assert cluster.acquire("runner", 30) is None
    assert cluster.acquire("runner", 30) is None
    assert cluster.check(delivery) is not None
    cluster.store(delivery, "r1", {"password": "one"}, kube.fences.next("r1"))
    cluster.store(delivery, "r1", {"password": "one"}, kube.fences.next("r1"))
    found = consumers()
    assert {consumer.kind for consumer in found} == {
        "ServiceAccount", "Ingress", "Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job",
    }  # fmt: skip
    cluster.prune(delivery, ["r1"], kube.fences.next("r1"))
    for rotation in ("r1", None):
        for consumer in found:
            if rotation:
                fence = kube.fences.next("r1")
                kubeing.patiently(
                    lambda consumer=consumer, fence=fence: cluster.canary(consumer, "r1", fence)
                )
            cluster.point(consumer, rotation, kube.fences.next("r1"))
        for consumer in found:
            if consumer.kind == "Job":
                with pytest.raises(NotYetError) if rotation else kubeing.contextlib.nullcontext():
                    cluster.converged(consumer, rotation)
            else:
                kubeing.patiently(
                    lambda consumer=consumer, rotation=rotation: cluster.converged(consumer, rotation)
                )
    assert cluster.pods(delivery)
    assert cluster.prune(delivery, [], kube.fences.next("r1"))
    cluster.release("runner")


def platform(kube):
    """One consumer of each kind; the Deployment takes the Secret by its account's pull secrets."""
    job = {"template": {"spec": {**kubeing.pod_spec(), "restartPolicy": "Never"}}}
    pulling = {
        "containers": [{"name": "a", "image": "x:1"}],
        "serviceAccountName": "puller",
        "terminationGracePeriodSeconds": 1,
    }
    meta = {"namespace": kube.namespace}
    kube.apply(
        secret(kube.namespace, "db", password="old"),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "rotation", **meta}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "puller", **meta}, "imagePullSecrets": [{"name": "db"}]},
        kubeing.deployment(kube.namespace, replicas=1, spec=pulling), kubeing.statefulset(kube.namespace, replicas=2),
        kubeing.daemonset(kube.namespace), kubeing.ingress(kube.namespace),
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "report", **meta}, "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": job}}},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", **meta}, "spec": {**job, "suspend": True}},
    )  # fmt: skip
    kube.settle()
    kube.settle("statefulsets", "store")
    kube.settle("daemonsets", "agent")


def verbs_of(rules):
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_role_is_enough_and_nothing_of_it_is_idle(kube):
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace) as kubelet:
        platform(kube)
        rules = [*delivery_rules(), *lease_rules()]
        kube.grant("rotation", rules)
        runner = kube.another(token=kube.server.token(kube.namespace, "rotation"))
        everything(kube, runner)
        stuck(kube, runner, kubelet)
        runner.close()
    user = f"system:serviceaccount:{kube.namespace}:rotation"
    asked = kube.server.requests(user=user)
    assert not [entry for entry in asked if entry["code"] in {401, 403}]
    used = set()
    for entry in asked:
        parts = entry["path"].strip("/").split("/")
        if "namespaces" not in parts:
            continue
        group = "" if parts[0] == "api" else parts[1]
        resource, *name = parts[parts.index("namespaces") + 2 :]
        verb = {
            "POST": "create",
            "PATCH": "patch",
            "PUT": "update",
            "DELETE": "delete",
            "GET": "get" if name else "list",
        }
        used.add((group, resource, verb[entry["method"]]))
    assert used == verbs_of(rules)


def stuck(kube, runner, kubelet):
    """The one thing that needs pods to be deleted: a StatefulSet whose broken pod is in the way."""
    kubelet.choose = lambda pod: kubeing.NeverReady
    fences = kubeing.Fences("other")
    runner.store(kube.delivery, "r7", {"password": "bad"}, fences.next("r7"))
    consumer = kube.consumer("StatefulSet")
    runner.point(consumer, "r7", fences.next("r7"))
    kubeing.wait_for(lambda: "bad" in {life.running.env.get("PASSWORD") for life in kubelet.live()})
    assert runner.prune(kube.delivery, [], fences.next("r7")) == [], "in the middle of an update"
    runner.point(consumer, None, fences.next("r7"))
    kubeing.patiently(lambda: runner.converged(consumer, None))


@pytest.mark.parametrize("missing", sorted(verbs_of([*delivery_rules(), *lease_rules()])), ids="-".join)
def test_without_any_one_verb_it_is_refused_with_what_to_do(control_plane, shared_platform, missing):
    """Asked of the API by a dry look: each verb of the Role is one that RBAC would otherwise refuse."""
    kube = shared_platform
    rules = []
    for rule in copy.deepcopy([*delivery_rules(), *lease_rules()]):
        for resource in rule["resources"]:
            verbs = [verb for verb in rule["verbs"] if (rule["apiGroups"][0], resource, verb) != missing]
            if verbs:
                rules.append({**rule, "resources": [resource], "verbs": verbs})
    name = "-".join(missing).replace(".", "-").lower()
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": f"less{name}", "namespace": kube.namespace},
    }
    kube.apply(account)
    kube.grant(f"less{name}", rules)
    group, resource, verb = missing
    api = kube.another(token=kube.server.token(kube.namespace, f"less{name}"))._api
    path = f"{'/api/v1' if not group else f'/apis/{group}/v1'}/namespaces/{kube.namespace}/{resource}"
    one = f"{path}/guarita-rotation"
    body = {"metadata": {"name": "guarita-rotation"}}
    call = {
        "list": lambda: api.list(path), "get": lambda: api.get(one), "create": lambda: api.create(path, body),
        "update": lambda: api.replace(one, body), "patch": lambda: api.patch(one, {}), "delete": lambda: api.delete(one, uid="0"),
    }[verb]  # fmt: skip
    with pytest.raises(TransientError, match="may not do this") as caught:
        call()
    assert "guarita rotate rbac" in caught.value.hint
    api.close()


def test_a_plan_names_the_rights_that_are_missing_and_begins_nothing(kube):
    rules = [rule for rule in delivery_rules() if "patch" not in rule["verbs"]]
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "half", "namespace": kube.namespace},
        }
    )
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["list"]}
    kube.grant("half", [*rules, everything])
    half = kube.another(token=kube.server.token(kube.namespace, "half"))
    (problem,) = half.check(kube.delivery)
    assert problem.hinders
    assert "patch" in problem.message
    assert "deployments" in problem.message
    assert "list" not in problem.message.replace("listed", ""), "a wildcard gives it"
    half.close()
    assert kube.cluster.check(kube.delivery) == [], "the administrator may do everything"


@pytest.fixture(scope="module")
def shared_platform(control_plane, tmp_path_factory):
    with control_plane.namespace() as namespace:
        delivery = Delivery(cluster="default", namespace=namespace, name="db")
        yield kubeing.Setting(
            control_plane, namespace, None, delivery, kubeing.Fences(), tmp_path_factory.mktemp("rbac")
        )
