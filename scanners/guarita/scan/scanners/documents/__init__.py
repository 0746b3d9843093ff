"""The `documents` scanner: personal data in documents, by `guarita.pii`."""
