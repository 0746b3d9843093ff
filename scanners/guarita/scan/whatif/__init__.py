"""Verdicts that are stored, judged by another policy or on another day, without scanning anything."""

from guarita.scan.whatif.answer import Answer, Change, by_date, by_policy
from guarita.scan.whatif.report import StoredReport, read_report

__all__ = ["Answer", "Change", "StoredReport", "by_date", "by_policy", "read_report"]
