"""What scanning and redacting have in common: the documents that are named, checked side by side, with progress."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from guarita.cli import Context
from guarita.cli.ending import terminable
from guarita.errors import ExitStatus, GuaritaError, MissingExtraError, UsageError
from guarita.pii.documents import DocumentError, Source
from guarita.pii.handling import Decision
from guarita.pii.ingest import IngestGate, Outcome
from guarita.pii.ingest.build import parts_of, settings
from guarita.pii.ingest.check import Index
from guarita.pii.places.files import StreamItem, found_in
from guarita.pii.places.interface import Item, PlaceError

S3 = "s3://"
Check = Callable[[IngestGate, Item, Source], Outcome]


@dataclass(frozen=True)
class Checked:
    """What became of one document."""

    reference: str
    """Where it is, without what is personal in it."""
    outcome: Outcome | None
    error: GuaritaError | None = None
    written: str = ""
    """Where the redacted document is."""

    @property
    def unknown(self) -> bool:
        """Whether nobody knows what stands in it."""
        return self.outcome is None or self.outcome.unknown

    def refused(self, fail_on: Decision) -> bool:
        """Whether the policy says no: the decision is `fail_on` or stricter."""
        return self.outcome is not None and self.outcome.decision.strictness >= fail_on.strictness


@dataclass(frozen=True)
class Named:
    """The documents that a call names."""

    items: Sequence[Item]
    passed_over: int


def named(paths: Sequence[str], context: Context, *, stdin_name: str) -> Named:
    """The documents of PATHs. Raises UsageError for what is not there, PlaceError where it cannot be asked."""
    if not paths:
        raise UsageError("pii.paths", "name files, folders, s3://BUCKET/PREFIX, or `-` for standard input")
    items: list[Item] = []
    passed_over = 0
    for path in paths:
        if path == "-":
            items.append(StreamItem(sys.stdin.buffer, stdin_name))
        elif path.startswith(S3):
            items += bucket(path, context).items()
        else:
            found = found_in([Path(path)])
            items += found.items
            passed_over += found.passed_over
    return Named(items, passed_over)


def bucket(reference: str, context: Context):  # type: ignore[no-untyped-def]  # noqa: ANN201  # its library is an extra
    """A place in S3. Raises MissingExtraError, UsageError."""
    try:
        from guarita.pii.places.s3 import Bucket  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("pii-s3", error.name or "obstore") from error
    return Bucket.of(reference, settings(context.config)[0].s3)


@contextlib.contextmanager
def opened_gate(context: Context, jobs: int | None, *, index: Index | None = None) -> Iterator[IngestGate]:
    """The gate of the project's guarita.yaml; with `index` documents are put into that one."""
    section, options = parts_of(context.config, ledger=context.ledger)
    if index is not None:
        options["index"] = index
    if jobs is not None:
        reading = msgspec.structs.replace(section.reading, workers=jobs)
        section = msgspec.structs.replace(section, reading=reading)
    with terminable(), IngestGate(section, **options) as gate:
        yield gate


def check_all(
    gate: IngestGate, found: Named, context: Context, check: Check
) -> list[tuple[Item, Outcome | GuaritaError]]:
    """Check every document, as many at a time as there are workers; in the order they were named.

    What cannot be fetched is answered by its error. A ledger that takes no event, or a worker that cannot start,
    ends it all.
    """
    limit = gate.section.reading.document_mib << 20

    def one(item: Item) -> Outcome | GuaritaError:
        try:
            with item.opened(limit) as source:
                return check(gate, item, source)
        except (PlaceError, DocumentError) as error:
            return error

    answers: list[tuple[Item, Outcome | GuaritaError]] = []
    with context.progress() as bars, ThreadPoolExecutor(gate.section.reading.workers) as pool:
        task = bars.add_task("documents", total=len(found.items))
        futures = [pool.submit(one, item) for item in found.items]
        try:
            for item, future in zip(found.items, futures, strict=True):
                answers.append((item, future.result()))
                bars.advance(task)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            gate.stop()
            raise
    return answers


def shown_reference(item: Item, outcome: Outcome | GuaritaError) -> str:
    """Where a document is, without what is personal in that."""
    if isinstance(outcome, Outcome):
        return outcome.source or item.reference
    return item.reference


def status_of(checked: Sequence[Checked], fail_on: Decision) -> ExitStatus:
    """3 when something is unknown, else 1 when the policy says no, else 0."""
    if any(one.unknown for one in checked):
        return ExitStatus.UNKNOWN
    return ExitStatus.REFUSED if any(one.refused(fail_on) for one in checked) else ExitStatus.PASSED


fail_on_option = click.option(
    "--fail-on",
    type=click.Choice(["redact", "review", "block"]),
    default="redact",
    show_default=True,
    help="Exit with 1 for a document with this decision or a stricter one.",
)
tenant_option = click.option("--tenant", default="", metavar="NAME", help="Whose documents they are.")
name_option = click.option(
    "--name", default="stdin.txt", metavar="NAME", help="What standard input is called; the ending is a hint."
)
jobs_option = click.option(
    "--jobs", "-j", type=click.IntRange(1, 64), metavar="N", help="Documents at a time. [pii.reading.workers]"
)
output_option = click.option(
    "--output", "outputs", multiple=True, metavar="FORMAT[=FILE]", help="A report: text, json. [text]"
)
