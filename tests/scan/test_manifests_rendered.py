"""Charts and kustomizations by the real command: rendered here or said to be unknown, and nothing fetched."""

import http.server
import shutil
import threading
from pathlib import Path

import pytest

from guarita.scan.tools import TOOLS, tools_home

POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop}}
spec:
  containers:
    - name: main
      image: registry.example.com/shop:1.0.0
      securityContext: {{privileged: {privileged}}}
"""
BAD = POD.format(name="bad", privileged="true")
GOOD = POD.format(name="good", privileged="false")
CHART = "apiVersion: v2\nname: shop\nversion: 0.1.0\n"
TEMPLATE = POD.format(name="{{ .Release.Name }}", privileged="{{ .Values.privileged }}")
CHARTS = {
    "plain/Chart.yaml": CHART,
    "plain/values.yaml": "privileged: true\nextra: {enabled: false}\n",
    "plain/templates/pod.yaml": TEMPLATE,
    "plain/templates/_helpers.tpl": '{{- define "x" }}y{{ end }}\n',
    "plain/templates/extra.yaml": "{{ if .Values.extra.enabled }}\n" + BAD + "{{ end }}\n",
    "plain/templates/never.yaml": "{{ if .Values.never }}\n" + BAD + "{{ end }}\n",
    "plain/crds/crd.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: crd}\nspec: {hostPID: true}\n",
    "values/Chart.yaml": CHART,
    "values/values.yaml": "privileged: false\n",
    "values/values-production.yaml": "privileged: true\n",
    "values/templates/pod.yaml": TEMPLATE,
    "broken/Chart.yaml": CHART,
    "broken/templates/pod.yaml": BAD + "{{ fail .Values.x }}{{ end }}\n",
    "labels/Chart.yaml": CHART,
    "labels/values.yaml": "privileged: true\nprivileged: true\n",
    "labels/templates/pod.yaml": TEMPLATE.replace("{name:", "{labels: {a: b, a: c}, name:"),
    "kinds/Chart.yaml": CHART,
    "kinds/templates/pod.yaml": BAD + "kind: ConfigMap\n",
    "remote/Chart.yaml": CHART
    + "dependencies: [{name: far, version: 1.0.0, repository: 'http://127.0.0.1:1/charts'}]\n",
    "remote/templates/pod.yaml": GOOD,
    "lookup/Chart.yaml": CHART,
    "lookup/templates/pod.yaml": '{{ if not (lookup "v1" "Pod" "shop" "bad") }}\n' + GOOD + "{{ end }}\n",
    "lookup/templates/asked.yaml": '{{ if lookup "v1" "Pod" "shop" "bad" }}\n' + BAD + "{{ end }}\n",
    "library/Chart.yaml": CHART + "type: library\n",
    "library/templates/_all.yaml": '{{- define "y" }}z{{ end }}\n',
    "parent/Chart.yaml": CHART.replace("shop", "parent") + "dependencies: [{name: child, version: 0.1.0}]\n",
    "parent/charts/child/Chart.yaml": CHART.replace("shop", "child"),
    "parent/charts/child/templates/pod.yaml": BAD,
}


@pytest.fixture(scope="module")
def charts(new_repository):
    repository = new_repository()
    repository.commit(CHARTS)
    return repository.scan(scanners=("manifests",))


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("plain/templates/pod.yaml", "CKV_K8S_16"),
        ("plain/templates/extra.yaml", "CKV_K8S_16"),
        ("plain/templates/never.yaml", "renders-nothing"),
        ("plain/templates/_helpers.tpl", "scanned"),
        ("plain/values.yaml", "scanned"),
        ("plain/crds/crd.yaml", "CKV_K8S_17"),
        ("values/templates/pod.yaml", "CKV_K8S_16"),
        ("values/values-production.yaml", "scanned"),
        ("broken/templates/pod.yaml", "unparseable"),
        ("broken/Chart.yaml", "unparseable"),
        ("labels/templates/pod.yaml", "CKV_K8S_16"),
        ("labels/values.yaml", "scanned"),
        ("kinds/templates/pod.yaml", "unparseable"),
        ("remote/templates/pod.yaml", "unparseable"),
        ("lookup/templates/pod.yaml", "unparseable"),
        ("lookup/templates/asked.yaml", "unparseable"),
        ("library/templates/_all.yaml", "scanned"),
        ("parent/charts/child/templates/pod.yaml", "CKV_K8S_16"),
    ],
)
def test_every_template_of_a_chart_has_its_end(charts, path, wanted):
    found = {f["rule"] for f in charts.findings() if f["location"]["path"] == path}
    file = charts.file(path)
    assert wanted in found | {file["status"], file["rule"]}
    assert charts.status == 3


def test_a_fault_of_a_template_is_reported_once_at_its_kind(charts):
    found = [
        f
        for f in charts.findings()
        if f["rule"] == "CKV_K8S_16" and f["location"]["path"] == "parent/charts/child/templates/pod.yaml"
    ]
    assert [f["location"]["line"] for f in found] == [2]


PATCHED = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      containers:
        - {name: main, securityContext: {privileged: true}}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - {name: main, image: "registry.example.com/shop:1.0.0"}
"""
KUSTOMIZATIONS = {
    "base/kustomization.yaml": "resources: [deployment.yaml, pod.yaml]\n",
    "base/deployment.yaml": DEPLOYMENT,
    "base/pod.yaml": BAD,
    "overlay/kustomization.yaml": "resources: [../base]\nnamespace: production\npatches: [{path: patch.yaml}]\n",
    "overlay/patch.yaml": PATCHED.replace("{name: shop}", "{name: shop, namespace: shop}"),
    "prefix/kustomization.yaml": "resources: [../base]\nnamePrefix: eu-\nnameSuffix: -b\n",
    "whole/kustomization.yaml": "resources: [../base]\n"
    "patches: [{path: pod.yaml, target: {kind: Nothing}}]\n",
    "whole/pod.yaml": BAD.replace("name: bad", "name: whole"),
    "outside/kustomization.yaml": "resources: [../../../../etc]\n",
    "absolute/kustomization.yaml": "resources: [/etc]\n",
    "file/kustomization.yaml": "configMapGenerator: [{name: x, files: [../../../../../../etc/passwd]}]\n",
    "missing/kustomization.yaml": "resources: [nothing.yaml]\n",
    "on-missing/kustomization.yaml": "resources: [../missing]\n",
    "broken/kustomization.yaml": "resources: [\n",
    "twice/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    "resources: [../base]\nresources: []\n",
    "two-keys/kustomization.yaml": "resources: [pod.yaml]\n",
    "two-keys/pod.yaml": BAD + "kind: ConfigMap\n",
    "both/kustomization.yaml": "resources: [../base]\n",
    "both/Kustomization": "resources: [../base]\n",
    "exec/kustomization.yaml": "resources: [../base]\ntransformers: [exec.yaml]\n",
    "exec/exec.yaml": "apiVersion: x/v1\nkind: Own\nmetadata:\n  name: x\n  annotations:\n"
    "    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n",
    "exec/run.sh": "#!/bin/sh\ntouch CANARY\n",
    "plugin/kustomization.yaml": "resources: [../base]\ngenerators: [own.yaml]\n",
    "plugin/own.yaml": "apiVersion: example.com/v1\nkind: Own\nmetadata: {name: x}\n",
    "chart/kustomization.yaml": "helmCharts: [{name: x, repo: 'http://127.0.0.1:1'}]\n",
    "unused/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    "patches: [{path: patch.yaml}]\n",
    "unused/patch.yaml": PATCHED,
}


@pytest.fixture(scope="module")
def kustomizations(new_repository):
    repository = new_repository()
    canary = repository.root.parent / "canary"
    files = {name: content.replace("CANARY", str(canary)) for name, content in KUSTOMIZATIONS.items()}
    repository.commit(files)
    scan = repository.scan(scanners=("manifests",))
    assert not canary.exists()
    return scan


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("base/kustomization.yaml", "scanned"),
        ("base/pod.yaml", "CKV_K8S_16"),
        ("overlay/kustomization.yaml", "CKV_K8S_16"),
        ("overlay/patch.yaml", "scanned"),
        ("whole/pod.yaml", "CKV_K8S_16"),
        *(
            (f"{name}/kustomization.yaml", "unparseable")
            for name in (
                "outside", "absolute", "file", "missing", "on-missing", "broken", "both", "exec", "plugin",
                "chart", "unused", "twice", "two-keys",
            )
        ),
        ("both/Kustomization", "unparseable"),
        ("two-keys/pod.yaml", "unparseable"),
        ("unused/patch.yaml", "unparseable"),
    ],
)  # fmt: skip
def test_every_kustomization_has_its_end(kustomizations, path, wanted):
    found = {f["rule"] for f in kustomizations.findings() if f["location"]["path"] == path}
    assert wanted in found | {kustomizations.file(path)["status"]}
    assert kustomizations.status == 3


def test_a_fault_of_the_base_is_one_finding_for_all_overlays(kustomizations):
    found = [f for f in kustomizations.findings() if f["rule"] == "CKV_K8S_16" and "bad" in f["resource"]]
    (found,) = found
    assert found["location"]["path"] == "base/pod.yaml"
    assert {"kustomize:overlay/kustomization.yaml", "kustomize:prefix/kustomization.yaml"} <= set(
        found["also"]
    )


def test_a_patch_is_not_judged_as_a_whole_deployment(kustomizations):
    assert not [f for f in kustomizations.findings() if f["location"]["path"].endswith("/patch.yaml")]


@pytest.mark.parametrize(
    "entry", ["{}/x.yaml", "{}/r.git?ref=main", "git::{}/r", "127.0.0.1:{port}/o/r//x?ref=main"]
)
def test_a_kustomization_fetches_nothing(repository, entry):
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        word = entry.format(f"http://127.0.0.1:{server.server_port}", port=server.server_port)
        repository.commit({"kustomization.yaml": f"resources: ['{word}']\n"})
        scan = repository.scan(scanners=("manifests",))
        server.shutdown()
    assert asked == []
    assert (scan.status, scan.file("kustomization.yaml")["status"]) == (3, "unparseable")


def test_without_its_binary_neither_passes(repository, tmp_path):
    checkov = next(tool.label for tool in TOOLS if tool.name == "checkov")
    for name, target in (("tools", tools_home() / checkov), ("bin", Path(shutil.which("git")))):
        (tmp_path / name).mkdir()
        (tmp_path / name / target.name).symlink_to(target)
    repository.commit(
        {
            "chart/Chart.yaml": CHART,
            "chart/templates/pod.yaml": GOOD,
            "k/kustomization.yaml": "resources: [pod.yaml]\n",
            "k/pod.yaml": GOOD,
        }
    )
    environment = {"PATH": str(tmp_path / "bin"), "GUARITA_TOOLS_HOME": str(tmp_path / "tools")}
    scan = repository.scan(scanners=("manifests",), env=environment)
    assert scan.status == 3
    assert scan.file("chart/templates/pod.yaml")["status"] == "no-tool"
    assert scan.file("k/kustomization.yaml")["status"] == "no-tool"
    assert scan.file("k/pod.yaml")["status"] == "scanned"
    assert "guarita tools sync" in scan.text
