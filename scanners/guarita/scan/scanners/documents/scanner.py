"""The `documents` scanner: personal data, found in worker processes that a hostile document cannot leave."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from typing import ClassVar

from guarita.pii.documents.claims import is_document
from guarita.scan.canary import Canary
from guarita.scan.installed import version
from guarita.scan.interface import ScanJob, Scanner, ScannerError, ScanResult, TreeFile
from guarita.scan.scanners.perfile import PerFile

CANARY = Canary("canary.md", "@NONCE@\n\nCPF 529.982.247-25\n", frozenset({"PII_CPF"}))
"""A number that stands in many a form as the example."""


class DocumentsScanner(Scanner):
    """Documents of every format that `guarita.pii.documents` reads. No finding holds what was found."""

    name: ClassVar[str] = "documents"
    summary: ClassVar[str] = "personal data in documents, Brazilian and European"

    def claims(self, file: TreeFile) -> bool:
        return is_document(file.name, file.head)

    def version(self) -> str:
        try:
            return f"guarita.pii {version('guarita')} on presidio-analyzer {version('presidio-analyzer')}"
        except PackageNotFoundError as error:
            raise ScannerError(
                "scanner.missing",
                f"documents: {error.name} is not installed",
                hint="pip install 'guarita[scan]'",
            ) from error

    def scan(self, job: ScanJob) -> ScanResult:
        tool = self.version()
        ends = PerFile(job, lambda file: (_ending(file),), CANARY, self.name)
        left = ends.unknown()
        if left:
            # Who has nothing to read does not wait for the engine to be imported.
            from guarita.scan.scanners.documents.reading import read_all  # noqa: PLC0415

            read_all(job, left, ends)
        return ends.result(tool)


def _ending(file: TreeFile) -> str:
    return file.suffix.encode("utf-8", "replace").decode("utf-8")
