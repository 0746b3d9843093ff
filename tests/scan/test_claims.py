"""Which scanner answers for which file."""

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: n}
spec:
  containers:
    - {name: a, image: 'a:1', securityContext: {privileged: true}}
"""


def test_python_called_like_a_dockerfile_is_python(repository):
    repository.commit({"dockerfile.py": "from os import path\nprint(path)\n"})
    scan = repository.scan(scanners=("code", "infrastructure"))
    assert scan.status == 0
    assert scan.file("dockerfile.py")["scanners"] == ["code"]


def test_a_manifest_without_an_ending_is_judged_and_prose_is_not(repository):
    repository.commit({"deploy/prod": POD, "NOTES": "kind: of a note\n", "notes.md": POD, "pod.yaml.in": POD})
    scan = repository.scan(scanners=("manifests", "secrets"))
    assert scan.status == 1
    where = {f["location"]["path"] for f in scan.findings() if f["rule"] == "CKV_K8S_16"}
    assert where == {"deploy/prod", "pod.yaml.in"}
    assert scan.file("NOTES")["scanners"] == ["secrets"]
