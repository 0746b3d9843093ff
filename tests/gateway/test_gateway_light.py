"""A service that imports the gateway gets nothing that it did not ask for."""

import json
import subprocess
import sys

CODE = """
import json, sys
import guarita.gateway, guarita.gateway.core, guarita.gateway.asgi, guarita.gateway.forward
print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))))
print(json.dumps(sorted(name for name in sys.modules if name.startswith('guarita.'))))
"""


def test_importing_the_gateway_loads_no_other_part_and_no_heavy_library():
    done = subprocess.run([sys.executable, "-I", "-c", CODE], check=True, capture_output=True, text=True)
    libraries, ours = map(json.loads, done.stdout.splitlines())
    assert set(libraries) <= {"__main__", "_distutils_hack", "guarita"}
    assert not [name for name in ours if name.split(".")[1] not in {"gateway", "errors"}]


EACH = """
import importlib, json, os, pkgutil, sys
import guarita.gateway
names = [one.name for one in pkgutil.walk_packages(guarita.gateway.__path__, "guarita.gateway.")]
for name in names:
    if child := os.fork():
        if os.waitpid(child, 0)[1]:
            print(name)
        continue
    try:
        importlib.import_module(name)
    except BaseException as error:
        print(name, error, file=sys.stderr)
        os._exit(1)
    os._exit(0)
print(len(names))
"""


def test_every_module_can_be_the_first_that_is_imported():
    done = subprocess.run([sys.executable, "-I", "-c", EACH], check=True, capture_output=True, text=True)
    *failed, count = done.stdout.split()
    assert not failed, done.stderr
    assert int(count) > 100
