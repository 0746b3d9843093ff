"""One fault reported by several scanners is one finding."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from guarita.policy.gate.finding import Finding, Location, Severity, Suppression
from guarita.scan.merge import merged

TOKEN = "ghp_" + "x7Kq2LmN9pRs4TvW6yZa" + "B1cD3eF5gH7iJ8kL"


def made(scanner, rule, line, end=0, *, path="a.py", severity=Severity.LOW, suppression=None):
    return Finding(
        scanner=scanner, rule=rule, title=rule, severity=severity, anchor=f"{scanner}{rule}{line}",
        location=Location(path=path, line=line, end_line=end or line), suppression=suppression,
    )  # fmt: skip


def test_a_password_that_two_scanners_see_is_reported_once(repository):
    repository.commit({"a.py": f'password = "{TOKEN}"\n', "b.py": 'password = "correct horse"\n'})
    scan = repository.scan("--fail-on", "low", scanners=("code", "secrets"))
    assert scan.status == 1
    here = [f for f in scan.findings() if f["location"]["path"] == "a.py"]
    assert len(here) == 1
    assert here[0]["scanner"] == "secrets"
    assert "code:B105" in here[0]["also"]
    assert [f["rule"] for f in scan.findings() if f["location"]["path"] == "b.py"] == ["B105"]


def test_one_secret_that_several_rules_know_is_reported_once(repository):
    repository.commit({"release.sh": f'curl -H "Authorization: Bearer {TOKEN}" https://api.github.com\n'})
    (finding,) = repository.scan(scanners=("secrets",)).findings()
    assert finding["also"]
    assert finding["rule"] not in finding["also"]


def test_two_secrets_on_one_line_stay_two(repository):
    other = TOKEN[:4] + TOKEN[4:][::-1]
    repository.commit({"a.env": f"ONE={TOKEN} TWO={other}\n"})
    assert len(repository.scan(scanners=("secrets",)).findings()) == 2


def test_a_merged_finding_takes_the_worst_and_is_hidden_only_where_both_are():
    nosec = Suppression(kind="nosec")
    secret = made("secrets", "x", 4, severity=Severity.MEDIUM)
    code = made("code", "B105", 3, 5, severity=Severity.HIGH, suppression=nosec)
    (one,) = merged([code, secret])
    assert (one.severity, one.suppression, one.also) == (Severity.HIGH, None, ("code:B105",))
    hidden = msgspec.structs.replace(secret, suppression=Suppression(kind="kingfisher:ignore"))
    (two,) = merged([code, hidden])
    assert two.suppression == hidden.suppression


RULES = [("secrets", "x"), ("code", "B105"), ("code", "B602"), ("infrastructure", "CKV_AWS_41")]


@given(
    st.lists(st.tuples(st.sampled_from(RULES), st.integers(0, 6), st.integers(0, 3), st.sampled_from("ab")))
)
def test_merging_loses_no_rule_and_no_line_with_a_secret(places):
    findings = [made(*rule, line, line + more, path=where) for rule, line, more, where in places]
    answer = merged(findings)
    named = {(f.location.path, name) for f in answer for name in (f"{f.scanner}:{f.rule}", *f.also)}
    assert named == {(f.location.path, f"{f.scanner}:{f.rule}") for f in findings}
    assert [f for f in answer if f.rule == "B602"] == [f for f in findings if f.rule == "B602"]
    assert sum(f.scanner == "secrets" for f in answer) == sum(f.scanner == "secrets" for f in findings)
    assert merged(answer) == answer
