"""docs/severity.md from the table: `python -m guarita.policy.severity.page docs/severity.md` writes it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from guarita.policy.severity import load_table
from guarita.policy.severity.table import Basis, Row, SeverityTable

INTRODUCTION = """\
# Severity

Guarita has one scale for every finding: `info < low < medium < high < critical`. checkov gives no severity
offline and kingfisher gives only a confidence, so the gate has a table of its own. It stands as YAML in
`policies/guarita/policy/severity/`. This page is made from it by
`python -m guarita.policy.severity.page docs/severity.md`, and a test compares the two.

A row is for one rule, or for a family of rules with a wildcard. A rule's own row comes first, then the family
with the longest pattern. A rule that no row knows is medium, or what its scanner says if that is more: what
we do not know is not trusted to be harmless. Your policy may override any level.

## What a level rests on

- **published**: somebody else gave this level, and the row names the text. Where several are named, the level
  is the first one's.
- **tool**: the scanner gives a severity with each finding, and that stands.
- **judgement**: the level is ours, and the row says why.

Published texts disagree, often by two steps. Where a row names several, they stand in this order, and a row
that departs from it says why:

1. For Pods, the Pod Security Standards. They name levels of a policy and not severities, so this one step is
   ours: what the Baseline level forbids is high, what only the Restricted level forbids is medium.
2. For AWS, the severity that AWS Security Hub gives to the same control.
3. The severity that Prisma Cloud's policy reference gives to the check itself. Its publisher keeps checkov.
4. The severity that Trivy gives to the same check, or to the same control of the CIS benchmark, the NSA/CISA
   guidance or the Pod Security Standards.

CodeQL gives numbers. GitHub shows them as low up to 3.9, medium from 4.0, high from 7.0 and critical from 9.0.
"""

RECIPE = """
## Adding a row

Put it into the file of its kind:

```yaml
  - rule: CKV_K8S_16            # or `family: CKV_K8S_*`
    severity: high              # or `tool`
    confidence: {low: medium}   # optional: other levels where the scanner is less sure
    title: Container runs privileged
    fix: Remove `securityContext.privileged` or set it to false.
    basis: published            # published, tool or judgement
    source:                     # a key of sources.yaml, and what that text says; the first decides
      pss: Baseline, Privileged Containers
    why: One sentence.          # for a judgement, or a departure from the order above
    cwe: [CWE-250]              # optional
```

Name a text only if you have read it there, and write the page again. When a scanner brings new rules, write
`tests/data/severity/rules.tsv` again with the program beside it: a test then names every rule that only an
unknown family would catch.
"""


def render(table: SeverityTable) -> str:
    """The whole page, as Markdown."""
    return "".join([INTRODUCTION, *_counts(table.rows), *_tables(table.rows), RECIPE, *_sources(table.rows)])


def _counts(rows: Sequence[Row]) -> Iterable[str]:
    count = Counter((row.basis, row.is_family) for row in rows)
    yield "\n## How many rows\n\n| Basis | Single rules | Families |\n|---|---|---|\n"
    for basis in Basis:
        yield f"| {basis.value} | {count[basis, False]} | {count[basis, True]} |\n"


def _tables(rows: Sequence[Row]) -> Iterable[str]:
    for heading, mark in (("Single rules", False), ("Families", True)):
        yield f"\n## {heading}\n\n| Rule | Severity | What it finds | Rests on |\n|---|---|---|---|\n"
        for row in sorted((row for row in rows if row.is_family is mark), key=_order):
            yield f"| `{row.pattern}` | {_level(row)} | {_cell(row.title)} | {_cell(_basis(row))} |\n"


def _order(row: Row) -> tuple[str, int, str]:
    series, _, number = row.pattern.rpartition("_")
    return (series, int(number), "") if number.isdecimal() else (row.pattern, 0, "")


def _level(row: Row) -> str:
    level = row.severity.value if row.severity else "tool"
    lower = [f"{value.value} at {key} confidence" for key, value in row.by_confidence.items()]
    return ", ".join([level, *lower])


def _basis(row: Row) -> str:
    cited = "; ".join(f"[{item.source.key}](#{item.source.key}): {item.says}" for item in row.citations)
    return f"{row.basis.value}. {cited}{'. ' if cited and row.why else ''}{row.why}".strip(". ") + "."


def _sources(rows: Sequence[Row]) -> Iterable[str]:
    yield "\n## Sources\n"
    found = {citation.source.key: citation.source for row in rows for citation in row.citations}
    for key, source in sorted(found.items()):
        yield f"\n### {key}\n\n[{source.title}]({source.url}). {source.publisher}. Read: {source.version}.\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main(path: str) -> None:
    """Write the page to `path`."""
    Path(path).write_text(render(load_table()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
