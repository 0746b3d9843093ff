"""What an old verdict rested on, found again by its digests: the tree and its base, the policy, the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from guarita import config
from guarita.errors import GuaritaError
from guarita.policy.gate.verdict import PolicyOrigin
from guarita.scan import baseline as baselines
from guarita.scan.digests import advisories_digest, baseline_digest, policy_digest
from guarita.scan.gate import Policy, find_policy
from guarita.scan.replay.past import Past
from guarita.scan.scanners.known import SCANNERS
from guarita.scan.tree import Folder, Revision, Tree, TreeError, open_trees, staging, take_snapshot
from guarita.scan.tree.git import top

DIRTY = "+dirty"


class CannotReplayError(GuaritaError):
    """Something that the verdict rested on is not at hand, so whether it was right is unknown."""


def find_trees(past: Past, paths: Sequence[Path], records: Sequence[Path]) -> tuple[Tree, Revision | None]:
    """The tree with the verdict's digest, and the base that it was compared with.

    Looked for in the commit that the verdict names, then among what stands at `paths` (default: this folder)
    now. `records` are the ledger's files, which are no part of a tree. Raises CannotReplayError
    (`replay.no-tree`, `replay.no-base`), which says what was looked at.
    """
    paths = paths or (Path(),)
    try:
        opened, base = open_trees(
            paths, diff=past.base or None, policy_named=past.policy_origin is PolicyOrigin.FILE
        )
    except TreeError as error:
        raise CannotReplayError(
            "replay.no-base" if past.base else "replay.no-tree", error.message, hint=error.hint
        ) from error
    seen: list[str] = []
    for tree in _candidates(past, opened, paths[0], seen):
        if isinstance(tree, Folder):
            tree.records = tuple(records)
        found = tree_digest(tree)
        if found == past.digests.get("tree"):
            return tree, base
        seen.append(f"{tree.revision or tree.name} has the tree {found[:12]}…")
    raise CannotReplayError(
        "replay.no-tree",
        f"the tree {past.digests.get('tree', '')[:12]}… is not here: {'; '.join(seen) or 'nothing to look at'}",
        hint=_where(past),
    )


def _candidates(past: Past, opened: Tree, path: Path, seen: list[str]) -> Iterator[Tree]:
    commit = past.revision.removesuffix(DIRTY)
    here = opened.root if isinstance(opened, Folder) else path
    if commit and commit == past.revision:
        for root in dict.fromkeys((here, top(here) or here)):
            try:
                yield Revision(root, commit, only=opened.only if root == here else ())
            except TreeError as error:
                seen.append(error.message)
                break
    if isinstance(opened, Folder):
        yield opened


def _where(past: Past) -> str:
    commit = past.revision.removesuffix(DIRTY)
    if past.revision.endswith(DIRTY):
        return f"the tree was {commit[:12]} with changes of its own: bring those back, and name the folder"
    if commit:
        return (
            f"git fetch origin {commit}; name the folders that were scanned; or check it out, and name that"
        )
    return "it stood in no commit: name the folder as it was"


def tree_digest(tree: Tree) -> str:
    """The digest of a tree, without scanning it. Raises TreeError as the tree does."""
    entries = list(tree.entries())
    with staging(()) as scratch:
        taken = take_snapshot(
            tree, entries, scratch, max_file_size=0, excluded=lambda _: ("hashed", "not scanned")
        )
    return taken.snapshot.digest


def find_policy_of(
    digest: str, origin: PolicyOrigin, tree: Tree, base: Revision | None, named: Path | None
) -> Policy:
    """The policy with this digest: the one named, or that of the place where a verdict had it from.

    Raises CannotReplayError (`replay.no-policy`).
    """
    seen = []
    for file in _policies(origin, named):
        try:
            found = find_policy(tree, file=file, base=base if origin is PolicyOrigin.BASE else None)
        except GuaritaError as error:
            seen.append(error.message)
            continue
        if policy_digest(found.section) == digest:
            return Policy(found.section, origin, found.source, found.baseline, found.ledger)
        seen.append(f"{found.source} has {policy_digest(found.section)[:12]}…")
    raise CannotReplayError(
        "replay.no-policy",
        f"the policy {digest[:12]}… is not here: {'; '.join(seen)}",
        hint="name the policy as it was then: --policy FILE",
    )


def _policies(origin: PolicyOrigin, named: Path | None) -> Iterator[Path | None]:
    if named is not None:
        yield named
        return
    if origin is PolicyOrigin.FILE and Path(config.FILE_NAME).is_file():
        yield Path(config.FILE_NAME)
    yield None


def find_baseline(past: Past, policy: Policy, file: Path | None) -> frozenset[str]:
    """The fingerprints that were known then. Raises CannotReplayError (`replay.no-baseline`)."""
    known = baselines.load(file) if file else policy.baseline
    wanted = past.digests.get("baseline")
    if (baseline_digest(known) if known else None) != wanted:
        raise CannotReplayError(
            "replay.no-baseline",
            f"the verdict had the baseline {wanted[:12]}…" if wanted else "the verdict had no baseline",
            hint="name the baseline as it was then: --baseline FILE" if wanted else "leave --baseline out",
        )
    return known


def check_scanners(past: Past) -> None:
    """That the scanners of then still exist. Raises CannotReplayError (`replay.no-scanner`)."""
    if gone := sorted(past.scanners.keys() - SCANNERS):
        raise CannotReplayError(
            "replay.no-scanner",
            f"this Guarita has no scanner called {', '.join(gone)}",
            hint=f"the verdict is of Guarita {past.version}: run it again with that",
        )


def check_advisories(past: Past, files: Sequence[Path]) -> None:
    """That these are the known vulnerabilities of then. Raises CannotReplayError (`replay.no-advisories`)."""
    wanted = past.digests.get("advisories")
    if (advisories_digest(files) if files else None) != wanted:
        raise CannotReplayError(
            "replay.no-advisories",
            f"the verdict had the advisories {wanted[:12]}…" if wanted else "the verdict had no advisories",
            hint="name the files as they were then: --advisories FILE"
            if wanted
            else "leave --advisories out",
        )
