"""Metrics and alert rules, read by Prometheus' own tool."""

import http.server
import re
import shutil
import subprocess
import threading

import pytest
import sealing
import yaml

from guarita.config.rotation_metrics import MetricsSection
from guarita.deploy.cli import FILES
from guarita.errors import GuaritaError
from guarita.rotation import sealed
from guarita.rotation.metrics import RunState, SecretState, exposition, publish

ALERTS = FILES / "chart/files/rules/rotation.yaml"
DAY = 86_400


def promtool(*words, **options):
    tool = shutil.which("promtool")
    assert tool, "apt install prometheus: see requirements/debian"
    return subprocess.run([tool, *words], capture_output=True, text=True, check=False, **options)


def states():
    keys = sealed.from_certificates({"cert.pem": sealing.SealingKey(born=3).certificate}, sealing.NOW)
    secrets = [
        SecretState(
            name="db", kind="postgres", max_age=30 * DAY, created=1000.0, due=2000.0, last="done", last_at=1.0
        ),
        SecretState(name="new", kind="kv", max_age=7 * DAY, phase="delivered", expected=5.0),
    ]
    return exposition(secrets, run=RunState(ended=7.0, success=True), sealing=keys)


def test_prometheus_reads_what_is_written(tmp_path):
    publish(states(), MetricsSection(textfile="rotation.prom"), tmp_path)
    written = tmp_path / "rotation.prom"
    assert written.stat().st_mode & 0o777 == 0o644
    done = promtool("check", "metrics", input=written.read_text())
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    lines = written.read_text().splitlines()
    assert 'guarita_rotation_secret_created_timestamp_seconds{secret="db",type="postgres"} 1000.0' in lines
    assert 'guarita_rotation_secret_age_unknown{secret="new",type="kv"} 1.0' in lines
    assert 'guarita_rotation_step_expected_timestamp_seconds{phase="delivered",secret="new"} 5.0' in lines
    assert not [
        line for line in lines if line.startswith("guarita_rotation_secret_created") and "new" in line
    ]


def test_a_textfile_is_never_half_written(tmp_path):
    publish(states(), MetricsSection(textfile="rotation.prom"), tmp_path)
    publish(exposition([]), MetricsSection(textfile="rotation.prom"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["rotation.prom"]
    with pytest.raises(GuaritaError) as caught:
        publish(states(), MetricsSection(textfile="nowhere/rotation.prom"), tmp_path)
    assert caught.value.code == "file.unwritable"


class Gateway(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        self.server.seen.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_pushgateway_takes_them_whole(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        server.seen, server.status = [], 200
        threading.Thread(target=server.serve_forever, daemon=True).start()
        section = MetricsSection(pushgateway=f"http://127.0.0.1:{server.server_port}", timeout_seconds=5)
        publish(states(), section, tmp_path)
        ((path, body),) = server.seen
        assert path == "/metrics/job/guarita-rotation"
        assert "guarita_rotation_last_run_success 1.0" in body
        server.status = 500
        with pytest.raises(GuaritaError) as caught:
            publish(states(), section, tmp_path)
        assert caught.value.code == "metrics.pushgateway"
        server.shutdown()
    with pytest.raises(GuaritaError):
        publish(states(), section, tmp_path)


def test_the_rules_are_valid():
    done = promtool("check", "rules", ALERTS)
    assert done.returncode == 0, done.stdout + done.stderr


NOW = 52 * 3600
"""Of the rules' tests: promtool's clock begins at 0, and moments before that are negative."""
SECRET = '{secret="db",type="kv"}'
CASES = [
    ("NearLimit", {f"secret_created_timestamp_seconds{SECRET}": NOW - 29 * DAY, f"secret_max_age_seconds{SECRET}": 30 * DAY}),
    ("OverLimit", {f"secret_created_timestamp_seconds{SECRET}": NOW - 31 * DAY, f"secret_max_age_seconds{SECRET}": 30 * DAY}),
    ("NotRun", {"last_run_timestamp_seconds": NOW - 38 * 3600}),
    ("RunFailed", {"last_run_success": 0}),
    ("Stuck", {'step_expected_timestamp_seconds{secret="db",phase="delivered"}': NOW - 28 * 3600}),
    ("RolledBack", {'last_outcome_timestamp_seconds{secret="db",outcome="rolled-back"}': NOW - DAY}),
    ("KeyOld", {'sealing_key_created_timestamp_seconds{key="a"}': NOW - 36 * DAY}),
    ("AgeUnknown", {f"secret_age_unknown{SECRET}": 1}),
]  # fmt: skip
WELL = {
    f"secret_created_timestamp_seconds{SECRET}": NOW - 28 * DAY,
    f"secret_max_age_seconds{SECRET}": 30 * DAY,
    f"secret_age_unknown{SECRET}": 0,
    "last_run_timestamp_seconds": NOW - 24 * 3600,
    "last_run_success": 1,
    'step_expected_timestamp_seconds{secret="db",phase="refused"}': NOW - 3600,
    'last_outcome_timestamp_seconds{secret="db",outcome="done"}': NOW - DAY,
    'sealing_key_created_timestamp_seconds{key="a"}': NOW - 29 * DAY,
}


def fired(tmp_path, told):
    """The alerts that fire with these metrics, by promtool's own evaluation."""
    names = [rule["alert"] for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]]
    series = [
        {"series": f"guarita_rotation_{name}", "values": f"{value}x110"} for name, value in told.items()
    ]
    silent = [{"eval_time": f"{NOW}s", "alertname": name, "exp_alerts": []} for name in names]
    tests = [{"interval": "30m", "input_series": series, "alert_rule_test": silent}]
    whole = {"rule_files": [str(ALERTS)], "evaluation_interval": "30m", "tests": tests}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(whole))
    done = promtool("test", "rules", tmp_path / "test.yaml")
    found = re.findall(r"alertname: (\w+), time", done.stdout + done.stderr)
    assert bool(found) == bool(done.returncode), done.stdout + done.stderr
    return {re.sub("Guarita(Secret|Rotation|Sealing)", "", name) for name in found}


def test_nothing_fires_while_all_is_well(tmp_path):
    assert fired(tmp_path, WELL) == set()


@pytest.mark.parametrize(("alert", "told"), CASES, ids=[name for name, _ in CASES])
def test_each_alert_fires_for_what_it_is_named_after(tmp_path, alert, told):
    expected = {alert} | ({"NearLimit"} if alert == "OverLimit" else set())
    assert fired(tmp_path, {**WELL, **told}) == expected


def test_a_run_that_never_was_is_noticed(tmp_path):
    told = {name: value for name, value in WELL.items() if name != "last_run_timestamp_seconds"}
    assert fired(tmp_path, told) == {"NotRun"}


def test_every_metric_of_a_rule_is_one_that_is_written(tmp_path):
    publish(states(), MetricsSection(textfile="rotation.prom"), tmp_path)
    names = {
        line.split()[2] for line in (tmp_path / "rotation.prom").read_text().splitlines() if "# TYPE" in line
    }
    used = set(re.findall(r"guarita_rotation_[a-z_]+", ALERTS.read_text()))
    assert used <= names
