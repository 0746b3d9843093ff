"""The engine at one bench, in this process: driven to its end, killed at any change, and resumed by another runner."""

import secrets
import time

from guarita.rotation.clock import Clock
from guarita.rotation.engine.machine import Machine
from guarita.rotation.errors import NotYetError
from guarita.rotation.journal import Phase, Reason
from guarita.rotation.record import Recorder
from guarita.rotation.rotators.build import build
from guarita.rotation.staging import Fingerprints
from guarita.rotation.tools import Restarts, Subject, Tools
from guarita.rotation.vault import Kv


class KilledError(BaseException):
    """As SIGKILL: nothing of the code under test sees it."""


class Driver:
    """Runners of one bench's secret."""

    def __init__(self, bench):
        self.bench = bench
        self.state = f"secret/state-{bench.mark}"
        self.skipped = 0.0
        self.left = None
        self.changes = 0
        self.phases = []
        bench.on_change(self.changed)

    def changed(self):
        """After each change at Vault or at the target."""
        self.changes += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise KilledError

    def machine(self):
        """As a process that has just started."""
        bench = self.bench
        bench.rotator.close()
        bench.rotator = build(bench.name, bench.section, bench.parts)
        bench.watch()
        kv = Kv(bench.vault)
        # Waits are skipped by both clocks.
        clock = Clock(lambda: bench.vault.now() + self.skipped, lambda: time.time() + self.skipped)
        tools = Tools(
            kv=kv, clock=clock, recorder=Recorder(None, "stop"),
            fingerprints=Fingerprints(kv, self.state, secrets.token_bytes), randomness=secrets.token_bytes,
            clusters={}, restarts=Restarts(1), state=self.state, runner=secrets.token_hex(4), lease=60.0,
            may_restart=lambda _: True, say=self.phases.append,
        )  # fmt: skip
        return Machine(Subject(bench.name, bench.section, bench.rotator), tools)

    def finish(self, machine):
        """Until nothing is under way. Consumers follow what is published at once."""
        for _ in range(200):
            if machine.work is None:
                return machine.entry
            self.step(machine)
        raise AssertionError(f"it does not come to an end: {machine.work}")

    def step(self, machine):
        """One step, once its time has come."""
        try:
            machine.advance()
        except NotYetError as error:
            self.skipped += error.delay
        self.follow()

    def follow(self):
        """The consumers' side: what is published is what they serve and log in by."""
        if (place := getattr(self.bench.section, "vault", None)) is None:
            return
        found = Kv(self.bench.eyes).get(place)
        if found is not None and found.data and dict(found.data) != self.bench.published:
            self.bench.published = dict(found.data)
            self.bench.switched()

    def rotate(self):
        """One whole rotation; gives the journal's entry."""
        machine = self.machine()
        machine.begin()
        return self.finish(machine)

    def killed_after(self, changes, end):
        """Whether the runner was killed on its way to the end, at the change of this number from now on."""
        self.left = changes
        try:
            end()
        except KilledError:
            return True
        finally:
            self.left = None
        return False

    def roll_back(self, machine):
        """As `guarita rotate rollback`."""
        if machine.work is not None:
            machine.roll_back(Reason(code="test", message="asked for"))
        return self.finish(machine)


def settled(driver, entry):
    """Nothing is left over, and what is in force works."""
    bench = driver.bench
    assert entry.work is None
    assert entry.last.phase in {Phase.DONE, Phase.ROLLED_BACK}
    staged = Kv(bench.eyes).names(f"{driver.state}/staged/{bench.name}")
    assert staged == []
    live = bench.rotator.current(bench.published)
    if live is not None:
        bench.rotator.probe(live)
    valid = bench.valid()
    if bench.kind == "transit":
        # A version that a late runner made is newer, and harms nobody.
        assert max(map(int, valid)) == int(live.handle["version"])
        assert bench.opened()[0] == "canary-plain"
        if entry.last.phase is Phase.DONE:
            assert min(map(int, valid)) == int(entry.current.handle["version"])
    else:
        assert valid == (set() if live is None else {bench.name_of(live)})
    return live
