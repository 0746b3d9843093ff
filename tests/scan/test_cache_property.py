"""Cached equals cold: over trees that change at random, and over the files that judge one another."""

import json
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from guarita.cli.main import run

POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {space}, labels: {{app: {name}}}}}
spec:
  containers:
    - {{name: a, image: 'a:1', securityContext: {{privileged: {flag}}}}}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: deny, namespace: {space}}}
spec: {{podSelector: {{}}, policyTypes: [Ingress]}}
"""
ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list]}]
"""
BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: app, namespace: one}]
"""
BUCKET = 'variable "acl" {{ default = "{acl}" }}\nresource "aws_s3_bucket" "b" {{ acl = var.acl }}\n'
CALL = 'module "m" {{\n  source = "{source}"\n  acl = "public-read"\n}}\n'
CONTENTS = {
    "py": ["import os\n", "assert x\n", "exec(y)  # nosec\n", "def broken(:\n"],
    "yaml": [
        *(
            POD.format(name=n, space=s, flag=f)
            for n in "ab"
            for s in ("one", "two")
            for f in ("true", "false")
        ),
        *(POLICY.format(space=s) for s in ("one", "two")),
        ROLE,
        BINDING,
        "a: [\n",
        "name: no manifest\n",
    ],
    "tf": [
        *(BUCKET.format(acl=acl) for acl in ("private", "public-read")),
        *(CALL.format(source=source) for source in ("./m", "../m", "../../m", "git::https://example.com/m")),
    ],
    "tfvars": ['acl = "public-read"\n', 'acl = "private"\n'],
}
PLACES = {
    "py": ["a.py", "b/c.py", "b/d.py"],
    "yaml": ["p.yaml", "base/pod.yaml", "base/policy.yaml", "x/y.yaml", "chart/templates/t.yaml"],
    "tf": ["r/main.tf", "m/main.tf", "r/m/main.tf", "q/deep/main.tf", "main.tf"],
    "tfvars": ["r/prod.tfvars", "m/terraform.tfvars", "q/prod.tfvars"],
}
FIXED = {
    "Dockerfile": ["FROM a:1\nUSER root\n", "FROM a:1\nHEALTHCHECK CMD true\nUSER a\n"],
    "base/kustomization.yaml": ["resources: [pod.yaml]\n", "resources: [pod.yaml, policy.yaml]\n"],
    "over/kustomization.yaml": [
        "resources: [../base]\n",
        "resources: [../base]\nnamePrefix: over-\n",
        "resources: [../base]\npatches: [{path: patch.yaml}]\n",
    ],
    "over/patch.yaml": [POD.format(name="a", space="one", flag="true"), "kind: Pod\n"],
    "chart/Chart.yaml": ["apiVersion: v2\nname: c\nversion: 1.0.0\n"],
    "chart/values.yaml": ["flag: true\n", "flag: false\n"],
    "chart/values-prod.yaml": ["flag: true\n"],
    ".github/workflows/ci.yaml": [
        "on: push\njobs: {a: {runs-on: u, steps: [{run: 'echo ${{ github.head_ref }}'}]}}\n",
        "on: push\npermissions: {}\njobs: {a: {runs-on: u, steps: [{run: 'true'}]}}\n",
    ],
    "compose.yaml": ["services: {a: {image: a, privileged: true}}\n", "include: [other/compose.yaml]\n"],
    "other/compose.yaml": ["services: {a: {image: 'a:1'}}\n"],
}
files = st.one_of(
    st.sampled_from(sorted(FIXED)).flatmap(
        lambda path: st.tuples(st.just(path), st.sampled_from(FIXED[path]))
    ),
    st.sampled_from(sorted(PLACES)).flatmap(
        lambda kind: st.tuples(st.sampled_from(PLACES[kind]), st.sampled_from(CONTENTS[kind]))
    ),
)


@pytest.mark.tools
@pytest.mark.timeout(900)
def test_cached_equals_cold_whatever_changes(  # noqa: C901  # one machine
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    root, report = tmp_path / "tree", tmp_path / "report.json"
    root.mkdir()
    subprocess.run(["git", "init", "-q", root], check=True)
    monkeypatch.chdir(root)
    seen = set()  # the exit statuses: the trees that were compared were no uniform ones

    def judged(*words):
        chosen = [word for name in ("code", "manifests", "infrastructure") for word in ("--scanner", name)]
        status = run(["scan", "--warm", "--ledger", "none", *chosen, *words, "--output", f"json={report}"])
        found = json.loads(report.read_text())
        seen.add(status)
        kept = {key: found[key] for key in ("result", "decisions", "coverage", "digests", "problems")}
        return status, json.dumps(kept, sort_keys=True)

    class Tree(RuleBasedStateMachine):
        """One tree after another in the same place, all with one cache."""

        def __init__(self):
            super().__init__()
            for path in root.iterdir():
                if path.name != ".git":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            self.put({path: contents[0] for path, contents in FIXED.items()})
            self.put({"base/pod.yaml": CONTENTS["yaml"][0], "base/policy.yaml": CONTENTS["yaml"][8]})

        @initialize()
        def start(self):
            self.compare()

        def put(self, written):
            for path, content in written.items():
                target = root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content)

        @rule(written=st.lists(files, min_size=1, max_size=4))
        def write(self, written):
            self.put(dict(written))
            self.compare()

        @rule(data=st.data())
        def move_or_remove(self, data):
            present = sorted(path for path in root.rglob("*") if path.is_file() and ".git/" not in str(path))
            if present:
                path = data.draw(st.sampled_from(present))
                if data.draw(st.booleans()):
                    path.unlink()
                else:
                    path.rename(path.with_name(f"moved-{path.name}"))
                self.compare()

        def compare(self):
            assert judged() == judged("--no-cache")

    run_state_machine_as_test(
        Tree,
        settings=settings(
            max_examples=3, stateful_step_count=4, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    assert 1 in seen
