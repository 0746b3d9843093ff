"""The built wheel holds all four roots, their markers and no tests. Run by .ci/run."""

import sys
import zipfile

names = zipfile.ZipFile(sys.argv[1]).namelist()
wanted = (
    "guarita/cli/main.py",
    "guarita/config/load.py",
    "guarita/policy/gate/judge.py",
    "guarita/scan/cli.py",
    "guarita/scan/reports/html/page.html.j2",
    "guarita/scan/reports/html/page.css",
    "guarita/scan/reports/html/page.js",
    "guarita/scan/reports/schema/guarita-report.schema.json",
    "guarita/rotation/deploy/base/cronjob.yaml",
    "guarita/deploy/files/chart/templates/_helpers.tpl",
    "guarita/deploy/files/chart/templates/NOTES.txt",
    "guarita/deploy/files/argocd/application.yaml",
)
missing = [name for name in wanted if name not in names]
strange = [name for name in names if name.startswith("tests") or name == "guarita/__init__.py"]
markers = [name for name in names if name.endswith("py.typed")]
if missing or strange or len(markers) < 5:
    sys.exit(f"the wheel is wrong: missing {missing}, strange {strange}, markers {markers}")
print(f"wheel: {len(names)} files, {len(markers)} typed packages")
