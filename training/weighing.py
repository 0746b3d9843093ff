"""Fits the weights of `guarita.pii.names.weighing`. Usage: training/weighing.py SOURCES-FOLDER

It learns from the even templates of presidio-research's development half (MIT; the odd ones are held out),
from tests/data/pii/pt-tune.jsonl, and from prose without names (sources.txt). The clean documents of the
benchmark, the odd templates and pt-test.jsonl are never seen. Takes about a minute on one core.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from prose import manuals, messages

from guarita.pii.fold import plain
from guarita.pii.names import places, weighing
from guarita.pii.names.rampart import rampart
from guarita.pii.names.tagger import tagger
from guarita.pii.names.tokens import Stretch, stretch
from guarita.pii.names.windows import prose, windows

DATA = Path(__file__).parents[1] / "tests" / "data" / "pii"
WEIGHTS = Path(weighing.__file__).parent / "data" / "weights.json"
PERSON = {"PERSON"}
PLACE = {"STREET_ADDRESS", "GPE", "ZIP_CODE", "LOCATION"}
PROSE_WINDOWS = 700
"""Of each language; those that the tagger finds promising, which are all that the model ever reads."""
PROSE_WEIGHT = 0.1
"""What a word of those windows counts for: manuals name people here and there, and nobody marked it."""
PENALTY = 3.0
SEED = 7


def read(text: str) -> Iterator[tuple[int, Stretch]]:
    """The stretches of a text as the finder reads them, with their place."""
    shown = prose(plain(text))
    model, looks = rampart(), tagger()
    for start, end in windows(shown, model.longest):
        piece = shown[start:end]
        opinions = {low: opinion for low, _, opinion in looks.opinions(piece)}
        found = stretch(piece, model.classify([piece])[0], opinions)
        places.mark(found)
        yield start, found


def texts(folder: Path) -> Iterator[tuple[str, list[dict], float]]:
    """Texts with their spans, and what they count for."""
    for name in ("presidio-research-dev.jsonl", "pt-tune.jsonl"):
        for line in (DATA / name).read_text("utf-8").splitlines():
            item = json.loads(line)
            if name.startswith("pt") or item["template_id"] % 2 == 0:
                yield item["text"], item["spans"], 1.0
    rng = random.Random(SEED)
    portuguese = sorted({text for language, text in messages(folder) if language == "pt"})
    rng.shuffle(portuguese)
    looks = tagger()
    pages = [prose(plain(page)) for page in manuals(folder)]
    english = [page[start:end] for page in pages for start, end in windows(page, 480)]
    rng.shuffle(english)
    joined = [" ".join(portuguese[at : at + 6])[:480] for at in range(0, len(portuguese), 6)]
    for pieces in (joined, english):
        kept = 0
        for piece in pieces:
            if any(max(opinion[:2]) >= 0.1 for _, _, opinion in looks.opinions(piece)):
                yield piece, [], PROSE_WEIGHT
                kept += 1
            if kept == PROSE_WINDOWS:
                break


def fitted(rows: list[list[float]], target: list[bool], counts: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression by Newton's method with a ridge; weights and the rows' probabilities."""
    matrix, wanted, counting = np.array(rows), np.array(target, float), np.array(counts)
    weights = np.zeros(matrix.shape[1])
    ridge = np.full(len(weights), PENALTY)
    ridge[-1] = 0.01
    for _ in range(60):
        chance = 1 / (1 + np.exp(-np.clip(matrix @ weights, -30, 30)))
        gradient = matrix.T @ (counting * (chance - wanted)) + ridge * weights
        hessian = (matrix * (counting * chance * (1 - chance))[:, None]).T @ matrix + np.diag(ridge)
        step = np.linalg.solve(hessian, gradient)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights, 1 / (1 + np.exp(-np.clip(matrix @ weights, -30, 30)))


def main() -> None:
    """Fit and write."""
    person: tuple[list, list, list] = ([], [], [])
    place: tuple[list, list, list] = ([], [], [])
    for text, spans, weight in texts(Path(sys.argv[1])):
        for offset, found in read(text):
            for at, token in enumerate(found.tokens):
                if not token.letters:
                    continue
                kinds = {
                    s["type"]
                    for s in spans
                    if s["start"] < token.end + offset and token.start + offset < s["end"]
                }
                if found.could_be_name(at) and len(token.text) > 1:
                    person[0].append(weighing.person_features(found, at))
                    person[1].append(bool(kinds & PERSON))
                    person[2].append(weight)
                if token.capital or not found.cased:
                    place[0].append(weighing.place_features(found, at))
                    place[1].append(bool(kinds & PLACE))
                    place[2].append(weight)
    out = {}
    for name, features, (rows, target, counts) in (
        ("person", weighing.PERSON_FEATURES, person),
        ("place", weighing.PLACE_FEATURES, place),
    ):
        weights, chance = fitted(rows, target, counts)
        wanted = np.array(target)
        hit = wanted[chance >= 0.5]
        print(name, len(rows), f"precision {hit.mean():.3f} recall {hit.sum() / wanted.sum():.3f}")
        out[name] = {
            feature: round(float(weight), 4) for feature, weight in zip(features, weights, strict=True)
        }
    WEIGHTS.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
