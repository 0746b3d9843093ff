"""Which files say how infrastructure is made, and of which kind each is."""

from __future__ import annotations

import enum
import re
from typing import Final

from guarita.scan.interface import TreeFile


class Kind(enum.Enum):
    """What a file is, as far as its name says."""

    TERRAFORM = "terraform"
    TERRAFORM_LOCK = "terraform-lock"
    NO_CHECKS = "no-checks"
    """A kind that checkov has no checks for, or cannot read."""
    DOCKERFILE = "dockerfile"
    GITHUB = "github"
    ACTION = "action"
    GITLAB = "gitlab"
    CIRCLECI = "circleci"
    AZURE = "azure"
    BITBUCKET = "bitbucket"
    BICEP = "bicep"
    COMPOSE = "compose"
    TEMPLATE = "template"
    """Perhaps CloudFormation, ARM or Ansible: the content says."""
    ROLE = "role"
    """A file where a role of Ansible keeps its tasks."""


_NAMES: Final = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (Kind.TERRAFORM_LOCK, r"(^|/)\.terraform\.lock\.hcl$"),
        (Kind.NO_CHECKS, r"\.(tf\.json|tofu|tofu\.json|hcl|nomad)$"),
        (Kind.TERRAFORM, r"\.(tf|tfvars|tfvars\.json)$"),
        (Kind.GITHUB, r"(^|/)\.(github|gitea|forgejo)/workflows/[^/]+\.ya?ml$"),
        (Kind.ACTION, r"(^|/)action\.ya?ml$"),
        (Kind.GITLAB, r"\.gitlab-ci\.ya?ml$|(^|/)\.gitlab/ci/.*\.ya?ml$"),
        (Kind.CIRCLECI, r"(^|/)\.circleci/[^/]+\.ya?ml$"),
        (Kind.AZURE, r"(^|/)[^/]*azure-pipelines[^/]*\.ya?ml$"),
        (Kind.BITBUCKET, r"(^|/)bitbucket-pipelines\.ya?ml$"),
        (Kind.COMPOSE, r"(^|[/._-])compose[^/]*\.ya?ml$"),
        (Kind.NO_CHECKS, r"(^|/)serverless\.ya?ml$"),
        (Kind.ROLE, r"(^|/)roles/[^/]+/(tasks|handlers)/.+\.ya?ml$"),
        (Kind.BICEP, r"\.bicep$"),
    )
)
_DOCKERFILE: Final = re.compile(
    r"(^|/)(Docker|Container)file[^/]*$|[^/]\.(docker|container)file$", re.IGNORECASE
)
_OTHER_ENDING: Final = re.compile(
    r"\.(dockerignore|md|rst|txt|html|py|go|js|ts|java|rb|rs|sh|ya?ml|json|toml|png|svg)$", re.IGNORECASE
)
_FROM: Final = re.compile(
    rb"\A\xef?\xbb?\xbf?(?:[ \t]*(?:#[^\n]*|ARG[ \t][^\n]*)?\r?\n)*[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*\S+"
    rb"(?:[ \t]+AS[ \t]+\S+)?[ \t]*(?:\r?\n|\Z)",
    re.IGNORECASE,
)
"""How a Dockerfile begins. Only this makes one of a file with the ending of another language; Python's
`from os import path` is no such beginning."""
_MARKS: Final = re.compile(
    rb"AWS::|AWSTemplateFormatVersion|deploymentTemplate\.json|[\"']?Resources[\"']?[ \t]*:|\\[xuU]"
    rb"|(?m:^[ \t]*(-[ \t]+)?[\"']?(hosts|import_playbook|[a-z_]\w*\.[a-z_]\w*\.[a-z_]\w*)[\"']?\s*:)"
)
"""What a template of CloudFormation or ARM, or a playbook shows. An escape may hide any of it."""

_PLAINLY: Final = re.compile(
    rb"AWS::|AWSTemplateFormatVersion|deploymentTemplate\.json|(?m:^[\"']?Resources[\"']?\s*:)"
    rb"|(?m:^- (hosts|import_playbook)\s*:)|(?m:^  hosts\s*:.*\n(  .*\n){0,40}  (tasks|roles)\s*:)"
)


def kind_of(file: TreeFile) -> Kind | None:
    """The kind, or None for a file that says nothing about infrastructure. Looks at name and head only."""
    if kind := kind_of_name(file.path):
        return kind
    if _DOCKERFILE.search(file.path):
        other = _OTHER_ENDING.search(file.name)
        return None if other and not _FROM.match(file.head) else Kind.DOCKERFILE
    if file.suffix in {".yaml", ".yml", ".json", ".template"} and not file.binary:
        longer = file.size > len(file.head)
        return Kind.TEMPLATE if longer or _MARKS.search(file.head) else None
    return None


def kind_of_name(path: str) -> Kind | None:
    """The kind that a path alone tells, or None."""
    return next((kind for kind, pattern in _NAMES if pattern.search(path)), None)


def may_be_template(content: bytes) -> bool:
    """Whether a whole file shows what a template of CloudFormation or ARM, or a playbook shows."""
    return _MARKS.search(content) is not None


def looks_like_template(content: bytes) -> bool:
    """Whether a file that cannot be parsed is one of these all the same, and not a chart's template."""
    return _PLAINLY.search(content) is not None
