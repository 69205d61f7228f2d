"""Sdist and wheel hold exactly what they should, and install from themselves."""

from __future__ import annotations

import hashlib
import re
import sys
import tarfile
import zipfile
from pathlib import Path

from .conftest import Run


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_wheel_holds_the_package_alone(distributions: list[Path], sources: Path) -> None:
    with zipfile.ZipFile(_only(distributions[0], "*.whl")) as wheel:
        names = set(wheel.namelist())
    package = {"ultracart/" + name for name in _files(sources / "ultracart")}
    assert {name for name in names if ".dist-info/" not in name} == package
    assert any(name.endswith("LICENSE") for name in names)


def test_wheel_holds_nothing_of_an_earlier_build(checkout: Path, run: Run) -> None:
    names = []
    removed = checkout / "ultracart" / "removed.py"
    removed.touch()
    for folder in (checkout / "old", checkout / "new"):
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, checkout)
        with zipfile.ZipFile(_only(folder, "*.whl")) as wheel:
            names.append(set(wheel.namelist()))
        removed.unlink(missing_ok=True)
    assert (checkout / "build").is_dir()
    assert {name for name in names[0] - names[1] if ".dist-info/" not in name} == {
        "ultracart/removed.py"
    }


def test_sdist_holds_the_package_and_what_tests_it(
    distributions: list[Path], sources: Path
) -> None:
    with tarfile.open(_only(distributions[0], "*.tar.gz")) as sdist:
        names = {m.name.partition("/")[2] for m in sdist.getmembers() if m.isfile()}
    made = {n for n in names if ".egg-info/" in n} | {"PKG-INFO", "setup.cfg"}
    assert names - made == _files(sources)


def test_two_builds_are_equal_to_the_byte(distributions: list[Path]) -> None:
    first, second = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        for folder in distributions
    )
    assert first == second
    assert len(first) == 2


def test_metadata_and_contents_pass_the_checkers(distributions: list[Path], run: Run) -> None:
    files = sorted(distributions[0].iterdir())
    run(sys.executable, "-m", "twine", "check", "--strict", *files)
    run(Path(sys.executable).with_name("check-wheel-contents"), distributions[0])


def test_sdist_installs_offline_and_brings_only_the_runtime(
    distributions: list[Path], sources: Path, fresh_python: Path, tmp_path: Path, run: Run
) -> None:
    sdist, wheels = _only(distributions[0], "*.tar.gz"), tmp_path / "wheels"
    requirements = sources / "requirements.txt"
    download = ("-m", "pip", "download", "-q", "--only-binary=:all:", "-d", wheels)
    run(fresh_python, *download, "setuptools", "wheel", "-r", requirements)
    run(fresh_python, "-m", "pip", "install", "-q", "--no-index", "--find-links", wheels, sdist)
    listed = run(fresh_python, "-m", "pip", "list", "--format=freeze").stdout
    installed = {re.split("[=@ ]", line)[0].lower() for line in listed.splitlines()}
    # tzdata comes with python-dateutil from its version 3 on, not from us.
    assert installed - {"pip", "setuptools", "tzdata"} == {
        "ultracart",
        "urllib3",
        "python-dateutil",
        "six",
        "certifi",
    }
    told = run(fresh_python, "-c", "import ultracart; print(ultracart.__version__)", cwd=tmp_path)
    assert told.stdout.strip() == sdist.name[len("ultracart-") : -len(".tar.gz")]
