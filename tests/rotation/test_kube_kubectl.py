"""The emulator against Kubernetes' own code in kubectl: the strategic merge of apimachinery, and client-go as a client."""

import copy
import json
import subprocess

import kubeing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubeapi.cluster import secret
from kubeapi.kubelet import Behaviour
from kubeapi.patches import strategic_merge
from kubeapi.resources import DEPLOYMENTS, SECRETS

from guarita.scan.tools.kube import find_kustomize

pytestmark = pytest.mark.tools


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    found = find_kustomize(tmp_path_factory.mktemp("home"))
    assert found is not None, "run `guarita tools sync`"
    return found.path


@pytest.fixture(scope="session")
def kubectl(program, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kubectl")

    def merge(document, patch):
        path = folder / "document.json"
        path.write_text(json.dumps(document))
        done = subprocess.run(
            [program, "patch", "--local", "--type=strategic", "-f", path, "-o", "json", "-p", json.dumps(patch)],
            capture_output=True, text=True, check=False, timeout=60, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        return json.loads(done.stdout) if done.returncode == 0 else None

    return merge


NAMES = st.sampled_from("abcd")


def unique(items):
    return st.lists(items, max_size=4, unique_by=lambda item: item["name"])


VARIABLES = unique(st.fixed_dictionaries({"name": NAMES, "value": st.sampled_from("xyz")}))
CONTAINERS = st.lists(
    st.fixed_dictionaries({"name": NAMES, "image": st.sampled_from(["x:1", "y:2"])}, optional={"env": VARIABLES, "args": st.lists(NAMES, max_size=2)}),
    min_size=1, max_size=4, unique_by=lambda item: item["name"],
)  # fmt: skip


@st.composite
def patched_lists(draw, items):
    """A list of a patch: items to merge, to delete, perhaps to replace the rest, perhaps with an order."""
    found = draw(items)
    gone = draw(st.lists(NAMES, max_size=2, unique=True))
    found = [item for item in found if item["name"] not in gone]
    found += [{"name": name, "$patch": "delete"} for name in gone]
    if draw(st.integers(0, 9)) == 0:
        found.append({"$patch": "replace"})
    return draw(st.permutations(found))


@st.composite
def patches(draw, there):
    """A patch of a Deployment with these containers. Directives within what is new are kubectl's own affair."""
    containers = draw(patched_lists(CONTAINERS))
    names = {container["name"] for container in there if "env" in container}
    if {"$patch": "replace"} not in containers:
        for container in containers:
            if "env" in container and container["name"] in names:
                container["env"] = draw(patched_lists(VARIABLES))
    spec = {"containers": containers}
    # Beside a deletion the order rests on how Go's slices share memory; nobody relies on it.
    if not any("$patch" in item for item in containers) and draw(st.booleans()):
        named = [item["name"] for item in containers if "name" in item and "$patch" not in item]
        order = draw(st.permutations(list(dict.fromkeys([*named, *draw(st.lists(NAMES, max_size=2))]))))
        spec["$setElementOrder/containers"] = [{"name": name} for name in order]
    metadata = {}
    if draw(st.booleans()):
        metadata["annotations"] = draw(st.dictionaries(NAMES, st.sampled_from(["1", None]), max_size=3))
    if draw(st.booleans()):
        metadata["finalizers"] = draw(
            st.lists(st.sampled_from(["x/a", "x/b", "x/c"]), max_size=2, unique=True)
        )
    if draw(st.booleans()):
        # One that is added and deleted at once depends on the order in which Go walks a map.
        free = [name for name in ("x/a", "x/b", "x/c") if name not in metadata.get("finalizers", [])]
        metadata["$deleteFromPrimitiveList/finalizers"] = draw(st.lists(st.sampled_from(free), max_size=1))
    return {"metadata": metadata, "spec": {"template": {"spec": spec}}}


def normal(document):
    """Without what Go's types leave out: empty lists and maps, and nulls."""
    if isinstance(document, dict):
        found = {
            name: normal(value)
            for name, value in document.items()
            if name not in {"status", "creationTimestamp"}
        }
        return {name: value for name, value in found.items() if value not in ({}, [], None)}
    return [normal(item) for item in document] if isinstance(document, list) else document


FINALIZERS = st.lists(st.sampled_from(["x/a", "x/b", "x/c"]), max_size=3, unique=True)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), containers=CONTAINERS, finalizers=FINALIZERS)
def test_a_patch_gives_what_kubernetes_own_code_gives(kubectl, data, containers, finalizers):
    patch = data.draw(patches(containers))
    document = kubeing.deployment("default", spec={"containers": containers})
    document["metadata"] |= {"annotations": {"a": "0", "b": "0"}, "finalizers": finalizers}
    theirs = kubectl(document, patch)
    if theirs is None:
        return  # what kubectl cannot read back as a Deployment says nothing of the patch
    assert normal(strategic_merge(copy.deepcopy(document), patch, DEPLOYMENTS.merge)) == normal(theirs)


@pytest.mark.parametrize(
    "patch",
    [
        {"data": {"a": None, "c": "Yw=="}},
        {"data": {"$patch": "replace", "c": "Yw=="}},
        {"data": {"$patch": "delete"}},
        {"data": {"$retainKeys": ["b"], "b": "Yw=="}},
        {"metadata": {"labels": {"x": "y"}}, "immutable": True},
    ],
)
def test_maps_and_their_directives(kubectl, patch):
    document = {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "s", "namespace": "default"},
        "data": {"a": "YQ==", "b": "Yg=="},
    }  # fmt: skip
    assert normal(strategic_merge(document, patch, SECRETS.merge)) == normal(kubectl(document, patch))


def test_kubectl_applies_follows_and_undoes_a_rollout(kube, program, tmp_path):
    """client-go's informers, its three-way patches with $setElementOrder, and its own idea of a finished rollout."""
    path = kube.server.kubeconfig(namespace=kube.namespace)
    document = kubeing.deployment(kube.namespace)
    kube.apply(secret(kube.namespace, "db", password="old"))

    def run(*words):
        done = subprocess.run(
            [program, f"--kubeconfig={path}", f"--namespace={kube.namespace}", *words],
            capture_output=True, text=True, check=False, timeout=60, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def applied():
        (tmp_path / "document.json").write_text(json.dumps(document))
        return run("apply", "--validate=false", "-f", str(tmp_path / "document.json"))

    with kube.server.kubelet(lambda pod: Behaviour, kube.namespace) as kubelet:
        assert "created" in applied()
        assert "successfully rolled out" in run("rollout", "status", "deployment/web", "--timeout=20s")
        containers = document["spec"]["template"]["spec"]["containers"]
        containers.insert(0, {"name": "first", "image": "x:1"})
        containers[1]["env"] = [{"name": "A", "value": "1"}, *containers[1]["env"]]
        assert "configured" in applied()
        run("rollout", "status", "deployment/web", "--timeout=20s")
        there = kube.read("deployments", "web")["spec"]["template"]["spec"]["containers"]
        assert [one["name"] for one in there] == ["first", "app"]
        assert [one["name"] for one in there[1]["env"]] == ["A", "PASSWORD"]
        assert {life.running.env.get("A") for life in kubelet.live()} == {"1"}
        assert "unchanged" in applied()
        run("rollout", "undo", "deployment/web")
        run("rollout", "status", "deployment/web", "--timeout=20s")
        assert [
            one["name"] for one in kube.read("deployments", "web")["spec"]["template"]["spec"]["containers"]
        ] == ["app"]
        run("scale", "deployment/web", "--replicas=3")
        run("rollout", "restart", "deployment/web")
        run("rollout", "status", "deployment/web", "--timeout=20s")
        assert run("get", "pods", "--output=name").count("pod/") >= 3
