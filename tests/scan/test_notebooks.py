"""Notebooks: their code is judged, whatever stands between."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.scan.scanners.code.notebook import NotebookError, module_of

SHELL = "import subprocess\nsubprocess.call(word, shell=True)\n"


def notebook(*sources, kind="code", **metadata):
    cells = [
        {"cell_type": kind, "source": source if isinstance(source, str) else list(source), "metadata": {}}
        for source in sources
    ]
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def lines(text):
    return text.splitlines(keepends=True)


def test_a_fault_in_a_cell_fails_at_its_line_in_the_file(repository):
    text = notebook(["# first\n"], lines("word = 'ls'\n" + SHELL), ["x = 1"])
    repository.commit({"a.ipynb": text})
    scan = repository.scan()
    assert scan.status == 1
    finding = next(f for f in scan.findings() if f["rule"] == "B602")
    assert finding["location"]["label"] == "cell 2, line 3"
    assert "shell=True" in text.splitlines()[finding["location"]["line"] - 1]
    assert "shell=True" in scan.text


def test_imports_of_one_cell_hold_in_the_next(repository):
    repository.commit({"a.ipynb": notebook(["import subprocess as tool"], ["tool.call(word, shell=True)"])})
    assert "B602" in repository.scan().rules("failing")


@pytest.mark.parametrize(
    "cell",
    [
        "%time " + SHELL.splitlines()[1],
        "%%time\n" + SHELL,
        "%%timeit -n 3\n" + SHELL,
        "!pip install x \\\n  --quiet\n%matplotlib inline\nhelp?\n" + SHELL,
        "names = !ls\nvalue = %sql select 1\n" + SHELL,
        "if word:\n    !rm -rf build\n    %cd ..\n" + SHELL,
        "await thing()\n" + SHELL,
    ],
)
def test_python_among_magics_is_judged(repository, cell):
    repository.commit({"a.ipynb": notebook(["import subprocess"], lines(cell))})
    assert "B602" in repository.scan().rules("failing")


def test_cells_of_other_languages_and_texts_are_no_python(repository):
    text = json.loads(notebook(["%%bash\nrm -rf $HOME && subprocess.call(x, shell=True)"]))
    text["cells"].append({"cell_type": "markdown", "source": "eval(input())"})
    repository.commit({"a.ipynb": json.dumps(text)})
    scan = repository.scan()
    assert (scan.status, scan.findings()) == (0, [])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "not a notebook"),
        ("[]", "not a notebook"),
        ("{}", "no list of cells"),
        ('{"cells": [1]}', "no list of cells"),
        ('{"cells": [{"cell_type": "code", "source": 1}]}', "neither text nor"),
        (notebook("def f(:"), "cell 1 is not Python"),
        (notebook("1", kernelspec={"language": "julia", "name": "julia-1.9"}), "a notebook in julia"),
        ("[" * 100_000, "not a notebook"),
        (b"\xff\xfe", "not a notebook"),
    ],
)
def test_what_cannot_be_read_leaves_the_answer_unknown(repository, content, why):
    repository.commit({"a.ipynb": content})
    scan = repository.scan()
    assert scan.status == 3
    assert why in scan.file("a.ipynb")["reason"]


def test_the_older_format_is_read(repository):
    cells = [{"cell_type": "code", "input": lines(SHELL), "language": "python"}]
    repository.commit({"a.ipynb": json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]})})
    assert "B602" in repository.scan().rules("failing")


@given(st.lists(st.lists(st.sampled_from(["x = 1\n", "é = 'ç'\n", "!ls\n", "\n", "%cd x\n"]), max_size=5)))
def test_every_line_of_the_module_is_placed(cells):
    text = notebook(*cells)
    module = module_of(text.encode())
    physical = text.splitlines()
    for number, line in enumerate(module.text.splitlines(), start=1):
        place = module.at(number)
        source = cells[place.cell - 1][place.line - 1]
        assert json.dumps(source) == physical[place.file_line - 1].strip().rstrip(",")
        assert line in {source.rstrip("\n"), "pass"}


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_any_json_is_read_or_refused(value):
    for shape in (value, {"cells": value}, {"cells": [{"cell_type": "code", "source": value}]}):
        with contextlib.suppress(NotebookError):
            module_of(json.dumps(shape).encode())
