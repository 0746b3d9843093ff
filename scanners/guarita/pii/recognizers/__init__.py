"""The recognizers that ship with Guarita, one file each."""

from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.cep import CepRecognizer
from guarita.pii.recognizers.cnh import CnhRecognizer
from guarita.pii.recognizers.cnpj import CnpjRecognizer
from guarita.pii.recognizers.cns import CnsRecognizer
from guarita.pii.recognizers.cpf import CpfRecognizer
from guarita.pii.recognizers.credit_card import CreditCardRecognizer
from guarita.pii.recognizers.email import EmailRecognizer
from guarita.pii.recognizers.iban import IbanRecognizer
from guarita.pii.recognizers.ip_address import IpAddressRecognizer
from guarita.pii.recognizers.phone import PhoneRecognizer
from guarita.pii.recognizers.pis import PisRecognizer
from guarita.pii.recognizers.renavam import RenavamRecognizer
from guarita.pii.recognizers.titulo_eleitor import TituloEleitorRecognizer
from guarita.pii.recognizers.us_ssn import UsSsnRecognizer

__all__ = ["DEFAULT", "OPTIONAL", "Candidate", "GuaritaRecognizer", "Verdict"]

DEFAULT: tuple[type[GuaritaRecognizer], ...] = (
    CpfRecognizer,
    CnpjRecognizer,
    CnhRecognizer,
    PisRecognizer,
    TituloEleitorRecognizer,
    CnsRecognizer,
    RenavamRecognizer,
    CepRecognizer,
    PhoneRecognizer,
    EmailRecognizer,
    CreditCardRecognizer,
    IbanRecognizer,
    UsSsnRecognizer,
)
"""What runs unless the caller says otherwise."""

OPTIONAL: tuple[type[GuaritaRecognizer], ...] = (IpAddressRecognizer,)
"""What is there and off: too often no personal datum in technical documents."""
