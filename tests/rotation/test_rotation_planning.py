"""What is due, when, and in which order: clocks, ages, windows, dependencies, templates."""

import datetime as dt
import zoneinfo

import pytest
import yaml
from enginebenches import KvBench
from hypothesis import given
from hypothesis import strategies as st

from guarita import config
from guarita.config.rotation import WindowSection
from guarita.config.rotation_secrets import GeneratorSection, KvSecret
from guarita.errors import UsageError
from guarita.rotation.clock import Moment, age, waited
from guarita.rotation.errors import RotationConfigError
from guarita.rotation.generate import generate
from guarita.rotation.service import ordered
from guarita.rotation.standing import Age, lead, standing
from guarita.rotation.templates import filled
from guarita.rotation.windows import is_open, opens

DAY = 86_400
times = st.floats(min_value=1.5e9, max_value=2.5e9)
jumps = st.floats(min_value=-1e8, max_value=1e8)
spans = st.floats(min_value=0, max_value=1e7)


@given(times, spans, jumps)
def test_no_single_clock_ends_a_wait_early(then, passed, jump):
    since = Moment(then, then)
    for now in (Moment(then + passed + jump, then + passed), Moment(then + passed, then + passed + jump)):
        certain = waited(since, now)
        assert certain is None or certain <= passed + 1e-3


@given(times, spans, jumps)
def test_no_single_clock_makes_a_secret_young(then, passed, jump):
    for now in (Moment(then + passed + jump, then + passed), Moment(then + passed, then + passed + jump)):
        assert age(then, now) >= passed - 1e-3


def test_what_was_made_in_the_future_is_of_unknown_age_and_due():
    section = KvSecret(vault="secret/a")
    now = Moment(1.7e9, 1.7e9)
    found = standing("a", section, kind="kv", entry=None, created=1.8e9, now=now, jitter_days=0)
    assert found.state is Age.OVERDUE
    assert "cannot be known" in found.why


@given(st.text(min_size=1), st.floats(min_value=1, max_value=3650), st.floats(min_value=0, max_value=30))
def test_every_secret_is_due_before_its_limit_and_not_at_once(name, limit, jitter):
    section = KvSecret(vault="secret/a", max_age_days=limit, renew_before_days=limit / 6)
    seconds = lead(name, section, jitter)
    assert limit * DAY * 0.4 <= seconds <= limit * DAY * 5 / 6 + 1


def test_names_spread_over_the_jitter():
    section = KvSecret(vault="secret/a")
    leads = [lead(f"s{number}", section, 2.0) / DAY for number in range(300)]
    assert 22.9 < min(leads) < 23.2
    assert 24.8 < max(leads) <= 25


@given(
    st.tuples(st.integers(0, 23), st.sampled_from([0, 30])),
    st.tuples(st.integers(0, 23), st.sampled_from([0, 30])),
    st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1),
    st.sampled_from(["UTC", "America/Sao_Paulo", "Europe/Lisbon", "Asia/Kolkata"]),
    st.integers(1_600_000_000, 1_900_000_000),
)
def test_a_window_is_open_when_it_opens_and_not_before(start, end, days, zone, at):
    if start == end:
        return
    start_text, end_text = (f"{hour:02}:{minute:02}" for hour, minute in (start, end))
    window = WindowSection(start=start_text, end=end_text, days=sorted(days), timezone=zone)
    opening = opens([window], at)
    assert opening >= at
    assert is_open([window], opening)
    assert opening - at <= 8 * DAY
    if opening > at:
        assert not is_open([window], at)
        local = dt.datetime.fromtimestamp(opening, tz=zoneinfo.ZoneInfo(zone))
        assert (local.hour, local.minute) == start or local.fold or local.utcoffset() != dt.timedelta(0)


def test_a_window_over_midnight_belongs_to_the_day_it_starts_on():
    window = WindowSection(start="22:00", end="02:00", days=["sat"], timezone="America/Sao_Paulo")

    def at(text):
        return (
            dt.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo("America/Sao_Paulo")).timestamp()
        )

    assert is_open([window], at("2026-03-07T23:00"))  # a Saturday
    assert is_open([window], at("2026-03-08T01:59"))
    assert not is_open([window], at("2026-03-08T02:00"))
    assert not is_open([window], at("2026-03-08T22:30"))


def sections(**after):
    return {name: KvSecret(vault=f"secret/{name}", after=list(others)) for name, others in after.items()}


def test_each_stands_behind_those_it_comes_after():
    known = sections(a=["c"], b=[], c=["d"], d=[])
    assert ordered(["a", "b", "c", "d"], known) == ["d", "c", "a", "b"]
    assert ordered(["a", "d"], known) == ["d", "a"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {type: kv, vault: secret/a, after: [b]}", "no such secret"),
        ("a: {type: kv, vault: secret/a, after: [b]}, b: {type: kv, vault: secret/b, after: [a]}", "circle"),
        ("a: {type: kv, vault: secret/../sys/policy}", "vault"),
        ("a: {type: kv, vault: secret/a, renew_before_days: 40}", "renew_before_days"),
        ("a: {type: kv, vault: secret/a, deliver: [{secret: a, cluster: other}]}", "none of `clusters`"),
        (
            "a: {type: postgres, vault: secret/a, users: [x, x], owner_role: o, host: h, database: d, admin: {user: r}}",
            "two roles",
        ),
        ("a: {type: sql, vault: secret/a}", "type"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_with_its_place(text, said):
    with pytest.raises(UsageError) as wrong:
        config.parse(f"rotation: {{secrets: {{{text}}}}}".encode(), "guarita.yaml")
    assert said in f"{wrong.value.message} {wrong.value.hint}"


@given(st.text(), st.text(min_size=1))
def test_what_is_percent_encoded_comes_back(user, password):
    from urllib.parse import unquote, urlsplit

    try:
        made = filled("postgresql://{u|url}:{p|url}@db/app", {"u": user, "p": password})
    except UnicodeEncodeError:
        return
    parts = urlsplit(made)
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
    assert parts.hostname == "db"


@pytest.mark.parametrize("template", ["{nothing}", "{p|rot13}", "{p", "p}", "{}"])
def test_a_wrong_template_names_no_value(template):
    with pytest.raises(RotationConfigError) as wrong:
        filled(template, {"p": "canary-4c1e"})
    assert "canary" not in wrong.value.message


def test_braces_are_written_twice():
    assert filled('{{"password": "{p|json}"}}', {"p": 'a"b'}) == '{"password": "a\\"b"}'
    assert filled("{p|base64}", {"p": "ab"}) == "YWI="


@given(
    st.sampled_from(["alphanumeric", "hex", "base64", "base64url", "ascii"]), st.integers(16, 200), st.data()
)
def test_every_form_is_of_its_length_and_characters(form, length, data):
    made = generate(
        GeneratorSection(form=form, length=length),
        lambda size: data.draw(st.binary(min_size=size, max_size=size).filter(lambda b: set(b) - {255})),
    )
    assert not set(made) & set("'\"\\ \n")
    assert len(made) >= length


def test_secrets_follow_each_other_and_one_that_fails_holds_back_the_next(cases):
    case = cases(KvBench, jitter_days=0)
    case.rotation["secrets"] |= {
        "first": {"type": "kv", "vault": f"secret/first-{case.bench.mark}", "soak_seconds": 0, "deliver": []},
        "last": {
            "type": "kv",
            "vault": f"secret/last-{case.bench.mark}",
            "soak_seconds": 0,
            "after": ["first", "s"],
        },
    }
    case.section()
    case.run("run", "--due", "last", "first", case.bench.name)
    told = [event["unmapped"]["guarita"] for event in case.events()]
    order = [one["secret"] for one in told if one["phase"] == "planned"]
    assert order[-1] == "last"
    # Now `first` cannot be rotated: somebody took its engine's path away from this configuration's reach.
    case.rotation["secrets"]["first"]["probe"] = {"url": "http://127.0.0.1:9/", "value": "{value}"}
    case.rotation["patience_seconds"] = 1
    case.section()
    runner = case.run("run", "last", "first", status=3)
    results = {one["secret"]: one for one in runner.answer()["secrets"]}
    assert results["first"]["result"] == "unknown"
    assert results["last"]["error"]["code"] == "rotation.skipped"


def test_windows_hold_back_what_is_due_and_not_what_is_overdue(cases):
    now = dt.datetime.now(dt.UTC)
    closed = {
        "start": (now + dt.timedelta(hours=3)).strftime("%H:%M"),
        "end": (now + dt.timedelta(hours=4)).strftime("%H:%M"),
    }
    case = cases(KvBench, jitter_days=0, windows=[closed])
    runner = case.run("run", case.bench.name)
    report = runner.answer()["secrets"][0]
    assert (report["result"], report["error"]["code"]) == ("waiting", "rotation.window")
    assert 2 * 3600 < report["seconds"] <= 3 * 3600
    assert case.entry is None
    case.run("run", case.bench.name, "--anytime")
    case.settled()
    case.section(max_age_days=0.00001, renew_before_days=0)
    import time

    time.sleep(2.1)
    before = case.entry.last.rotation
    case.run("run", "--due")
    assert case.entry.last.rotation != before


def test_a_journal_older_than_its_target_is_told_from_another_runner(cases):
    from enginebenches import PostgresBench

    case = cases(PostgresBench)
    case.rotate()
    pair = ",".join(sorted(case.bench.users))
    case.bench.admin.execute(
        "UPDATE guarita_rotation.fence SET token = token + 1000 WHERE pair = %s", (pair,)
    )
    runner = case.run("run", case.bench.name, status=1)
    assert runner.answer()["secrets"][0]["error"]["code"] == "rotation.journal-behind"
    case.run("status", status=1)
    case.bench.admin.execute("UPDATE guarita_rotation.fence SET token = 0 WHERE pair = %s", (pair,))
    case.resume()
    case.settled()


def test_status_and_plan_change_nothing(cases):
    case = cases(KvBench)
    for command in ("status", "plan"):
        case.run(command)
    assert case.trap.seen == []
    assert case.entry is None


def test_what_somebody_wrote_by_hand_is_said_and_taken_over(cases):
    case = cases(KvBench)
    case.rotate()
    there = case.kv.get(case.bench.place)
    case.kv.put(case.bench.place, {"value": "by hand", "beside": "kept"}, cas=there.version)
    problems = case.run("plan").answer()["secrets"][0]["problems"]
    assert "rotation.drift" in {problem["code"] for problem in problems}
    case.rotate()
    case.settled()
    assert case.kv.get(case.bench.place).data["beside"] == "kept"


def test_a_secret_taken_out_in_mid_rotation_is_not_forgotten(cases):
    case = cases(KvBench)
    case.section(soak_seconds=3600.0)
    case.rotate()  # it soaks
    taken, name = case.rotation["secrets"].pop(case.bench.name), case.bench.name
    case.rotation["secrets"]["other"] = {"type": "kv", "vault": f"secret/other-{case.bench.mark}"}
    case.config.write_text(yaml.safe_dump({"rotation": case.rotation}))
    for command in ("status", "plan"):
        assert case.run(command, status=1).answer()["orphaned"] == [name]
    told = case.run("run", "--due", status=1).answer()["secrets"]
    assert [one["error"]["code"] for one in told if one["secret"] == name] == ["rotation.orphaned"]
    assert name in case.run("resume", status=1).said()
    case.rotation["secrets"] = {name: taken}
    case.section(soak_seconds=0.0)
    case.resume()
    case.settled()
    assert case.run("status").answer()["orphaned"] == []
