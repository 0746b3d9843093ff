"""`detection.alerts` in guarita.yaml: what cannot work is refused when it is read."""

import alerting
import pytest

from guarita.errors import UsageError

PAGE = "      - {name: page, levels: [critical], channels: [a]}\n"
LEFT = "      - {name: left, levels: [info, low, medium, high], channels: [log]}\n"


def route(**settings):
    written = ", ".join(
        f"{name}: {value}" for name, value in {"name": "r", "channels": "[a]", **settings}.items()
    )
    return f"      - {{{written}}}\n"


def test_every_level_has_a_route_and_that_is_enough():
    section = alerting.section(PAGE + LEFT)
    assert [one.name for one in section.routes] == ["page", "left"]
    assert section.routes[0].fits("critical", "any", [])


@pytest.mark.parametrize(
    ("routes", "more", "says"),
    [
        (PAGE, "", "no route has every alert of level info"),
        (PAGE + LEFT.replace("high]", "high], rules: ['x*']"), "", "no route has every alert of level info"),
        (PAGE + LEFT.replace("high]", "high], tags: [x]"), "", "no route has every alert of level info"),
        (PAGE + LEFT.replace("log", ""), "", "length >= 1"),
        (PAGE + LEFT.replace("[log]", "[gone]"), "", "'gone', and there is no such channel"),
        (PAGE + PAGE + LEFT, "", "two routes are called 'page'"),
        (PAGE + LEFT + route(), "", "has no `levels`, and none escalates to it"),
        (PAGE.replace("[a]}", "[a], escalate_after: 5}") + LEFT, "", "go together"),
        (
            PAGE.replace("[a]}", "[a], escalate_after: 5, escalate_to: gone}") + LEFT,
            "",
            "escalates to 'gone'",
        ),
        (PAGE.replace("[a]}", "[a], escalate_after: 5, escalate_to: page}") + LEFT, "", "in a circle"),
        (PAGE.replace("[a]}", "[a], group_wait: 300}") + LEFT, "", "must have arrived in 300 s"),
        (PAGE.replace("[a]}", "[a], resolve_after: 300}") + LEFT, "", "over before it is told"),
        (PAGE.replace("[a]}", "[a], group_by: [user]}") + LEFT, "", "matching regex"),
        (PAGE + LEFT, "    fallback: gone\n", "`fallback` names 'gone'"),
        (PAGE + LEFT, "    give_up_after: 5\n", "shorter than `failed_after`"),
        (PAGE + LEFT, "    give_up: 5\n", "unknown key"),
    ],
)
def test_what_cannot_work_is_refused(routes, more, says):
    with pytest.raises(UsageError) as caught:
        alerting.section(routes, more=more)
    assert says in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("{type: smtp, host: h, sender: a@b.c, to: []}", "length >= 1"),
        ('{type: smtp, host: h, sender: "a@b.c\\nBcc: x@y.z", to: [a@b.c]}', "matching regex"),
        ("{type: smtp, host: h, sender: a@b.c, to: [a@b.c], username: u}", "go together"),
        (
            "{type: smtp, host: h, sender: a@b.c, to: [a@b.c], username: u, password: {env: P}, tls: none}",
            "without TLS",
        ),
        ("{type: pagerduty, url: 'http://example.com/', routing_key: {env: K}}", "credentials over http://"),
        ("{type: pagerduty, routing_key: kanarienvogel}", "object"),
        ("{type: webhook, url: 'https://u:p@example.com/', secrets: [{env: K}]}", "no user and password"),
        ("{type: webhook, url: 'https://example.com/', secrets: []}", "length >= 1"),
        ("{type: alertmanager, url: 'ftp://example.com'}", "https:// or http://"),
        ("{type: carrier-pigeon}", "carrier-pigeon"),
    ],
)
def test_a_channel_that_cannot_work_is_refused(written, says):
    with pytest.raises(UsageError) as caught:
        alerting.section(alerting.REST, channels={"a": written})
    assert says.replace("object", "mapping") in f"{caught.value.message} {caught.value.hint}"
    assert "kanarienvogel" not in str(caught.value)
