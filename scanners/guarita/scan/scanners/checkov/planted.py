"""checkov's canaries: one for each operation, judged after the files by the workers that judged them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guarita.scan.canary import Canary
from guarita.scan.interface import ScanJob
from guarita.scan.scanners.checkov.client import Engine

POD: Final = """\
apiVersion: v1
kind: Pod
metadata: {name: canary-@NONCE@, namespace: canary}
spec:
  containers:
    - {name: main, image: "a:1", securityContext: {privileged: true}}
"""
WORKFLOW: Final = """\
name: "@NONCE@"
on: push
permissions: {}
jobs:
  canary:
    runs-on: ubuntu-latest
    steps:
      - run: echo "${{ github.event.issue.title }}"
"""
TEMPLATE: Final = """\
AWSTemplateFormatVersion: "2010-09-09"
Description: "@NONCE@"
Resources:
  Canary: {Type: "AWS::S3::Bucket", Properties: {AccessControl: PublicRead}}
"""
GROUP: Final = """\
resource "aws_security_group" "canary" {
  description = "@NONCE@"
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"""
COMPOSE: Final = 'services: {canary: {image: "a:1", privileged: true, labels: ["@NONCE@"]}}\n'
DOCKERFILE: Final = "# @NONCE@\nFROM a:1\nUSER root\n"

CANARIES: Final[Mapping[str, tuple[Canary, Mapping[str, str]]]] = {
    "manifest": (Canary("pod.yaml", POD, frozenset({"CKV_K8S_16"})), {}),
    "dockerfile": (Canary("Dockerfile", DOCKERFILE, frozenset({"CKV_DOCKER_8"})), {}),
    "pipeline": (Canary("workflow.yaml", WORKFLOW, frozenset({"CKV_GHA_2"})), {"kind": "github"}),
    "template": (Canary("template.yaml", TEMPLATE, frozenset({"CKV_AWS_20"})), {"kind": "template"}),
    "compose": (Canary("compose.yaml", COMPOSE, frozenset({"GUARITA_COMPOSE_1"})), {}),
    "terraform": (Canary("terraform/main.tf", GROUP, frozenset({"CKV_AWS_24"})), {}),
}
"""By operation: the canary, and what the question says beside its place."""
OVER_SEVERAL: Final = frozenset({"CKV2_K8S_6"})
"""What the checks over several objects say of the pod, which no policy selects."""


def check(engine: Engine, job: ScanJob, scanner: str) -> None:
    """Judge a canary for each operation that this run asked for.

    Raises ScannerError (`scanner.canary`) where one was not seen.
    """
    for operation in sorted(engine.asked & CANARIES.keys()):
        canary, words = CANARIES[operation]
        file = canary.placed(job)
        place = file.on_disk()
        where = (
            {"root": str(place.parent)} if operation == "terraform" else {"path": str(place), "key": "canary"}
        )
        answer = engine.ask({"op": operation, **words, **where})
        canary.check(scanner, _rules(answer))
        if operation == "manifest":
            together = engine.ask({"op": "graph", "objects": answer["together"]})
            Canary(canary.name, "", OVER_SEVERAL).check(scanner, _rules(together))


def _rules(answer: Mapping[str, Any]) -> list[str]:
    return [found["rule"] for found in answer.get("findings", ())]
