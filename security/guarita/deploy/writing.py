"""Files of the package, written where a person wants them and nothing stands."""

from __future__ import annotations

import shutil
from pathlib import Path

from guarita.cli import Context
from guarita.errors import ExitStatus, GuaritaError, UsageError


def written_out(source: Path, folder: Path, *, force: bool = False) -> list[str]:
    """Copy the files below `source` into `folder`; gives their names, sorted.

    Raises UsageError `deploy.not-empty` unless `force`, GuaritaError `file.unwritable`.
    """
    if folder.exists() and any(folder.iterdir()) and not force:
        raise UsageError(
            "deploy.not-empty",
            f"{folder}: is not empty",
            hint="name a new folder, or --force writes over it",
        )
    names = sorted(str(path.relative_to(source)) for path in source.rglob("*") if path.is_file())
    try:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, folder / name)
    except OSError as error:
        raise GuaritaError("file.unwritable", f"{folder}: {error.strerror or 'cannot be written'}") from error
    return names


def write_and_tell(context: Context, source: Path, folder: Path, *, force: bool, then: str) -> ExitStatus:
    """The body of a command that writes them; `then` is the next thing to call. Raises as `written_out`."""
    written = written_out(source, folder, force=force)
    if context.json:
        context.emit({"written": written})
    else:
        context.note(f"wrote {len(written)} files to {folder}")
        context.note(f"  next: {then}")
    return ExitStatus.PASSED
