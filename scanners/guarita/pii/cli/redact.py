"""`guarita pii redact`: documents without what the policy wants out of them."""

from __future__ import annotations

import os
import secrets
import sys
import threading
from pathlib import Path
from typing import Any

import click

from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, GuaritaError, UsageError
from guarita.pii.cli import reports
from guarita.pii.cli.checking import (
    S3,
    Checked,
    Named,
    bucket,
    check_all,
    jobs_option,
    name_option,
    named,
    opened_gate,
    output_option,
    shown_reference,
    status_of,
    tenant_option,
)
from guarita.pii.documents import Source
from guarita.pii.handling import Decision
from guarita.pii.ingest import IngestGate, Outcome
from guarita.pii.ingest.opened import opened, pieces
from guarita.pii.ingest.target import Target
from guarita.pii.places.files import FileItem
from guarita.pii.places.interface import Item


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option(
    "--to", "place", metavar="PLACE", help="A folder, a file for one document, or s3://BUCKET/PREFIX."
)
@click.option(
    "--in-place", is_flag=True, help="Write over the documents themselves, each at once or not at all."
)
@tenant_option
@name_option
@output_option
@jobs_option
@command_options
def redact(  # noqa: PLR0917  # click passes the context by position, the rest by name
    context: Context,
    /,
    paths: tuple[str, ...],
    place: str | None,
    tenant: str,
    name: str,
    outputs: tuple[str, ...],
    jobs: int | None,
    *,
    in_place: bool,
) -> ExitStatus:
    """Take personal data out of documents, as the policy says, and keep their format.

    What is written was read again and holds nothing that the policy does not allow. A document that needs nothing is
    copied as it is. One that is for a person to look at, or blocked, or cannot be had clean, is not written: exit
    status 1, and 3 when it cannot be read. Names of files lose what is personal in them too, but not `--in-place`.
    Standard input goes to standard output unless `--to` names a place.
    """
    targets = reports.chosen(outputs, context)
    found = named(paths, context, stdin_name=name)
    writer = _writer(found, place, context, in_place=in_place)

    def check(gate: IngestGate, item: Item, source: Source) -> Outcome:
        outcome = gate.check(
            source, tenant=tenant, source=item.reference, redact=True, redact_to=writer.draft(item)
        )
        writer.finish(item, source, outcome)
        return outcome

    with opened_gate(context, jobs) as gate:
        answers = check_all(gate, found, context, check)
    checked = [
        Checked(
            shown_reference(item, answer),
            None if isinstance(answer, GuaritaError) else answer,
            answer if isinstance(answer, GuaritaError) else None,
            writer.written.get(item.reference, ""),
        )
        for item, answer in answers
    ]
    # What was redacted has been dealt with.
    status = status_of(checked, Decision.REVIEW)
    reports.write(targets, checked, found.passed_over, status, context, aside=isinstance(writer, _ToStdout))
    return status


class _Writer:
    """Where redacted documents go."""

    def __init__(self) -> None:
        self.written: dict[str, str] = {}
        """Where each document is now, by where it was."""

    def draft(self, item: Item) -> Path | None:  # noqa: ARG002  # most keep it in memory or a folder of their own
        """Where the gate writes the redacted document first; None for memory."""
        return None

    def finish(self, item: Item, source: Source, outcome: Outcome) -> None:
        """Give the document its place, or copy it where it needs nothing."""
        raise NotImplementedError


class _InPlace(_Writer):
    def draft(self, item: Item) -> Path | None:
        return item.path if isinstance(item, FileItem) else None

    def finish(self, item: Item, source: Source, outcome: Outcome) -> None:  # noqa: ARG002  # it is there already
        if outcome.redacted is not None:
            self.written[item.reference] = outcome.source


class _ToStdout(_Writer):
    def finish(self, item: Item, source: Source, outcome: Outcome) -> None:
        if outcome.redacted is not None:
            sys.stdout.buffer.write(outcome.redacted.data or b"")
        elif outcome.decision is Decision.ALLOW:
            with opened(source) as descriptor:
                for piece in pieces(descriptor):
                    sys.stdout.buffer.write(piece)
        else:
            return
        sys.stdout.buffer.flush()
        self.written[item.reference] = "standard output"


class _ToFolder(_Writer):
    def __init__(self, folder: Path, inputs: set[Path], *, file: str | None = None) -> None:
        super().__init__()
        self._folder = folder
        self._inputs = inputs
        self._file = file
        self._taken: set[Path] = set()
        self._lock = threading.Lock()

    def draft(self, item: Item) -> Path | None:  # noqa: ARG002  # its name is known when it has been read
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f".{secrets.token_hex(8)}.redacted"

    def finish(self, item: Item, source: Source, outcome: Outcome) -> None:
        if outcome.redacted is None and outcome.decision is not Decision.ALLOW:
            return
        draft = outcome.redacted.path if outcome.redacted is not None else None
        try:
            target = self._target(item, outcome)
        except BaseException:
            if draft is not None:
                draft.unlink()
            raise
        if draft is not None:
            draft.replace(target)
        else:
            with opened(source) as descriptor, Target(target) as copy:
                for piece in pieces(descriptor):
                    copy.append(piece)
                copy.finished()
        self.written[item.reference] = str(target)

    def _target(self, item: Item, outcome: Outcome) -> Path:
        folder = self._folder
        if isinstance(item, FileItem) and item.root is not None:
            folder = folder / item.path.parent.relative_to(item.root)
            folder.mkdir(parents=True, exist_ok=True)
        target = folder / (self._file or outcome.name or "document")
        with self._lock:
            number, first = 2, target
            while target in self._taken:
                target = first.with_name(f"{first.stem} {number}{first.suffix}")
                number += 1
            self._taken.add(target)
        if target.resolve() in self._inputs:
            raise UsageError(
                "pii.to",
                f"{target}: that is one of the documents",
                hint="name another folder, or say --in-place",
            )
        return target


class _ToBucket(_Writer):
    def __init__(self, place: Any) -> None:
        super().__init__()
        self._bucket = place
        self._taken: set[str] = set()
        self._lock = threading.Lock()

    def finish(self, item: Item, source: Source, outcome: Outcome) -> None:
        if outcome.redacted is not None:
            found = Source(outcome.name, data=outcome.redacted.data or b"")
        elif outcome.decision is Decision.ALLOW:
            found = source
        else:
            return
        key = self._bucket.prefix + (
            "" if self._bucket.prefix.endswith("/") or not self._bucket.prefix else "/"
        )
        key += outcome.name or "document"
        with self._lock:
            number, first = 2, key
            while key in self._taken:
                stem, dot, ending = first.rpartition(".")
                key = f"{stem or first} {number}{dot}{ending if dot else ''}"
                number += 1
            self._taken.add(key)
        with opened(found) as descriptor:
            self.written[item.reference] = self._bucket.write(key, descriptor)


def _writer(found: Named, place: str | None, context: Context, *, in_place: bool) -> _Writer:
    files = [item for item in found.items if isinstance(item, FileItem)]
    if in_place:
        if place is not None or len(files) < len(found.items):
            raise UsageError("pii.to", "--in-place is for files, and goes without --to")
        links = [item.reference for item in files if item.path.is_symlink()]
        if links:
            raise UsageError("pii.to", f"{links[0]}: a link is not written over", hint="name the file itself")
        return _InPlace()
    if place is None:
        if len(found.items) == 1 and not files:
            return _ToStdout()
        raise UsageError("pii.to", "where do the redacted documents go?", hint="--to PLACE, or --in-place")
    if place.startswith(S3):
        return _ToBucket(bucket(place, context))
    target = Path(place)
    inputs = {item.path.resolve() for item in files}
    if target.is_dir() or place.endswith(os.sep) or len(found.items) != 1 or any(item.root for item in files):
        if target.exists() and not target.is_dir():
            raise UsageError("pii.to", f"{target}: no folder, and there may be several documents")
        return _ToFolder(target, inputs)
    return _ToFolder(target.parent, inputs, file=target.name)
