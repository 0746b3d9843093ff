"""A secret that one scanner found is not shown by another that reports its line or the line beside it."""

import verdicts

from guarita.scan.veil import HIDDEN, veiled

TOKEN = "ghp_" + "0Xd3RPPLgCcTr6hQKtKPcRFXhQZ0lE1Y4yDa"


def test_bandit_does_not_quote_a_line_that_holds_a_secret(repository):
    call = f'requests.get(u, headers={{"Authorization": "token {TOKEN}"}}, verify=False)'
    repository.commit({"a.py": f"import requests\n\n\ndef f(u):\n    return {call}\n"})
    scan = repository.scan(scanners=("code", "secrets"))
    assert {"B501", "betterleaks.github-pat"} <= set(scan.rules("failing"))
    assert TOKEN not in scan.text + scan.raw
    assert HIDDEN in scan.text


def test_every_line_of_a_secret_is_hidden_and_no_other():
    secret = verdicts.finding(scanner="secrets", path="a.py", line=5, snippet=())
    key = verdicts.finding(
        scanner="secrets", location=verdicts.Location(path="a.py", line=8, end_line=9), snippet=()
    )
    shown = verdicts.finding(path="a.py", line=7, snippet=tuple((n, f"line {n}") for n in range(4, 11)))
    elsewhere = verdicts.finding(path="b.py", line=5, snippet=((5, "line 5"),))
    *_, first, second = veiled([secret, key, shown, elsewhere])
    assert [text for _, text in first.snippet] == [
        "line 4",
        HIDDEN,
        "line 6",
        "line 7",
        HIDDEN,
        HIDDEN,
        "line 10",
    ]
    assert second == elsewhere
