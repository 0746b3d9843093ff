"""The access policy: roles, who has them, what a route asks for; compiled once, decided in tables, explained."""

from guarita.policy.access import cases
from guarita.policy.access.compile import compiled
from guarita.policy.access.explain import explain
from guarita.policy.access.interface import CODES, Decision, NearMiss, Place, Principal, PrincipalData
from guarita.policy.access.load import load, parse
from guarita.policy.access.made import Made, made
from guarita.policy.access.matrix import Endpoint, idle, matrix, uncovered
from guarita.policy.access.policy import AccessPolicy, Grant
from guarita.policy.access.reload import PolicyFile
from guarita.policy.access.remake import Kept, Remade, remake
from guarita.policy.access.replay import Recorded, diff

__all__ = [
    "CODES",
    "AccessPolicy",
    "Decision",
    "Endpoint",
    "Grant",
    "Kept",
    "Made",
    "NearMiss",
    "Place",
    "PolicyFile",
    "Principal",
    "PrincipalData",
    "Recorded",
    "Remade",
    "cases",
    "compiled",
    "diff",
    "explain",
    "idle",
    "load",
    "made",
    "matrix",
    "parse",
    "remake",
    "uncovered",
]
