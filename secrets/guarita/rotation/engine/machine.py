"""One secret's rotation, moved a step at a time. The journal says where it is; intent is written before each effect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from guarita.errors import GuaritaError
from guarita.rotation.clock import Moment, waited
from guarita.rotation.engine.backward import next_undo
from guarita.rotation.engine.delivering import sweep
from guarita.rotation.engine.forward import DISABLE, STAGE, Step, next_step
from guarita.rotation.errors import (
    FencedOutError,
    NotYetError,
    PermanentError,
    StillInUseError,
    TransientError,
)
from guarita.rotation.interface import Fence, Proof
from guarita.rotation.journal import Entry, Outcome, Phase, Reason, Work
from guarita.rotation.record import phase_event
from guarita.rotation.spans import span
from guarita.rotation.survey import survey
from guarita.rotation.tools import Job, Subject, Tools

_ID_BYTES: Final = 4


class Machine:
    """Moves one secret along. After any error it may be advanced again; a new one goes on from the journal."""

    def __init__(self, subject: Subject, tools: Tools, *, anytime: bool = False) -> None:
        """With `anytime` restarts wait for no maintenance window."""
        self.subject = subject
        self._anytime = anytime
        self._tools = tools
        self._journal = tools.journal(subject)
        self._claimed = False
        self._job: Job | None = None
        self.entry = self._read()

    @property
    def name(self) -> str:
        """Of the secret."""
        return self.subject.name

    @property
    def work(self) -> Work | None:
        """What is under way."""
        return self.entry.work

    def reread(self) -> None:
        """Forget what was known, and read the journal again."""
        self._claimed, self._job = False, None
        self.entry = self._read()

    def held_by_another(self) -> float:
        """For how many seconds another runner has the right to be left alone; 0 when none has."""
        if self.work is None or self.entry.runner in {"", self._tools.runner}:
            return 0.0
        left = self.entry.until - self._tools.clock.now().server
        # A claim that reaches further than claims do was made by a clock that has gone back since.
        return left if 0 < left <= 2 * self._tools.lease else 0.0

    def begin(self, *, emergency: bool = False) -> None:
        """Claim the secret for a new rotation.

        Raises FencedOutError when another runner was quicker, PermanentError `rotation.hindered` for what `plan` shows;
        an emergency is begun all the same.
        """
        if not emergency:
            hindering = survey(self.subject, self._tools, self.entry).hindering
            if hindering and self._journal.overtaken():
                # What is in the way is another runner's work: the sessions of its probes, a template it has moved.
                raise FencedOutError(self.name, f"the journal, beyond version {self._journal.version}")
            if hindering:
                raise PermanentError(
                    "rotation.hindered",
                    f"{self.name}: not begun: {'; '.join(problem.message for problem in hindering)}",
                    hint=hindering[0].hint or "`guarita rotate plan` shows it",
                )
        now = self._tools.clock.now()
        day = dt.datetime.fromtimestamp(now.server, tz=dt.UTC).strftime("%Y%m%d")
        rotation = f"{day}-{self._tools.randomness(_ID_BYTES).hex()}"
        work = Work(
            rotation=rotation,
            phase=Phase.CLAIMED,
            begun=(STAGE.name,),
            pending=STAGE.name,
            emergency=emergency,
            since={Phase.CLAIMED: now},
        )
        self._write(work, claims=True)

    def hurry(self) -> None:
        """Go on with what is under way as an emergency, where the order of steps still allows it."""
        work = self.work
        if work is not None and not work.emergency and work.phase is not Phase.ROLLING_BACK:
            self._claim()
            self._write(msgspec.structs.replace(self._must(), emergency=True))

    def roll_back(self, reason: Reason) -> None:
        """Turn round. Raises PermanentError once the old credential is destroyed, or is one that leaked."""
        work = self._must()
        if work.phase is Phase.ROLLING_BACK:
            return
        if "destroy" in work.begun:
            raise PermanentError(
                "rotation.no-way-back",
                f"{self.name}: the old credential is destroyed, or may be; there is nothing to go back to",
                hint="`guarita rotate resume` finishes it; to replace the new one, rotate again",
            )
        if work.emergency and "disable" in work.begun:
            raise PermanentError(
                "rotation.emergency-stands",
                f"{self.name}: the old credential was ended in an emergency, and is not accepted again",
                hint="mend what hinders the new one, then `guarita rotate resume`",
            )
        self._claim()
        work = self._must()
        self._reached(
            msgspec.structs.replace(work, reason=reason, waiting=None, pending=None),
            Phase.ROLLING_BACK,
            reason=reason,
        )
        self._tools.say(f"{self.name}: rolling back: {reason.message}")

    def advance(self) -> None:
        """Take one step. Ends what is under way when it was the last.

        Raises NotYetError and TransientError (try again after their delay), FencedOutError, and PermanentError where
        neither going on nor going back is possible without a person.
        """
        self._claim()
        if self._must().phase is Phase.ROLLING_BACK:
            self._back()
        else:
            self._forward()

    def stop(self, reason: GuaritaError | None) -> None:
        """Leave it to others for now: give up the claim, and say why it waits. A fault is told to the ledger."""
        work = self.work
        if work is None or not self._claimed:
            return
        now = self._tools.clock.now()
        until = now.server + reason.delay if isinstance(reason, TransientError) else None
        waiting = None if reason is None else reason_of(reason, until=until)
        told = []
        if waiting is not None and not isinstance(reason, TransientError):
            told.append(self._event(work, f"halted:{waiting.code}", now, reason=waiting, success=False))
        self._write(msgspec.structs.replace(work, waiting=waiting), told=told, releases=True)

    def tidy(self) -> Sequence[Proof]:
        """End what late or lost calls of earlier runs left behind, while no rotation is under way."""
        current = self.entry.current
        if self.work is not None or current is None:
            return ()
        job = Job(
            self.subject, self._tools, Work(rotation=current.rotation, phase=Phase.DONE), current=current
        )
        return sweep(job, current, self._journal.fence(current.rotation, "sweep"))

    def keep_claim(self) -> None:
        """Say that this runner is still there, when it is time to."""
        lease = self._tools.lease
        if lease and self._claimed and self.entry.until - self._tools.clock.now().server < lease / 2:
            self._write(self._must())

    def _forward(self) -> None:
        job = self._at()
        step = next_step(job.work)
        self._gate(job, step)
        if step.effect and job.work.pending != step.name:
            self._intend(step.name)
            job = self._at()
        fence = self._journal.fence(job.work.rotation, step.name)
        try:
            proofs = step.run(job, fence)
        except StillInUseError as error:
            if step is DISABLE:
                self._climb_back(error)
            raise
        except FencedOutError as error:
            raise self._overtaken(error, fence) from None
        except PermanentError as error:
            fence.hold()  # what a runner that was overtaken finds is another's doing, and no reason to turn round
            self._failed(error)
            return
        self._done(job.work, step, proofs)

    def _overtaken(self, error: FencedOutError, fence: Fence) -> GuaritaError:
        """Why a target refuses this fence: another runner has gone on, or the journal is older than the target."""
        try:
            fence.hold()
        except FencedOutError as overtaken:
            return overtaken
        return PermanentError(
            "rotation.journal-behind",
            f"{self.name}: the target has seen later steps than the journal tells of ({error.message})",
            hint="Vault was put back from a backup, or the journal's metadata was deleted: see docs/rotation.md",
        )

    def _gate(self, job: Job, step: Step) -> None:
        """Raise NotYetError until the step may be taken."""
        now = self._tools.clock.now()
        begun = self._anytime or job.work.emergency or step.name in job.work.begun
        if self._restarts(step) and not begun and not self._tools.may_restart(max(now.server, now.local)):
            raise NotYetError(
                "rotation.window", f"{self.name}: restarts wait for a maintenance window", delay=600.0
            )
        phase, seconds = step.after(job)
        if not seconds:
            return
        passed = waited(job.work.since[phase], now)
        if passed is None:
            # A clock has gone back: begin the wait anew, by the clocks as they are now.
            self._write(msgspec.structs.replace(job.work, since={**job.work.since, phase: now}))
            passed = 0.0
        if passed < seconds:
            raise NotYetError(
                f"rotation.{step.name}-waits",
                f"{self.name}: {step.name} waits {span(seconds - passed)} more after {phase}",
                delay=seconds - passed,
            )

    def _climb_back(self, error: StillInUseError) -> None:
        """The old one was disabled, and somebody turns out to use it: accept it again, and wait as before."""
        self._intend("enable")
        job = self._at()
        if job.old is not None:
            job.rotator.enable(job.old, self._journal.fence(job.work.rotation, "enable"))
        undone = {Phase.VERIFIED, Phase.DISABLED}
        work = msgspec.structs.replace(
            job.work,
            phase=Phase.DELIVERED,
            since={phase: at for phase, at in job.work.since.items() if phase not in undone},
            begun=tuple(name for name in job.work.begun if name not in {DISABLE.name, "enable"}),
            pending=None,
            climbs=job.work.climbs + 1,
        )
        now = self._tools.clock.now()
        self._write(work, told=[self._event(work, "enabled", now, reason=reason_of(error), success=False)])

    def _failed(self, error: PermanentError) -> None:
        """Roll back where that leaves everybody with a credential that works; else it is for a person."""
        work = self._must()
        if "disable" in work.begun or "destroy" in work.begun:
            raise error
        self.roll_back(reason_of(error))

    def _done(self, work: Work, step: Step, proofs: Sequence[Proof]) -> None:
        work = msgspec.structs.replace(work, pending=None, waiting=None)
        if step.reaches is not Phase.DONE:
            self._reached(work, step.reaches, proofs=proofs)
        else:
            self._ended(work, Phase.DONE, proofs=proofs)

    def _back(self) -> None:
        job = self._at()
        undo = next_undo(job)
        if undo is None:
            self._ended(job.work, Phase.ROLLED_BACK, reason=job.work.reason)
            return
        if job.work.pending != undo.name:
            self._intend(undo.name)
            job = self._at()
        proofs = undo.run(job, self._journal.fence(job.work.rotation, undo.name))
        work = msgspec.structs.replace(job.work, undone=(*job.work.undone, undo.name), pending=None)
        now = self._tools.clock.now()
        told = [self._event(work, f"rolled-back-{undo.name}", now, proofs=proofs)] if proofs else []
        self._write(work, told=told)

    def _intend(self, name: str) -> None:
        """Write what is about to be done; the version of that write is the fence of it."""
        work = self._must()
        begun = work.begun if name in work.begun else (*work.begun, name)
        self._write(msgspec.structs.replace(work, pending=name, begun=begun, waiting=None))

    def _reached(
        self, work: Work, phase: Phase, *, proofs: Sequence[Proof] = (), reason: Reason | None = None
    ) -> None:
        now = self._tools.clock.now()
        work = msgspec.structs.replace(work, phase=phase, since={**work.since, phase: now})
        told = self._event(
            work, phase, now, proofs=proofs, reason=reason, success=phase is not Phase.ROLLING_BACK
        )
        if phase is not Phase.ROLLING_BACK:
            following = next_step(work)
            if following.effect and not self._restarts(following) and not following.after(self._at())[1]:
                # One write says what was done and what is done next.
                begun = (*work.begun, following.name)
                work = msgspec.structs.replace(work, pending=following.name, begun=begun)
        self._write(work, told=[told])
        self._tools.say(f"{self.name}: {phase}")

    def _ended(
        self, work: Work, phase: Phase, *, proofs: Sequence[Proof] = (), reason: Reason | None = None
    ) -> None:
        now = self._tools.clock.now()
        told = self._event(work, phase, now, proofs=proofs, reason=reason, success=phase is Phase.DONE)
        entry = msgspec.structs.replace(
            self.entry,
            work=None,
            current=work.new if phase is Phase.DONE else work.old or self.entry.current,
            last=Outcome(rotation=work.rotation, phase=phase, at=now, reason=reason),
            runner="",
            until=0.0,
        )
        self.entry = self._journal.write(self._tools.recorder.tell(entry, [told]))
        self._claimed, self._job = False, None
        self._tools.say(f"{self.name}: {phase}")

    def _event(self, work: Work, phase: str, now: Moment, **more: Any) -> dict[str, Any]:
        entry = msgspec.structs.replace(self.entry, work=work, runner=self._tools.runner)
        return phase_event(
            entry, phase, now=now, token=self._journal.version, place=self.subject.place, **more
        )

    def _claim(self) -> None:
        """Take over what is under way: from this write on the fence of whoever was at it is too old."""
        if not self._claimed:
            # What it intended may have been done or not, and is declared again under a token of this runner.
            self._write(msgspec.structs.replace(self._must(), pending=None), claims=True)

    def _write(
        self, work: Work, *, told: Sequence[dict[str, Any]] = (), claims: bool = False, releases: bool = False
    ) -> None:
        now = self._tools.clock.now()
        entry = msgspec.structs.replace(
            self.entry,
            work=work,
            runner="" if releases else self._tools.runner,
            until=0.0 if releases else now.server + self._tools.lease,
        )
        self.entry = self._journal.write(self._tools.recorder.tell(entry, told))
        self._claimed = not releases and (self._claimed or claims)

    def _at(self) -> Job:
        """The job as the journal has it: what a step learnt and could not write down, it learns again."""
        staged = self._job.staged if self._job is not None else None
        self._job = Job(self.subject, self._tools, self._must(), self.entry.current, staged)
        return self._job

    def _restarts(self, step: Step) -> bool:
        return step.restarts and bool(self.subject.supplies)

    def _must(self) -> Work:
        if self.entry.work is None:
            raise PermanentError(
                "rotation.nothing-under-way",
                f"{self.name}: no rotation is under way",
                hint="`guarita rotate status`",
            )
        return self.entry.work

    def _read(self) -> Entry:
        return self._journal.read() or Entry(secret=self.name, kind=self.subject.rotator.kind)


def reason_of(error: GuaritaError, *, until: float | None = None) -> Reason:
    """An error, as the journal keeps it."""
    return Reason(code=error.code, message=error.message, hint=error.hint or "", until=until)
