"""Who is named in which document: for requests by LGPD art. 18 and GDPR art. 15, without stored personal data."""

from guarita.pii.subjects.index import Match, SubjectIndex

__all__ = ["Match", "SubjectIndex"]
