"""Compose files by the real command: what a service takes of the host, and what cannot be known."""

import pytest

FINE = "name: shop\nservices:\n  web:\n    image: registry.example.com/web:1.0.0\n"
SERVICE = FINE + "    {}\n"
# The line of a service, and the rules that it breaks.
CASES = {
    "privileged: true": [1],
    "privileged: yes": [1],
    'privileged: "${PRIVILEGED:-true}"': [1],
    'privileged: "${PRIVILEGED:-false}"': [],
    "privileged: false": [],
    "network_mode: host": [2],
    "network_mode: ${MODE-host}": [2],
    "network_mode: bridge": [],
    "pid: host": [3],
    "ipc: host": [4],
    "userns_mode: host": [5],
    "volumes: [/var/run/docker.sock:/var/run/docker.sock:ro]": [6],
    "volumes: [{type: bind, source: /run/containerd/containerd.sock, target: /x}]": [6],
    "volumes: ['/:/host:ro']": [7],
    "volumes: [//etc/../etc/ssh:/x]": [7],
    "volumes: ['${ETC:-/etc}:/x']": [7],
    "volumes: [/proc:/host/proc, /sys:/host/sys]": [7, 7],
    "volumes: [/etc/localtime:/etc/localtime:ro, data:/data, ./x:/x, /anonymous, '${PWD}/x:/x', $PWD:/y]": [],
    "volumes: [/srv/data:/data, {type: tmpfs, target: /x}]": [],
    "cap_add: [SYS_ADMIN]": [8],
    "cap_add: [all]": [8],
    "cap_add: [CHOWN]": [],
    "security_opt: ['seccomp:unconfined', apparmor=unconfined, 'label:disable']": [9, 9, 9],
    "security_opt: ['no-new-privileges:true']": [],
    "ports: ['5432:5432']": [10],
    "ports: [22:22, 6379]": [10],
    "ports: ['${PORT}:5432/tcp']": [10],
    "ports: ['[::]:6379:6379']": [10],
    "ports: ['0.0.0.0:6379:6379']": [10],
    "ports: [{target: 27017, published: 27017}]": [10],
    "ports: ['127.0.0.1:5432:5432', '[::1]:5432:5432', '8080:80', {target: 5432, host_ip: 127.0.0.1}]": [],
    "x-privileged: true": [],
}
IMAGES = {
    "web": [11],
    "web:latest": [11],
    "localhost:5000/web": [11],
    "web:${TAG:-latest}": [11],
    "web:${TAG:-1.0}": [],
    "web:${TAG}": [],
    "${IMAGE}": [],
    "localhost:5000/web:1": [],
    "web@sha256:" + "0" * 64: [],
}
UNKNOWN = {
    "variable.yaml": SERVICE.format("privileged: ${PRIVILEGED}"),
    "mount.yaml": SERVICE.format("volumes: ['${FOLDER}/x:/x']"),
    "home.yaml": SERVICE.format("network_mode: ${MODE:?set it}"),
    "broken.yaml": FINE + "  : [\n",
    "twice.yaml": SERVICE.format("privileged: true\n    privileged: false"),
    "list.yaml": "services: [web]\n",
    "service.yaml": "services: {web: [image]}\n",
    "ports.yaml": SERVICE.format("ports: 5432"),
    "nested.yaml": SERVICE.format("privileged: [true]"),
    "include.yaml": "include: [other.yaml]\n" + FINE,
    "extends.yaml": SERVICE.format("extends: {file: ../common.yml, service: web}"),
    "second.yaml": FINE + "---\nx: y\n",
    "deep.yaml": "services: " + "[" * 1000,
}


@pytest.fixture(scope="module")
def scan(new_repository):
    repository = new_repository()
    files = {f"rules/{number}/compose.yaml": SERVICE.format(line) for number, line in enumerate(CASES)}
    files |= {
        f"images/{number}/docker-compose.yml": f"services: {{web: {{image: '{image}'}}}}\n"
        for number, image in enumerate(IMAGES)
    }
    files |= {f"unknown/compose.{name}": content for name, content in UNKNOWN.items()}
    repository.commit(files)
    return repository.scan(scanners=("infrastructure",))


def numbers(scan, path):
    rules = [f["rule"] for f in scan.findings() if f["location"]["path"] == path]
    return sorted(int(rule.removeprefix("GUARITA_COMPOSE_")) for rule in rules)


@pytest.mark.parametrize("line", CASES)
def test_what_a_service_takes_of_the_host_is_found(scan, line):
    path = f"rules/{list(CASES).index(line)}/compose.yaml"
    assert (scan.file(path)["status"], numbers(scan, path)) == ("scanned", CASES[line])
    for found in (f for f in scan.findings() if f["location"]["path"] == path):
        assert (found["resource"], found["location"]["line"]) == ("services.web", 5)
        assert found["severity_basis"].startswith("judgement")


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_without_a_version_is_found(scan, image):
    path = f"images/{list(IMAGES).index(image)}/docker-compose.yml"
    assert (scan.file(path)["status"], numbers(scan, path)) == ("scanned", IMAGES[image])


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_does_not_pass(scan, name):
    assert scan.file(f"unknown/compose.{name}")["status"] == "unparseable"
    assert scan.status == 3


def test_anchors_merges_and_files_beside_it_are_read(repository):
    shared = "x-base: &base\n  image: web:1\n  privileged: true\nservices:\n"
    repository.commit(
        {
            "compose.yaml": shared + "  a: {<<: *base}\n  b: {<<: *base, privileged: false}\n",
            "compose.override.yaml": "include: [compose.yaml]\nservices: {c: {pid: host}}\n",
        }
    )
    scan = repository.scan(scanners=("infrastructure",))
    assert scan.status == 1
    found = {(f["rule"], f["resource"], f["location"]["line"]) for f in scan.findings("failing")}
    assert found == {("GUARITA_COMPOSE_1", "services.a", 3), ("GUARITA_COMPOSE_3", "services.c", 2)}


def test_a_comment_asks_and_the_policy_answers(repository):
    repository.commit(
        {"compose.yaml": SERVICE.format("privileged: true # checkov:skip=GUARITA_COMPOSE_1:we know")}
    )
    (found,) = repository.scan(scanners=("infrastructure",)).findings("failing")
    assert found["suppression"]["reason"] == "we know"


def test_a_name_alone_makes_no_compose_file(repository):
    repository.commit(
        {"composer.yml": "a: b\n", "compose-pod.yaml": "apiVersion: v1\nkind: Pod\n", "compose.yml": ""}
    )
    scan = repository.scan(scanners=("infrastructure",))
    assert scan.status == 0
    assert scan.file("composer.yml")["rule"] == "not-a-manifest"
