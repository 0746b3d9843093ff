"""Alerts over time: who hears what, when, how often, and what the ledger says of it."""

import json

import alerting
import pytest
from alerting import HOUR, MINUTE, SECOND

PAGE = (
    "      - {name: page, levels: [critical], channels: [a], group_wait: 5, group_interval: 120,\n"
    "         repeat_interval: 3600, resolve_after: 1800}\n"
    "      - {name: mail, levels: [high, medium], channels: [b], group_wait: 60}\n"
    "      - {name: rest, levels: [info, low], channels: [log]}\n"
)


@pytest.fixture
def scene(tmp_path, request):
    routes, named = getattr(request, "param", (PAGE, {}))
    made = alerting.Scene(tmp_path / "l.db", routes, **named)
    yield made
    made.close()


def with_routes(routes, **named):
    return pytest.mark.parametrize("scene", [pytest.param((routes, named), id="")], indirect=True)


def test_each_level_goes_its_way_and_the_ledger_says_in_what_time(scene):
    entry = scene.detect("brute-force", count=7, evidence=[3, 4], tags=["attack.t1110"])
    scene.detect("odd-hours", "medium")
    scene.detect("login", "info")
    scene.go(5 * SECOND, step=SECOND)
    (when, page), *more = scene.channels["a"].sent
    assert more == []
    assert when - alerting.START == 5 * SECOND
    assert (page.kind, page.level, page.rule, page.count) == ("trigger", "critical", "brute-force", 7)
    assert page.alerts[0].evidence == [3, 4]
    assert scene.channels["b"].sent == []
    scene.go(60 * SECOND, step=5 * SECOND)
    assert [message.rule for _, message in scene.channels["b"].sent] == ["odd-hours"]
    by_channel = {one["channel"]: one for one in scene.events("alert.sent")}
    assert by_channel["a"]["latency_ms"] == 5 * SECOND
    assert (by_channel["a"]["deadline_ms"], by_channel["a"]["kept"]) == (300 * SECOND, True)
    assert by_channel["b"]["kept"] is True
    assert (by_channel["log"]["alerts"], by_channel["log"]["rule"]) == (1, "login")
    assert "kept" not in by_channel["log"]
    assert all("Title" not in json.dumps(one) for one in scene.events())
    assert entry == 0


def test_an_entry_without_our_details_is_an_alert_of_the_worst_level_that_it_may_have(scene):
    from guarita.audit.events import detection_finding

    bare = {"time": scene.now, "rule": "r", "title": "T", "severity": "unheard-of"}
    entry = scene.ledger.append(detection_finding(**bare, finding_uid="x")).index
    scene.ledger.append(
        detection_finding(
            **bare, finding_uid="y", resource="db-1", first=scene.now - 9, last=scene.now - 1, count=3
        )
    )
    scene.go(5 * SECOND, step=SECOND)
    (_, first), (_, second) = sorted(scene.channels["a"].sent, key=lambda sent: sent[1].count)
    assert (first.level, first.alerts[0].evidence, first.alerts[0].group) == ("critical", [entry], {})
    assert (second.count, second.first - scene.now, second.alerts[0].group) == (
        3,
        -5009,
        {"resource": "db-1"},
    )


def test_findings_of_one_group_are_one_alert_and_an_update_is_not_counted_twice(scene):
    for number in range(5):
        scene.detect(uid=f"f{number}", count=2, evidence=[number])
        scene.now += SECOND
    scene.detect(uid="f4", count=9, evidence=[99])
    scene.go(10 * SECOND, step=SECOND)
    (incident,) = scene.incidents()
    (alert,) = scene.alerts(incident)
    assert alert.count == 17  # f4 grew from 2 to 9, and 8 came of the others
    assert alert.evidence == [0, 1, 2, 3, 4, 99]
    assert len(scene.channels["a"].sent) == 1
    scene.detect(group={"user": "rui"})
    scene.go(5 * SECOND, step=SECOND)
    assert len(scene.incidents()) == 2


@with_routes(PAGE.replace("group_wait: 5,", "group_wait: 5, group_by: [rule],"))
def test_alerts_of_one_incident_are_told_together_and_news_waits_for_the_interval(scene):
    for user in ("ana", "rui", "eva"):
        scene.detect(group={"user": user})
    scene.go(5 * SECOND, step=SECOND)
    assert [message.total for _, message in scene.channels["a"].sent] == [3]
    first = scene.now
    scene.detect(group={"user": "zoe"})
    scene.go(200 * SECOND, step=SECOND)
    assert [(when - first, message.total) for when, message in scene.channels["a"].sent[1:]] == [
        (120 * SECOND, 4)
    ]
    sent = scene.events("alert.sent")
    assert [(one["alerts"], one["first"]) for one in sent] == [(3, 3), (1, 1)]


def test_it_is_told_again_while_it_lasts_until_somebody_has_it(scene):
    scene.detect()
    for _ in range(13):  # every ten minutes it goes on
        scene.go(10 * MINUTE, step=MINUTE)
        scene.detect()
    assert scene.channels["a"].kinds_sent() == ["trigger"] * 3
    repeated = scene.events("alert.sent")[1]
    assert repeated["alerts"] == 0
    assert "kept" not in repeated
    scene.ack("rui")
    scene.go(SECOND)
    assert scene.channels["a"].sent[-1][1].by == "rui"
    for _ in range(12):
        scene.go(10 * MINUTE, step=MINUTE)
        scene.detect()
    assert scene.channels["a"].kinds_sent() == ["trigger"] * 3 + ["acknowledge"]
    scene.detect(group={"user": "ana", "more": "x"})
    scene.go(5 * SECOND, step=SECOND)
    assert len(scene.incidents()) == 2
    assert scene.events("alert.acknowledged")[0]["event"]["actor"]["user"]["uid"] == "rui"


def test_the_end_of_a_critical_alert_is_always_told(scene):
    scene.detect()
    scene.go(5 * SECOND, step=SECOND)
    scene.go(30 * MINUTE, step=MINUTE)
    kinds = scene.channels["a"].kinds_sent()
    assert kinds == ["trigger", "resolve"]
    end = scene.channels["a"].sent[-1][1]
    assert end.quiet_since == alerting.START
    assert scene.incidents() == []
    (resolved,) = scene.events("alert.resolved")
    assert (resolved["acknowledged"], resolved["quiet_since"], resolved["silenced"]) == (
        False, alerting.START, False,
    )  # fmt: skip
    scene.detect()
    scene.go(5 * SECOND, step=SECOND)
    again = scene.channels["a"].sent[-1][1]
    assert (again.kind, again.incident != end.incident) == ("trigger", True)


CHAIN = (
    "      - {name: page, levels: [critical], channels: [a], group_wait: 0, escalate_after: 300, escalate_to: lead}\n"
    "      - {name: lead, channels: [b], escalate_after: 600, escalate_to: all}\n"
    "      - {name: all, channels: [c]}\n"
) + alerting.REST


@with_routes(CHAIN)
def test_what_nobody_takes_on_goes_further_up(scene):
    scene.detect()
    scene.go(299 * SECOND, step=SECOND)
    assert scene.channels["b"].sent == []
    scene.go(2 * SECOND, step=SECOND)
    assert scene.channels["b"].kinds_sent() == ["trigger"]
    scene.go(600 * SECOND, step=SECOND)
    assert scene.channels["c"].kinds_sent() == ["trigger"]
    assert [(one["stage"], one["to"]) for one in scene.events("alert.escalated")] == [
        ("page", "lead"), ("lead", "all"),
    ]  # fmt: skip
    scene.ack()
    scene.go(SECOND)
    assert {name: channel.kinds_sent()[-1] for name, channel in scene.channels.items()} == dict.fromkeys(
        "abc", "acknowledge"
    )


@with_routes(CHAIN.replace("group_wait: 0,", "group_wait: 0, group_by: [rule],"))
def test_what_is_new_to_whoever_took_it_on_is_given_the_time_again(scene):
    scene.detect()
    scene.go(100 * SECOND, step=SECOND)
    scene.ack()
    scene.go(1000 * SECOND, step=10 * SECOND)
    scene.detect(group={"user": "rui"})
    scene.go(299 * SECOND, step=SECOND)
    assert scene.channels["a"].kinds_sent() == ["trigger", "acknowledge", "trigger"]
    assert scene.channels["b"].sent == []
    scene.go(2 * SECOND, step=SECOND)
    assert scene.channels["b"].kinds_sent() == ["trigger"]


@with_routes(CHAIN)
def test_what_was_taken_on_in_time_does_not(scene):
    scene.detect()
    scene.go(100 * SECOND, step=SECOND)
    scene.ack()
    scene.go(HOUR - 200 * SECOND, step=MINUTE)
    assert scene.channels["b"].sent == []


def test_nothing_is_sent_while_silenced_and_what_lasts_is_told_after(scene):
    silence = scene.silence(HOUR, rule="rule-*", group_user="a*")
    scene.detect()
    scene.detect(group={"user": "rui"})
    scene.go(29 * MINUTE, step=MINUTE)
    assert [message.labels["group.user"] for _, message in scene.channels["a"].sent] == ["rui"]
    scene.detect()
    scene.go(16 * MINUTE, step=MINUTE)
    scene.detect()
    scene.go(15 * MINUTE, step=MINUTE)
    told = [message.labels["group.user"] for _, message in scene.channels["a"].sent]
    assert told == ["rui", "rui", "ana"]  # the second is the end
    last = scene.events("alert.sent")[-1]
    assert last["held"] == 1
    assert "latency_ms" not in last
    (said,) = scene.events("alert.silenced")
    assert (said["owner"], said["reason_given"], said["until"]) == ("ops", "planned", silence.until)
    assert said["event"]["severity_id"] == 3


def test_a_message_that_failed_is_not_sent_once_it_is_silenced(scene):
    from guarita.detection.alerts import desk

    scene.channels["a"].faults = ["away"]
    scene.detect()
    scene.go(5 * SECOND, step=SECOND)
    silence = scene.silence(10 * MINUTE, level="critical")
    scene.go(5 * MINUTE, step=SECOND)
    assert (scene.channels["a"].attempts, scene.channels["a"].sent) == (1, [])
    scene.turn(desk.unsilence, silence.id, "ana")
    scene.go(SECOND)
    assert scene.channels["a"].kinds_sent() == ["trigger"]
    assert [one["operation"] for one in scene.events() if "silence" in one["operation"]] == [
        "alert.silenced", "alert.unsilenced",
    ]  # fmt: skip


FALLBACK = "    fallback: c\n    failed_after: 60\n    give_up_after: 7200\n"


@with_routes(PAGE, more=FALLBACK)
def test_a_channel_that_is_away_delays_no_other_and_its_failure_is_told(scene):
    scene.channels["a"].faults = ["away"] * 10_000
    scene.detect()
    scene.detect("odd-hours", "medium")
    scene.go(70 * SECOND, step=SECOND)
    assert scene.channels["b"].kinds_sent() == ["trigger"]
    scene.go(60 * SECOND, step=SECOND)
    ((when, message),) = scene.channels["c"].sent
    assert (message.failing, message.rule) == ("a", "rule-1")
    (failed,) = scene.events("alert.failed")
    assert (failed["channel"], failed["event"]["status_code"], failed["event"]["status_id"]) == (
        "a", "alerts.unreachable", 2,
    )  # fmt: skip
    assert "kept" not in failed
    assert failed["keys"] == [scene.alerts(scene.incidents()[0])[0].key]
    assert when - alerting.START <= 130 * SECOND
    heard = [one for one in scene.events("alert.sent") if one["channel"] == "c"]
    assert [(one["first"], one["kept"]) for one in heard] == [(1, True)]
    attempts = scene.channels["a"].attempts
    scene.go(20 * MINUTE, step=SECOND)
    assert attempts < scene.channels["a"].attempts < attempts + 40, "the pauses grow"


@with_routes(PAGE, more=FALLBACK)
def test_a_channel_that_comes_back_after_an_hour_hears_of_what_was_and_of_its_end(scene):
    scene.channels["a"].faults = ["away"] * 10_000
    scene.detect()
    scene.go(HOUR, step=10 * SECOND)
    scene.channels["a"].faults = []
    scene.go(6 * MINUTE, step=10 * SECOND)
    assert scene.channels["a"].kinds_sent() == ["trigger", "resolve"]
    sent = [one for one in scene.events("alert.sent") if (one["channel"], one["kind"]) == ("a", "trigger")]
    assert [one["kept"] for one in sent] == [False]


@with_routes(PAGE, more=FALLBACK)
def test_what_is_given_up_stands_as_failed(scene):
    scene.channels["a"].faults = ["away"] * 10_000
    scene.channels["c"].faults = ["away"] * 10_000
    scene.detect()
    scene.go(3 * HOUR, step=30 * SECOND)
    gone = scene.events("alert.abandoned")
    assert {(one["channel"], one["kind"]) for one in gone} >= {("a", "trigger"), ("c", "trigger")}
    assert all((one["event"]["status_id"], one["kept"]) == (2, False) for one in gone)


def test_the_pause_that_a_peer_asks_for_is_kept(scene):
    scene.channels["a"].faults = ["wait90"]
    scene.detect()
    scene.go(5 * SECOND, step=SECOND)
    failed_at = scene.now
    scene.go(200 * SECOND, step=SECOND)
    ((when, _),) = scene.channels["a"].sent
    assert when - failed_at == 90 * SECOND


@with_routes(PAGE, more=FALLBACK)
def test_a_pause_that_is_too_long_and_a_queue_that_does_not_move_are_failures_too(scene):
    scene.channels["a"].faults = ["wait3600"]
    scene.detect()
    scene.go(5 * SECOND, step=SECOND)
    scene.detect(group={"user": "rui"})
    # Whatever is next hangs until the test is over, as far as this channel's thread can tell.
    scene.courier.deliver = lambda name, whole=scene.courier.deliver: name != "a" and whole(name)
    scene.go(70 * SECOND, step=SECOND)
    heard = {message.labels["group.user"]: when for when, message in scene.channels["c"].sent}
    assert heard == {"ana": alerting.START + 65 * SECOND, "rui": alerting.START + 70 * SECOND}
    assert [one["event"]["status_code"] for one in scene.events("alert.failed")] == ["alerts.busy"] * 2


def test_an_answer_that_was_lost_makes_the_same_message_come_again(scene):
    scene.channels["a"].faults = ["lost", "lost"]
    scene.detect()
    scene.go(30 * SECOND, step=SECOND)
    messages = [message for _, message in scene.channels["a"].sent]
    assert len(messages) == 3
    assert messages[0] == messages[1] == messages[2]
    # With more in it, it is another message: a receiver that drops what it knows must not drop this one.
    scene.channels["a"].faults = ["lost"]
    scene.detect(rule="rule-2")
    scene.go(5 * SECOND, step=SECOND)
    scene.detect(rule="rule-2")
    scene.go(30 * SECOND, step=SECOND)
    first, second = [message for _, message in scene.channels["a"].sent if message.rule == "rule-2"]
    assert (first.count, second.count, first.id != second.id) == (1, 2, True)


def test_a_flood_is_bounded_summarised_and_hides_no_critical_alert(scene):
    users = 3000
    scene.detect("noise", "medium", group={"user": "x"})
    for number in range(users):
        scene.detect("flood", "medium", group={"user": f"user-{number}"})
    scene.detect("brute-force")
    scene.go(61 * SECOND, step=SECOND)
    assert [message.rule for _, message in scene.channels["a"].sent] == ["brute-force"]
    messages = [message for _, message in scene.channels["b"].sent]
    assert len(messages) == 22
    (summary,) = [message for message in messages if message.flood]
    assert (summary.total, len(summary.alerts)) == (users - 20, 10)
    assert sum(message.total for message in messages if message.rule == "flood") == users
    told = sum(one["alerts"] for one in scene.events("alert.sent") if one["rule"] == "flood")
    assert told == users


def test_a_flood_of_critical_alerts_tells_of_each_late_one_in_time(scene):
    for number in range(40):
        scene.detect(group={"user": f"user-{number}"})
    scene.go(5 * SECOND, step=SECOND)
    assert len(scene.channels["a"].sent) == 21
    scene.detect(group={"user": "late"})
    late = scene.now
    scene.go(150 * SECOND, step=SECOND)
    when, message = scene.channels["a"].sent[-1]
    assert (message.flood, message.total, when - late) == (True, 21, 120 * SECOND)
    assert all(alert.notified for incident in scene.incidents() for alert in scene.alerts(incident))


@with_routes(PAGE.replace("group_wait: 5,", "group_wait: 5, group_by: [rule],"))
def test_of_an_incident_that_is_silenced_in_part_the_rest_is_told_and_the_part_later(scene):
    scene.silence(10 * MINUTE, group_user="ana")
    scene.detect(group={"user": "ana"})
    scene.detect(group={"user": "rui"})
    scene.go(9 * MINUTE, step=10 * SECOND)
    assert [[line.group["user"] for line in m.alerts] for _, m in scene.channels["a"].sent] == [["rui"]]
    scene.go(2 * MINUTE, step=10 * SECOND)
    assert [message.total for _, message in scene.channels["a"].sent] == [1, 2]
    assert [one["held"] for one in scene.events("alert.sent") if "held" in one] == [1]


@with_routes(PAGE.replace("group_wait: 5,", "group_wait: 5, group_by: [rule],"))
def test_an_acknowledgement_that_no_longer_holds_is_not_told_late(scene):
    scene.channels["a"].faults = ["away"]
    scene.detect()
    scene.go(5 * SECOND)
    scene.ack()
    scene.detect(group={"user": "rui"})
    scene.channels["a"].faults = ["away"] * 3
    scene.go(10 * MINUTE, step=SECOND)
    assert set(scene.channels["a"].kinds_sent()) == {"trigger"}


def test_a_worse_finding_is_told_at_once_and_takes_the_acknowledgement_away(scene):
    scene.detect("odd", "medium")
    scene.go(61 * SECOND, step=SECOND)
    scene.ack()
    scene.go(SECOND)
    scene.detect("odd", "high")
    scene.go(11 * MINUTE, step=SECOND)
    assert [(m.kind, m.level) for _, m in scene.channels["b"].sent] == [
        ("trigger", "medium"), ("acknowledge", "medium"), ("trigger", "high"),
    ]  # fmt: skip
    assert scene.incidents()[0].acknowledged is None
