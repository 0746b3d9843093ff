"""A plain script, run by checkov's interpreter with `-I`: makes its own folder a package, and starts it.

The folder is loaded by its path, so nothing else of ours, of the current folder or of the environment can
be imported. With `--serve SOCKET SECONDS` it goes on as the server that forks for each run.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

NAME = "guarita_engine"


def _boot() -> None:
    folder = Path(__file__).parent
    _by_path(NAME, folder / "__init__.py", submodule_search_locations=[str(folder)])
    if sys.argv[1:2] == ["--serve"]:
        server = _by_path("guarita_forkserver", folder.parents[2] / "warm" / "forkserver.py")
        server.serve(sys.argv[2:4], lambda: importlib.import_module(f"{NAME}.main").loaded())
    else:
        importlib.import_module(f"{NAME}.main").main()


def _by_path(name: str, path: Path, **options: Any) -> Any:
    spec = importlib.util.spec_from_file_location(name, path, **options)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    _boot()
