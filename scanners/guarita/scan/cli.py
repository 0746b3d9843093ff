"""`guarita scan`: the command around the gate."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from guarita.audit import Ledger
from guarita.cli import Context, command_options
from guarita.cli.ending import terminable
from guarita.errors import ExitStatus, GuaritaError, UsageError
from guarita.policy.frameworks import NAMES
from guarita.policy.gate.finding import Severity
from guarita.policy.gate.verdict import Result, Verdict
from guarita.scan import baseline as baselines
from guarita.scan import watch as watching
from guarita.scan.cache import cache_folder, chosen_folder
from guarita.scan.cli_replay import ScanCommand
from guarita.scan.gate import Policy, Request, find_policy, judge
from guarita.scan.progress import engines_here, shown
from guarita.scan.record import open_record, recorded
from guarita.scan.reports import FORMATS, reporter
from guarita.scan.tree import Folder, Tree, open_trees

if TYPE_CHECKING:
    from guarita.scan.reports.text import TextReporter

STATUS = {
    Result.PASSED: ExitStatus.PASSED,
    Result.FAILED: ExitStatus.REFUSED,
    Result.UNKNOWN: ExitStatus.UNKNOWN,
}


@click.command(
    cls=ScanCommand, epilog="`guarita scan replay INDEX` runs a verdict of the ledger again; it must agree."
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The policy that judges. [default: guarita.yaml of the base revision, else of the tree]",
)
@click.option(
    "--scanner", "scanners", multiple=True, metavar="NAME", help="Only this scanner. May be given again."
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT[=FILE]",
    help=f"A report: {', '.join(FORMATS)}. [text]",
)
@click.option(
    "--fail-on", type=click.Choice([s.value for s in Severity]), help="Fail on this severity or worse."
)
@click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Findings in it do not fail."
)
@click.option(
    "--write-baseline", type=click.Path(path_type=Path), metavar="FILE", help="Write what fails now to it."
)
@click.option(
    "--diff", metavar="REV", help="Only what the tree adds to this revision fails; its policy judges."
)
@click.option(
    "--framework",
    "frameworks",
    multiple=True,
    type=click.Choice(NAMES),
    help="Show its controls as passed, failed or not checked. May be given again.",
)
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 64), default=None, metavar="N", help="Processes for each scanner."
)
@click.option(
    "--advisories",
    multiple=True,
    envvar="GUARITA_ADVISORIES",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Known vulnerabilities in OSV's format, zip or JSON lines. May be given again.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where results are kept. [default: the user's cache folder]",
)
@click.option("--no-cache", is_flag=True, help="Use nothing that an earlier run left, and leave nothing.")
@click.option("--verify-cache", is_flag=True, help="Scan without the cache too; unknown where they differ.")
@click.option(
    "--warm",
    is_flag=True,
    envvar="GUARITA_WARM",
    help="Ask engines that stay in memory, and leave them there for 15 minutes.",
)
@click.option("--watch", is_flag=True, help="Scan again whenever a file changes, until interrupted.")
@command_options
def scan(  # noqa: PLR0917  # click passes the context by position, the rest by name
    context: Context,
    paths: tuple[Path, ...],
    policy: Path | None,
    scanners: tuple[str, ...],
    outputs: tuple[str, ...],
    fail_on: str | None,
    baseline: Path | None,
    write_baseline: Path | None,
    diff: str | None,
    jobs: int | None,
    *,
    frameworks: tuple[str, ...],
    advisories: tuple[Path, ...],
    cache: Path | None,
    no_cache: bool,
    verify_cache: bool,
    warm: bool,
    watch: bool,
) -> ExitStatus:
    """Scan a tree, judge it by one policy, pass or fail.

    PATH is a folder (default: this one), a bare repository, or files. The tree is read once and never
    executed; with --policy or --diff nothing in it configures its judge.
    """
    engines_here()
    reports = _reports(outputs, context)
    named = policy or context.config
    tree, base = open_trees(paths or (Path(),), diff=diff, policy_named=named is not None)
    known = baselines.load(baseline) if baseline else frozenset[str]()

    def judged(chosen: Policy, ledger: Ledger | None) -> Verdict:
        with context.progress() as bars:
            verdict = judge(
                Request(
                    tree=tree,
                    policy=chosen,
                    base=base,
                    baseline=known,
                    scanners=scanners,
                    fail_on=Severity(fail_on) if fail_on else None,
                    jobs=jobs or os.cpu_count() or 1,
                    cache=folder,
                    advisories=advisories,
                    verify_cache=verify_cache,
                    warm=warm or watch,
                    frameworks=frameworks,
                    progress=shown(bars),
                )
            )
        return recorded(verdict, ledger)

    with terminable(), contextlib.ExitStack() as opened:
        chosen = find_policy(tree, file=named, base=base)
        if any(name == "oscal" for name, _ in reports) and not (frameworks or chosen.section.frameworks):
            raise UsageError(
                "scan.output", "OSCAL results are about the controls of a framework", hint="--framework NAME"
            )
        ledger = None if watch else open_record(context.ledger, chosen.ledger)
        if ledger is not None:
            opened.enter_context(ledger)
            if isinstance(tree, Folder):
                tree.records = ledger.paths()
        folder = None if no_cache else _cache(tree, cache)
        if watch:
            return _watched(
                tree, lambda: judged(find_policy(tree, file=named, base=base), None), reports, context
            )
        verdict = judged(chosen, ledger)
    if write_baseline:
        count = baselines.write(write_baseline, verdict)
        context.note(f"{write_baseline}: {count} findings")
    _write(reports, verdict, context)
    return STATUS[verdict.result]


def _watched(
    tree: Tree, judged: Callable[[], Verdict], reports: Sequence[tuple[str, Path | None]], context: Context
) -> ExitStatus:
    """Show one verdict after another until interrupted; the last one is the answer. Nothing is recorded."""
    if not isinstance(tree, Folder):
        raise UsageError("scan.watch", "only a folder can be watched", hint="name a folder, not a revision")
    last = ExitStatus.UNKNOWN

    def once() -> None:
        nonlocal last
        try:
            verdict = judged()
        except GuaritaError as error:
            last = error.exit_status
            context.note(f"{error.message}{f' ({error.hint})' if error.hint else ''}")
            return
        if sys.stdout.isatty():
            context.out.clear()
        _write(reports, verdict, context)
        last = STATUS[verdict.result]
        context.note("watching: scans again when a file changes, Ctrl-C ends")

    with contextlib.suppress(KeyboardInterrupt):
        watching.watch(once, lambda: watching.state(tree), threading.Event())
    return last


def _cache(tree: Tree, chosen: Path | None) -> Path | None:
    """The cache's folder, which the tree has no file in. Raises UsageError (`cache.folder`, `cache.in-tree`)."""
    folder = chosen_folder(chosen) if chosen is not None else cache_folder()
    if folder is None or not isinstance(tree, Folder) or not folder.is_relative_to(tree.root):
        return folder
    if tree.holds(folder):
        if chosen is None:
            return None
        raise UsageError(
            "cache.in-tree",
            f"--cache {chosen}: the scanned tree has files there, and what it brings along is not believed",
            hint="name a folder outside the tree, or one that git does not track",
        )
    tree.records = (*tree.records, folder)
    return folder


def _reports(outputs: Sequence[str], context: Context) -> list[tuple[str, Path | None]]:
    """The reports asked for, refused before the scan and not after it."""
    chosen: list[tuple[str, Path | None]] = []
    for output in outputs or (("json",) if context.json else ("text",)):
        name, _, file = output.partition("=")
        reporter(name)
        target = Path(file) if file else None
        if target is not None and not target.absolute().parent.is_dir():
            raise UsageError(
                "scan.output", f"{target.parent}: no such folder", hint="make it, or name another file"
            )
        chosen.append((name, target))
    if sum(1 for _, target in chosen if target is None) > 1:
        raise UsageError(
            "scan.output", "only one report can go to standard output", hint="--output FORMAT=FILE"
        )
    return chosen


def _write(reports: Sequence[tuple[str, Path | None]], verdict: Verdict, context: Context) -> None:
    for name, target in reports:
        chosen = reporter(name)
        if target is not None:
            try:
                target.write_bytes(chosen.render(verdict))
            except OSError as error:
                raise GuaritaError("scan.output", f"{target}: {error.strerror}") from error
        elif name == "text":
            cast("TextReporter", chosen).show(verdict, context.out)
        else:
            sys.stdout.buffer.write(chosen.render(verdict))
