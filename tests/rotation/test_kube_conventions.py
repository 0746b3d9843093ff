"""What rotation relies on of Kubernetes, as its documentation lays it down; run on a real control plane the same tests
say where the emulator deviates.

Sources: [conventions] kubernetes/community, sig-architecture/api-conventions.md; [concepts] kubernetes.io,
reference/using-api/api-concepts; other pages by their title.
"""

import base64
import json
import threading

import kubeing
import pytest
from kubeapi.client import ApiError, Client
from kubeapi.cluster import secret
from kubeapi.kubelet import Behaviour

STRATEGIC, MERGE, JSON = (
    "application/strategic-merge-patch+json", "application/merge-patch+json", "application/json-patch+json",
)  # fmt: skip


def refused(code, call, reason=None):
    with pytest.raises(ApiError) as caught:
        call()
    assert caught.value.code == code
    if reason:
        assert caught.value.reason == reason
    assert caught.value.status["kind"] == "Status"
    return caught.value.status


# Objects and their versions


def test_a_change_needs_the_version_that_was_read(kube):
    """[conventions] Concurrency control: 409 on an update with an older resourceVersion."""
    (made,) = kube.apply(secret(kube.namespace, "one", a="b"))
    path = kube.path("secrets", "one")
    kube.client.replace(path, {**made, "metadata": {**made["metadata"], "labels": {"n": "1"}}})
    refused(409, lambda: kube.client.replace(path, made), "Conflict")
    refused(
        409,
        lambda: kube.client.patch(
            path, {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"], "labels": {"n": "2"}}}
        ),
    )
    replaced = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]}
    ]
    refused(
        409,
        lambda: kube.client.patch(
            path, [*replaced, {"op": "add", "path": "/metadata/labels/n", "value": "3"}], JSON
        ),
    )
    kube.client.patch(path, {"metadata": {"labels": {"n": "4"}}})
    assert kube.client.get(path)["metadata"]["labels"] == {"n": "4"}


def test_a_change_that_changes_nothing_is_no_new_version(kube):
    (made,) = kube.apply(secret(kube.namespace, "one", a="b"))
    path = kube.path("secrets", "one")
    assert (
        kube.client.patch(path, {"data": {"a": made["data"]["a"]}})["metadata"]["resourceVersion"]
        == made["metadata"]["resourceVersion"]
    )
    assert (
        kube.client.replace(path, made)["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    )


def test_names_are_given_once_generated_and_checked(kube):
    """[concepts] names; Object names and IDs: RFC 1123 subdomains."""
    kube.apply(secret(kube.namespace, "one", a="b"))
    refused(409, lambda: kube.apply(secret(kube.namespace, "one", a="b")), "AlreadyExists")
    status = refused(422, lambda: kube.apply(secret(kube.namespace, "Not_A_Name", a="b")), "Invalid")
    assert status["details"]["causes"][0]["field"] == "metadata.name"
    document = secret(kube.namespace, "x", a="b")
    document["metadata"] = {"namespace": kube.namespace, "generateName": "made-"}
    (made,) = kube.apply(document)
    assert made["metadata"]["name"].startswith("made-")
    assert len(made["metadata"]["name"]) == len("made-") + 5
    refused(
        400,
        lambda: kube.apply(
            {**document, "metadata": {**document["metadata"], "name": "y", "resourceVersion": "1"}}
        ),
    )
    refused(404, lambda: kube.apply(secret("no-such-namespace", "x", a="b")), "NotFound")
    refused(404, lambda: kube.read("secrets", "none"), "NotFound")


def test_a_uid_tells_an_object_from_its_successor(kube):
    (made,) = kube.apply(secret(kube.namespace, "one", a="b"))
    path = kube.path("secrets", "one")
    refused(409, lambda: kube.client.delete(path, {"preconditions": {"uid": "other"}}), "Conflict")
    refused(409, lambda: kube.client.delete(path, {"preconditions": {"resourceVersion": "1"}}), "Conflict")
    refused(409, lambda: kube.client.patch(path, {"metadata": {"uid": "other"}}))
    kube.client.delete(path, {"preconditions": {"uid": made["metadata"]["uid"]}})
    assert kubeing.gone(kube.client, path)


def test_generation_rises_with_the_spec_and_status_has_a_door_of_its_own(kube):
    """[conventions] metadata.generation, and `/status`: PUT to either ignores the other's fields."""
    (made,) = kube.apply(kubeing.statefulset(kube.namespace, replicas=0))
    path = kube.path("statefulsets", "store")
    generation = made["metadata"]["generation"]
    labelled = kube.client.patch(path, {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == generation
    changed = kube.client.patch(path, {"spec": {"minReadySeconds": 1}, "status": {"replicas": 7}})
    assert changed["metadata"]["generation"] == generation + 1
    assert changed.get("status", {}).get("replicas", 0) == 0
    after = kube.client.patch(
        f"{path}/status", {"spec": {"minReadySeconds": 9}, "status": {"collisionCount": 3}}
    )
    assert after["spec"]["minReadySeconds"] == 1
    assert after["metadata"]["generation"] == generation + 1


def test_a_deployments_generation_rises_with_its_annotations_too(kube):
    (made,) = kube.apply(kubeing.deployment(kube.namespace, replicas=0))
    changed = kube.patch("deployments", "web", {"metadata": {"annotations": {"a": "b"}}})
    assert changed["metadata"]["generation"] == made["metadata"]["generation"] + 1


def test_dry_run_changes_nothing(kube):
    """[concepts] Dry-run."""
    path = kube.path("secrets")
    assert (
        kube.client.create(f"{path}?dryRun=All", secret(kube.namespace, "one", a="b"))["metadata"]["name"]
        == "one"
    )
    assert kube.secret_names() == []
    kube.apply(secret(kube.namespace, "one", a="b"))
    kube.client.delete(f"{path}/one?dryRun=All")
    kube.client.patch(f"{path}/one?dryRun=All", {"metadata": {"labels": {"a": "b"}}})
    assert "labels" not in kube.read("secrets", "one")["metadata"]


# Secrets


def test_an_immutable_secret_stays(kube):
    """Secrets, Immutable Secrets: data cannot be changed, nor the field unset; metadata can."""
    kube.apply({**secret(kube.namespace, "one", a="b"), "immutable": True})
    path = kube.path("secrets", "one")
    for body in ({"data": {"a": "Yw=="}}, {"data": {"c": "Yg=="}}, {"immutable": False}, {"immutable": None}):
        refused(422, lambda body=body: kube.client.patch(path, body), "Invalid")
    kube.client.patch(path, {"metadata": {"labels": {"a": "b"}}})
    kube.client.delete(path)


def test_secrets_are_base64_typed_and_limited(kube):
    document = secret(kube.namespace, "one", a="b")
    (made,) = kube.apply({**document, "stringData": {"c": "ünïcode"}})
    assert base64.b64decode(made["data"]["c"]).decode() == "ünïcode"
    assert "stringData" not in made
    document["metadata"]["name"] = "two"
    refused(400, lambda: kube.apply({**document, "data": {"a": "not base64!"}}))
    refused(422, lambda: kube.apply({**document, "type": "kubernetes.io/tls"}))
    refused(422, lambda: kube.apply({**document, "data": {"a/b": "Yg=="}}))
    refused(422, lambda: kube.patch("secrets", "one", {"type": "other"}))
    large = base64.b64encode(b"x" * (1024 * 1024 + 1)).decode()
    refused(422, lambda: kube.apply({**document, "data": {"a": large}}))


# Lists and watches


def test_lists_come_in_pages_of_one_moment(kube):
    """[concepts] Retrieving large results sets in chunks."""
    for n in range(5):
        kube.apply(secret(kube.namespace, f"s{n}", a="b"))
    path = kube.path("secrets")
    first = kube.client.get(f"{path}?limit=2")
    assert first["metadata"]["remainingItemCount"] == 3
    kube.apply(secret(kube.namespace, "s1a", a="b"))
    token = first["metadata"]["continue"]
    second = kube.client.get(f"{path}?limit=2&continue={token}")
    third = kube.client.get(f"{path}?limit=2&continue={second['metadata']['continue']}")
    names = [one["metadata"]["name"] for page in (first, second, third) for one in page["items"]]
    assert names == ["s0", "s1", "s2", "s3", "s4"]
    assert not third["metadata"].get("continue")
    assert {page["metadata"]["resourceVersion"] for page in (first, second, third)} == {
        first["metadata"]["resourceVersion"]
    }


def test_a_token_of_a_past_that_is_gone_is_410(kube):
    if kube.server.real:
        pytest.skip("etcd is compacted after minutes")
    for n in range(3):
        kube.apply(secret(kube.namespace, f"s{n}", a="b"))
    path = kube.path("secrets")
    token = kube.client.get(f"{path}?limit=1")["metadata"]["continue"]
    kube.apply(secret(kube.namespace, "s9", a="b"))
    kube.server.side("compact")
    refused(410, lambda: kube.client.get(f"{path}?limit=1&continue={token}"), "Expired")


def test_labels_and_fields_select(kube):
    for n, labels in enumerate([{"a": "1"}, {"a": "2", "b": ""}, {}]):
        document = secret(kube.namespace, f"s{n}", x="y")
        document["metadata"]["labels"] = labels
        kube.apply(document)
    path = kube.path("secrets")

    def names(query):
        return [one["metadata"]["name"] for one in kube.client.get(f"{path}?{query}")["items"]]

    cases = {
        "labelSelector=a": ["s0", "s1"], "labelSelector=a%3D1": ["s0"], "labelSelector=a%21%3D1": ["s1", "s2"],
        "labelSelector=%21a": ["s2"], "labelSelector=a+in+(1,2),b": ["s1"], "labelSelector=a+notin+(1)": ["s1", "s2"],
        "fieldSelector=metadata.name%3Ds2": ["s2"], "fieldSelector=type%3DOpaque,metadata.name%21%3Ds2": ["s0", "s1"],
    }  # fmt: skip
    assert {query: names(query) for query in cases} == cases
    refused(400, lambda: names("fieldSelector=data.x%3Dy"))
    refused(400, lambda: names("labelSelector=a%3D%3D%3D"))


def test_only_metadata_is_listed_where_that_is_asked_for(kube):
    """[concepts] Metadata-only fetches."""
    kube.apply(secret(kube.namespace, "one", a="b"))
    found = kube.cluster._api.list(kube.path("secrets"), metadata_only=True)
    assert [one["metadata"]["name"] for one in found] == ["one"]
    assert all("data" not in one for one in found)


def test_a_watch_goes_on_from_where_a_list_was(kube):
    """[concepts] Efficient detection of changes: selectors turn changes into additions and deletions."""
    path = kube.path("secrets")
    start = kube.client.get(path)["metadata"]["resourceVersion"]
    stop, seen = threading.Event(), []

    def watch():
        for kind, one in kube.client.watch(path, start, stop, labelSelector="a"):
            if kind == "BOOKMARK":
                continue
            seen.append((kind, one["metadata"]["name"]))
            if len(seen) == 4:
                stop.set()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    kube.apply(secret(kube.namespace, "other", x="y"))
    document = secret(kube.namespace, "one", x="y")
    document["metadata"]["labels"] = {"a": "1"}
    kube.apply(document)
    kube.patch("secrets", "one", {"data": {"x": "Yg=="}})
    kube.patch("secrets", "one", {"metadata": {"labels": {"a": None}}})
    kube.patch("secrets", "one", {"metadata": {"labels": {"a": "2"}}})
    thread.join(15)
    assert seen == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one"), ("ADDED", "one")]


def test_a_watch_from_a_past_that_is_gone_ends_with_410(kube):
    path = kube.path("secrets")
    kube.apply(secret(kube.namespace, "one", x="y"))
    if not kube.server.real:
        kube.server.side("compact")
    (event,) = kube.client.watch(path, "1", threading.Event())
    assert event[0] == "ERROR"
    assert (event[1]["code"], event[1]["reason"]) == (410, "Expired")


def test_a_watch_is_ended_and_bookmarks_say_how_far_it_came(kube):
    path = kube.path("secrets")
    start = kube.client.get(path)["metadata"]["resourceVersion"]
    marks = [
        one["metadata"]["resourceVersion"]
        for kind, one in kube.client.watch(path, start, threading.Event(), timeoutSeconds=2)
        if kind == "BOOKMARK"
    ]
    if not kube.server.real:  # "at the server's discretion", about once a minute
        assert marks
    kube.server.side("drop-watches")


# Patches


def test_json_merge_replaces_lists_and_strategic_merge_merges_them_by_key(kube):
    """Update API objects in place using kubectl patch."""
    kube.apply(kubeing.deployment(kube.namespace, replicas=0))
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "y:1"}]}}}}
    merged = kube.client.patch(kube.path("deployments", "web"), side, STRATEGIC)
    assert [one["name"] for one in merged["spec"]["template"]["spec"]["containers"]] == ["side", "app"]
    replaced = kube.client.patch(kube.path("deployments", "web"), side, MERGE)
    assert [one["name"] for one in replaced["spec"]["template"]["spec"]["containers"]] == ["side"]


def test_a_json_patch_is_whole_or_nothing(kube):
    kube.apply(secret(kube.namespace, "one", a="b"))
    path = kube.path("secrets", "one")
    body = [
        {"op": "add", "path": "/metadata/labels", "value": {"x~y": "1"}},
        {"op": "test", "path": "/type", "value": "other"},
    ]
    refused(422, lambda: kube.client.patch(path, body, JSON))
    assert "labels" not in kube.read("secrets", "one")["metadata"]
    kube.client.patch(
        path,
        [
            {"op": "add", "path": "/metadata/annotations", "value": {}},
            {"op": "add", "path": "/metadata/annotations/a~1b", "value": "1"},
        ],
        JSON,
    )
    assert kube.read("secrets", "one")["metadata"]["annotations"] == {"a/b": "1"}
    refused(415, lambda: kube.client.patch(path, {}, "application/json"))


# Workloads


def test_what_of_a_workload_may_not_change(kube):
    kube.apply(
        kubeing.deployment(kube.namespace, replicas=0), kubeing.statefulset(kube.namespace, replicas=0)
    )
    refused(
        422, lambda: kube.patch("deployments", "web", {"spec": {"selector": {"matchLabels": {"x": "y"}}}})
    )
    refused(422, lambda: kube.patch("statefulsets", "store", {"spec": {"serviceName": "other"}}))
    refused(
        422,
        lambda: kube.apply(
            kubeing.deployment(kube.namespace, "w2", progressDeadlineSeconds=5, minReadySeconds=5)
        ),
    )
    labels = kubeing.deployment(kube.namespace, "w3")
    labels["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    refused(422, lambda: kube.apply(labels))
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": kube.namespace},
        "spec": {"template": {"spec": {**kubeing.pod_spec(), "restartPolicy": "Never"}}},
    }  # fmt: skip
    kube.apply(job)
    refused(
        422,
        lambda: kube.patch("jobs", "once", {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}),
    )


def test_a_rolling_update_keeps_within_its_bounds(kube):
    """Deployments, Rolling Update Deployment: maxSurge above, maxUnavailable below, at every moment."""
    kube.apply(
        secret(kube.namespace, "db", password="old"),
        kubeing.deployment(
            kube.namespace, replicas=4, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
        ),
    )
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace):
        kube.settle()
        kube.patch("deployments", "web", {"spec": {"template": {"metadata": {"annotations": {"n": "1"}}}}})

        def over():
            pods = [pod for pod in kube.pods() if not pod["metadata"].get("deletionTimestamp")]
            ready = sum(
                one["type"] == "Ready" and one["status"] == "True"
                for pod in pods
                for one in pod["status"].get("conditions", [])
            )
            assert len(pods) <= 5
            assert ready >= 3
            return all("n" in pod["metadata"].get("annotations", {}) for pod in pods)

        kubeing.wait_for(over, pause=0.01)
        kube.settle()
        assert (
            kube.read("deployments", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
            == "2"
        )


def test_history_is_limited(kube):
    kube.apply(
        secret(kube.namespace, "db", password="old"),
        kubeing.deployment(kube.namespace, replicas=1, revisionHistoryLimit=1),
    )
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace):
        for n in range(4):
            kube.patch(
                "deployments", "web", {"spec": {"template": {"metadata": {"annotations": {"n": str(n)}}}}}
            )
            kube.settle()
        kubeing.wait_for(lambda: len(kube.client.get(kube.path("replicasets"))["items"]) == 2)


def test_a_paused_deployment_is_seen_and_not_rolled_out(kube):
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.deployment(kube.namespace, replicas=1))
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace):
        kube.settle()
        kube.patch("deployments", "web", {"spec": {"paused": True}})
        kube.patch("deployments", "web", {"spec": {"template": {"metadata": {"annotations": {"n": "1"}}}}})

        def observed():
            there = kube.read("deployments", "web")
            return there["status"]["observedGeneration"] == there["metadata"]["generation"] and not there[
                "status"
            ].get("updatedReplicas")

        kubeing.wait_for(observed)
        assert len(kube.client.get(kube.path("replicasets"))["items"]) == 1
        kube.patch("deployments", "web", {"spec": {"paused": False}})
        kube.settle()


def test_a_pod_that_was_asked_to_go_runs_until_its_kubelet_says_so(kube):
    """Pod Lifecycle, Termination of Pods."""
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.deployment(kube.namespace, replicas=1))
    with kube.server.kubelet(lambda pod: kubeing.Slow, kube.namespace) as kubelet:
        kube.settle()
        (life,) = kubelet.live()
        left = kube.client.delete(kube.path("pods", life.name))
        assert left["metadata"]["deletionTimestamp"]
        assert left["metadata"]["deletionGracePeriodSeconds"] == 3
        assert life in kubelet.live()
        kubeing.wait_for(lambda: kubeing.gone(kube.client, kube.path("pods", life.name)))
    (pod,) = kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "bare", "namespace": kube.namespace},
            "spec": kubeing.pod_spec(),
        }
    )
    assert not pod["spec"].get("nodeName")
    kube.client.delete(kube.path("pods", "bare"))
    assert kubeing.gone(kube.client, kube.path("pods", "bare")), (
        "no kubelet is asked about a pod without a node"
    )


def test_a_pods_spec_stays_but_for_few_fields(kube):
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "bare", "namespace": kube.namespace},
            "spec": kubeing.pod_spec(),
        }
    )
    variable = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "other", "key": "password"}}}
    body = {"spec": {"containers": [{"name": "app", "env": [variable]}]}}
    refused(422, lambda: kube.client.patch(kube.path("pods", "bare"), body, STRATEGIC), "Invalid")
    kube.client.patch(
        kube.path("pods", "bare"), {"spec": {"containers": [{"name": "app", "image": "y:2"}]}}, STRATEGIC
    )


def test_an_eviction_asks_the_disruption_budgets(kube):
    """API-initiated eviction: 429 where a budget does not allow it."""
    budget = {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": kube.namespace},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
    }  # fmt: skip
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.deployment(kube.namespace, replicas=2))
    kube.client.create(f"/apis/policy/v1/namespaces/{kube.namespace}/poddisruptionbudgets", budget)
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace) as kubelet:
        kube.settle()
        path = f"/apis/policy/v1/namespaces/{kube.namespace}/poddisruptionbudgets/web"
        kubeing.wait_for(lambda: kube.client.get(path).get("status", {}).get("currentHealthy") == 2)
        name = kubelet.live()[0].name
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": kube.namespace},
        }
        refused(
            429, lambda: kube.client.create(f"{kube.path('pods', name)}/eviction", body), "TooManyRequests"
        )
        # A budget is nothing that a rolling update asks: it concerns evictions only.
        kube.turn("r1")
        kube.client.patch(path, {"spec": {"minAvailable": 1}})
        kubeing.wait_for(lambda: kube.client.get(path)["status"]["disruptionsAllowed"] == 1)
        name = kubelet.live()[0].name
        body["metadata"]["name"] = name
        kube.client.create(f"{kube.path('pods', name)}/eviction", body)


def test_what_an_owner_made_goes_with_it(kube):
    """Garbage Collection: cascading deletion."""
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.deployment(kube.namespace, replicas=1))
    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace):
        kube.settle()
        kube.client.delete(kube.path("deployments", "web"), {"propagationPolicy": "Background"})
        kubeing.wait_for(lambda: not kube.pods() and not kube.client.get(kube.path("replicasets"))["items"])


def test_a_scale_is_a_door_of_its_own(kube):
    kube.apply(kubeing.deployment(kube.namespace, replicas=0))
    path = f"{kube.path('deployments', 'web')}/scale"
    scale = kube.client.get(path)
    assert (scale["kind"], scale["spec"].get("replicas", 0)) == ("Scale", 0)
    kube.client.patch(path, {"spec": {"replicas": 2}})
    assert kube.read("deployments", "web")["spec"]["replicas"] == 2


# Who may do what


def test_rights_are_only_what_roles_give(kube):
    """Using RBAC Authorization: additive; names restrict get, not create; a list of one named object."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "some", "namespace": kube.namespace},
    }
    rules = [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "verbs": ["get", "list", "patch"],
            "resourceNames": ["mine"],
        },
        {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get"]},
    ]
    kube.apply(
        account,
        secret(kube.namespace, "mine", a="b"),
        secret(kube.namespace, "other", a="b"),
        kubeing.deployment(kube.namespace, replicas=0),
    )
    kube.grant("some", rules)
    mine = Client(kube.server.port, kube.server.ca, kube.server.token(kube.namespace, "some"))
    kubeing.wait_for(lambda: allowed(mine, kube.path("secrets", "mine")))
    path = kube.path("secrets")
    mine.patch(f"{path}/mine", {"metadata": {"labels": {"a": "b"}}})
    assert len(mine.get(f"{path}?fieldSelector=metadata.name%3Dmine")["items"]) == 1
    mine.get(f"{kube.path('deployments', 'web')}/scale")
    for call in (
        lambda: mine.get(f"{path}/other"), lambda: mine.get(path), lambda: mine.delete(f"{path}/mine"),
        lambda: mine.create(path, secret(kube.namespace, "mine2", a="b")), lambda: mine.get(kube.path("deployments", "web")),
        lambda: mine.get("/api/v1/secrets"), lambda: mine.patch(f"{kube.path('deployments', 'web')}/scale", {}),
    ):  # fmt: skip
        refused(403, call, "Forbidden")
    review = {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"namespace": kube.namespace, "verb": "get", "resource": "secrets", "name": "mine"}},
    }  # fmt: skip
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert mine.create(reviews, review)["status"]["allowed"] is True
    review["spec"]["resourceAttributes"]["name"] = "other"
    assert mine.create(reviews, review)["status"]["allowed"] is False


def allowed(client, path):
    try:
        client.get(path)
    except ApiError:
        return False
    return True


def test_tokens_are_of_an_account_for_an_audience(kube):
    """Managing Service Accounts, TokenRequest API; Authenticating, TokenReview."""
    namespace = kube.namespace
    name = f"system:serviceaccount:{namespace}:default"
    token = kube.server.token(namespace, "default", audiences=["vault"])
    _, claims, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert (claims["sub"], claims["aud"]) == (name, ["vault"])
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == "default"

    def review(token, **spec):
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, **spec},
        }
        return kube.client.create("/apis/authentication.k8s.io/v1/tokenreviews", body)["status"]

    found = review(token, audiences=["vault", "other"])
    assert (found["authenticated"], found["user"]["username"], found["audiences"]) == (True, name, ["vault"])
    assert not review(token).get("authenticated"), "the API itself is no audience of it"
    assert not review(f"{token[:-4]}AAAA", audiences=["vault"]).get("authenticated")
    refused(
        401, lambda: Client(kube.server.port, kube.server.ca, token).get("/api/v1/namespaces"), "Unauthorized"
    )
    refused(422, lambda: kube.server.token(namespace, "default", seconds=60))
    refused(404, lambda: kube.server.token(namespace, "nobody"), "NotFound")


def test_a_quota_refuses_what_is_too_much(kube):
    """Resource Quotas: 403 that names what was asked, used and limited."""
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small", "namespace": kube.namespace},
        "spec": {"hard": {"secrets": "1"}},
    }  # fmt: skip
    kube.apply(quota)
    kubeing.wait_for(lambda: kube.read("resourcequotas", "small").get("status", {}).get("used"))
    kube.apply(secret(kube.namespace, "one", a="b"))
    status = refused(403, lambda: kube.apply(secret(kube.namespace, "two", a="b")), "Forbidden")
    assert (
        "exceeded quota: small, requested: secrets=1, used: secrets=1, limited: secrets=1"
        in status["message"]
    )


def test_a_lease_is_written_whole_with_its_version(kube):
    document = {
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l", "namespace": kube.namespace},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 1, "renewTime": "2026-01-01T00:00:00.000000Z"},
    }  # fmt: skip
    (made,) = kube.apply(document)
    refused(422, lambda: kube.client.replace(kube.path("leases", "l"), document))
    kube.client.replace(kube.path("leases", "l"), {**made, "spec": {**made["spec"], "holderIdentity": "b"}})
    refused(409, lambda: kube.client.replace(kube.path("leases", "l"), made))
    refused(400, lambda: kube.patch("leases", "l", {"spec": {"renewTime": "2026-01-01T00:00:00Z"}}))
    refused(422, lambda: kube.patch("leases", "l", {"spec": {"leaseDurationSeconds": 0}}))
