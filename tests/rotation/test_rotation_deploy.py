"""The manifests of rotation, and its part of the chart: rendered by kubectl and helm, judged by our own gate, held to what the code needs."""

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

from guarita import config
from guarita.config.rotation import KubernetesLogin
from guarita.deploy.cli import FILES
from guarita.errors import UsageError
from guarita.rotation.kube.rbac import delivery_rules, lease_rules
from guarita.rotation.rbac.cli_manifests import DEPLOY, manifests
from guarita.scan.tools.kube import find_helm, find_kustomize

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
FULL = {
    "deliveries": [{"namespace": "shop"}, {"namespace": "ops", "restart": False}],
    "serviceAccount": {"annotations": {"example.com/role": "x"}},
    "volumes": [{"name": "redis-ca", "configMap": {"name": "redis-ca"}}],
    "volumeMounts": [{"name": "redis-ca", "mountPath": "/etc/guarita/redis", "readOnly": True}],
}


def ran(*command, **options):
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **options
    )


@pytest.fixture(scope="module")
def helm(tmp_path_factory):
    binary = find_helm(tmp_path_factory.mktemp("helm"))
    assert binary, "guarita tools sync"

    def template(values=None, status=0):
        alone = {
            "gateway": {"enabled": False},
            "ledger": {"jobs": {"enabled": False}},
            "rotation": values or {},
        }
        done = ran(binary.path, "template", "rotation", FILES / "chart", "-f", "-", input=json.dumps(alone))
        assert (done.returncode == 0) == (status == 0), done.stderr
        return [found for found in yaml.safe_load_all(done.stdout) if found] if status == 0 else done.stderr

    template.path = binary.path
    return template


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory):
    binary = find_kustomize(tmp_path_factory.mktemp("kubectl"))
    assert binary, "guarita tools sync"
    return binary.path


@pytest.fixture(scope="module")
def base(kubectl):
    done = ran(kubectl, "kustomize", DEPLOY / "base")
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def one(documents, kind, name="guarita-rotation", namespace="guarita"):
    found = [
        document
        for document in documents
        if (document["kind"], document["metadata"]["name"]) == (kind, name)
        and document["metadata"].get("namespace") == namespace
    ]
    assert len(found) == 1, [(d["kind"], d["metadata"]["name"]) for d in documents]
    return found[0]


def test_both_ways_give_the_same_cron_job(helm, base):
    ours, theirs = one(base, "CronJob")["spec"], one(helm(), "CronJob")["spec"]
    assert theirs.pop("suspend") is False
    for spec in (ours, theirs):
        job = spec["jobTemplate"]
        for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
            metadata["labels"] = {"app.kubernetes.io/name": metadata["labels"]["app.kubernetes.io/name"]}
        for volume in job["spec"]["template"]["spec"]["volumes"]:
            if volume["name"] == "config":
                volume["configMap"]["name"] = "guarita-config"  # kustomize appends a hash
    assert ours == theirs


@pytest.fixture(params=["base", "chart"])
def pod(request, base, helm):
    documents = base if request.param == "base" else helm(FULL)
    return one(documents, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_the_pod_is_confined(pod):
    context, (container,) = pod["securityContext"], pod["containers"]
    assert context["runAsNonRoot"]
    assert context["runAsUser"] > 10_000
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    inner = container["securityContext"]
    assert inner == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= set(container["resources"]["limits"])
    assert "@sha256:" in container["image"]
    writable = [m["name"] for m in container["volumeMounts"] if not m.get("readOnly")]
    assert writable == ["tmp"]


def test_tokens_are_projected_each_for_its_audience_and_short(pod):
    assert pod["automountServiceAccountToken"] is False
    tokens = {
        (volume["name"], source["serviceAccountToken"].get("audience")): source["serviceAccountToken"]
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", ())
        if "serviceAccountToken" in source
    }
    assert set(tokens) == {("vault-token", "vault"), ("api-token", None)}
    assert all(token["expirationSeconds"] <= 3600 for token in tokens.values())
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    default = KubernetesLogin(role="x")
    assert default.token_file == f"{mounts['vault-token']}/{tokens['vault-token', 'vault']['path']}"
    assert default.audience == "vault"


def test_without_need_there_is_no_token_for_the_api(helm):
    documents = helm({"apiToken": False})
    text = json.dumps(documents)
    assert "kube-root-ca.crt" not in text
    assert "6443" not in text
    assert not {"Role", "RoleBinding"} & {document["kind"] for document in documents}


def test_a_run_that_hangs_or_overlaps_is_bounded(base):
    spec = one(base, "CronJob")["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["schedule"].split()[2:] == ["*", "*", "*"]  # daily: due is decided from state
    job = spec["jobTemplate"]["spec"]
    patience = config.parse(b"{}", "g").rotation.patience_seconds
    assert patience < job["activeDeadlineSeconds"] < spec["startingDeadlineSeconds"] < 86_400
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_the_roles_are_those_that_the_code_needs(helm, base):
    documents = helm(FULL)
    assert one(documents, "Role", namespace="shop")["rules"] == list(delivery_rules())
    assert one(documents, "Role", namespace="ops")["rules"] == list(delivery_rules(restart=False))
    for found in (documents, base):
        assert one(found, "Role", "guarita-rotation-lease")["rules"] == list(lease_rules())
    for document in documents:
        if document["kind"] == "RoleBinding":
            account = {"kind": "ServiceAccount", "name": "guarita-rotation", "namespace": "guarita"}
            assert document["subjects"] == [account]
            one(documents, "Role", document["roleRef"]["name"], document["metadata"]["namespace"])
    assert not [d for d in (*documents, *base) if d["kind"].startswith("Cluster")]


def test_the_network_is_closed_but_for_what_is_named(base, helm):
    for documents in (base, helm()):
        spec = one(documents, "NetworkPolicy")["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        assert spec["ingress"] in ([], None)
        labels = one(documents, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
        assert spec["podSelector"]["matchLabels"].items() <= labels.items()
        assert all(rule["ports"] for rule in spec["egress"])


def test_the_configuration_that_is_shown_is_valid(base):
    (found,) = [document for document in base if document["kind"] == "ConfigMap"]
    section = config.parse(found["data"]["guarita.yaml"].encode(), "guarita.yaml").rotation
    assert isinstance(section.vault.login, KubernetesLogin)


@pytest.mark.parametrize(
    "values", [{"suspnd": True}, {"deliveries": ["shop"]}, {"schedule": "daily"}, {"apiToken": "yes"}]
)
def test_values_that_are_wrong_are_refused(helm, values):
    assert "rotation" in helm(values, status=1)


def test_helm_and_the_api_take_them(kubectl, helm, base, kube, tmp_path):
    """Applied by kubectl to an API server, as documented."""
    names = {"guarita": kube.namespace, "shop": kube.namespace, "ops": kube.namespace}
    documents = [d for d in (*base, *helm(FULL)) if d["kind"] != "Namespace"]
    text = yaml.safe_dump_all(documents)
    for old, new in names.items():
        text = text.replace(f"namespace: {old}\n", f"namespace: {new}\n")
    config_file = kube.server.kubeconfig(namespace=kube.namespace)
    done = ran(
        kubectl, "--kubeconfig", config_file, "apply", "--validate=false", "-f", "-", input=text,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = kube.read("cronjobs", "guarita-rotation")
    assert made["spec"]["concurrencyPolicy"] == "Forbid"
    assert kube.read("roles", "guarita-rotation-lease")["rules"] == list(lease_rules())


@pytest.mark.tools
def test_they_pass_our_own_gate_without_a_waiver(helm, tmp_path):
    tree = tmp_path / "tree"
    manifests.main([str(tree), "--quiet"], standalone_mode=False)
    (tree / "rendered.yaml").write_text(yaml.safe_dump_all(helm(FULL)))
    policy = tmp_path / "policy.yaml"
    policy.write_text("scan: {fail_on: info}\n")
    done = ran(
        GUARITA, "scan", tree, "--policy", policy, "--output", f"json={tmp_path / 'report.json'}",
        "--ledger", f"sqlite:///{tmp_path}/ledger.db", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["decisions"] == []
    scanned = {file["path"] for file in report["coverage"]["files"] if file["status"] == "scanned"}
    assert {"base/cronjob.yaml", "rendered.yaml"} <= scanned


def test_they_are_written_where_nothing_stands(tmp_path):
    folder = tmp_path / "deploy"
    manifests.main([str(folder), "--quiet"], standalone_mode=False)
    assert (folder / "base" / "kustomization.yaml").exists()
    (folder / "mine").write_text("x")
    with pytest.raises(UsageError):
        manifests.main([str(folder)], standalone_mode=False)
    manifests.main([str(folder), "--force", "--quiet"], standalone_mode=False)
    assert (folder / "mine").exists()
