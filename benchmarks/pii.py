"""Detection of personal data against stock Presidio and tarja: what is found, what is not, how fast, in how much memory.

Each engine reads the same texts in one run. Precision, recall, F1 and F2 are those of `pii_parts/scoring.py`.
Of the English set the even templates taught our weights; the odd ones were held out, and have a line of their
own. No template and no name of the Portuguese set was used for anything. Speed is measured in a process for
each engine and kind of document, on one core, without what a cache would remember.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Bench
from pii_parts.engines import ENGINES, Find
from pii_parts.scoring import characters, score
from pii_parts.texts import Marked, clean, english, portuguese

ENGLISH_BAR, PORTUGUESE_BAR = 0.92, 0.93
FALSE_ALARMS_BAR = 1.0
"""In 10 KB of clean documents."""
SPEED_BAR = 5.0
"""Times stock Presidio's, on pages."""
MEMORY_BAR = 400.0
"""MB of a process."""
GROWTH_BAR = 1.6
"""Time of a byte in a document of eight times the length."""


def spans(find: Find, names: dict[str, str], texts: Sequence[Marked]) -> list[tuple[list, list]]:
    """(spans that are there, spans found) of each text; types that the set does not mark are left out."""
    marked = {kind for _, there, _ in texts for _, _, kind in there}
    return [
        (there, [(start, end, names[kind]) for start, end, kind in find(text) if names.get(kind) in marked])
        for text, there, _ in texts
    ]


def quality(bench: Bench, finds: dict[str, Find]) -> None:
    """Both sets by every engine that has something to say about them."""
    sets = (("English", english(), ENGLISH_BAR), ("Portuguese", portuguese(), PORTUGUESE_BAR))
    for language, texts, bar in sets:
        for name, find in finds.items():
            if language == "English" and name == "tarja":
                continue  # it knows Brazilian identifiers alone
            pairs = spans(find, ENGINES[name][1], texts)
            total = score(pairs).total
            bench.add(f"{language} F1, {name}", total.f(), "", at_least=bar if name == "guarita" else None)
            bench.add(f"{language} F2, {name}", total.f(2), "")
            bench.add(f"{language} precision, {name}", total.precision, "")
            bench.add(f"{language} recall, {name}", total.recall, "")
            if name == "guarita":
                if language == "English":
                    held = [pair for pair, (_, _, template) in zip(pairs, texts, strict=True) if template % 2]
                    bench.add("English F1, guarita, templates held out", score(held).total.f(), "")
                bench.add(
                    f"{language} F1, guarita, spans that agree by half", score(pairs, 0.5).total.f(), ""
                )
                bench.add(f"{language} F1, guarita, characters of any type", characters(pairs).f(), "")
            for kind, count in sorted(score(pairs).types.items()):
                if name == "guarita" or count.found:
                    bench.say(
                        f"      {kind:<14} P {count.precision:.3f}  R {count.recall:.3f}  "
                        f"F1 {count.f():.3f}  F2 {count.f(2):.3f}"
                    )


def alarms(bench: Bench, finds: dict[str, Find]) -> None:
    """What is reported in documents that hold nothing: of the peers the types that the sets ask for, of ours all."""
    for language in ("en", "pt"):
        for name, find in finds.items():
            texts = clean(language)[:: 6 if bench.quick and name == "presidio" else 1]
            size = sum(len(text.encode()) for text in texts) / 10_000
            types = ENGINES[name][1]
            count = sum(name == "guarita" or kind in types for text in texts for _, _, kind in find(text))
            bar = FALSE_ALARMS_BAR if name == "guarita" else None
            bench.add(
                f"false alarms in 10 KB of clean {language} documents, {name}", count / size, "", at_most=bar
            )


def speed(bench: Bench) -> None:
    """KB a CPU second, start-up and memory, in processes of their own."""
    most = 1.5 if bench.quick else 15.0
    pages: dict[str, float] = {}
    for kind in ("prose", "pages", "tables"):
        for name in ENGINES:
            if bench.quick and name == "tarja" and kind != "pages":
                continue
            measured = _measured(name, kind, most)
            bench.add(f"{kind}, {name}", measured["speed"], "KB/CPU s")
            if kind == "pages":
                pages[name] = measured["speed"]
                bench.add(f"start-up, {name}", measured["start"], "CPU s")
                bar = MEMORY_BAR if name == "guarita" else None
                bench.add(f"peak memory on pages, {name}", measured["peak"], "MB", at_most=bar)
    bench.add("pages, times stock Presidio", pages["guarita"] / pages["presidio"], "x", at_least=SPEED_BAR)


def _measured(name: str, kind: str, most: float) -> dict[str, float]:
    program = Path(__file__).parent / "pii_parts" / "measure.py"
    one_core = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    output = subprocess.run(
        [sys.executable, program, name, kind, str(most)],
        env=one_core,
        capture_output=True,
        check=True,
        timeout=600,
    ).stdout
    return json.loads(output)


def growth(bench: Bench, find: Find) -> None:
    """What a byte takes in a long document, compared with one of an eighth of it."""
    text = "\n\n".join(item for item, _, _ in portuguese())
    times = []
    for mark, size in (("a", 8_000), ("b", 64_000)):
        # Another letter in each line, so that no paragraph is remembered from the one before.
        document = text[:size].replace("\n", f" {mark}.\n")
        started = time.process_time()
        find(document)
        times.append((time.process_time() - started) / len(document))
    bench.add("time of a byte at 64 KB, times that at 8 KB", times[1] / times[0], "x", at_most=GROWTH_BAR)


def main() -> int:
    """Everything, in about two minutes; `--quick` times less."""
    bench = Bench.started("Personal data: quality and speed against stock Presidio and tarja")
    finds = {name: make() for name, (make, _) in ENGINES.items()}
    speed(bench)
    growth(bench, finds["guarita"])
    quality(bench, finds)
    alarms(bench, finds)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
