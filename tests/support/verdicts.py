"""Verdicts for the tests of the reports: a small true-looking one, a large one, and hostile ones by hypothesis."""

import datetime as dt

import msgspec
from hypothesis import strategies as st

from guarita.policy.frameworks import NAMES, covered, load_framework, load_reach
from guarita.policy.gate.coverage import Coverage, FileCoverage, FileStatus
from guarita.policy.gate.finding import Finding, Location, Severity, Suppression, with_fingerprints
from guarita.policy.gate.judge import result
from guarita.policy.gate.verdict import Decision, PolicyOrigin, Problem, ScannerRun, State, Verdict

STARTED = dt.datetime(2026, 3, 14, 9, 26, 53, tzinfo=dt.UTC)


def finding(**given) -> Finding:
    """A finding of bandit's kind; whatever is given replaces its part of it."""
    line = given.pop("line", 112)
    path = given.pop("path", "services/api/main.py")
    label = given.pop("label", "")
    defaults = {
        "scanner": "code",
        "rule": "B602",
        "title": "Command run by a shell",
        "severity": Severity.HIGH,
        "severity_basis": "tool: the severity that the scanner gives",
        "location": Location(path=path, line=line, end_line=line, column=5, label=label),
        "anchor": f"preview|subprocess.run|{path}|{line}",
        "message": "subprocess call with shell=True identified, security issue.",
        "fix": "Pass a list of arguments and leave `shell` false.",
        "help_url": "https://bandit.readthedocs.io/en/latest/plugins/index.html#b602",
        "resource": "preview",
        "snippet": ((line - 1, "def preview(word):"), (line, "    subprocess.run(word, shell=True)")),
        "confidence": "high",
        "cwe": ("CWE-78",),
    }
    return Finding(**{**defaults, **given})


SECRET = finding(
    scanner="secrets",
    rule="aws-access-token",
    title="AWS access key",
    severity=Severity.CRITICAL,
    path="terraform/production/versions.tf",
    line=25,
    message="A secret stands here. Its value is not shown.",
    fix="Deactivate the key in IAM, look at what it did in CloudTrail, and use a role instead.",
    help_url="",
    resource="",
    snippet=(),
    cwe=("CWE-798",),
)
CPF = finding(
    scanner="documents",
    rule="PII_CPF",
    title="Brazilian taxpayer number",
    path="docs/pt-BR/contrato.pdf",
    line=0,
    label="page 3",
    message="A Brazilian taxpayer number (CPF) stands on page 3. The value is not shown.",
    fix="Remove the number, or replace it with `guarita pii redact`.",
    help_url="",
    resource="",
    snippet=(),
    cwe=(),
)


def decision(of: Finding, state: State = State.FAILING, **given) -> Decision:
    return Decision(
        **{"finding": of, "state": state, "threshold": Severity.MEDIUM, "reason": "", **given},
    )


def verdict(decisions=(), *, files=None, problems=(), **given) -> Verdict:
    """A verdict over these decisions, with the result that the gate would give."""
    decisions = tuple(decisions)
    marked = with_fingerprints(d.finding for d in decisions)
    by_place = {(f.location, f.rule, f.anchor): f for f in marked}
    decisions = tuple(
        d
        if d.finding.fingerprint
        else msgspec.structs.replace(
            d, finding=by_place[(d.finding.location, d.finding.rule, d.finding.anchor)]
        )
        for d in decisions
    )
    if files is None:
        paths = sorted({d.finding.location.path for d in decisions} | {"README.md"})
        files = [FileCoverage(path=p, status=FileStatus.SCANNED, scanners=("code",)) for p in paths]
    coverage = Coverage(files=tuple(files))
    defaults = {
        "result": result(decisions, coverage, problems),
        "scan_id": "8062721e-d997-47f2-a35b-be55526c8eb5",
        "started": STARTED,
        "seconds": 1.72,
        "root": "platform",
        "revision": "b9d3442ef28de1c0e81a10c1b56d5d162b3f4de8",
        "fail_on": Severity.MEDIUM,
        "policy_origin": PolicyOrigin.FILE,
        "policy_source": "security/policy.yaml",
        "digests": {name: f"{number:064x}" for number, name in enumerate(("tree", "policy", "waivers"), 7)},
        "decisions": decisions,
        "coverage": coverage,
        "problems": tuple(problems),
        "scanners": (
            ScannerRun(
                name="code",
                tool="bandit 1.9.4 on Python 3.11",
                files=14,
                seconds=0.986,
                findings=3,
                status="done",
            ),
            ScannerRun(
                name="secrets", tool="kingfisher 2.14.0", files=77, seconds=1.683, findings=1, status="done"
            ),
            ScannerRun(name="manifests", tool="", files=0, seconds=0.0, findings=0, status="idle"),
        ),
    }
    return Verdict(**{**defaults, **given})


def mixed(**given) -> Verdict:
    """One finding in each state, and nothing unknown."""
    return verdict(
        [
            decision(SECRET),
            decision(CPF),
            decision(finding(), reason="nosec stands there, and the policy does not accept it"),
            decision(finding(line=7, rule="B101", severity=Severity.LOW), State.BELOW),
            decision(
                finding(line=30, rule="B324", title="Weak hash for security"),
                State.WAIVED,
                reason="waived by platform@example.com until 2026-06-30: checksum of a public file",
            ),
            decision(
                finding(line=41, suppression=Suppression(kind="nosec", reason="constant input")),
                State.SUPPRESSED,
                reason="nosec, accepted by the policy: build scripts",
            ),
            decision(finding(line=52), State.BASELINE, reason="known before: it stands in the baseline"),
            decision(finding(line=63), State.EXISTING, reason="the base revision has it already"),
        ],
        **given,
    )


def with_frameworks(of: Verdict, *, unseen: str = "") -> Verdict:
    """The verdict, with what it says of every framework where each kind of thing was met once."""
    reach = load_reach()
    found = [(one.finding, one.state.value) for one in of.decisions]
    things = dict.fromkeys(reach.things, 1)
    told = (
        covered(load_framework(name), reach, things=things, findings=found, unseen=unseen) for name in NAMES
    )
    return msgspec.structs.replace(of, frameworks=tuple(told))


def assessed() -> Verdict:
    """The mixed one, with every framework."""
    return with_frameworks(mixed())


def unknown(**given) -> Verdict:
    """A verdict with two files and one scanner that nobody vouches for."""
    return verdict(
        [decision(finding())],
        files=[
            FileCoverage(path="services/api/main.py", status=FileStatus.SCANNED, scanners=("code",)),
            FileCoverage(
                path="deploy/broken.yaml",
                status=FileStatus.UNPARSEABLE,
                reason="line 4: mapping values are not allowed",
            ),
            FileCoverage(
                path="charts/app/values.yaml", status=FileStatus.NO_TOOL, reason="helm is not installed"
            ),
            FileCoverage(
                path="logo.png",
                status=FileStatus.EXCLUDED,
                rule="binary",
                reason="no text, and of no kind that is scanned",
            ),
        ],
        problems=[
            Problem(
                code="scanner.timeout",
                message="manifests: stopped after 600 seconds; it said: reading chart 7 of 9",
                scanner="manifests",
                hint="raise `scan.timeout` in the policy",
            )
        ],
        **given,
    )


def large(count: int = 5000) -> Verdict:
    """Many findings of many rules in many files, about one in eight excused."""
    severities = list(Severity)
    states = list(State)
    decisions = [
        decision(
            finding(
                path=f"services/part{number % 40:02}/module_{number % 400:03}.py",
                line=10 + number,
                rule=f"B{100 + number % 60}",
                title=f"Fault number {number % 60}",
                severity=severities[number % 5],
                message=f"The call in function_{number} takes what a stranger wrote and hands it to the system.",
                resource=f"Handler{number % 90}.function_{number}",
            ),
            State.BELOW
            if severities[number % 5] < Severity.MEDIUM
            else states[2 + number % 4]
            if number % 8 == 0
            else State.FAILING,
            reason="waived by platform@example.com until 2026-06-30: being replaced"
            if number % 8 == 0
            else "",
        )
        for number in range(count)
    ]
    order = list(State)
    decisions.sort(key=lambda d: (order.index(d.state), -d.finding.severity.rank))
    return verdict(decisions)


HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "\x9b31m",
    "new\nline",
    "\r\n::set-output name=x::y",
    "::error file=a::b",
    " ::add-mask::x",
    "##[error]x",
    "##vso[task.setvariable variable=a]b",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "]]><x/>",
    "--><b>",
    "&lt;b&gt; &amp;",
    "[red]not markup[/red]",
    "[click](https://evil.example)",
    "![i](https://evil.example/p.png)",
    "a | b",
    "`code` ``` ~~~",
    "# heading",
    "- item",
    "@octocat #1 GH-2 www.evil.example",
    "\u202eevil\u202c",
    "\u2028\u2029\u0085",
    "\x00\x0b\x0c\x7f",
    "caf\udce9",
    "\ufffe\uffff",
    "{0} {{x}} {% raw %}",
    "../../etc/passwd",
    "'\"\\",
    "$(id) `id`",
    "http://a b",
    "javascript:alert(1)",
    "a" * 300,
]
# A file's name as `os.fsdecode` gives it: any bytes but NUL and the separator's misuse.
paths = st.one_of(
    st.binary(min_size=1, max_size=30).map(
        lambda raw: raw.replace(b"\0", b"x").decode("utf-8", "surrogateescape")
    ),
    st.sampled_from([word.replace("\0", "") for word in HOSTILE]),
    st.tuples(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE)).map(
        lambda pair: "/".join(pair).replace("\0", "")
    ),
)
texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from(HOSTILE), max_size=4).map(" ".join),
    st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)
findings = st.builds(
    lambda path, line, span, column, label, snippet, **rest: finding(
        **rest,
        location=Location(path=path, line=line, end_line=line + span, column=column, label=label),
        snippet=tuple((max(0, line - 1) + number, text) for number, text in enumerate(snippet)),
    ),
    path=paths,
    line=st.integers(0, 9_999),
    span=st.integers(0, 3),
    column=st.integers(0, 200),
    label=texts,
    snippet=st.lists(texts, max_size=3),
    scanner=st.sampled_from(["code", "secrets", "documents", "manifests"]),
    rule=texts.filter(bool),
    title=texts,
    severity=st.sampled_from(Severity),
    severity_basis=texts,
    anchor=texts,
    message=texts,
    fix=texts,
    help_url=st.one_of(texts, st.just("https://example.com/help?a=b&c=d#e"), texts.map("https://{}".format)),
    resource=texts,
    suppression=st.none() | st.builds(Suppression, kind=texts, reason=texts),
    confidence=st.sampled_from(["", "low", "medium", "high"]),
    cwe=st.lists(st.sampled_from(["CWE-78", "CWE-798"]), max_size=2, unique=True).map(tuple),
    also=st.lists(texts, max_size=2).map(tuple),
    fingerprint=st.text("0123456789abcdef", min_size=32, max_size=32),
)
decisions = st.builds(
    Decision,
    finding=findings,
    state=st.sampled_from(State),
    threshold=st.sampled_from(Severity),
    reason=texts,
    tool_severity=st.none() | st.sampled_from(Severity),
)
files = st.builds(
    FileCoverage,
    path=paths,
    status=st.sampled_from(FileStatus),
    scanners=st.just(("code",)),
    rule=texts,
    reason=texts,
)
problems = st.builds(
    Problem, code=st.just("scanner.crashed"), message=texts, scanner=st.just("code"), hint=texts
)
hostile = st.builds(
    verdict,
    decisions=st.lists(decisions, max_size=4),
    files=st.lists(files, max_size=4),
    problems=st.lists(problems, max_size=2),
    root=paths,
    revision=texts,
    base=texts,
    policy_source=texts,
    policy_origin=st.sampled_from(PolicyOrigin),
    notes=st.lists(texts, max_size=2).map(tuple),
)
"""Verdicts in which every text that a tree or a tool can choose is chosen against the reader."""
