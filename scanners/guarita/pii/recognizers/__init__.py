"""The recognizers that ship with Guarita, one file each."""

from guarita.pii.recognizers.base import Candidate, GuaritaRecognizer, Verdict
from guarita.pii.recognizers.cep import CepRecognizer
from guarita.pii.recognizers.cnh import CnhRecognizer
from guarita.pii.recognizers.cnpj import CnpjRecognizer
from guarita.pii.recognizers.cns import CnsRecognizer
from guarita.pii.recognizers.court_case import CourtCaseRecognizer
from guarita.pii.recognizers.cpf import CpfRecognizer
from guarita.pii.recognizers.credential import CredentialRecognizer
from guarita.pii.recognizers.credit_card import CreditCardRecognizer
from guarita.pii.recognizers.crypto_address import CryptoAddressRecognizer
from guarita.pii.recognizers.date_of_birth import DateOfBirthRecognizer
from guarita.pii.recognizers.de_tax_id import DeTaxIdRecognizer
from guarita.pii.recognizers.driver_license import DriverLicenseRecognizer
from guarita.pii.recognizers.email import EmailRecognizer
from guarita.pii.recognizers.es_dni import EsDniRecognizer
from guarita.pii.recognizers.fr_nir import FrNirRecognizer
from guarita.pii.recognizers.iban import IbanRecognizer
from guarita.pii.recognizers.ip_address import IpAddressRecognizer
from guarita.pii.recognizers.it_fiscal_code import ItFiscalCodeRecognizer
from guarita.pii.recognizers.mac_address import MacAddressRecognizer
from guarita.pii.recognizers.passport import PassportRecognizer
from guarita.pii.recognizers.phone import PhoneRecognizer
from guarita.pii.recognizers.pis import PisRecognizer
from guarita.pii.recognizers.pix_key import PixKeyRecognizer
from guarita.pii.recognizers.professional_register import ProfessionalRegisterRecognizer
from guarita.pii.recognizers.pt_nif import PtNifRecognizer
from guarita.pii.recognizers.renavam import RenavamRecognizer
from guarita.pii.recognizers.rg import RgRecognizer
from guarita.pii.recognizers.sensitive import (
    BiometricsRecognizer,
    CriminalRecognizer,
    EthnicityRecognizer,
    HealthRecognizer,
    PoliticsRecognizer,
    ReligionRecognizer,
    SexLifeRecognizer,
    UnionRecognizer,
)
from guarita.pii.recognizers.titulo_eleitor import TituloEleitorRecognizer
from guarita.pii.recognizers.uk_nhs import UkNhsRecognizer
from guarita.pii.recognizers.uk_nino import UkNinoRecognizer
from guarita.pii.recognizers.url import UrlRecognizer
from guarita.pii.recognizers.us_itin import UsItinRecognizer
from guarita.pii.recognizers.us_ssn import UsSsnRecognizer
from guarita.pii.recognizers.vehicle_plate import VehiclePlateRecognizer
from guarita.pii.recognizers.zip_code import ZipCodeRecognizer

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
    CredentialRecognizer,
    CryptoAddressRecognizer,
    DateOfBirthRecognizer,
    DeTaxIdRecognizer,
    DriverLicenseRecognizer,
    EsDniRecognizer,
    FrNirRecognizer,
    ItFiscalCodeRecognizer,
    PassportRecognizer,
    PixKeyRecognizer,
    PtNifRecognizer,
    RgRecognizer,
    UkNhsRecognizer,
    UkNinoRecognizer,
    UsItinRecognizer,
    VehiclePlateRecognizer,
    ZipCodeRecognizer,
    BiometricsRecognizer,
    CriminalRecognizer,
    EthnicityRecognizer,
    HealthRecognizer,
    PoliticsRecognizer,
    ReligionRecognizer,
    SexLifeRecognizer,
    UnionRecognizer,
)
"""What runs unless the caller says otherwise."""

OPTIONAL: tuple[type[GuaritaRecognizer], ...] = (
    IpAddressRecognizer,
    CourtCaseRecognizer,
    MacAddressRecognizer,
    ProfessionalRegisterRecognizer,
    UrlRecognizer,
)
"""What is there and off: public, or too often no personal datum in technical documents."""
