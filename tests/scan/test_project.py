"""Which policy judges: the project that holds what is scanned."""

SHELL = "import subprocess\ndef run(word):\n    subprocess.call(word, shell=True)\n"
LENIENT = "scan: {fail_on: critical}\n"


def test_a_folder_or_a_file_is_judged_by_its_projects_policy(repository):
    repository.commit({"guarita.yaml": LENIENT, "services/api/a.py": SHELL})
    for path in ("services/api", "services", "services/api/a.py", "."):
        scan = repository.scan(path)
        assert scan.status == 0, path
        assert scan.report["policy_origin"] == "tree"
        assert [f["location"]["path"] for f in scan.findings()] == ["services/api/a.py"] * 2


def test_a_nearer_policy_holds_for_its_own_folder(repository):
    repository.commit(
        {
            "guarita.yaml": LENIENT,
            "services/guarita.yaml": "scan: {fail_on: low}\n",
            "services/a.py": SHELL,
        }
    )
    assert repository.scan("services").status == 1
    assert repository.scan(".").status == 0


def test_only_what_was_asked_for_is_scanned(repository):
    repository.commit({"guarita.yaml": "scan: {}\n", "services/a.py": "x = 1\n", "tools/b.py": SHELL})
    scan = repository.scan("services")
    assert scan.status == 0
    assert [file["path"] for file in scan.report["coverage"]["files"]] == ["services/a.py"]


def test_a_change_cannot_move_the_judge_by_adding_a_nearer_policy(repository):
    base = repository.commit({"guarita.yaml": "scan: {fail_on: low}\n", "services/a.py": "x = 1\n"})
    repository.commit({"services/guarita.yaml": LENIENT, "services/b.py": SHELL})
    scan = repository.scan("services", "--diff", base)
    assert scan.status == 1
    assert scan.report["policy_origin"] == "base"
    assert "guarita.yaml" in scan.report["policy_source"]


def test_a_folder_that_the_base_does_not_have_is_all_new(repository):
    base = repository.commit({"a.py": SHELL})
    repository.commit({"services/b.py": SHELL})
    scan = repository.scan("services", "--diff", base)
    assert scan.status == 1
    assert len(scan.findings("existing")) == 0


def test_diff_of_single_files_compares_those_files(repository):
    base = repository.commit({"a.py": SHELL, "b.py": "x = 1\n"})
    repository.commit({"b.py": SHELL})
    assert repository.scan("a.py", "--diff", base).status == 0
    assert repository.scan("b.py", "--diff", base).status == 1


def test_a_policy_behind_a_link_is_none(repository, tmp_path):
    (tmp_path / "guarita.yaml").write_text(LENIENT)
    repository.commit({"a.py": SHELL})
    (repository.root / "guarita.yaml").symlink_to(tmp_path / "guarita.yaml")
    scan = repository.scan()
    assert scan.status == 1
    assert scan.report["policy_origin"] == "default"


def test_the_policys_own_baseline_is_read_from_where_the_policy_is(repository):
    repository.commit({"a.py": SHELL})
    repository.scan("--write-baseline", "known.json")
    base = repository.commit({"guarita.yaml": "scan: {baseline: known.json}\n"})
    assert repository.scan().status == 0
    repository.commit({"known.json": "{}", "b.py": "x = 1\n"})
    # The base's own baseline judges; that the change empties it is a finding.
    assert set(repository.scan("--diff", base).rules("failing")) == {"GUARITA_GATE_2"}
    wrong = repository.scan()
    assert wrong.status == 2
    assert "scan.baseline: known.json: not a baseline" in wrong.text
