"""The chart: rendered by helm with each profile, held to Kubernetes' own schemas, judged by our own gate."""

import json
import subprocess
import sysconfig
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from guarita import config
from guarita.audit.cli.verdict import verdict
from guarita.deploy.cli import FILES
from guarita.scan.tools.kube import find_helm

GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
ROOT = Path(__file__).parents[2]
CHART = FILES / "chart"
PROFILES = ["development", "staging", "production"]
REVISION = "0123456789" * 4
FULL = {
    "imagePullSecrets": [{"name": "pull"}],
    "gate": {
        "enabled": True,
        "revision": REVISION,
        "vkey": "log+00000000+AAAA",
        "policy": "a" * 64,
        "maxAge": "30d",
    },
    "gateway": {"ingress": {"enabled": True}, "vaultToken": True, "secret": "guarita-gateway"},
    "rotation": {"deliveries": [{"namespace": "shop"}, {"namespace": "ops", "restart": False}]},
    "monitoring": {"enabled": True, "labels": {"release": "prometheus"}},
    "workers": {
        "volumes": [{"name": "more", "emptyDir": {}}],
        "volumeMounts": [{"name": "more", "mountPath": "/more"}],
    },
}
EXTENSIONS = {"VerticalPodAutoscaler", "PrometheusRule", "ServiceMonitor"}
"""What stands on CustomResourceDefinitions, which Kubernetes' own schemas do not know."""


@pytest.fixture(scope="module")
def helm(tmp_path_factory):
    binary = find_helm(tmp_path_factory.mktemp("helm"))
    assert binary, "guarita tools sync"

    def run(*words, values=None):
        return subprocess.run(
            [binary.path, *map(str, words), "-f", "-"],
            input=json.dumps(values or {}), capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def render(helm):
    def template(profile=None, values=None):
        words = ["-f", CHART / f"values-{profile}.yaml"] if profile else []
        done = helm("template", "guarita", CHART, *words, values=values)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return template


@pytest.fixture(scope="module", params=PROFILES)
def rendered(request, render):
    return render(request.param, FULL)


def named(documents, kind):
    return {found["metadata"]["name"]: found for found in documents if found["kind"] == kind}


def pods(documents):
    """The pod of everything that runs one, by kind and name, with its labels."""
    for found in documents:
        spec = found.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield f"{found['kind']}/{found['metadata']['name']}", template


def test_lint_finds_nothing_wrong(helm):
    for profile in PROFILES:
        done = helm("lint", "--strict", CHART, "-f", CHART / f"values-{profile}.yaml", values=FULL)
        assert "0 chart(s) failed" in done.stdout, done.stdout + done.stderr


def test_all_of_it_is_what_kubernetes_takes(rendered):
    for found in rendered:
        if found["kind"] not in EXTENSIONS:
            kubernetes_validate.validate(found, "1.33", strict=True)
    kinds = {found["kind"] for found in rendered}
    assert kinds >= {"Deployment", "CronJob", "Job", "Ingress", "Role", "ConfigMap"}


def test_each_pod_is_as_restricted_as_the_standard_asks(rendered):
    seen = dict(pods(rendered))
    assert {"Deployment/guarita-gateway", "CronJob/guarita-rotation"} <= set(seen)
    for name, template in seen.items():
        spec = template["spec"]
        context = spec["securityContext"]
        assert context["runAsNonRoot"], name
        assert context["runAsUser"] > 10_000, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["serviceAccountName"] in named(rendered, "ServiceAccount"), name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert "@sha256:" in container["image"], name
            for bound in ("requests", "limits"):
                assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"][bound]), name
            # A Secret's value in the environment is in every dump of it: Secrets are files.
            assert not [one for one in container.get("env", ()) if "valueFrom" in one], name
        allowed = {"configMap", "secret", "projected", "emptyDir", "persistentVolumeClaim"}
        assert all((set(volume) - {"name"}) <= allowed for volume in spec["volumes"]), name


def test_no_secret_stands_in_it(rendered):
    assert not named(rendered, "Secret")
    asked = {
        v["secret"]["secretName"] for _, t in pods(rendered) for v in t["spec"]["volumes"] if "secret" in v
    }
    assert asked == {"guarita-ledger", "guarita-ledger-key", "guarita-gateway"} | (
        {"guarita-workers"} if "guarita-workers" in named(rendered, "Deployment") else set()
    )
    signs = [name for name, t in pods(rendered) if "guarita-ledger-key" in json.dumps(t)]
    assert signs == ["CronJob/guarita-checkpoint"]


def test_only_rotation_has_a_token_for_the_api(rendered):
    with_token = [name for name, template in pods(rendered) if "kube-root-ca.crt" in json.dumps(template)]
    assert with_token == ["CronJob/guarita-rotation"]
    subjects = {
        s["name"] for binding in rendered if binding["kind"] == "RoleBinding" for s in binding["subjects"]
    }
    assert subjects == {"guarita-rotation"}
    assert not [found for found in rendered if found["kind"].startswith("Cluster")]


def test_nothing_passes_that_no_policy_names(rendered):
    policies = named(rendered, "NetworkPolicy")
    closed = policies["guarita-default-deny"]["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, template in pods(rendered):
        labels = template["metadata"]["labels"].items()
        chosen = [
            policy["spec"]
            for policy in policies.values()
            if policy["spec"]["podSelector"].get("matchLabels", {}).items() <= labels
        ]
        assert len(chosen) == 2, name  # the closed one and its own
        (own,) = [spec for spec in chosen if spec != closed]
        assert own["policyTypes"] == ["Ingress", "Egress"], name
        assert all(rule["ports"] for rule in own["egress"]), name
        assert all(rule["from"] and rule["ports"] for rule in own["ingress"]), name
    open_to = {name for name, policy in policies.items() if policy["spec"].get("ingress")}
    assert open_to == {"guarita-gateway"}


def test_selectors_choose_what_they_should(rendered):
    deployments = named(rendered, "Deployment")
    for name, found in deployments.items():
        chosen = found["spec"]["selector"]["matchLabels"]
        assert chosen.items() <= found["spec"]["template"]["metadata"]["labels"].items()
        assert named(rendered, "PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"] == chosen
        spread = found["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [one["topologyKey"] for one in spread] == [
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        ]
        assert all(one["labelSelector"]["matchLabels"] == chosen for one in spread)
        (container,) = found["spec"]["template"]["spec"]["containers"]
        assert {"readinessProbe", "livenessProbe"} <= set(container)
    service = named(rendered, "Service")["guarita-gateway"]["spec"]
    assert service["selector"] == deployments["guarita-gateway"]["spec"]["selector"]["matchLabels"]
    offered = {
        port["name"]
        for port in deployments["guarita-gateway"]["spec"]["template"]["spec"]["containers"][0]["ports"]
    }
    assert {port["targetPort"] for port in service["ports"]} <= offered


def test_production_scales_as_the_reference_architecture_has_it(render):
    documents = render("production", FULL)
    for name in ("guarita-gateway", "guarita-workers"):
        spec = named(documents, "HorizontalPodAutoscaler")[name]["spec"]
        assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 50)
        targets = {
            m["resource"]["name"]: m["resource"]["target"]["averageUtilization"] for m in spec["metrics"]
        }
        assert targets == {"cpu": 70, "memory": 80}
        waits = {way: spec["behavior"][way]["stabilizationWindowSeconds"] for way in ("scaleUp", "scaleDown")}
        assert waits == {"scaleUp": 60, "scaleDown": 300}
        # The autoscaler alone says how many, and alone acts.
        assert "replicas" not in named(documents, "Deployment")[name]["spec"]
        vertical = named(documents, "VerticalPodAutoscaler")[name]["spec"]
        assert vertical["updatePolicy"] == {"updateMode": "Off"}
        (bounds,) = vertical["resourcePolicy"]["containerPolicies"]
        assert bounds["minAllowed"] == {"cpu": "100m", "memory": "128Mi"}
        assert bounds["maxAllowed"] == {"cpu": "2", "memory": "4Gi"}


def test_one_detector_is_gone_before_the_next_comes(render):
    spec = named(render("production", FULL), "Deployment")["guarita-detection"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert "guarita-detection" not in named(render("production", FULL), "HorizontalPodAutoscaler")


def test_development_runs_one_of_each_without_scalers(render):
    documents = render("development")
    assert not named(documents, "HorizontalPodAutoscaler")
    assert {found["spec"]["replicas"] for found in named(documents, "Deployment").values()} == {1}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_profile_reaches_every_pod_and_is_one_of_the_configuration(render, profile, monkeypatch):
    documents = render(profile)
    for name, template in pods(documents):
        environment = {one["name"]: one["value"] for one in template["spec"]["containers"][0]["env"]}
        assert environment["GUARITA_PROFILE"] == profile, name
    monkeypatch.setenv("GUARITA_PROFILE", profile)
    text = named(documents, "ConfigMap")["guarita-config"]["data"]["guarita.yaml"]
    assert config.parse(text.encode(), "guarita.yaml").gateway.metrics.port == 9464


def test_a_changed_configuration_is_a_changed_pod(render):
    def mark(values):
        (pod,) = [
            t for name, t in pods(render("development", values)) if name == "Deployment/guarita-gateway"
        ]
        return pod["metadata"]["annotations"]["guarita/config"]

    assert mark({}) == mark({"gateway": {"replicas": 2}})
    assert mark({}) != mark({"config": {"gateway": {"proxies": ["10.0.0.0/8"]}}})


def test_a_configuration_of_ones_own_is_used(render):
    documents = render(values={"existingConfigMap": "mine"})
    assert not named(documents, "ConfigMap")
    used = {
        v["configMap"]["name"]
        for _, t in pods(documents)
        for v in t["spec"]["volumes"]
        if v["name"] == "config"
    }
    assert used == {"mine"}


def test_rules_are_those_that_were_tested(render):
    rules = named(render("production", FULL), "PrometheusRule")
    files = sorted((CHART / "files/rules").glob("*.yaml"))
    assert files
    for path in files:
        found = rules[f"guarita-{path.stem}"]
        assert found["spec"] == yaml.safe_load(path.read_text())
        assert found["metadata"]["labels"]["release"] == "prometheus"


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"gatway": {}}, "gatway"),
        ({"gateway": {"replica": 1}}, "replica"),
        ({"gateway": {"autoscaling": {"enabled": True, "maxReplicas": 500}}}, "maxReplicas"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"image": {"tag": "1"}}, "tag"),
        ({"namespace": "default"}, "namespace"),
        ({"gate": {"enabled": True}}, "revision"),
        ({"gate": {"enabled": True, "vkey": "x", "revision": "main"}}, "revision"),
        ({"workers": {"enabled": True, "secret": ""}}, "secret"),
        ({"gateway": {"from": []}}, "from"),
        ({"gateway": {"egress": [{"to": []}]}}, "egress"),
        ({"ledger": {"jobs": {"checkpoint": "often"}}}, "checkpoint"),
    ],
)
def test_values_that_are_wrong_are_refused(helm, values, word):
    done = helm("template", "guarita", CHART, values=values)
    assert done.returncode != 0
    assert word in done.stderr


def test_the_gate_comes_before_anything_else_and_needs_nothing_of_the_chart(render):
    documents = [found for found in render("production", FULL) if found["metadata"]["name"] == "guarita-gate"]
    assert {found["kind"] for found in documents} == {"Job", "NetworkPolicy", "ServiceAccount"}
    waves = {}
    for found in documents:
        annotations = found["metadata"]["annotations"]
        assert annotations["argocd.argoproj.io/hook"] == "PreSync"
        waves[found["kind"]] = int(annotations["argocd.argoproj.io/sync-wave"])
    assert waves["Job"] > max(waves["NetworkPolicy"], waves["ServiceAccount"])
    (job,) = [found for found in documents if found["kind"] == "Job"]
    spec = job["spec"]["template"]["spec"]
    assert not [volume for volume in spec["volumes"] if "configMap" in volume]
    # The command takes these words: without their values they are options that it has.
    group, command, *options = spec["containers"][0]["args"]
    assert (group, command) == ("audit", "verdict")
    known = {word for option in verdict.params for word in option.opts}
    assert {word.partition("=")[0] for word in options} <= known
    assert f"--revision={REVISION}" in options


def test_the_application_sets_values_that_the_chart_has_and_lets_no_commit_become_a_number(helm):
    application = yaml.safe_load((FILES / "argocd/application.yaml").read_text())
    source = application["spec"]["source"]["helm"]
    words = []
    for one in source["parameters"]:
        value = "1" * 40 if one["value"] == "$ARGOCD_APP_REVISION" else one["value"]
        words += ["--set-string" if one.get("forceString") else "--set", f"{one['name']}={value}"]
    files = [word for name in source["valueFiles"] for word in ("-f", CHART / name)]
    done = helm("template", "guarita", CHART, *files, *words)
    assert done.returncode == 0, done.stderr
    assert f"--revision={'1' * 40}" in done.stdout


@pytest.mark.tools
def test_they_pass_our_own_gate_with_the_platform_pack_and_without_a_waiver(helm, tmp_path):
    tree = tmp_path / "tree"
    done = subprocess.run([GUARITA, "chart", tree, "--quiet"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("Dockerfile", ".dockerignore"):
        (tree / name).write_bytes((ROOT / name).read_bytes())
    for profile in PROFILES:
        words = ("template", "guarita", tree / "chart", "-f", tree / f"chart/values-{profile}.yaml")
        (tree / f"{profile}.yaml").write_text(helm(*words, values=FULL).stdout)
    policy = tmp_path / "policy.yaml"
    policy.write_text("scan: {fail_on: info, packs: [platform]}\n")
    done = subprocess.run(
        [GUARITA, "scan", tree, "--policy", policy, "--output", f"json={tmp_path / 'report.json'}",
         "--ledger", f"sqlite:///{tmp_path}/ledger.db"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["decisions"] == []
    scanned = {file["path"] for file in report["coverage"]["files"] if file["status"] == "scanned"}
    assert {
        "Dockerfile",
        "production.yaml",
        "chart/templates/_service.tpl",
        "argocd/application.yaml",
    } <= scanned


def test_it_is_written_where_nothing_stands(tmp_path):
    def run(*words):
        return subprocess.run(
            [GUARITA, "chart", tmp_path / "out", *words], capture_output=True, text=True, check=False
        )

    assert run().returncode == 0
    assert (tmp_path / "out/chart/Chart.yaml").exists()
    (tmp_path / "out/mine").write_text("x")
    refused = run()
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert run("--force").returncode == 0
    assert (tmp_path / "out/mine").exists()
