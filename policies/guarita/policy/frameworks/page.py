"""docs/frameworks.md from the table: `python -m guarita.policy.frameworks.page docs/frameworks.md` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from guarita.policy.frameworks import NAMES, Control, Framework, Reach, load_framework, load_reach

INTRODUCTION = """\
# Frameworks

```
guarita scan . --framework lgpd --framework cis-kubernetes
guarita scan . --framework pci-dss --output html=report.html
```

shows, for each control of a framework, what the scan says of it: *passed*, *failed* or *not checked*. `scan.frameworks`
in `guarita.yaml` asks for the same in every scan. It changes nothing of the gate's answer.

**Passing is no certification.** A control that passed has no fault that its checks look for, in the files that were
read. Most controls ask for more than files can show: people, processes, contracts, a running system. An auditor decides
whether a control is met, and may use this as evidence of a part. What is not checked is open, neither good nor bad.

| | When |
|---|---|
| `passed` | a mapped check ran over something that it applies to, and nothing that it finds stands in the tree |
| `failed` | a finding of a mapped check stands. Its state in the gate is shown beside it: waived, below the threshold, in the baseline; what the policy excuses is a fault of the control all the same |
| `not checked` | no check is mapped; or none met anything that it applies to; or a part of the tree could not be judged, where the fault may stand |

*Ran* rests on the proof of scan. A check counts as run over a file when its scanner read the file to the end and the file
holds what the check applies to: a check of Pods has not run over a ConfigMap. What each check applies to stands in
`policies/guarita/policy/frameworks/reach.yaml`. Files that the policy leaves out are not looked at, and count for
nothing.

The verdict in the ledger counts controls by status (`unmapped.guarita.frameworks`).

## What a row rests on

The controls and the rows stand as YAML in `policies/guarita/policy/frameworks/`, one file for each framework. This page is
made from them by `python -m guarita.policy.frameworks.page docs/frameworks.md`, and a test compares the two. A control's
text was read in the source that it names.

- **published**: somebody else mapped this check, or one that asks the same, to the control, and the row names who.
- **judged**: we mapped it by the control's text, and the row says why.

Published mappings are taken over only where the control's text asks for what the check finds.

## How many

| Framework | Name | Controls | With checks | Rows published | Rows judged |
|---|---|---|---|---|---|
"""

RECIPE = """
## Adding a row

Put the check under its control, into `published` with who says so or into `judged` with why, and into `reach.yaml` what it
applies to. Add a control only with a source where you have read its text. Write the page again; tests name every check
that does not exist and every one without a reach.
"""


def render() -> str:
    """The whole page, as Markdown."""
    frameworks = [load_framework(name) for name in NAMES]
    return "".join([INTRODUCTION, *map(_counted, frameworks), RECIPE, *_frameworks(frameworks)])


def _counted(one: Framework) -> str:
    checked = sum(bool(control.checks) for control in one.controls)
    published = sum(len(control.published) for control in one.controls)
    judged = sum(len(control.judged) for control in one.controls)
    return (
        f"| [{one.title}](#{one.name}), {one.edition} | `{one.name}` | {len(one.controls)} | {checked} "
        f"| {published} | {judged} |\n"
    )


def _frameworks(frameworks: Iterable[Framework]) -> Iterable[str]:
    reach = load_reach()
    for one in frameworks:
        yield f"\n## {one.name}\n\n{one.title}, {one.edition}. {one.publisher}.\n"
        yield "\nAll its controls stand here.\n" if one.whole else f"\nNot here: {_lower(one.left_out)}.\n"
        yield "\n| Control | Title | Source | Checks |\n|---|---|---|---|\n"
        for control in one.controls:
            checks = "; ".join(_checks(control, reach)) or "none"
            yield f"| {control.id} | {_cell(control.title)} | {control.source} | {checks} |\n"
        yield "\nSources:\n\n"
        for key, source in one.sources.items():
            yield f"- {key}: [{source.title}]({source.url}), {source.version}\n"


def _checks(control: Control, reach: Reach) -> Iterable[str]:
    """Checks that rest on the same words stand together."""
    for mark, rows in (("published", control.published), ("judged", control.judged)):
        together: dict[str, list[str]] = {}
        for rule, says in rows.items():
            together.setdefault(says, []).append(rule if reach.of(rule) else f"{rule} (fails only)")
        for says, rules in together.items():
            yield f"{', '.join(f'`{rule}`' for rule in rules)} ({mark}: {_cell(says)})"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main(path: str) -> None:
    """Write the page to `path`."""
    Path(path).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
