"""Kubernetes objects by the real command: nothing that could be applied is passed over in silence."""

import json

import pytest

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: shop
spec:
  containers:
    - name: main
      image: registry.example.com/shop@sha256:{digest}
      securityContext:
        privileged: true
"""
DIGEST = "0" * 64
BAD = POD.format(name="bad", digest=DIGEST)
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {a: b}\n"
ROLLOUT = """\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: r, namespace: shop}
spec:
  template:
    spec:
      containers:
        - {name: c, image: i, securityContext: {privileged: true}}
"""
BOMB = (
    "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + CONFIG.replace("data: {a: b}", "data: *i")
)

# What must never pass, and how it ends: a status of the file, or a rule that reports it.
CASES = {
    "comment.yaml": ("# {{ .Values.x }}\n" + BAD, "CKV_K8S_16"),
    "second-broken.yaml": (BAD + "---\nkind: [\n", "unparseable"),
    "first-broken.yaml": ("a: b: c\n---\n" + BAD, "unparseable"),
    "multi.yaml": (CONFIG + "---\n---\n" + BAD, "CKV_K8S_16"),
    ".hidden/pod.yaml": (BAD, "CKV_K8S_16"),
    "node_modules/pod.yaml": (BAD, "CKV_K8S_16"),
    "expressions.yaml.tmpl": (BAD.replace("bad", "{{ .Name }}"), "no-tool"),
    "plain.yaml.tmpl": (BAD, "CKV_K8S_16"),
    "fields.yaml": (BAD.replace("true", '"{{ flag }}"'), "unparseable"),
    "bomb.yaml": (BOMB, "unparseable"),
    "deep.yaml": ("a: " + "[" * 100_000, "unparseable"),
    "nested.yaml": (BAD + "  x: " + "[" * 1500 + "]" * 1500 + "\n", "unparseable"),
    "null.yaml": (b"apiVersion: v1\x00\nkind: Pod\n", "unparseable"),
    "tag.yaml": ("x: !!python/object/apply:os.system ['true']\n", "unparseable"),
    "list.yaml": (
        "apiVersion: v1\nkind: List\nitems:\n- " + BAD.replace("\n", "\n  ").rstrip() + "\n",
        "CKV_K8S_16",
    ),
    "typed-list.yaml": (
        "apiVersion: v1\nkind: PodList\nitems:\n- " + "\n  ".join(BAD.splitlines()[2:]) + "\n",
        "CKV_K8S_16",
    ),
    "pod.json": (
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "json", "namespace": "shop"},
                "spec": {
                    "containers": [{"name": "c", "image": "i", "securityContext": {"privileged": True}}]
                },
            }
        ),
        "CKV_K8S_16",
    ),
    "escaped.json": (
        '{"\\u0061piVersion": "v1", "kind": "Pod", "metadata": {"name": "e"}, "spec": {"hostPID": true}}',
        "CKV_K8S_17",
    ),
    "broken.json": ('{"apiVersion": "v1", "kind": "Pod",,}', "unparseable"),
    "beside-crd.yaml": (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\n---\n"
        + BAD,
        "CKV_K8S_16",
    ),
    "rollout.yaml": (ROLLOUT, "CKV_K8S_16"),
    "own-group.yaml": (ROLLOUT.replace("argoproj.io/v1alpha1", "apps/v1"), "CKV_K8S_16"),
    "knative.yaml": (
        ROLLOUT.replace("argoproj.io/v1alpha1", "serving.knative.dev/v1").replace("Rollout", "Service"),
        "CKV_K8S_16",
    ),
    "cloneset.yaml": (
        ROLLOUT.replace("argoproj.io", "apps.kruise.io").replace("Rollout", "CloneSet"),
        "CKV_K8S_16",
    ),
    "pod-spec.yaml": (
        BAD.replace("v1\nkind: Pod", "monitoring.coreos.com/v1\nkind: Prometheus"),
        "CKV_K8S_16",
    ),
    "deeper.yaml": (
        """\
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: v, namespace: shop}
spec: {tasks: [{template: {spec: {hostPID: true, containers: [{name: c, image: i}]}}}]}
""",
        "CKV_K8S_17",
    ),
    "foreign-template.yaml": (ROLLOUT.replace("image: i", "image: '{{ x }}'"), "unparseable"),
    "workflow.yaml": (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: w-}\nspec: {entrypoint: a}\n",
        "CKV_ARGO_2",
    ),
    "unnamed.yaml": (BAD.replace("  name: bad\n", "  generateName: job-\n"), "CKV_K8S_16"),
    "odd.yaml": (BAD.replace("  containers:\n", "  containers: none\n  other:\n"), "unparseable"),
    "two-kinds.yaml": (BAD + "kind: ConfigMap\n", "unparseable"),
    "two-keys.yaml": (BAD.replace("true", "true\n        privileged: false"), "unparseable"),
    "two-in-list.yaml": (
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, kind: ConfigMap}\n",
        "unparseable",
    ),
    "two-numbers.yaml": (CONFIG.replace("{a: b}", "{1: a, '1': b}"), "unparseable"),
    "two.json": ('{"apiVersion": "v1", "kind": "Pod",\n "kind": "ConfigMap"}', "unparseable"),
    "metadata.yaml": (
        BAD.replace("metadata:\n  name: bad\n  namespace: shop", "metadata: [x]"),
        "unparseable",
    ),
}
FINE = {
    "settings.yaml": "debug: true\nnames: [a, b]\n",
    "tags.yaml": "x: !Ref Y\nz: !Sub '${A}'\n",
    "tsconfig.json": '{\n  // a comment\n  "strict": true,\n}\n',
    "twice.yaml": "debug: true\ndebug: false\n",
    "twice.json": '{"debug": true, "debug": false}',
    "empty.yaml": "",
    "comments.yaml": "# nothing\n---\n",
}


@pytest.fixture(scope="module")
def scan(new_repository):
    repository = new_repository()
    repository.commit({name: content for name, (content, _) in CASES.items()} | FINE)
    return repository.scan(scanners=("manifests",))


@pytest.mark.parametrize("name", CASES)
def test_what_fails_open_elsewhere_does_not_here(scan, name):
    wanted = CASES[name][1]
    found = {f["rule"] for f in scan.findings("failing") if f["location"]["path"] == name}
    assert wanted in found | {scan.file(name)["status"]}


def test_the_run_is_unknown(scan):
    assert (scan.status, scan.report["result"], scan.report["problems"]) == (3, "unknown", [])


@pytest.mark.parametrize("name", FINE)
def test_what_holds_no_object_is_named_so(scan, name):
    assert (scan.file(name)["status"], scan.file(name)["rule"]) == ("excluded", "not-a-manifest")


def test_what_stands_before_a_broken_document_is_reported_too(scan):
    found = [f for f in scan.findings() if f["location"]["path"] == "second-broken.yaml"]
    assert "CKV_K8S_16" in {f["rule"] for f in found}


def test_the_line_of_a_second_key_is_named(scan):
    assert "(line 12)" in scan.file("two-kinds.yaml")["reason"]
    assert "(line 12)" in scan.file("two-keys.yaml")["reason"]
    assert "(line 2)" in scan.file("two.json")["reason"]


def test_a_merge_and_an_alias_are_no_second_key(repository):
    merged = CONFIG.replace("{a: b}", "\n  <<: &more {a: b}\n  a: c").replace(
        "name: settings", "labels: &l {a: b}, name: settings, annotations: *l"
    )
    repository.commit({"a.yaml": merged})
    assert repository.scan(scanners=("manifests",)).file("a.yaml")["status"] == "scanned"


def test_a_custom_resource_is_shown_under_its_own_kind(scan):
    for name, kind, line in (("rollout.yaml", "Rollout", 8), ("knative.yaml", "Service", 8)):
        found = [f for f in scan.findings() if f["location"]["path"] == name]
        assert {f["resource"] for f in found} == {f"{kind}.shop.r", "Pod.shop.r"}
        (privileged,) = [f for f in found if f["rule"] == "CKV_K8S_16"]
        assert (privileged["location"]["line"], "container c" in privileged["message"]) == (line, True)


def test_a_rollout_is_judged_as_a_deployment_is(repository):
    deployment = ROLLOUT.replace("argoproj.io/v1alpha1", "apps/v1").replace("Rollout", "Deployment")
    repository.commit({"a.yaml": deployment, "b.yaml": ROLLOUT})
    found = repository.scan(scanners=("manifests",)).findings()
    rules = {
        name: sorted(f["rule"] for f in found if f["location"]["path"] == name)
        for name in ("a.yaml", "b.yaml")
    }
    assert rules["a.yaml"] == rules["b.yaml"]


def test_every_pod_of_a_custom_resource_is_judged(repository):
    pod = "{template: {spec: {containers: [{name: c, image: i, securityContext: {privileged: true}}]}}}"
    ray = (
        "apiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {name: r}\n"
        f"spec: {{headGroupSpec: {pod}, workerGroupSpecs: [{pod}]}}\n"
    )
    repository.commit({"ray.yaml": ray})
    rules = repository.scan(scanners=("manifests",)).rules()
    assert (rules.count("CKV_K8S_16"), rules.count("CKV_K8S_21")) == (2, 1)


@pytest.mark.parametrize(
    "content",
    [
        "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c}\nspec: {template: {spec: {x: y}}}\n",
        """\
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: c}
spec: {rules: [{validate: {pattern: {spec: {containers: [{image: '*:*'}]}}}}]}
""",
    ],
)
def test_a_custom_resource_without_a_pod_is_as_it_was(repository, content):
    repository.commit({"a.yaml": content})
    scan = repository.scan(scanners=("manifests",))
    assert (scan.status, scan.findings(), scan.file("a.yaml")["status"]) == (0, [], "scanned")


WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
{containers}
"""


def test_every_bad_container_is_named_at_its_line(repository):
    one = "      - {{name: {name}, image: i, securityContext: {{privileged: {bad}}}}}"
    lines = [
        "      initContainers:",
        one.format(name="setup", bad="true"),
        "      containers:",
        one.format(name="good", bad="false"),
        one.format(name="first", bad="true"),
        one.format(name="second", bad="true"),
        "      ephemeralContainers:",
        one.format(name="debug", bad="true"),
    ]
    repository.commit({"d.yaml": WORKLOAD.format(containers="\n".join(lines))})
    found = [f for f in repository.scan(scanners=("manifests",)).findings() if f["rule"] == "CKV_K8S_16"]
    text = (repository.root / "d.yaml").read_text().splitlines()
    named = {text[f["location"]["line"] - 1].split("name: ")[1].split(",")[0]: f["message"] for f in found}
    assert set(named) == {"setup", "first", "second", "debug"}
    assert all(name in message for name, message in named.items())
    assert len({f["fingerprint"] for f in found}) == 4


def test_every_rule_of_a_role_is_looked_at(repository):
    role = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: shop}\nrules:\n"
        "- {apiGroups: [''], resources: [pods], verbs: [get]}\n"
        "- {apiGroups: ['*'], resources: ['*'], verbs: ['*']}\n"
    )
    repository.commit({"role.yaml": role})
    (found,) = [f for f in repository.scan(scanners=("manifests",)).findings() if f["rule"] == "CKV_K8S_49"]
    assert found["location"]["line"] == 6


def test_an_annotation_asks_and_the_policy_answers(repository):
    asked = BAD.replace(
        "  name: bad\n", "  name: bad\n  annotations: {checkov.io/skip1: CKV_K8S_16=we know}\n"
    )
    repository.commit({"pod.yaml": asked})
    scan = repository.scan(scanners=("manifests",))
    (found,) = [f for f in scan.findings("failing") if f["rule"] == "CKV_K8S_16"]
    assert found["suppression"] == {"kind": "checkov.io/skip", "reason": "we know"}
    accept = "scan:\n  inline_suppressions:\n    accept: [{rule: CKV_K8S_16, reason: reviewed}]\n"
    repository.commit({"guarita.yaml": accept})
    assert "CKV_K8S_16" in repository.scan(scanners=("manifests",)).rules("suppressed")


def test_the_trees_own_configuration_is_no_judge_and_is_not_run(repository, tmp_path):
    mark = tmp_path / "ran"
    bomb = f"open({str(mark)!r}, 'w')\n"
    names = ("checks/__init__.py", "checks/own.py", "yaml.py", "checkov/__init__.py", "sitecustomize.py")
    hostile = "soft-fail: true\nskip-check: [CKV_K8S_16]\nexternal-checks-dir: [checks]\n"
    repository.commit(
        {"pod.yaml": BAD, ".checkov.yaml": hostile, ".checkov.yml": hostile} | dict.fromkeys(names, bomb)
    )
    scan = repository.scan(scanners=("manifests",))
    assert scan.status == 1
    assert "CKV_K8S_16" in scan.rules("failing")
    assert not mark.exists()


def test_a_policy_of_another_namespace_selects_no_pod(repository):
    policy = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: NAMESPACE}\n"
        "spec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n"
    )
    repository.commit({"pod.yaml": BAD, "policy.yaml": policy.replace("NAMESPACE", "elsewhere")})
    assert "CKV2_K8S_6" in repository.scan(scanners=("manifests",)).rules()
    repository.commit({"policy.yaml": policy.replace("NAMESPACE", "shop")})
    assert "CKV2_K8S_6" not in repository.scan(scanners=("manifests",)).rules()


def test_links_are_not_followed(repository, tmp_path):
    outside = tmp_path / "outside.yaml"
    outside.write_text(BAD)
    repository.write({"fine.yaml": CONFIG})
    (repository.root / "pod.yaml").symlink_to(outside)
    repository.commit()
    scan = repository.scan(scanners=("manifests",))
    assert (scan.file("pod.yaml")["rule"], scan.rules("failing")) == ("symlink", [])


def test_names_that_are_no_utf_8_are_judged(repository):
    repository.commit({"caf\udce9.yaml": BAD, "new\nline.yml": BAD})
    failing = repository.scan(scanners=("manifests",)).rules("failing")
    assert failing.count("CKV_K8S_16") == 2


def test_a_missing_engine_is_named_with_the_way_to_it(repository, tmp_path):
    repository.commit({"pod.yaml": BAD, "main.tf": "locals {}\n"})
    scan = repository.scan(
        scanners=("manifests", "infrastructure"), env={"GUARITA_TOOLS_HOME": str(tmp_path / "none")}
    )
    assert scan.status == 3
    assert {problem["code"] for problem in scan.report["problems"]} == {"scanner.missing"}
    assert "guarita tools sync" in scan.text
    assert scan.file("pod.yaml")["status"] == "unparseable"
