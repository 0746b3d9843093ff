"""Charts as inline SVG: stacked bars over days, and bars of a ranking. Each has its numbers as a table besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guarita.report.interface import DayCount, Ranking
from guarita.report.page.markup import Html, el
from guarita.report.page.words import Words

WIDTH, HEIGHT = 720, 120


def days(counted: Sequence[DayCount], kinds: Mapping[str, str], title: str, words: Words) -> Html:
    """One bar a day, of parts by name; `kinds` gives each name its CSS class, in the order from the ground up."""
    most = max((sum(day.counts.get(name, 0) for name in kinds) for day in counted), default=0)
    if not most:
        return el("p", words("Nothing in this time."), class_="quiet")
    step = WIDTH / len(counted)
    bars = []
    for at, day in enumerate(counted):
        top, parts = float(HEIGHT), []
        for name, kind in kinds.items():
            height = HEIGHT * day.counts.get(name, 0) / most
            top -= height
            if height:
                parts.append(
                    el("rect", class_=f"f-{kind}", x=f"{at * step:.1f}", y=f"{top:.1f}",
                       width=f"{max(1.0, step - 1.5):.1f}", height=f"{height:.1f}")
                )  # fmt: skip
        told = ", ".join(f"{words(name)} {day.counts[name]:,}" for name in kinds if day.counts.get(name))
        bars.append(el("g", el("title", f"{day.day}: {told or '0'}"), *parts))
    chart = el(
        "svg", *bars, class_="days", viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none", role="img",
        aria_label=f"{title}: {counted[0].day} - {counted[-1].day}",
    )  # fmt: skip
    legend = el(
        "ul",
        *(
            el("li", el("span", class_=f"dot b-{kind}", aria_hidden="true"), words(name))
            for name, kind in kinds.items()
        ),
        class_="legend",
    )
    axis = el("p", el("span", counted[0].day), el("span", f"{words('most on one day')}: {most:,}"),
              el("span", counted[-1].day), class_="axis")  # fmt: skip
    rows = [
        [day.day, *(f"{day.counts.get(name, 0):,}" for name in kinds)]
        for day in counted
        if any(day.counts.values())
    ]
    numbers = el(
        "details",
        el("summary", words("Numbers")),
        table([words("Day"), *map(words, kinds)], rows, f"{words('Numbers')}: {title}"),
    )
    return el("div", legend, chart, axis, numbers, class_="chart")


def ranking(found: Ranking, title: str, words: Words) -> Html:
    """The first names with bars."""
    heading = el("h3", title)
    if not found.total:
        return el("div", heading, el("p", words("None."), class_="quiet"), class_="card")
    most = max(count.count for count in found.top)
    rows = [
        el("li", el("span", words(one.name) or "-", class_="name"), el("b", f"{one.count:,}"),
           el("span", el("span", class_=f"fill w{max(1, round(20 * one.count / most))}"), class_="track"))
        for one in found.top
    ]  # fmt: skip
    if found.others:
        rows.append(el("li", el("span", words("others"), class_="name quiet"), el("b", f"{found.others:,}")))
    inexact = (
        []
        if found.exact
        else [el("p", words("At least so many: there were too many names."), class_="quiet")]
    )
    return el("div", heading, el("ol", *rows, class_="ranking"), *inexact, class_="card")


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], title: str) -> Html:
    """A table that scrolls by itself on a phone."""
    head = el("thead", el("tr", *(el("th", heading, scope="col") for heading in headings)))
    body = el("tbody", *(el("tr", *(el("td", cell) for cell in row)) for row in rows))
    return el("div", el("table", head, body), class_="scroll", tabindex="0", role="region", aria_label=title)
