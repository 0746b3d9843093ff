"""Which scanner answers for which file."""


def test_python_called_like_a_dockerfile_is_python(repository):
    repository.commit({"dockerfile.py": "from os import path\nprint(path)\n"})
    scan = repository.scan(scanners=("code", "infrastructure"))
    assert scan.status == 0
    assert scan.file("dockerfile.py")["scanners"] == ["code"]
