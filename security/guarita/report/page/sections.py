"""The parts of the page, one for each part of the posture."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from guarita.report.interface import Facts, LedgerHealth, Posture
from guarita.report.page.charts import days, ranking, table
from guarita.report.page.markup import Html, el
from guarita.report.page.words import Words
from guarita.report.tally import DAY_MS

LEVELS: Final = {name: name for name in ("info", "low", "medium", "high", "critical")}


def sections(posture: Posture, words: Words) -> Iterator[Html]:
    """All of them. Of a ledger that does not hold only its own."""
    facts = posture.facts
    if facts is not None:
        yield _gates(facts, words)
        yield _findings(facts, words)
        yield _secrets(facts, posture.generated, words)
        yield _requests(facts, words)
        yield _personal(facts, words)
        yield _alerts(facts, words)
        yield _frameworks(facts, words)
    yield _ledger(posture.ledger, words)


def _section(name: str, title: str, *children: object) -> Html:
    return el("section", el("h2", title, id=name), *children, aria_labelledby=name)


def _gates(facts: Facts, words: Words) -> Html:
    title = words("Gates")
    rows = [
        [row.project or "-", row.branch or "-", _pill(row.result, words), _time(row.at, words)]
        for row in facts.gates.rows
    ]
    kinds = {"passed": "good", "unknown": "unknown", "failed": "bad"}
    headings = [words(one) for one in ("Project", "Branch", "Result", "When")]
    return _section(
        "gates", title, days(facts.gates.days, kinds, title, words), _table(headings, rows, title, words)
    )


def _findings(facts: Facts, words: Words) -> Html:
    title, found = words("Findings"), facts.findings
    if not found.known:
        return _section("findings", title, el("p", words("not known"), class_="quiet"))
    ages = [[age, *(f"{counts.get(level, 0):,}" for level in LEVELS)] for age, counts in found.by_age.items()]
    rows = [
        [
            one.rule,
            _pill(one.severity, words),
            one.project,
            _time(one.since, words),
            one.owner or words("nobody"),
        ]
        for one in found.oldest
    ]
    waivers = [
        [
            one.what,
            one.owner,
            one.reason,
            one.expires,
            el("span", str(one.days), class_=f"pill b-{one.standing}"),
        ]
        for one in facts.waivers
    ]
    headings = [words(one) for one in ("Rule", "Severity", "Project", "Open since", "Owner")]
    waiver_headings = [words("What"), words("Owner"), words("Reason"), words("Expires"), words("Days left")]
    return _section(
        "findings",
        title,
        _table(
            [words("Age in days"), *(words(level) for level in LEVELS)], ages, words("Age in days"), words
        ),
        _table(headings, rows, title, words),
        el("h3", words("Waivers")),
        _table(waiver_headings, waivers, words("Waivers"), words),
    )


def _secrets(facts: Facts, now: int, words: Words) -> Html:
    rows = []
    for one in facts.secrets:
        age = None if one.made is None else max(0.0, (now - one.made) / DAY_MS)
        share = 0 if age is None or not one.limit_days else min(20, round(20 * age / one.limit_days))
        bar = el("span", el("span", class_=f"fill w{share} b-{one.state}"), class_="track")
        rows.append(
            [
                one.name, one.kind, words("not known") if age is None else f"{age:.1f} d",
                "-" if one.limit_days is None else f"{one.limit_days:g} d", bar, _pill(one.state, words),
                one.under_way or one.failed or "",
            ]
        )  # fmt: skip
    headings = [words(one) for one in ("Secret", "Kind", "Age", "Limit")]
    title = words("Secrets")
    return _section(
        "secrets",
        title,
        _table(
            [*headings, words("Share of its limit"), words("State"), words("Phase or failure")],
            rows,
            title,
            words,
        ),
    )


def _requests(facts: Facts, words: Words) -> Html:
    title, found = words("Requests"), facts.denials
    return _section(
        "requests",
        title,
        days(found.days, {"refused": "bad"}, words("refused"), words),
        el("p", f"{words('granted')}: {found.granted:,}", class_="quiet"),
        el(
            "div",
            ranking(found.codes, words("By code"), words),
            ranking(found.rules, words("By rule"), words),
            ranking(found.principals, words("By principal"), words),
            class_="cards",
        ),
    )


def _personal(facts: Facts, words: Words) -> Html:
    title, found = words("Personal data"), facts.personal
    kinds = {"allow": "good", "redact": "low", "review": "attention", "block": "bad", "unknown": "unknown"}
    return _section(
        "personal",
        title,
        days(found.days, kinds, title, words),
        el(
            "div",
            ranking(found.classes, words("By class"), words),
            ranking(found.types, words("By type"), words),
            ranking(found.sources, words("By place"), words),
            class_="cards",
        ),
    )


def _alerts(facts: Facts, words: Words) -> Html:
    title = words("Detections and alerts")
    times = [
        [_pill(one.level, words), f"{one.kept:,}", f"{one.missed:,}", _span(one.median_ms), _span(one.worst_ms),
         _span(one.deadline_ms)]
        for one in facts.alerts.times
    ]  # fmt: skip
    open_ = [
        [one.incident, one.rule, _pill(one.level, words), _time(one.since, words),
         words("yes") if one.acknowledged else words("no")]
        for one in facts.alerts.open
    ]  # fmt: skip
    headings = [words(one) for one in ("Level", "In time", "Too late", "Median", "Worst", "Limit")]
    incidents = [words(one) for one in ("Incident", "Rule", "Level", "When", "taken on")]
    return _section(
        "alerts",
        title,
        days(facts.detections.days, LEVELS, title, words),
        el("div", ranking(facts.detections.rules, words("By rule"), words), class_="cards"),
        _table(headings, times, words("In time"), words),
        _table(incidents, open_, words("Incident"), words),
    )


def _frameworks(facts: Facts, words: Words) -> Html:
    title = words("Frameworks")
    rows = [
        [one.name, f"{one.passed:,}", f"{one.failed:,}", f"{one.not_checked:,}"] for one in facts.frameworks
    ]
    headings = [words(one) for one in ("Framework", "Passed", "Failed", "Not checked")]
    note = el("p", words("Passing is no certification."), class_="quiet")
    return _section("frameworks", title, _table(headings, rows, title, words), note)


def _ledger(health: LedgerHealth, words: Words) -> Html:
    title = words("The ledger")
    if health.damage is not None:
        told = el("p", f"{health.damage.code}: {health.damage.message}", class_="damage")
        return _section("ledger", title, told)
    facts = [
        (words("Entries"), _count(health.size, words)),
        (words("Verified up to"), _count(health.verified, words)),
        (words("Signed up to"), _count(health.signed, words)),
        (words("Last signed entry"), _time(health.signed_until, words)),
    ]
    listed = el("dl", *(piece for name, value in facts for piece in (el("dt", name), el("dd", value))))
    rows = [[sink.name, f"{sink.behind:,}", sink.code or ""] for sink in health.sinks]
    headings = [words("Sink"), words("Entries behind"), words("Error")]
    return _section(
        "ledger", title, listed, *([_table(headings, rows, words("Sink"), words)] if rows else [])
    )


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]], title: str, words: Words) -> Html:
    return (
        table(headings, rows, f"{words('Table')}: {title}")
        if rows
        else el("p", words("None."), class_="quiet")
    )


def _pill(name: str, words: Words) -> Html:
    return el("span", words(name), class_=f"pill b-{name}")


def _time(at: int | None, words: Words) -> str:
    if at is None:
        return words("not known")
    try:
        return f"{dt.datetime.fromtimestamp(at / 1000, dt.UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return words("not known")


def _count(number: int | None, words: Words) -> str:
    return words("not known") if number is None else f"{number:,}"


def _span(ms: int | None) -> str:
    return "-" if ms is None else f"{ms / 1000:,.1f} s"
