"""A repository like a platform's, of any size and always the same: manifests, Terraform, Python, documents.

Names, numbers and texts are made up; check digits are right, so that recognizers see what they would see.
"""

from __future__ import annotations

import random
import textwrap
from dataclasses import dataclass
from pathlib import Path

MANIFESTS, TERRAFORM, PYTHON_FILES, PYTHON_LINES, DOCUMENTS = 300, 100, 300, 200, 200
"""At scale 1: about 300 manifests, 100 Terraform files, 60 thousand lines of Python, 200 documents."""
NOUNS = [
    "pedido",
    "cliente",
    "contrato",
    "relatório",
    "acesso",
    "serviço",
    "busca",
    "índice",
    "revisão",
    "entrega",
    "prazo",
    "conta",
    "painel",
]
WORDS = [
    "the",
    "service",
    "reads",
    "each",
    "document",
    "once",
    "and",
    "keeps",
    "its",
    "index",
    "fresh",
    "while",
    "requests",
    "are",
    "answered",
    "from",
    "replicas",
    "and",
    "a",
    "worker",
    "moves",
    "what",
    "is",
    "old",
    "into",
    "cheaper",
    "storage",
    "after",
    "the",
    "period",
    "that",
    "the",
    "contract",
    "names",
]
FIRST = [
    "Ana",
    "Bruno",
    "Carla",
    "Diego",
    "Elisa",
    "Fábio",
    "Gabriela",
    "Heitor",
    "Iara",
    "João",
    "Karen",
    "Lucas",
    "Marina",
    "Nuno",
    "Olívia",
    "Paulo",
]
LAST = [
    "Almeida",
    "Barros",
    "Campos",
    "Duarte",
    "Esteves",
    "Ferreira",
    "Gomes",
    "Lima",
    "Moreira",
    "Nogueira",
    "Prado",
    "Queiroz",
    "Ramos",
]


@dataclass(frozen=True)
class Written:
    """What was written."""

    files: int
    python_lines: int
    megabytes: float


def write(root: Path, scale: float = 1.0, seed: int = 20) -> Written:
    """Write the repository below `root`; files grow in number with `scale`, not in size."""
    chance = random.Random(seed)
    files = {
        **_manifests(chance, max(1, round(MANIFESTS * scale / 5))),
        **_terraform(chance, max(1, round(TERRAFORM * scale / 5))),
        **_python(chance, max(1, round(PYTHON_FILES * scale))),
        **_documents(chance, max(1, round(DOCUMENTS * scale))),
    }
    for name, text in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return Written(
        files=len(files),
        python_lines=sum(text.count("\n") for name, text in files.items() if name.endswith(".py")),
        megabytes=sum(len(text.encode()) for text in files.values()) / 1e6,
    )


def _manifests(chance: random.Random, services: int) -> dict[str, str]:
    files = {}
    for number in range(services):
        name, team = f"svc-{number:03}", f"team-{number % 7}"
        flawed = chance.random() < 0.3
        labels = f"{{app: {name}, team: {team}}}"
        folder = f"deploy/{team}/{name}"
        files[f"{folder}/deployment.yaml"] = textwrap.dedent(f"""\
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: {name}
              namespace: {team}
              labels: {labels}
            spec:
              replicas: {chance.randint(2, 9)}
              selector: {{matchLabels: {{app: {name}}}}}
              template:
                metadata:
                  labels: {labels}
                spec:
                  serviceAccountName: {name}
                  automountServiceAccountToken: {str(flawed).lower()}
                  securityContext: {{runAsNonRoot: {str(not flawed).lower()}, runAsUser: {0 if flawed else 10001}}}
                  containers:
                    - name: main
                      image: registry.example.com/{team}/{name}:{"latest" if flawed else f"1.{number}.0"}
                      ports: [{{containerPort: 8080}}]
                      readinessProbe: {{httpGet: {{path: /ready, port: 8080}}}}
                      livenessProbe: {{httpGet: {{path: /live, port: 8080}}}}
                      resources:
                        requests: {{cpu: 100m, memory: 128Mi}}
                        limits: {{cpu: "1", memory: 512Mi}}
                      securityContext:
                        allowPrivilegeEscalation: {str(flawed).lower()}
                        readOnlyRootFilesystem: true
                        capabilities: {{drop: [ALL]}}
                      env:
                        - {{name: LOG_LEVEL, value: info}}
                        - {{name: REGION, value: sa-east-1}}
                    - name: proxy
                      image: registry.example.com/edge/proxy:2.4.{number % 9}
                      securityContext: {{privileged: {str(flawed and number % 2 == 0).lower()}}}
            """)
        files[f"{folder}/service.yaml"] = (
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {team}, labels: {labels}}}\n"
            f"spec:\n  selector: {{app: {name}}}\n  ports: [{{port: 80, targetPort: 8080}}]\n"
        )
        files[f"{folder}/hpa.yaml"] = (
            f"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}, namespace: {team}}}\n"
            f"spec:\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}\n"
            "  minReplicas: 3\n  maxReplicas: 50\n  metrics:\n    - type: Resource\n"
            "      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}\n"
        )
        files[f"{folder}/network.yaml"] = (
            f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: {team}}}\n"
            f"spec:\n  podSelector: {{matchLabels: {{app: {name}}}}}\n  policyTypes: [Ingress, Egress]\n"
            "  ingress: [{from: [{namespaceSelector: {matchLabels: {edge: 'true'}}}]}]\n  egress: []\n"
        )
        files[f"{folder}/access.yaml"] = (
            f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {team}}}\n---\n"
            f"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {name}, namespace: {team}}}\n"
            f"rules: [{{apiGroups: [''], resources: [configmaps], verbs: ['{'*' if flawed else 'get'}']}}]\n"
        )
    return files


def _terraform(chance: random.Random, stacks: int) -> dict[str, str]:
    files = {}
    for number in range(stacks):
        folder, flawed = f"terraform/stack{number:02}", chance.random() < 0.4
        files[f"{folder}/main.tf"] = textwrap.dedent(f"""\
            terraform {{
              required_version = ">= 1.6"
            }}
            provider "aws" {{
              region = var.region
            }}
            resource "aws_s3_bucket" "data" {{
              bucket = "${{var.name}}-data"
            }}
            resource "aws_s3_bucket_public_access_block" "data" {{
              bucket                  = aws_s3_bucket.data.id
              block_public_acls       = {str(not flawed).lower()}
              block_public_policy     = true
              ignore_public_acls      = true
              restrict_public_buckets = true
            }}
            """)
        files[f"{folder}/variables.tf"] = (
            'variable "name" {\n  type = string\n}\nvariable "region" {\n  type    = string\n  default = "sa-east-1"\n}\n'
        )
        files[f"{folder}/network.tf"] = textwrap.dedent(f"""\
            resource "aws_security_group" "api" {{
              name        = "${{var.name}}-api"
              description = "The API's own"
              ingress {{
                description = "TLS"
                from_port   = 443
                to_port     = 443
                protocol    = "tcp"
                cidr_blocks = ["{"0.0.0.0/0" if flawed else "10.0.0.0/8"}"]
              }}
            }}
            """)
        files[f"{folder}/database.tf"] = textwrap.dedent(f"""\
            resource "aws_db_instance" "main" {{
              identifier          = var.name
              engine              = "postgres"
              instance_class      = "db.m6g.large"
              allocated_storage   = {chance.randint(50, 500)}
              storage_encrypted   = {str(not flawed).lower()}
              publicly_accessible = false
              multi_az            = true
            }}
            """)
        files[f"{folder}/outputs.tf"] = 'output "bucket" {\n  value = aws_s3_bucket.data.id\n}\n'
    return files


def _python(chance: random.Random, modules: int) -> dict[str, str]:
    files = {}
    for number in range(modules):
        lines = ["import json", "import subprocess", "import sys", "", ""]
        while len(lines) < PYTHON_LINES:
            name = f"{chance.choice(WORDS)}_{len(lines)}"
            flawed = chance.random() < 0.04
            call = "subprocess.call(words, shell=True)" if flawed else "json.dumps(words, sort_keys=True)"
            lines += [
                f"def {name}(words, limit={chance.randint(1, 99)}):",
                f'    """{" ".join(chance.choices(WORDS, k=9)).capitalize()}."""',
                "    found = []",
                "    for index, word in enumerate(words):",
                f"        if len(word) > limit and index % {chance.randint(2, 9)}:",
                "            found.append({'index': index, 'word': word.strip().lower()})",
                "    if not found:",
                f"        print({name!r}, limit, file=sys.stderr)",
                "        return None",
                f"    answer = {call}",
                "    return answer, [entry['word'] for entry in found]",
                "",
                "",
            ]
        files[f"services/app{number % 12:02}/module_{number:03}.py"] = "\n".join(lines[:-1])
    return files


def _documents(chance: random.Random, count: int) -> dict[str, str]:
    files = {}
    for number in range(count):
        portuguese = number % 2 == 0
        paragraphs = [f"# {'Ata' if portuguese else 'Minutes'} {number}\n"]
        for at in range(14):
            words = chance.choices(NOUNS if portuguese else WORDS, k=60)
            paragraphs.append(" ".join(words).capitalize() + ".\n")
            if number % 4 == 0 and at % 5 == 2:
                person = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
                mail = f"{person.split(maxsplit=1)[0].lower()}.{number}@example.com"
                paragraphs.append(
                    f"{person}, CPF {_cpf(chance)}, {mail}, +55 11 9{chance.randint(10**7, 10**8 - 1)}\n"
                )
        files[f"docs/{'pt-BR' if portuguese else 'en'}/note{number:03}.md"] = "\n".join(paragraphs)
    return files


def _cpf(chance: random.Random) -> str:
    digits = [chance.randint(0, 9) for _ in range(9)]
    for length in (10, 11):
        rest = sum(digit * weight for digit, weight in zip(digits, range(length, 1, -1), strict=True)) % 11
        digits.append(0 if rest < 2 else 11 - rest)
    text = "".join(map(str, digits))
    return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"
