"""Whether an attempt came further than the policy says, and what is reported then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from guarita.gateway.testing.attack.driver import PATIENCE
from guarita.gateway.testing.attack.interface import Aim, Answer, Attack, Attempt, Reached
from guarita.gateway.testing.attack.principals import NOBODY
from guarita.policy.access import Decision

_TOLD_TO_GO: Final = frozenset({401, 403})
"""What a handler that was reached may still answer to somebody whom it checks by itself."""
_UNDECIDED: Final = frozenset({429, 503})
_OK: Final = range(200, 300)
_ACCEPTED: Final = 101


@dataclass(frozen=True, slots=True)
class Finding:
    """One attempt that did what it must not."""

    target: str
    attack: str
    told: str
    """What was sent, without the credential."""
    answered: str
    policy: str
    why: str
    advice: str
    more: int = 0
    """Further attempts of this attack that came to the same."""

    def __str__(self) -> str:
        rows = (
            ("sent", self.told),
            ("and", f"{self.more} more like it" if self.more else ""),
            ("answered", self.answered),
            ("policy", self.policy),
            ("so", self.why),
            ("do", self.advice),
        )
        return f"{self.target}: {self.attack}\n" + "\n".join(
            f"  {name:<9} {text}" for name, text in rows if text
        )


def findings(aim: Aim, attack: Attack, attempt: Attempt, answer: Answer) -> Iterator[Finding]:
    """What is wrong with an answer: at most one thing."""
    why, decision = _wrong(aim, attempt, answer)
    if why:
        yield Finding(
            target=str(aim.target),
            attack=attack.name,
            told=f"{attempt.sent.method!r} {_shown(attempt.sent.target)}: {attempt.told}",
            answered=_answered(answer),
            policy="" if decision is None else _policy(decision, attempt),
            why=why,
            advice=_advice(aim, attack, answer),
        )


def came_through(answer: Answer, *, socket: bool) -> bool:
    """Whether the application did what was asked."""
    if socket:
        return answer.status == _ACCEPTED
    return bool(answer.reached) and answer.status not in _TOLD_TO_GO


def _wrong(aim: Aim, attempt: Attempt, answer: Answer) -> tuple[str, Decision | None]:
    if answer.hung:
        return f"no answer came within {PATIENCE:.0f} seconds", None
    for reached in answer.reached:
        decision = _decided(aim, attempt, reached)
        if not decision.allowed and came_through(answer, socket=attempt.sent.socket):
            return f"it reached {reached.name} as {reached.method} {_shown(reached.path)}", decision
    if (answer.status in _OK or answer.status == _ACCEPTED) and not answer.reached:
        decision = _decided(aim, attempt, Reached("", aim.target.method, aim.target.path))
        same = aim.answer is not None and bool(answer.body) and answer.body == aim.answer.body
        asked = attempt.sent.target == aim.target.plain.target and attempt.sent.method == aim.target.method
        if not decision.allowed and (same or (asked and attempt.sent.socket == aim.target.socket)):
            return "it was answered by something before the handler, such as a cache", decision
    if answer.error:
        return f"the application broke ({answer.error})", None
    if answer.status in _UNDECIDED and not attempt.undecided:
        return "nothing was decided: the answer says to come again, so this attack is unknown", None
    return _canary(aim, attempt, answer), None


def _canary(aim: Aim, attempt: Attempt, answer: Answer) -> str:
    if not attempt.canary or aim.answer is None:
        return ""
    marked = attempt.canary.encode()
    if marked in answer.body and marked not in aim.answer.body:
        return "what the header says came back in the answer"
    if aim.steady and (answer.status, answer.body) != (aim.answer.status, aim.answer.body):
        # A gateway that refuses the header altogether is right too.
        return (
            ""
            if not came_through(answer, socket=attempt.sent.socket)
            else "the answer is another one with the header"
        )
    return ""


def _decided(aim: Aim, attempt: Attempt, reached: Reached) -> Decision:
    method = "GET" if reached.method == "*" else reached.method
    return aim.policy.decide(attempt.counts_as or NOBODY, method, reached.path)


def _answered(answer: Answer) -> str:
    handlers = ", ".join(dict.fromkeys(one.name for one in answer.reached))
    return f"{answer.status}{f', and {handlers} was reached' if handlers else ''}"


def _policy(decision: Decision, attempt: Attempt) -> str:
    who = "nobody" if attempt.counts_as is None else "this principal"
    where = f" by {decision.rule} ({decision.place})" if decision.rule else ""
    return f"refuses {who}: {decision.code}{where}"


def _advice(aim: Aim, attack: Attack, answer: Answer) -> str:
    if not aim.target.guarded and answer.reached:
        return (
            "no gateway stands before this route: put GatewayMiddleware around the outermost application, or "
            + attack.advice
        )
    return attack.advice


def _shown(path: str) -> str:
    """A path as a report may show it: neither long nor with a query, in which a token may stand."""
    path, mark, _ = path.partition("?")
    return (path if len(path) <= 80 else f"{path[:77]}...") + ("?…" if mark else "")  # noqa: PLR2004  # a line
