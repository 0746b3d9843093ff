"""Who takes a Secret, as found from pod specs: every field that can name one, and every kind that makes pods."""

import json

import kubeing
import pytest
from kubeapi.cluster import secret
from kubeapi.kubelet import Behaviour

from guarita.rotation.errors import DriftError
from guarita.rotation.kube.names import template_annotation
from guarita.rotation.kube.references import references, through_csi

EVERYWHERE = {
    "initContainers": [{"name": "migrate", "image": "x:1", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s1", "key": "k"}}}]}],
    "containers": [
        {
            "name": "api", "image": "x:1",
            "env": [{"name": "PLAIN", "value": "s0"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s2", "key": "k", "optional": True}}},
                    {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "s0", "key": "k"}}}],
            "envFrom": [{"configMapRef": {"name": "s0"}}, {"prefix": "P_", "secretRef": {"name": "s3"}}],
        }
    ],
    "ephemeralContainers": [{"name": "debug", "image": "x:1", "envFrom": [{"secretRef": {"name": "s4"}}]}],
    "volumes": [
        {"name": "tls", "secret": {"secretName": "s5"}},
        {"name": "all", "projected": {"sources": [{"configMap": {"name": "s0"}}, {"secret": {"name": "s6", "items": [{"key": "a", "path": "b"}]}}]}},
        {"name": "files", "azureFile": {"secretName": "s7", "shareName": "x"}},
        {"name": "store", "csi": {"driver": "secrets-store.csi.k8s.io", "nodePublishSecretRef": {"name": "s8"}, "volumeAttributes": {"secretProviderClass": "vault-db"}}},
        {"name": "block", "rbd": {"monitors": ["m"], "image": "i", "secretRef": {"name": "s9"}}},
        {"name": "scratch", "emptyDir": {}},
    ],
    "imagePullSecrets": [{"name": "s10"}],
}  # fmt: skip


def test_every_field_that_can_name_a_secret_is_found_and_nothing_else():
    found = {reference.secret: reference.use for reference in references(EVERYWHERE)}
    assert found == {
        "s1": "init migrate: env A", "s2": "api: env B", "s3": "api: envFrom", "s4": "ephemeral debug: envFrom",
        "s5": "volume tls", "s6": "projected all", "s7": "azureFile volume files", "s8": "csi volume store",
        "s9": "rbd volume block", "s10": "imagePullSecrets",
    }  # fmt: skip
    assert through_csi(EVERYWHERE) == ["vault-db"]


@pytest.mark.parametrize(
    "odd",
    [{}, {"containers": None, "volumes": None}, {"containers": [{"env": None}], "volumes": [{"secret": {}}]}],
)
def test_a_spec_with_holes_is_no_error(odd):
    assert list(references(odd)) == []


def everywhere(name="db"):
    """A spec that a server takes, which names one Secret in every way that pods can be given one."""
    key = {"secretKeyRef": {"name": name, "key": "password"}}
    return {
        "initContainers": [{"name": "migrate", "image": "x:1", "env": [{"name": "A", "valueFrom": key}]}],
        "containers": [
            {"name": "api", "image": "x:1", "env": [{"name": "B", "valueFrom": key}], "envFrom": [{"secretRef": {"name": name}}]},
            {"name": "side", "image": "x:1", "envFrom": [{"secretRef": {"name": "other"}}, {"prefix": "P_", "secretRef": {"name": name}}]},
        ],
        "volumes": [
            {"name": "files", "secret": {"secretName": name}},
            {"name": "mixed", "projected": {"sources": [{"secret": {"name": "other"}}, {"secret": {"name": name}}]}},
        ],
        "imagePullSecrets": [{"name": "other"}, {"name": name}],
        "terminationGracePeriodSeconds": 1,
    }  # fmt: skip


def test_every_reference_of_a_template_is_moved_and_others_stay(kube):
    kube.apply(
        secret(kube.namespace, "db", password="old"), secret(kube.namespace, "other", x="y"),
        kubeing.deployment(kube.namespace, spec=everywhere(), annotations={"note": "stays"}),
    )  # fmt: skip
    before = kube.read("deployments", "web")["spec"]["template"]["spec"]
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace):
        kube.turn("r1")
        after = kube.read("deployments", "web")["spec"]["template"]["spec"]
        assert {reference.secret for reference in references(after)} == {"db-r1", "other"}
        assert json.loads(json.dumps(after).replace('"db-r1"', '"db"')) == before
        consumer = kube.consumer()
        assert consumer.rotation == "r1"
        assert consumer.uses == (
            "init migrate: env A", "api: envFrom", "api: env B", "side: envFrom", "volume files", "projected mixed", "imagePullSecrets",
        )  # fmt: skip
        kube.turn(None)
    assert kube.read("deployments", "web")["spec"]["template"]["spec"] == before


def test_a_template_in_between_is_told_and_pointed_whole(kube):
    spec = everywhere()
    spec["volumes"][0]["secret"]["secretName"] = "db-r0"
    kube.apply(
        secret(kube.namespace, "db", password="old"), secret(kube.namespace, "other", x="y"),
        kubeing.deployment(kube.namespace, spec=spec, replicas=0),
    )  # fmt: skip
    kube.cluster.store(kube.delivery, "r0", {"password": "zero"}, kube.fences.next())
    assert kube.consumer().rotation not in {None, "r0", "r1"}
    assert "kube.mixed" in {problem.code for problem in kube.cluster.check(kube.delivery)}
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace):
        kube.turn("r1")
    assert kube.consumer().rotation == "r1"


def test_a_secret_with_a_like_name_is_another_one(kube):
    kube.apply(kubeing.deployment(kube.namespace, spec=kubeing.pod_spec(secret="db-admin")))
    assert kube.cluster.consumers(kube.delivery) == []


def test_statefulsets_daemonsets_and_cronjobs_are_consumers_and_what_they_make_is_theirs(kube):
    job = {
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "report", "namespace": kube.namespace},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {**kubeing.pod_spec(), "restartPolicy": "Never"}}}}},
    }  # fmt: skip
    kube.apply(
        secret(kube.namespace, "db", password="old"), kubeing.deployment(kube.namespace),
        kubeing.statefulset(kube.namespace), kubeing.daemonset(kube.namespace), job,
        kubeing.deployment(kube.namespace, "unconcerned", spec=kubeing.pod_spec(secret="other")),
    )  # fmt: skip
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace):
        kube.settle("statefulsets", "store")
        kube.settle("daemonsets", "agent")
        kube.settle()
        kube.cluster._forget(kube.namespace)
        found = {(consumer.kind, consumer.name) for consumer in kube.cluster.consumers(kube.delivery)}
    assert found == {
        ("Deployment", "web"),
        ("StatefulSet", "store"),
        ("DaemonSet", "agent"),
        ("CronJob", "report"),
    }
    owners = {pod.owner for pod in kube.cluster.pods(kube.delivery)}
    assert owners == {"Deployment web", "StatefulSet store", "DaemonSet agent"}


def test_pods_that_nobody_restarts_are_named(kube):
    owner = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": "canary",
        "uid": "0d0d",
        "controller": True,
    }
    bare = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "lonely", "namespace": kube.namespace},
        "spec": kubeing.pod_spec(),
    }
    foreign = {
        **bare,
        "metadata": {"name": "of-a-rollout", "namespace": kube.namespace, "ownerReferences": [owner]},
    }
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": kube.namespace},
        "spec": {"template": {"spec": {**kubeing.pod_spec(), "restartPolicy": "Never"}}},
    }  # fmt: skip
    kube.apply(secret(kube.namespace, "db", password="old"), bare, job)
    if not kube.server.real:  # whose garbage collector would take it away, since there is no such owner
        kube.apply(foreign)
    found = {(consumer.kind, consumer.name): consumer for consumer in kube.cluster.consumers(kube.delivery)}
    assert "nobody restarts" in found["Pod", "lonely"].obstacle
    assert found["Job", "once"].obstacle is None
    assert [p.code for p in kube.cluster.check(kube.delivery) if "Job" in p.message] == ["kube.job"]
    if not kube.server.real:
        assert "nobody restarts" in found["Rollout", "of-a-rollout"].obstacle
    for consumer in found.values():
        kube.cluster.point(consumer, "r1", kube.fences.next())  # no error, and no effect
        assert "skipped" in kube.cluster.canary(consumer, "r1", kube.fences.next()).facts


def test_a_job_is_waited_for_until_it_is_over(kube):
    class Working(Behaviour):
        exits = True
        over = False

        def ready(self):
            return Working.over

    job = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": kube.namespace},
        "spec": {"template": {"spec": {**kubeing.pod_spec(), "restartPolicy": "Never"}}},
    }  # fmt: skip
    kube.apply(secret(kube.namespace, "db", password="old"), job)
    with kube.server.kubelet(lambda pod: Working, kube.namespace):
        kubeing.wait_for(lambda: any(pod.rotation is None for pod in kube.cluster.pods(kube.delivery)))
        consumer = kube.consumer("Job")
        with pytest.raises(kubeing.NotYetError, match="still runs"):
            kube.cluster.converged(consumer, "r1")
        Working.over = True
        kube.gate(consumer, "r1")
        assert kube.cluster.pods(kube.delivery) == []
    kube.cluster._forget(kube.namespace)
    assert kube.cluster.consumers(kube.delivery) == []


def test_a_cronjob_converges_when_the_jobs_of_its_old_template_are_over(kube):
    class Working(Behaviour):
        exits = True
        over = False

        def ready(self):
            return Working.over

    cron = {
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "report", "namespace": kube.namespace},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {**kubeing.pod_spec(), "restartPolicy": "Never"}}}}},
    }  # fmt: skip
    (made,) = kube.apply(cron)
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": "report",
        "uid": made["metadata"]["uid"],
        "controller": True,
    }
    job = {
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "report-1", "namespace": kube.namespace, "ownerReferences": [owner]},
        "spec": cron["spec"]["jobTemplate"]["spec"],
    }  # fmt: skip
    kube.apply(secret(kube.namespace, "db", password="old"), job)
    with kube.server.kubelet(lambda pod: Working, kube.namespace):
        consumer = kube.consumer("CronJob")
        kube.cluster.store(kube.delivery, "r1", {"password": "new"}, kube.fences.next())
        kube.cluster.point(consumer, "r1", kube.fences.next())
        with pytest.raises(kubeing.NotYetError, match="report-1 still run"):
            kube.cluster.converged(consumer, "r1")
        Working.over = True
        kube.gate(consumer, "r1")
    template = kube.read("cronjobs", "report")["spec"]["jobTemplate"]["spec"]["template"]
    assert [reference.secret for reference in references(template["spec"])] == ["db-r1"]
    assert template["metadata"]["annotations"][template_annotation(kube.delivery)] == "r1"


def test_a_pull_secret_of_a_service_account_is_moved_there_and_its_pods_are_restarted(kube):
    account = {
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder", "namespace": kube.namespace},
        "imagePullSecrets": [{"name": "other"}, {"name": "db"}],
    }  # fmt: skip
    spec = {
        "containers": [{"name": "app", "image": "x:1"}],
        "serviceAccountName": "builder",
        "terminationGracePeriodSeconds": 1,
    }
    kube.apply(
        secret(kube.namespace, "db", password="old"), account, kubeing.deployment(kube.namespace, spec=spec)
    )
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace):
        kube.settle()
        kube.cluster.store(kube.delivery, "r1", {"password": "new"}, kube.fences.next())
        kube.cluster._forget(kube.namespace)
        consumers = kube.cluster.consumers(kube.delivery)
        assert [(consumer.kind, consumer.obstacle) for consumer in consumers] == [
            ("ServiceAccount", None),
            ("Deployment", None),
        ]
        assert not [problem for problem in kube.cluster.check(kube.delivery) if problem.hinders]
        for consumer in consumers:
            kube.cluster.point(consumer, "r1", kube.fences.next())
            kube.gate(consumer, "r1")
        assert kube.read("serviceaccounts", "builder")["imagePullSecrets"] == [
            {"name": "other"},
            {"name": "db-r1"},
        ]
        assert {pod.rotation for pod in kube.cluster.pods(kube.delivery)} == {"r1"}
        for consumer in consumers:
            kube.cluster.point(consumer, None, kube.fences.next())
            kube.gate(consumer, None)
        assert kube.read("serviceaccounts", "builder")["imagePullSecrets"] == [
            {"name": "other"},
            {"name": "db"},
        ]
        assert {pod.rotation for pod in kube.cluster.pods(kube.delivery)} == {None}


def test_an_ingress_serves_the_new_certificate_and_the_old_one_again(kube):
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.ingress(kube.namespace))
    (consumer,) = kube.cluster.consumers(kube.delivery)
    assert (consumer.kind, consumer.uses, consumer.obstacle) == ("Ingress", ("tls of b.example",), None)
    kube.turn("r1", kind="Ingress", canary=True)
    assert [tls["secretName"] for tls in kube.read("ingresses", "front")["spec"]["tls"]] == ["other", "db-r1"]
    assert kube.consumer("Ingress").rotation == "r1"
    assert kube.cluster.prune(kube.delivery, [], kube.fences.next()) == [], "it is in use"
    kube.turn(None, kind="Ingress")
    assert [tls["secretName"] for tls in kube.read("ingresses", "front")["spec"]["tls"]] == ["other", "db"]
    put_back = [{"op": "replace", "path": "/spec/tls/1/secretName", "value": "db-r1"}]
    kube.client.patch(kube.path("ingresses", "front"), put_back, "application/json-patch+json")
    with pytest.raises(DriftError):
        kube.cluster.converged(consumer, None)


HINDERED = {
    "kube.paused": lambda ns: kubeing.deployment(ns, paused=True),
    "kube.on-delete": lambda ns: kubeing.statefulset(ns, updateStrategy={"type": "OnDelete"}),
    "kube.partition": lambda ns: kubeing.statefulset(ns, updateStrategy={"rollingUpdate": {"partition": 1}}),
}


@pytest.mark.parametrize("code", HINDERED)
def test_what_will_not_converge_is_said_before_with_what_to_do(kube, code):
    kube.apply(secret(kube.namespace, "db", password="old"), HINDERED[code](kube.namespace))
    (problem,) = [problem for problem in kube.cluster.check(kube.delivery) if problem.hinders]
    assert (problem.code, bool(problem.hint)) == (code, True)
    (consumer,) = kube.cluster.consumers(kube.delivery)
    assert consumer.obstacle == problem.message


def test_a_daemonset_on_delete_an_operators_workload_and_a_stuck_rollout_hinder(kube):
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "operator", "controller": True}
    (config,) = kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "operator", "namespace": kube.namespace},
        }
    )
    owned = kubeing.deployment(kube.namespace, "of-an-operator", replicas=0)
    owned["metadata"]["ownerReferences"] = [{**owner, "uid": config["metadata"]["uid"]}]
    stuck = kubeing.deployment(
        kube.namespace,
        "stuck",
        replicas=1,
        progressDeadlineSeconds=1,
        spec=kubeing.pod_spec(image="x/missing:1"),
    )
    kube.apply(
        secret(kube.namespace, "db", password="old"), owned, stuck,
        kubeing.daemonset(kube.namespace, updateStrategy={"type": "OnDelete"}),
    )  # fmt: skip
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace):

        def hindering():
            kube.cluster._forget(kube.namespace)
            return {problem.code for problem in kube.cluster.check(kube.delivery) if problem.hinders}

        kubeing.wait_for(lambda: hindering() == {"kube.owned", "kube.stuck", "kube.on-delete"})


def test_what_is_only_to_be_known_does_not_hinder(kube):
    marks = {
        "argo": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:x/y"},
        "flux": {"kustomize.toolkit.fluxcd.io/name": "shop"},
        "helm": {"app.kubernetes.io/managed-by": "Helm", "meta.helm.sh/release-name": "shop"},
    }
    documents = [
        kubeing.deployment(kube.namespace, name, replicas=0, annotations=notes)
        for name, notes in marks.items()
    ]
    bare = {"containers": [{"name": "a", "image": "x:1", "envFrom": [{"secretRef": {"name": "db"}}]}]}
    slow = kubeing.deployment(
        kube.namespace, "slow", replicas=5, spec=bare, minReadySeconds=60, strategy={"type": "Recreate"},
        progressDeadlineSeconds=2**31 - 1,
    )  # fmt: skip
    lone = [
        kubeing.statefulset(kube.namespace, "lone", replicas=1),
        kubeing.deployment(
            kube.namespace,
            "bare",
            replicas=1,
            strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        ),
        kubeing.deployment(kube.namespace, "surged", replicas=1),
    ]
    kube.apply(secret(kube.namespace, "db", password="old"), *documents, slow, *lone)
    problems = kube.cluster.check(kube.delivery)
    assert not any(problem.hinders for problem in problems)
    assert not [p for p in problems if p.code == "kube.away" and "surged" in p.message]
    told = {(problem.code, problem.message.split("/")[1].split(":")[0]) for problem in problems}
    assert told >= {
        ("kube.gitops", "argo"), ("kube.gitops", "flux"), ("kube.helm", "helm"), ("kube.no-pods", "argo"),
        ("kube.no-readiness", "slow"), ("kube.away", "slow"), ("kube.away", "lone"), ("kube.away", "bare"), ("kube.slow", "slow"), ("kube.no-deadline", "slow"),
    }  # fmt: skip


def test_missing_foreign_and_left_secrets_are_told(kube):
    kube.apply(kubeing.deployment(kube.namespace, replicas=0))
    assert "kube.missing" in {problem.code for problem in kube.cluster.check(kube.delivery)}
    owner = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "db", "uid": "7"}
    plain = secret(kube.namespace, "db", password="old")
    plain["metadata"]["ownerReferences"] = [owner]
    kube.apply(plain)
    kube.cluster._forget(kube.namespace)
    if not kube.server.real:
        assert "kube.secret-owned" in {problem.code for problem in kube.cluster.check(kube.delivery)}
    kube.cluster.store(kube.delivery, "r1", {"password": "new"}, kube.fences.next())
    kube.cluster.point(kube.consumer(), "r1", kube.fences.next())
    codes = {problem.code for problem in kube.cluster.check(kube.delivery)}
    assert "kube.missing" not in codes
    if not kube.server.real:
        assert "kube.plain-left" in codes
    kube.client.delete(kube.path("secrets", "db-r1"))
    kube.cluster._forget(kube.namespace)
    (lost,) = [problem for problem in kube.cluster.check(kube.delivery) if problem.code == "kube.missing"]
    assert "db-r1, which is not there" in lost.message


def test_a_plan_asks_each_kind_once_for_all_deliveries_of_a_namespace(kube):
    kube.apply(
        *[
            kubeing.deployment(
                kube.namespace, f"web-{n}", replicas=0, spec=kubeing.pod_spec(secret=f"db-{n}x")
            )
            for n in range(20)
        ]
    )
    before = kube.cluster.requests
    for n in range(20):
        delivery = kubeing.Delivery(cluster="default", namespace=kube.namespace, name=f"db-{n}x")
        assert [consumer.name for consumer in kube.cluster.consumers(delivery)] == [f"web-{n}"]
        kube.cluster.check(delivery)
    assert kube.cluster.requests - before <= 11
