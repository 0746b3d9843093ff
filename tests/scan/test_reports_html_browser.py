"""The HTML report in a real browser: it asks for nothing, runs nothing but itself, and can be used."""

import re

import chromium
import pytest
import verdicts
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from guarita.policy.gate.verdict import State
from guarita.scan.reports import reporter

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
INJECTIONS = [
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "</style><script>window.pwned=1</script>",
    "</details></div><img src=x onerror=window.pwned=1>",
    '"><svg onload=window.pwned=1>',
    "' autofocus onfocus=window.pwned=1 x='",
    "javascript:window.pwned=1",
    "{{ 7 * 7 }}{% raw %}",
    "<!--",
    "]]><x/>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "\u202e<b>",
]


@pytest.fixture(scope="module")
def browser():
    with chromium.browser() as running:
        yield running


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a verdict's page, offline."""
    contexts = []

    def opened(verdict, *, change=lambda raw: raw, fragment="", **options):
        file = tmp_path / "report.html"
        file.write_bytes(change(reporter("html").render(verdict)))
        context = browser.new_context(**{"viewport": DESKTOP, "offline": True, **options})
        contexts.append(context)
        watched = chromium.Watched(context.new_page())
        watched.page.goto(f"{file.as_uri()}{fragment}")
        return watched

    yield opened
    for context in contexts:
        context.close()


def injected():
    """A verdict that tries to run script through each text that a tree or a tool can choose."""
    found = [
        verdicts.decision(
            verdicts.finding(
                path=f"{number}/{word}",
                line=number,
                label=word,
                rule=word,
                title=word,
                message=word,
                fix=f"`{word}`",
                help_url=word if number % 2 else f"https://x/{word}",
                resource=word,
                severity_basis=word,
                snippet=((number, word),),
                cwe=(word,),
                also=(word,),
                anchor=str(number),
            ),
            reason=word,
        )
        for number, word in enumerate(INJECTIONS, 1)
    ]
    word = "".join(INJECTIONS)
    return verdicts.verdict(
        found, root=word, revision=word, base=word, policy_source=word, notes=(word,), digests={word: word}
    )


def visible(page):
    return page.locator("details.finding:visible")


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "build", [verdicts.mixed, verdicts.unknown, verdicts.verdict, verdicts.assessed, injected]
)
def test_it_asks_for_nothing_complains_of_nothing_and_fits(visit, build, scheme, viewport):
    watched = visit(build(), viewport=viewport, color_scheme=scheme)
    page = watched.page
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    assert [url for url in watched.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in watched.requests if url.startswith("file:")]) == 1
    assert watched.complaints == []
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", back)[:3])) > 384) is (scheme == "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("build", [verdicts.mixed, verdicts.unknown, verdicts.verdict, verdicts.assessed])
def test_axe_finds_nothing_in_the_way_of_anyone(visit, build, scheme):
    # The page's own policy would forbid the rules' script too.
    page = visit(build(), color_scheme=scheme, bypass_csp=True).page
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == []


def test_no_text_of_the_tree_runs(visit):
    watched = visit(injected())
    page = watched.page
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert page.evaluate("window.pwned") is None
    assert page.locator("script").count() == 1
    assert page.locator("iframe, base, img, object, embed").count() == 0
    assert page.evaluate(
        "[...document.querySelectorAll('*')].every(e => e.getAttributeNames().every(n => !n.startsWith('on')))"
    )
    shown = page.locator("body").inner_text()
    for word in INJECTIONS[:-1]:
        assert word in shown


@pytest.mark.parametrize(
    "piece",
    [
        "<script>window.pwned=1</script>",
        "<img src=x onerror=window.pwned=1>",
        "<svg onload=window.pwned=1></svg>",
        "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
        "<link rel=stylesheet href=https://evil.example/x.css>",
        "<img src=https://evil.example/x.png>",
    ],
)
def test_even_markup_that_got_in_would_run_and_load_nothing(visit, piece):
    watched = visit(
        verdicts.mixed(), change=lambda raw: raw.replace(b"<main", piece.encode() + b"<main"), offline=False
    )
    assert watched.complaint("Content Security Policy")
    assert watched.page.evaluate("window.pwned") is None
    assert {watched.refused[url] for url in watched.requests if "evil" in url} <= {"csp"}


def test_search_severity_decision_and_scanner_narrow_the_list(visit):
    verdict = verdicts.mixed()
    page = visit(verdict).page
    everything = len(verdict.decisions)
    expect(visible(page)).to_have_count(everything)
    page.get_by_label("Search").fill("aws SECRET")
    expect(visible(page)).to_have_count(1)
    expect(page.get_by_role("status")).to_have_text(f"1 of {everything} findings shown")
    page.get_by_role("button", name="Clear").click()
    expect(visible(page)).to_have_count(everything)
    page.get_by_role("checkbox", name="high").uncheck()
    expect(page.locator("details.finding[data-severity=high]:visible")).to_have_count(0)
    assert {d.get_attribute("data-severity") for d in visible(page).all()} == {"critical", "low"}
    page.get_by_role("checkbox", name="high").check()
    page.get_by_label("Decision").select_option(label="waived")
    expect(visible(page)).to_have_count(1)
    assert visible(page).get_attribute("data-state") == "waived"
    page.get_by_label("Decision").select_option("")
    page.get_by_role("combobox", name="Scanner").select_option("documents")
    expect(visible(page)).to_have_count(1)
    assert visible(page).get_attribute("data-scanner") == "documents"


def test_sorting_by_file_and_back(visit):
    page = visit(verdicts.mixed()).page
    first = page.locator("details.finding").first
    before = [d.get_attribute("id") for d in visible(page).all()]
    page.get_by_label("Sort").select_option("place")
    expect(first).not_to_have_id(before[0])
    by_file = [(d.get_attribute("data-path"), int(d.get_attribute("data-line"))) for d in visible(page).all()]
    assert by_file == sorted(by_file)
    page.get_by_label("Sort").select_option("worst")
    expect(first).to_have_id(before[0])
    assert [d.get_attribute("id") for d in visible(page).all()] == before


def test_it_is_used_by_keyboard_alone(visit):
    page = visit(verdicts.mixed()).page
    page.keyboard.press("/")
    page.keyboard.type("contrato")
    expect(visible(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(visible(page)).to_have_count(len(verdicts.mixed().decisions))
    page.get_by_label("Sort").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    opened = page.locator("details.finding[open]")
    expect(opened).to_have_count(1)
    assert opened.get_attribute("id") == page.locator("details.finding").nth(1).get_attribute("id")
    page.keyboard.press("k")
    page.keyboard.press("Space")
    expect(page.locator("details.finding[open]")).to_have_count(2)


def test_a_rule_in_the_table_searches_for_it(visit):
    page = visit(verdicts.mixed()).page
    page.get_by_role("button", name="PII_CPF").click()
    expect(page.get_by_label("Search")).to_have_value("PII_CPF")
    expect(visible(page)).to_have_count(1)


def test_a_link_to_a_finding_opens_it(visit):
    verdict = verdicts.mixed()
    name = f"f-{verdict.decisions[3].finding.fingerprint}"
    page = visit(verdict, fragment=f"#{name}").page
    expect(page.locator("details.finding[open]")).to_have_id(name)


def test_without_javascript_all_is_there_and_opens(visit):
    verdict = verdicts.mixed()
    page = visit(verdict, java_script_enabled=False).page
    expect(visible(page)).to_have_count(len(verdict.decisions))
    expect(page.locator("#controls")).to_be_hidden()
    fix = visible(page).nth(0).get_by_text("Deactivate the key")
    expect(fix).to_be_hidden()
    visible(page).nth(0).locator("summary").click()
    expect(fix).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_on_paper_every_finding_is_open_and_no_control_is_there(visit, script):
    page = visit(verdicts.mixed(), java_script_enabled=script).page
    body = page.locator("details.finding .body")
    assert not body.nth(2).is_visible()
    page.emulate_media(media="print")
    assert body.count() == len(verdicts.mixed().decisions)
    for number in range(body.count()):
        assert body.nth(number).bounding_box()["height"] > 20
    assert page.locator("#controls").is_hidden()
    assert page.pdf()[:5] == b"%PDF-"


def test_five_thousand_findings_are_searched(visit):
    verdict = verdicts.large()
    watched = visit(verdict, viewport=PHONE)
    page = watched.page
    shown = page.get_by_role("status")
    expect(shown).to_have_text("5,000 of 5,000 findings shown")
    page.get_by_label("Search").fill("Handler7.function_4057")
    expect(shown).to_have_text("1 of 5,000 findings shown")
    page.get_by_label("Search").fill("")
    page.get_by_label("Decision").select_option("waived")
    waived = verdict.by_state()[State.WAIVED.value]
    expect(shown).to_have_text(f"{waived:,} of 5,000 findings shown")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert watched.complaints == []
