"""The attacks as pytest's tests: one for each endpoint and attack."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from guarita.errors import GuaritaError
from guarita.gateway.testing.attack.interface import ATTACKS, Aim, Attack, Target
from guarita.gateway.testing.attack.judge import Finding
from guarita.gateway.testing.attack.world import Setup, Unaimed, World


class AttackSession:
    """Collects the attacks, and ends what they stand on."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._world: World | None = None
        self._setup: Setup | None = None
        self.findings: Counter[str] = Counter()
        if config.args_source is not config.ArgsSource.ARGS:
            config.args = []  # only the attacks, unless tests are named beside them

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the attacks, before anything is selected."""
        policy = self._config.getoption("guarita_attack_policy")
        folder = self._config.invocation_params.dir
        setup = Setup(self._config.getoption("guarita_attack"), folder, Path(policy) if policy else None)
        try:
            self._config.hook.pytest_guarita_attack(attack=setup)
            if unknown := setup.skip.keys() - ATTACKS.keys():
                raise pytest.UsageError(f"there is no attack {', '.join(sorted(unknown))} to skip")
            self._world = World(setup).__enter__()
        except GuaritaError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            raise pytest.UsageError(f"--guarita-attack: {error.message}{hint}") from error
        self._setup = setup
        root = _Root.from_parent(session, name="guarita-attack", nodeid="guarita-attack")
        made: list[pytest.Item | pytest.Collector] = [
            item for target in self._world.targets for item in self._items(root, target, setup)
        ]
        # So that the count of what was collected is right.
        report = pytest.CollectReport(root.nodeid, "passed", None, made)
        self._config.hook.pytest_collectreport(report=report)
        items.extend(item for item in made if isinstance(item, pytest.Item))

    def _items(self, root: pytest.Collector, target: Target, setup: Setup) -> list[pytest.Item]:
        assert self._world is not None  # noqa: S101  # it was just made
        parent = _Root.from_parent(root, name=str(target), nodeid=f"{root.nodeid}::{target}")
        made: list[pytest.Item] = [
            _LetThrough.from_parent(parent, name="access.right", world=self._world, target=target)
        ]
        for attack in self._world.attacks(target):
            item = _AttackItem.from_parent(
                parent, name=attack.name, world=self._world, target=target, attack=attack
            )
            if attack.name in setup.skip:
                item.add_marker(pytest.mark.skip(reason=setup.skip[attack.name]))
            made.append(item)
        return made

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say how much was attacked."""
        if self._world is None or self._setup is None:
            return
        terminalreporter.section(f"guarita attack on {self._setup.app}")
        for line in self._world.summary():
            terminalreporter.line(line)

    def pytest_unconfigure(self) -> None:
        """Stop the application."""
        if self._world is not None:
            self._world.__exit__()
            self._world = None


class _Root(pytest.Collector):
    """A name above others."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        return []


class AttackFoundError(Exception):
    """An attack came further than the policy says."""

    def __init__(self, found: list[Finding] | list[Unaimed]) -> None:
        super().__init__("\n\n".join(map(str, found)))


class _Item(pytest.Item):
    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, AttackFoundError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, 0, self.nodeid  # pytest's report of a skip wants a line


class _AttackItem(_Item):
    """One attack on one endpoint."""

    def __init__(self, *, world: World, target: Target, attack: Attack, **named: Any) -> None:
        super().__init__(**named)
        self._world, self._target, self._attack = world, target, attack

    def runtest(self) -> None:
        if found := self._world.run(self._target, self._attack):
            raise AttackFoundError(found)


class _LetThrough(_Item):
    """That somebody whom the policy lets through comes through: otherwise refusals prove nothing."""

    def __init__(self, *, world: World, target: Target, **named: Any) -> None:
        super().__init__(**named)
        self._world, self._target = world, target

    def runtest(self) -> None:
        aim = self._world.aim(self._target)
        if isinstance(aim, Unaimed):
            raise AttackFoundError([aim])
        assert isinstance(aim, Aim)  # noqa: S101  # there is nothing else
