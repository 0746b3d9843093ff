"""`make demo`: the gate on both trees of the reference platform, by the real command, and its record verified."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import yaml
from rich.console import Console

HERE = Path(__file__).parent
OUT = HERE.parent / "out" / "demo"
LEDGER = OUT / "ledger.db"
GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"
console = Console(highlight=False)


def guarita(*words: str | Path) -> int:
    """Run the command as a person would, and show it."""
    shown = [str(word).replace(f"{HERE.parent}/", "") for word in words]
    console.rule(f"[bold]guarita {' '.join(shown)}", align="left")
    return subprocess.run([GUARITA, *words], check=False).returncode


def scan(tree: str) -> tuple[int, dict]:
    """The gate on one tree: its exit status and its report."""
    reports = {kind: OUT / f"{tree}.{kind}" for kind in ("json", "html")}
    outputs = [word for kind, file in reports.items() for word in ("--output", f"{kind}={file}")]
    status = guarita("scan", HERE / "platform" / tree, "--ledger", LEDGER, "--output", "text", *outputs)
    return status, json.loads(reports["json"].read_text())


def unreported(report: dict) -> list[str]:
    """The planted faults that no failing or low finding of their rule reports at their file."""
    faults = yaml.safe_load((HERE / "platform/faults.yaml").read_text())["faults"]
    found = {(d["finding"]["location"]["path"], d["finding"]["rule"]) for d in report["decisions"]}
    return [fault["id"] for fault in faults if (fault["path"], fault["rule"]) not in found]


shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)
good, _ = scan("good")
faulty, report = scan("faulty")
missed = unreported(report)
verified = guarita("audit", "verify", "--ledger", LEDGER)
guarita("audit", "query", "--ledger", LEDGER)

console.rule("[bold]the demo", align="left")
failing = sum(decision["state"] == "failing" for decision in report["decisions"])
checks = (
    (good == 0, f"the good tree passes (exit {good})"),
    (faulty == 1, f"the faulty tree fails (exit {faulty}): {failing} findings fail"),
    (not missed, "every planted fault is reported" if not missed else f"not reported: {', '.join(missed)}"),
    (verified == 0, f"the audit ledger holds both verdicts, and verifies (exit {verified})"),
)
for holds, text in checks:
    console.print(f"[green]✓[/] {text}" if holds else f"[red]✗[/] {text}")
console.print(f"reports for a browser: {OUT.relative_to(HERE.parent)}/good.html and faulty.html")
sys.exit(0 if all(holds for holds, _ in checks) else 1)
