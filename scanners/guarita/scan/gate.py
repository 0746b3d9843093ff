"""The gate from end to end: tree, policy, scanners, judgement, verdict."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import time
import uuid
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from guarita import config
from guarita.config import LedgerSection, ScanSection
from guarita.errors import UsageError
from guarita.policy.frameworks import FrameworkCoverage, covered, load_framework, load_reach
from guarita.policy.gate.coverage import Coverage
from guarita.policy.gate.finding import Finding, Severity, with_fingerprints
from guarita.policy.gate.judge import Judge, result
from guarita.policy.gate.verdict import Decision, PolicyOrigin, Verdict
from guarita.scan import baseline as baselines
from guarita.scan.cache import Store, limit
from guarita.scan.census import census
from guarita.scan.digests import digests
from guarita.scan.interface import Options, Scanner
from guarita.scan.runner import Progress, Scanned, run
from guarita.scan.scanners.known import choose
from guarita.scan.tree import EntryKind, Revision, Tree, staging, take_snapshot
from guarita.scan.verify import compared
from guarita.scan.weakening import is_watched, weakened


@dataclass(frozen=True)
class Policy:
    """The policy that judges, and where it came from."""

    section: ScanSection
    origin: PolicyOrigin
    source: str
    baseline: frozenset[str] = frozenset()
    """The fingerprints of the baseline that it names."""
    ledger: LedgerSection = field(default_factory=LedgerSection)
    """What it says of the ledger."""


@dataclass(frozen=True)
class Request:
    """What the caller of the gate asks for."""

    tree: Tree
    policy: Policy
    base: Revision | None = None
    baseline: frozenset[str] = frozenset()
    scanners: Sequence[str] = ()
    fail_on: Severity | None = None
    jobs: int = 2
    cache: Path | None = None
    """Where results are kept between runs; None means nowhere."""
    verify_cache: bool = False
    """Whether to judge without the cache too, and to compare."""
    advisories: tuple[Path, ...] = ()
    """Files with known vulnerabilities."""
    warm: bool = False
    """Whether to ask engines that go on after the run, and to start them."""
    moment: dt.datetime | None = None
    """The time (UTC) to judge by, where that is not now: an old verdict is run again as it was."""
    frameworks: tuple[str, ...] = ()
    """Frameworks whose controls to show, beside those that the policy names."""
    progress: Progress = lambda *_: None


def find_policy(tree: Tree, *, file: Path | None, base: Revision | None) -> Policy:
    """The policy: from `--policy`, else from the base revision, else from the tree, else the built-in one.

    With a base revision the tree's own policy is never read: a change does not choose its judge.
    Raises UsageError when the policy that applies, or the baseline that it names, is wrong.
    """
    if file is not None:
        return _policy(config.load(file), PolicyOrigin.FILE, str(file), lambda name: _beside(file, name))
    origin, source, place = (
        (PolicyOrigin.TREE, config.FILE_NAME, tree)
        if base is None
        else (PolicyOrigin.BASE, f"{base.name}:{config.FILE_NAME}", base)
    )
    text = place.read(config.FILE_NAME)
    if text is None:
        return Policy(ScanSection(), PolicyOrigin.DEFAULT if base is None else origin, "built-in")
    return _policy(config.parse(text, source), origin, source, place.read)


def _policy(
    found: config.Config, origin: PolicyOrigin, source: str, read: Callable[[str], bytes | None]
) -> Policy:
    name, known = found.scan.baseline, frozenset[str]()
    if name is not None:
        text = read(name)
        if text is None:
            raise UsageError(
                "baseline.unreadable",
                f"{source}: scan.baseline: {name} does not exist there",
                hint="`guarita scan --write-baseline FILE` writes one",
            )
        known = baselines.parse(text, f"{source}: scan.baseline: {name}")
    return Policy(found.scan, origin, source, known, found.ledger)


def _beside(file: Path, name: str) -> bytes | None:
    try:
        return (file.parent / name).read_bytes()
    except OSError:
        return None


def judge(request: Request) -> Verdict:
    """Scan the tree, and with a base that too, and judge.

    Raises GuaritaError when the tree cannot be read or staged, UsageError when the call is wrong.
    """
    started, clock = request.moment or dt.datetime.now(dt.UTC), time.monotonic()
    section = request.policy.section
    options = Options(
        advisories=request.advisories,
        advisories_max_age=section.advisories_max_age,
        packs=tuple(section.packs),
        cache=request.cache,
        now=lambda: request.moment or dt.datetime.now(dt.UTC),
    )
    known = request.baseline or request.policy.baseline
    chosen = choose(list(request.scanners) or section.scanners, options)
    judging = Judge(section, started.date(), baseline=known, fail_on=request.fail_on)
    with _store(request.cache) as store:
        if request.base is not None:
            before = _scan(request, request.base, judging, chosen, store).scanned
            judging.existing = frozenset(finding.fingerprint for finding in before.findings)
        seen = _scan(request, request.tree, judging, chosen, store)
    scanned = seen.scanned
    if request.verify_cache:
        scanned = compared(scanned, _scan(request, request.tree, judging, chosen, None).scanned)
    decisions = judging.decide([*scanned.findings, *_weakened(request)])
    coverage = Coverage(files=scanned.files)
    return Verdict(
        result=result(decisions, coverage, scanned.problems),
        scan_id=str(uuid.uuid4()),
        started=started,
        seconds=round(time.monotonic() - clock, 3),
        root=request.tree.name,
        revision=request.tree.revision,
        base=request.base.revision if request.base else "",
        fail_on=request.fail_on or Severity(section.fail_on),
        fail_on_given=request.fail_on is not None,
        policy_origin=request.policy.origin,
        policy_source=request.policy.source,
        digests=digests(
            tree=seen.digest,
            policy=section,
            runs=scanned.runs,
            decisions=decisions,
            baseline=known,
            advisories=request.advisories,
        ),
        decisions=decisions,
        coverage=coverage,
        problems=scanned.problems,
        scanners=scanned.runs,
        frameworks=_frameworks(request, seen.things, scanned, decisions),
        notes=(*judging.notes(), *_left_out(request, section)),
    )


def _weakened(request: Request) -> list[Finding]:
    """What the tree does to its own judge, where there is a base to compare with."""
    if request.base is None:
        return []
    section = request.policy.section
    named = {config.FILE_NAME, *([section.baseline] if section.baseline else [])}
    before, after = _watched(request.base, named), _watched(request.tree, named)
    judge = section if request.policy.origin is PolicyOrigin.BASE else None
    return with_fingerprints(weakened(before, after, judge))


def _watched(tree: Tree, named: Container[str]) -> dict[str, bytes]:
    """The contents of files that may run the gate or test it, whatever the policy leaves out of the scan."""
    found = {}
    for entry in tree.listed():
        if entry.kind is EntryKind.FILE and (entry.path in named or is_watched(entry.path)):
            try:
                with tree.open(entry) as stream:
                    found[entry.path] = stream.read()
            except OSError:
                continue  # the snapshot says that it cannot be read
    return found


def _left_out(request: Request, section: ScanSection) -> list[str]:
    """What a reader may think was looked for, and was not."""
    named = request.scanners or section.scanners
    return (
        [] if named or request.advisories else ["no --advisories: known vulnerabilities were not looked for"]
    )


def _store(folder: Path | None) -> AbstractContextManager[Store | None]:
    return Store(folder, most=limit(os.environ)) if folder is not None else contextlib.nullcontext()


def _scan(
    request: Request, tree: Tree, judging: Judge, chosen: Sequence[Scanner], store: Store | None
) -> _Seen:
    section = request.policy.section
    entries = list(tree.entries())
    with staging(entries) as scratch:
        taken = take_snapshot(
            tree, entries, scratch, max_file_size=section.max_file_size, excluded=judging.excluded
        )
        scanned = run(
            taken,
            chosen,
            scratch=scratch,
            jobs=request.jobs,
            timeout=section.timeout,
            cache=request.cache,
            store=store,
            warm=request.warm,
            progress=request.progress,
        )
        things = (
            census(load_reach(), taken.snapshot.files, scanned.files)
            if _asked(request) and tree is request.tree
            else {}
        )
        return _Seen(taken.snapshot.digest, scanned, things)


@dataclass(frozen=True)
class _Seen:
    """A tree that was scanned."""

    digest: str
    scanned: Scanned
    things: Mapping[str, int]


def _asked(request: Request) -> list[str]:
    return list(dict.fromkeys((*request.policy.section.frameworks, *request.frameworks)))


def _frameworks(
    request: Request, things: Mapping[str, int], scanned: Scanned, decisions: Sequence[Decision]
) -> tuple[FrameworkCoverage, ...]:
    unknown = sum(file.status.unknown for file in scanned.files)
    unseen = f"{unknown} files could not be judged" if unknown else ""
    if scanned.problems:
        unseen = f"{', '.join(sorted({problem.code for problem in scanned.problems}))}: a part was not seen"
    return tuple(
        covered(
            load_framework(name),
            load_reach(),
            things=things,
            findings=[(decision.finding, decision.state.value) for decision in decisions],
            unseen=unseen,
        )
        for name in _asked(request)
    )
