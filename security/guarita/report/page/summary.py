"""The top of the page: the numbers that matter, and what to do next."""

from __future__ import annotations

import datetime as dt

from guarita.report.interface import Facts, Posture, Standing
from guarita.report.page.markup import Html, el
from guarita.report.page.words import Words

_UNKNOWN = "-"


def summary(posture: Posture, words: Words) -> Html:
    """The header."""
    now = dt.datetime.fromtimestamp(posture.generated / 1000, dt.UTC)
    origin = posture.ledger.origin or words("not known")
    numbers = [] if posture.facts is None else _numbers(posture.facts, words)
    return el(
        "header",
        el("p", f"Guarita · {origin}", class_="quiet"),
        el("h1", words("Security posture")),
        el("p", f"{now:%Y-%m-%d %H:%M} UTC · {posture.window_days} {words('days until')} {now:%Y-%m-%d}", class_="quiet"),
        el("ul", *numbers, class_="numbers") if numbers else Html(),
        _steps(posture, words),
    )  # fmt: skip


def _numbers(facts: Facts, words: Words) -> list[Html]:
    standing = [row for row in facts.gates.rows if row.stands]
    passed = sum(row.result == "passed" for row in standing)
    limited = [secret for secret in facts.secrets if secret.limit_days is not None]
    within = sum(secret.state in {"fresh", "due"} for secret in limited)
    kept = sum(times.kept for times in facts.alerts.times)
    late = sum(times.missed for times in facts.alerts.times)
    critical = facts.findings.by_severity.get("critical", 0) + facts.findings.by_severity.get("high", 0)
    return [
        _share(passed, len(standing), words("gates pass")),
        _number(
            f"{facts.findings.total:,}" if facts.findings.known else _UNKNOWN,
            words("open findings"),
            "unknown" if not facts.findings.known else "bad" if critical else "good" if not facts.findings.total else "attention",
        ),
        _share(within, len(limited), words("secrets within their limit")),
        _number(f"{facts.denials.total:,}", words("requests refused"), "unknown"),
        _share(kept, kept + late, words("alerts in time")),
    ]  # fmt: skip


def _share(good: int, whole: int, what: str) -> Html:
    if not whole:
        return _number(_UNKNOWN, what, "unknown")
    return _number(f"{good:,} / {whole:,}", what, "good" if good == whole else "bad")


def _number(value: str, what: str, standing: Standing) -> Html:
    return el("li", el("b", value), el("span", what), class_=f"s-{standing}")


def _steps(posture: Posture, words: Words) -> Html:
    heading = el("h2", words("What to do next"), id="next")
    if not posture.steps:
        return el("section", heading, el("p", words("Nothing waits for anybody.")), aria_labelledby="next")
    marks = {"bad": "✖", "attention": "!", "unknown": "?", "good": "✓"}
    items = [
        el(
            "li",
            el("span", marks[step.standing], class_=f"mark s-{step.standing}", aria_hidden="true"),
            el("div",
               el("b", f"{words.step(step.code)}: {step.count:,}"),
               *([el("span", ", ".join(step.names), class_="quiet")] if step.names else []),
               *([el("code", step.command)] if step.command else [])),
        )
        for step in posture.steps
    ]  # fmt: skip
    return el("section", heading, el("ol", *items, class_="steps"), aria_labelledby="next")
