"""The README's pictures, from real runs of the gate: `.venv/bin/python docs/images/make.py`.

Two terminals as SVG, the HTML report and the posture page as PNG by Debian's Chromium. Run it again when the reports change.
"""

import io
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/support"))
GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
COLUMNS = 100
HEAD, TAIL = 30, 20
"""Lines of a long run that are shown at its beginning and at its end."""
LARGEST = 300_000
"""Bytes of the page's picture."""
THEME = TerminalTheme(
    (17, 24, 33),
    (222, 229, 237),
    [
        *((28, 38, 50), (239, 83, 80), (64, 181, 104), (230, 180, 60)),
        *((92, 156, 245), (190, 120, 220), (86, 182, 194), (222, 229, 237)),
    ],
)


def gate(tree: str, *words: str) -> list[str]:
    """The lines of a real run, with their colours."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [GUARITA, "scan", f"examples/platform/{tree}", "--ledger", f"{folder}/ledger.db", *words],
            cwd=ROOT,
            env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "NO_COLOR": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    return done.stdout.decode().rstrip().splitlines()


def terminal(lines: list[str], command: str, target: Path) -> None:
    """Draw the lines as a terminal. No font is fetched: the reader's own monospace one is used."""
    if len(lines) > HEAD + TAIL:
        head = max(number for number in range(HEAD) if not lines[number])
        left = len(lines) - head - TAIL
        lines = [*lines[:head], "", f"\x1b[2m ⋮ {left} lines\x1b[0m", *lines[-TAIL:]]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False, force_terminal=True)
    console.print(Text(f"$ {command}\n", style="bold"))
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    drawn = console.export_svg(title="guarita", theme=THEME, unique_id=target.stem)
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    drawn = drawn.replace("Fira Code, monospace", "ui-monospace, Consolas, 'DejaVu Sans Mono', monospace")
    drawn = re.sub(r"<!--.*?-->", "", drawn, flags=re.DOTALL)
    addresses = set(re.findall(r"https?://[^\s\"<]+", re.sub(r">[^<]*<", "><", drawn)))
    if addresses - {"http://www.w3.org/2000/svg"}:
        sys.exit(f"{target.name} would load {addresses}")
    target.write_text("\n".join(line.rstrip() for line in drawn.splitlines()) + "\n")


def faulty(_: Path, report: Path) -> None:
    """The HTML report of the faulty tree."""
    gate("faulty", "--output", f"html={report}")


def posture(folder: Path, report: Path) -> None:
    """The posture page of the example's month."""
    subprocess.run([sys.executable, ROOT / "examples/posture.py", folder], check=True)
    words = ["report", "--ledger", "ledger.db", "--output", report, "--quiet"]
    subprocess.run([GUARITA, *words], cwd=folder, check=True)


def page(write: Callable[[Path, Path], None], target: Path) -> None:
    """Picture a page."""
    import chromium  # noqa: PLC0415  # stands beside the tests, on a path that is added above

    with tempfile.TemporaryDirectory() as folder, chromium.browser() as browser:
        report = Path(folder) / "report.html"
        write(Path(folder), report)
        opened = browser.new_page(viewport={"width": 1240, "height": 1000}, color_scheme="light")
        opened.goto(report.as_uri())
        opened.screenshot(path=target)
    if target.stat().st_size > LARGEST:
        sys.exit(f"{target.name} is too large: {target.stat().st_size} bytes")


if __name__ == "__main__":
    for tree, name in (("faulty", "failing"), ("good", "passing")):
        terminal(gate(tree), f"guarita scan examples/platform/{tree}", HERE / f"gate-{name}.svg")
    page(faulty, HERE / "report.png")
    page(posture, HERE / "posture.png")
