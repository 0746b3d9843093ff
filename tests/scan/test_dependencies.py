"""Locks and requirements held against a file of advisories; without one, or with an old one, unknown."""

import contextlib
import datetime as dt
import json
import zipfile

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.version import Version

from guarita.policy.gate.finding import Severity
from guarita.scan.scanners.dependencies.claims import reader_of
from guarita.scan.scanners.dependencies.interface import Ecosystem, UnreadableError
from guarita.scan.scanners.dependencies.severity import base_score, severity_of
from guarita.scan.scanners.dependencies.versions import fixed_in, is_affected, key_of

TODAY = dt.datetime.now(dt.UTC)


def advisory(name, *events, ecosystem="PyPI", uid="GHSA-aaaa-bbbb-cccc", **more):
    kind = "ECOSYSTEM" if ecosystem == "PyPI" else "SEMVER"
    return {
        "id": uid,
        "modified": TODAY.isoformat(),
        "summary": f"{name} does what it must not",
        "affected": [
            {
                "package": {"ecosystem": ecosystem, "name": name},
                "ranges": [{"type": kind, "events": [dict([event]) for event in events]}],
            }
        ],
        "database_specific": {"severity": "HIGH", "cwe_ids": ["CWE-79"]},
        **more,
    }


JINJA = advisory("Jinja2", ("introduced", "0"), ("fixed", "3.1.6"), aliases=["CVE-2025-27516"])
LODASH = advisory(
    "lodash",
    ("introduced", "0"),
    ("fixed", "4.17.21"),
    ecosystem="npm",
    uid="GHSA-lodash",
    aliases=["CVE-2021-23337"],
)


@pytest.fixture
def database(tmp_path):
    def written(*advisories, name="osv.jsonl"):
        path = tmp_path / name
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w") as archive:
                for one in advisories:
                    archive.writestr(f"{one['id']}.json", json.dumps(one))
        else:
            path.write_text("".join(json.dumps(one) + "\n" for one in advisories))
        return str(path)

    return written


def scan(repository, database, *words):
    return repository.scan("--advisories", database, *words, scanners=("dependencies",))


LOCKS = {
    "requirements.txt": "# pins\nflask==3.1.0\njinja2==3.1.5 \\\n    --hash=sha256:aa\n",
    "uv.lock": 'version = 1\n[[package]]\nname = "acervo"\nversion = "1"\nsource = { editable = "." }\n'
    '[[package]]\nname = "jinja2"\nversion = "3.1.5"\nsource = { registry = "x" }\n',
    "poetry.lock": '[[package]]\nname = "Jinja2"\nversion = "3.1.5"\n[metadata]\nlock-version = "2.0"\n',
    "pdm.lock": '[[package]]\nname = "jinja2"\nversion = "3.1.5"\n',
    "pylock.toml": 'lock-version = "1.0"\n[[packages]]\nname = "jinja2"\nversion = "3.1.5"\n',
    "Pipfile.lock": json.dumps({"_meta": {}, "default": {"jinja2": {"version": "==3.1.5"}}}, indent=1),
    "pyproject.toml": '[project]\nname = "a"\ndependencies = ["jinja2==3.1.5"]\n',
}


@pytest.mark.parametrize("name", LOCKS)
def test_each_format_of_python_is_read(repository, database, name):
    repository.commit({f"svc/{name}": LOCKS[name]})
    report = scan(repository, database(JINJA))
    assert report.status == 1
    (found,) = report.findings("failing")
    assert found["rule"] == "CVE-2025-27516"
    assert found["resource"] == "jinja2@3.1.5"
    assert found["severity"] == "high"
    assert "3.1.6" in found["fix"]
    assert (
        "jinja2" in LOCKS[name].lower().splitlines()[found["location"]["line"] - 1]
        or "[[" in name + LOCKS[name]
    )


V3 = {
    "name": "web",
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "web", "dependencies": {"lodash": "^4"}},
        "node_modules/lodash": {"version": "4.17.20", "license": "MIT"},
        "node_modules/a": {"version": "1.0.0", "license": "AGPL-3.0-only"},
        "node_modules/a/node_modules/lodash": {"version": "4.17.21", "license": "(MIT OR GPL-3.0-only)"},
        "packages/own": {"version": "1.0.0"},
        "node_modules/own": {"resolved": "packages/own", "link": True},
    },
}
V1 = {
    "lockfileVersion": 1,
    "dependencies": {"a": {"version": "1.0.0", "dependencies": {"lodash": {"version": "4.17.20"}}}},
}


@pytest.mark.parametrize("lock", [V3, V1], ids=["v3", "v1"])
def test_locks_of_npm_are_read_at_any_depth(repository, database, lock):
    repository.commit({"package-lock.json": json.dumps(lock, indent=2)})
    report = scan(repository, database(JINJA, LODASH))
    assert [f["resource"] for f in report.findings("failing")] == ["lodash@4.17.20"]
    assert report.rules("failing") == ["CVE-2021-23337"]


def test_a_licence_is_reported_and_the_policy_says_what_it_weighs(repository, database):
    policy = "scan:\n  severity: [{rule: 'licence.AGPL-*', severity: high, reason: we serve it}]\n"
    repository.commit({"package-lock.json": json.dumps(V3), "guarita.yaml": policy})
    report = scan(repository, database(JINJA))
    assert [f["resource"] for f in report.findings("failing")] == ["a@1.0.0"]
    # A choice that asks for nothing is no finding.
    assert [rule for rule in report.rules() if rule.startswith("licence")] == ["licence.AGPL-3.0-only"]


def test_one_fault_that_two_databases_know_is_one_finding(repository, database):
    other = {**JINJA, "id": "PYSEC-2025-1", "aliases": ["CVE-2025-27516", "GHSA-aaaa-bbbb-cccc"]}
    repository.commit({"requirements.txt": "jinja2==3.1.5\n"})
    report = scan(repository, database(JINJA, other))
    assert len(report.findings()) == 1
    assert "PYSEC-2025-1" in report.findings()[0]["message"]


def test_what_is_fixed_withdrawn_or_of_another_ecosystem_is_no_finding(repository, database):
    withdrawn = {**JINJA, "id": "GHSA-withdrawn", "withdrawn": TODAY.isoformat()}
    npm = advisory("jinja2", ("introduced", "0"), ecosystem="npm", uid="GHSA-npm")
    repository.commit({"requirements.txt": "jinja2==3.1.6\nlodash==1.0\n"})
    assert scan(repository, database(JINJA, LODASH, withdrawn, npm)).status == 0


def test_archives_and_several_files_are_read(repository, database):
    repository.commit({"requirements.txt": "jinja2==3.1.5\n", "package-lock.json": json.dumps(V3)})
    report = scan(
        repository, database(JINJA, name="PyPI.zip"), "--advisories", database(LODASH, name="npm.zip")
    )
    assert report.rules("failing") == ["CVE-2021-23337", "CVE-2025-27516"]
    assert "2 advisories up to" in report.report["scanners"][0]["tool"]


def test_a_version_that_is_open_or_from_elsewhere_is_said(repository, database):
    repository.commit(
        {"requirements.txt": "jinja2>=3\nx @ git+https://example.com/x\n-e ./own\nhttps://e.com/a.whl\n"}
    )
    report = scan(repository, database(JINJA), "--fail-on", "info")
    assert report.rules("failing") == ["GUARITA_DEP_1", *["GUARITA_DEP_2"] * 3]


def test_a_lock_beside_a_pyproject_answers_for_it(repository, database):
    repository.commit(
        {
            "pyproject.toml": '[project]\nname = "a"\ndependencies = ["jinja2>=3"]\n',
            "uv.lock": LOCKS["uv.lock"],
        }
    )
    assert scan(repository, database(JINJA)).rules() == ["CVE-2025-27516"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("requirements.txt", "jinja2=3.1\n"),
        ("requirements.txt", "-r missing.txt\n"),
        ("requirements.txt", b"\xff\xfe"),
        ("requirements.txt", "jinja2==not-a-version\n"),
        ("uv.lock", "[[package]]\n"),
        ("uv.lock", "package = 1\n"),
        ("package-lock.json", "{}"),
        ("package-lock.json", "[" * 10_000),
        ("Pipfile.lock", "[]"),
        ("pyproject.toml", "a = ["),
        ("yarn.lock", "a@1:\n"),
    ],
)
def test_what_cannot_be_read_is_unknown(repository, database, name, content):
    repository.commit({name: content, "sub/requirements.txt": "jinja2==3.1.6\n"})
    report = scan(repository, database(JINJA))
    assert report.status == 3
    assert report.file(name)["status"] in {"unparseable", "no-tool"}
    assert report.file("sub/requirements.txt")["status"] == "scanned"


def test_without_a_database_it_does_not_run_by_itself_and_is_unknown_when_asked_for(repository):
    repository.commit({"requirements.txt": "jinja2==3.1.5\n"})
    report = repository.scan(scanners=("dependencies",))
    assert report.status == 3
    assert [problem["code"] for problem in report.report["problems"]] == ["scanner.advisories"]
    report = repository.scan(scanners=())
    assert "dependencies" not in [run["name"] for run in report.report["scanners"]]
    assert any("--advisories" in note for note in report.report["notes"])


def test_a_database_that_is_old_is_unknown_even_from_the_cache(repository, database):
    old = {**JINJA, "modified": (TODAY - dt.timedelta(days=20)).isoformat()}
    path = database(old)
    repository.commit(
        {"requirements.txt": "jinja2==3.1.5\n", "guarita.yaml": "scan: {advisories_max_age: 30}\n"}
    )
    assert scan(repository, path).status == 1
    assert scan(repository, path).status == 1
    repository.write({"guarita.yaml": "scan: {advisories_max_age: 7}\n"})
    report = scan(repository, path)
    assert report.status == 3
    assert [problem["code"] for problem in report.report["problems"]] == ["scanner.advisories-old"]
    assert "20 days ago" in report.text


def test_another_database_gives_another_answer_at_once(repository, database):
    repository.commit({"requirements.txt": "jinja2==3.1.5\n"})
    assert scan(repository, database(LODASH)).status == 0
    assert scan(repository, database(LODASH, JINJA)).status == 1
    assert scan(repository, database(LODASH, JINJA), "--no-cache").status == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json\n",
        '{"id": 1}\n',
        '{"id": "X"}\n',
        '{"id": "X", "modified": "soon"}\n',
        "PK\x03\x04broken",
    ],
)
def test_a_database_that_is_none_is_unknown(repository, tmp_path, content):
    path = tmp_path / "osv.jsonl"
    path.write_text(content)
    repository.commit({"requirements.txt": "jinja2==3.1.5\n"})
    report = scan(repository, str(path))
    assert report.status == 3
    assert [problem["code"] for problem in report.report["problems"]] == ["scanner.advisories"]


def affected(*events, versions=()):
    return {
        "ranges": [{"type": "ECOSYSTEM", "events": [dict([e]) for e in events]}],
        "versions": list(versions),
    }


@pytest.mark.parametrize(
    ("version", "entry", "expected"),
    [
        ("1.0", affected(("introduced", "0"), ("fixed", "1.0")), False),
        ("1.0rc1", affected(("introduced", "0"), ("fixed", "1.0")), True),
        ("1.0.post1", affected(("introduced", "0"), ("last_affected", "1.0")), False),
        ("1.0", affected(("introduced", "0"), ("last_affected", "1.0")), True),
        ("2.5", affected(("introduced", "1"), ("fixed", "2"), ("introduced", "2.4"), ("fixed", "2.6")), True),
        (
            "2.2",
            affected(("fixed", "2"), ("introduced", "1"), ("introduced", "2.4"), ("fixed", "2.6")),
            False,
        ),
        ("9", affected(("introduced", "3"), ("limit", "5")), False),
        ("4", affected(("introduced", "3"), ("limit", "5")), True),
        ("1.0.0", affected(versions=["1.0"]), True),
        ("1!1.0", affected(("introduced", "0"), ("fixed", "2020.1")), False),
    ],
)
def test_ranges_are_evaluated_as_osv_says(version, entry, expected):
    assert is_affected(version, entry, Ecosystem.PYPI) is expected


def test_the_order_of_semantic_versions_is_that_of_the_specification():
    ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]
    keys = [key_of(Ecosystem.NPM)(text) for text in ordered]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert key_of(Ecosystem.NPM)("1.2.3+build") == key_of(Ecosystem.NPM)("1.2.3")


numbers = st.integers(0, 5)
versions = st.builds("{}.{}.{}".format, numbers, numbers, numbers)


@given(versions, versions, versions)
def test_a_version_is_affected_exactly_between_introduced_and_fixed(version, one, other):
    low, high = sorted((one, other), key=Version)
    assume(low != high)
    entry = affected(("introduced", low), ("fixed", high))
    for ecosystem in Ecosystem:
        inside = Version(low) <= Version(version) < Version(high)
        assert is_affected(version, entry, ecosystem) is inside
        if inside:
            assert fixed_in(version, entry, ecosystem) == high


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 9.9),
        ("CVSS:3.0/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:N/A:N", 4.7),
        ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:4.0/AV:N", None),
        ("nonsense", None),
    ],
)
def test_base_scores(vector, score):
    assert base_score(vector) == score


def test_a_severity_rests_on_what_the_advisory_says():
    assert severity_of({"id": "MAL-2025-1"})[0] is Severity.CRITICAL
    assert severity_of({"id": "G", "database_specific": {"severity": "MODERATE"}})[0] is Severity.MEDIUM
    told = {
        "id": "P",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"}],
    }
    assert severity_of(told) == (Severity.MEDIUM, "published: P: CVSS 6.1")
    assert severity_of({"id": "P"})[1].startswith("judgement")


@given(st.binary(max_size=200), st.sampled_from([*sorted(LOCKS), "package-lock.json"]))
def test_any_bytes_are_read_or_refused(content, name):
    with contextlib.suppress(UnreadableError):
        reader_of(name)(content)
