"""A policy in a file: reloaded only when it is right, and tested by a file beside it."""

import os
import threading

import pytest

from guarita.errors import UsageError
from guarita.policy.access import PolicyFile, PrincipalData, cases, parse
from guarita.policy.access.reload import Outcome

GOOD = """\
gateway:
  access:
    roles:
      reader: {allow: [docs:read]}
    bindings:
    - {role: reader, scope: docs.read}
    routes:
    - {path: /docs, methods: [GET], permissions: [docs:read]}
"""
BETTER = GOOD.replace("[GET]", "[GET, POST]")
WRONG = GOOD.replace("role: reader", "role: raeder")
READER = PrincipalData(subject="ana", scopes=frozenset({"docs.read"}))


class Clock:
    def __init__(self):
        self.now = 1_764_000_000.0

    def __call__(self):
        return self.now


class Watched:
    """A file, its clock, and the policy that is read from it. Time goes on between a write and a look."""

    def __init__(self, path):
        self.path, self.clock = path, Clock()
        self.write(GOOD)
        self.file = PolicyFile(path, now=self.clock)

    def write(self, text, age=10.0):
        self.path.write_text(text)
        self.clock.now += 100
        os.utime(self.path, (self.clock.now - age,) * 2)

    def look(self):
        return self.file.reload_if_changed()

    def posts(self):
        return self.file.policy.decide(READER, "POST", "/docs").allowed


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path / "guarita.yaml")


def test_a_better_policy_replaces_the_old_one(watched):
    assert watched.look().outcome is Outcome.UNCHANGED
    old = watched.file.policy
    watched.write(BETTER)
    answer = watched.look()
    assert (answer.outcome, answer.policy.version, answer.error) == (Outcome.REPLACED, 2, None)
    assert answer.policy.digest != old.digest
    assert watched.posts()
    assert not old.decide(READER, "POST", "/docs").allowed, "who holds the old one holds it unchanged"
    assert watched.look().outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("text", [WRONG, "gateway: [", "\x00", "gateway: {access: {routs: []}}", GOOD + GOOD])
def test_a_wrong_file_keeps_the_old_policy_and_says_why_as_long_as_it_is_wrong(watched, text):
    watched.write(text)
    for _ in range(3):
        answer = watched.look()
        assert answer.outcome is Outcome.KEPT
        assert str(watched.path) in answer.error.message
        assert watched.file.policy.version == 1
        assert watched.file.policy.decide(READER, "GET", "/docs").allowed
    watched.write(GOOD)
    assert watched.look().error is None
    assert watched.file.policy.version == 1, "nothing had changed after all"
    watched.write(BETTER)
    assert watched.look().outcome is Outcome.REPLACED


def test_a_file_that_is_gone_keeps_the_old_policy(watched):
    watched.path.unlink()
    for _ in range(2):
        answer = watched.look()
        assert (answer.outcome, answer.error.code) == (Outcome.KEPT, "config.unreadable")
    watched.write(BETTER)
    assert watched.look().outcome is Outcome.REPLACED


def test_a_file_that_may_be_half_written_is_left_alone_until_it_settles(watched):
    half = BETTER[: BETTER.index("    routes:")]
    watched.write(half, age=0.2)
    assert watched.look().outcome is Outcome.SETTLING
    assert watched.file.policy.decide(READER, "GET", "/docs").allowed
    watched.write(BETTER, age=0.2)
    assert watched.look().outcome is Outcome.SETTLING
    watched.clock.now += 1
    assert watched.look().outcome is Outcome.REPLACED


def test_a_file_that_changes_while_it_is_looked_at_is_left_alone(watched):
    watched.write(BETTER)
    clock = watched.clock.__call__

    def rewrites():
        watched.path.write_text(WRONG)
        return clock()

    watched.file._now = rewrites
    assert watched.look().outcome is Outcome.SETTLING
    assert watched.file.policy.version == 1
    watched.file._now = watched.clock
    os.utime(watched.path, (watched.clock.now - 10,) * 2)
    assert watched.look().outcome is Outcome.KEPT


def test_a_second_write_in_the_same_tick_as_the_first_reading_is_seen(tmp_path):
    path, clock = tmp_path / "guarita.yaml", Clock()
    for text in (GOOD, GOOD.replace("[GET]", "[PUT]")):
        path.write_text(text)
        os.utime(path, (clock.now, clock.now))
        if text is GOOD:
            file = PolicyFile(path, now=clock)
    clock.now += 5
    assert file.reload_if_changed().outcome is Outcome.REPLACED


def test_a_file_from_the_future_is_read(watched):
    watched.write(BETTER, age=-3600)
    assert watched.look().outcome is Outcome.REPLACED


def test_a_comment_moves_places_and_nothing_else(watched):
    digest = watched.file.policy.digest
    watched.write("# new\n" + GOOD)
    assert watched.look().outcome is Outcome.UNCHANGED
    policy = watched.file.policy
    assert (policy.digest, policy.version) == (digest, 1)
    assert policy.decide(READER, "GET", "/docs").place.line == 9


def test_a_policy_behind_links_as_in_a_configmap_is_seen(tmp_path):
    clock = Clock()
    for name, text in (("v1", GOOD), ("v2", BETTER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "guarita.yaml").write_text(text)
        os.utime(tmp_path / name / "guarita.yaml", (clock.now - 60,) * 2)
    (tmp_path / "data").symlink_to("v1")
    file = PolicyFile(tmp_path / "data" / "guarita.yaml", now=clock)
    (tmp_path / "new").symlink_to("v2")
    (tmp_path / "new").rename(tmp_path / "data")
    assert file.reload_if_changed().outcome is Outcome.REPLACED


def test_at_the_start_a_wrong_file_is_an_error(tmp_path):
    (tmp_path / "guarita.yaml").write_text(WRONG)
    with pytest.raises(UsageError) as caught:
        PolicyFile(tmp_path / "guarita.yaml")
    assert caught.value.code == "access.unknown-role"
    with pytest.raises(UsageError):
        PolicyFile(tmp_path / "none.yaml")


def test_decisions_go_on_while_the_policy_is_replaced(watched):
    stop, seen = threading.Event(), []

    def decide():
        while not stop.is_set():
            seen.append(watched.file.policy.decide(READER, "GET", "/docs").allowed)

    threads = [threading.Thread(target=decide) for _ in range(4)]
    for thread in threads:
        thread.start()
    for round_ in range(20):
        watched.write((BETTER, WRONG, GOOD)[round_ % 3])
        watched.look()
    stop.set()
    for thread in threads:
        thread.join()
    assert seen
    assert all(seen)


# Policy tests

TESTS = """\
principals:
  ana: {subject: ana, scopes: [docs.read]}
tests:
- name: a reader reads
  principal: ana
  request: GET /docs
  expected: allow
- name: nobody reads
  principal: anonymous
  request: GET /docs
  expected: access.unauthenticated
- name: a stranger reads
  principal: {subject: bob}
  request: GET /docs
  expected: deny
- name: a reader writes
  principal: ana
  request: POST /docs
  expected: access.granted
"""


def test_policy_tests_pass_and_fail_by_name_and_place():
    ran = cases.Cases(TESTS.encode(), "t.yaml").run(parse(GOOD.encode(), "g.yaml"))
    assert [(str(one.place), one.passed, one.decision.code) for one in ran] == [
        ("t.yaml:4", True, "access.granted"),
        ("t.yaml:8", True, "access.unauthenticated"),
        ("t.yaml:12", True, "access.missing-permission"),
        ("t.yaml:16", False, "access.no-rule"),
    ]


def test_rules_without_a_test_are_named():
    policy = parse((GOOD + "    - {path: /x, methods: [GET], public: true}\n").encode(), "g.yaml")
    ran = cases.Cases(TESTS.encode(), "t.yaml").run(policy)
    assert cases.untested(policy, ran) == ("GET /x (g.yaml:9)",)


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("principal: ana", "principal: anna", "access.unknown-principal", ["t.yaml:5", "tests[0].principal", "did you mean 'ana'?"]),
        ("expected: allow", "expected: allwo", "access.expected", ["t.yaml:7", "did you mean 'allow'?"]),
        ("expected: allow", "expect: allow", "config.unknown-key", ["t.yaml:7", "did you mean 'expected'?"]),
        ("request: GET /docs", "request: GET docs", "config.value", ["t.yaml:6", "GET /docs/42"]),
        ("{subject: ana, ", "{", "access.principal", ["t.yaml:2", "principals.ana", "nobody"]),
        ("{subject: bob}", "{scopes: [x]}", "access.principal", ["t.yaml:13"]),
        ("{subject: ana, scopes: [docs.read]}", "{subject: ana, scopes: docs.read}", "config.value", ["t.yaml:2"]),
        (TESTS[TESTS.index("- name") :], "", "config.value", ["t.yaml"]),
        (TESTS[TESTS.index("tests:") :], "tests: []\n", "config.value", ["t.yaml:3"]),
        (TESTS, "", "config.value", ["t.yaml"]),
    ],
)  # fmt: skip
def test_a_wrong_test_file_is_named_by_place(old, new, code, words):
    assert old in TESTS
    with pytest.raises(UsageError) as caught:
        cases.Cases(TESTS.replace(old, new, 1).encode(), "t.yaml")
    said = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.code == code
    assert all(word in said for word in words), said
