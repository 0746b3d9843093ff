"""A ledger as a platform's month would leave it, to look at `guarita report`: `python examples/posture.py FOLDER`.

Writes FOLDER/ledger.db and FOLDER/guarita.yaml; then `cd FOLDER` and `guarita report --ledger ledger.db`.
"""

import random
import sys
import time
from pathlib import Path

from guarita.audit import events, open_ledger

DAY = 86_400_000
CONFIGURATION = """\
scan:
  waivers:
    - {rule: B608, owner: data team, reason: the statement is joined from constants, expires: 2027-01-15}
rotation:
  vault: {address: "https://vault.example:8200"}
  secrets:
    shop-login: {type: kv, vault: secret/shop/login, contact: shop}
    webhook: {type: kv, vault: secret/shop/webhook}
    signer: {type: kv, vault: secret/id/signer}
    never-rotated: {type: kv, vault: secret/old}
"""


def month(now, chance):
    """Events of thirty days that end now, oldest first."""
    for day in range(29, -1, -1):
        at = now - day * DAY
        for number in range(chance.randint(1, 4)):
            failing = chance.random() < 0.25
            yield events.compliance_finding(
                time=at + number, scan_uid=f"scan-{day}-{number}", result="failed" if failing else "passed",
                threshold="medium", policy_origin="file", digests={"tree": f"{day:064x}", "policy": "0" * 64},
                by_severity={"high": 2} if failing else {}, by_decision={"failing": 2} if failing else {},
                coverage={"scanned": 420}, revision=f"{day:040x}",
                frameworks={"lgpd": {"passed": 5, "failed": int(failing), "not_checked": 11}},
            )  # fmt: skip
        for number in range(chance.randint(0, 9)):
            yield events.api_activity(
                time=at + number, operation="GET /docs/{id}", actor=f"client-{chance.randint(1, 5)}",
                service="guarita gateway", allowed=False, reason=chance.choice(["token.expired", "access.denied"]),
                details={"code": chance.choice(["token.expired", "access.denied"]), "rule": "docs:read"},
            )  # fmt: skip
        yield events.data_security_finding(
            time=at, finding_uid=f"pii-{day}", document=f"{day:016x}", counts={"CPF": chance.randint(1, 9)},
            decision=chance.choice(["allow", "redact", "review", "block"]), severity="medium",
            details={"tenant": "acme", "source": "contracts/", "classes": {"identifier": 3, "health": 1}},
        )  # fmt: skip
        if chance.random() < 0.4:
            yield events.detection_finding(
                time=at, finding_uid=f"detection-{day}", rule="brute-force", title="Many refused tokens",
                severity=chance.choice(["low", "medium", "high", "critical"]),
            )  # fmt: skip
    for name, age in (("shop-login", 3), ("webhook", 27), ("signer", 41)):
        for phase in ("created", "done"):
            yield events.entity_management(
                time=now - age * DAY, entity=name, kind="kv", activity="update", success=True,
                details={"secret": name, "rotation": f"r-{name}", "phase": phase},
            )  # fmt: skip


def main(folder):
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "guarita.yaml").write_text(CONFIGURATION)
    now = time.time_ns() // 1_000_000
    with open_ledger(str(folder / "ledger.db")) as ledger:
        ledger.append_all(sorted(month(now, random.Random(3)), key=lambda event: event.time))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
