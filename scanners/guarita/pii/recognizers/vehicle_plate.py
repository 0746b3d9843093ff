"""Number plates of vehicles in Brazil: `ABC-1234` until 2018, `ABC1D23` since (Resolução CONTRAN 780/2019)."""

from __future__ import annotations

from typing import ClassVar

from guarita.pii.checkdigits import digits
from guarita.pii.interface import Evidence
from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict, alone
from guarita.pii.recognizers.hints import Hint


class VehiclePlateRecognizer(GuaritaRecognizer):
    """Finds plates beside their label: alone, three letters and four digits are any code."""

    ENTITY = "PII_VEHICLE_PLATE"
    COUNTRY_CODE = "br"
    HINT = Hint(r"[A-Za-z]{3}[ \-]?[0-9][0-9A-Za-z][0-9]{2}", 1, 1)
    PATTERNS: ClassVar = (
        ("Mercosul", alone(r"(?i:[A-Z]{3}[ \-]?\d[A-J]\d{2})")),
        ("old", alone(r"(?i:[A-Z]{3}[ \-]?\d{4})")),
    )
    LABELS: ClassVar = (
        "placa",
        "placas",
        "de placa",
        "veiculo",
        "automovel",
        "carro",
        "moto",
        "motocicleta",
        "caminhao",
        "plate",
        "license plate",
        "licence plate",
        "number plate",
        "registration plate",
    )

    def judge(self, candidate: Candidate) -> Verdict | None:
        """Beside its label."""
        if not candidate.labelled or digits(candidate.value) in {"0000", "1234"}:
            return None
        return Verdict(0.9 if candidate.value.isupper() else 0.7, (Evidence.FORMAT,))
