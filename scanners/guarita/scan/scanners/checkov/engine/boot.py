"""A plain script, run by checkov's interpreter with `-I`: makes its own folder a package, and starts it.

The folder is loaded by its path, so nothing else of ours, of the current folder or of the environment can
be imported.
"""

import importlib.util
import sys
from pathlib import Path

NAME = "guarita_engine"


def _boot() -> None:
    folder = Path(__file__).parent
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(NAME)
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{NAME}.main").main()


if __name__ == "__main__":
    _boot()
