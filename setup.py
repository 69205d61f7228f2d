"""Packaging of the ``ultracart`` distribution; a test keeps requirements.txt equal to RUNTIME."""

import gzip
import os
import re
import shutil
import tarfile
import time
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$',
    (HERE / "ultracart" / "version.py").read_text(encoding="utf-8"),
    re.MULTILINE,
).group(1)

RUNTIME = [
    # 2.2.2 is the first that keeps a proxy's credentials from the host of a redirect; 3 may change
    # the pool interface.
    "urllib3>=2.2.2,<3",
    # Parses dates. 2.9 is the first that Python 3.12 and newer load without a warning.
    "python-dateutil>=2.9,<5",
    # 1.16 is the first whose importer Python 3.12 accepts, and python-dateutil needs it.
    "six>=1.16,<2",
    # CA certificates; versions are dates. Older ones trust authorities that have been distrusted.
    "certifi>=2024.7.4",
]
# Authlib 1.6.10 is the first that sends every authorization error back to the application, 2 may
# change the server-side integration as used here; Flask 3.0 is the first that needs Werkzeug 3, and
# the earlier lines of both get no more fixes.
SANDBOX = ["Authlib>=1.6.10,<2", "Flask>=3.0,<4"]
# 2.0 has the typed interface and the pool behaviour that the token store relies on.
SQL = ["SQLAlchemy>=2.0,<3"]
# 3.5 is the first line that knows Python 3.13's argparse.
COMPLETION = ["argcomplete>=3.5,<4"]
# What a source distribution holds beside the package, so that whoever gets it can run the tests.
SOURCES = ["pyproject.toml", "requirements.txt", "tox.ini", "CHANGELOG.md", ".ci", "docs", "test"]


def source_files():
    """Each file of SOURCES, without what tools leave behind."""
    for name in SOURCES:
        for path in [HERE / name, *(HERE / name).rglob("*")]:
            below = path.relative_to(HERE / name).parts
            left_behind = "__pycache__" in below or any(part.startswith(".") for part in below)
            if path.is_file() and not left_behind:
                yield str(path.relative_to(HERE))


class SourceDistribution(sdist):
    """Equal sources give equal bytes when SOURCE_DATE_EPOCH is set (reproducible-builds.org)."""

    def make_distribution(self):
        self.filelist.extend(sorted(source_files()))
        super().make_distribution()

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **others):
        if format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, **others)
        moment = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))

        def without_builder(entry):
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = moment
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            return entry

        name = base_name + ".tar.gz"
        with (
            open(name, "wb") as raw,
            gzip.GzipFile("", "wb", 9, raw, moment) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            archive.add(base_dir, filter=without_builder)
        return name


class PackageAlone(build_py):
    """A wheel holds what the sources hold now, not what an earlier build has left in build/."""

    def run(self):
        shutil.rmtree(Path(self.build_lib, "ultracart"), ignore_errors=True)
        super().run()


# What runs the tests and the examples; `pip install -e '.[dev]' && pytest test/core` needs no more.
# The lower end of a range has what the tests use, the upper end stops before a next major version.
# The environments in tox.ini add databases, a browser and other checks.
DEV = [
    *SANDBOX,
    *SQL,
    *COMPLETION,
    "cryptography>=42",
    "django>=4.2,<7",
    "httpx>=0.27,<1",
    "hypothesis>=6.100,<7",
    "pytest>=8.3,<10",
    "pytest-randomly>=3.15,<5",
    "pytest-timeout>=2.3,<3",
    "requests>=2.31,<3",
    "tox>=4.11,<5",
    "trio>=0.25,<1",
    "trustme>=1.1,<2",
]

setup(
    name="ultracart",
    version=VERSION,
    description="UltraCart's OAuth for Python: client, sessions that never lose a grant, sandbox",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    author="The ultracart authors",
    project_urls={"UltraCart REST API": "https://www.ultracart.com/api/"},
    python_requires=">=3.10",
    packages=find_packages(include=["ultracart", "ultracart.*"]),
    package_data={"ultracart": ["py.typed"], "ultracart.sandbox": ["templates/*", "static/*"]},
    install_requires=RUNTIME,
    extras_require={"sandbox": SANDBOX, "sql": SQL, "completion": COMPLETION, "dev": DEV},
    entry_points={
        "console_scripts": ["ultracart=ultracart.cli:main"],
        "pytest11": ["ultracart=ultracart.pytest_plugin"],
    },
    keywords=["ultracart", "oauth", "oauth2", "pkce", "sdk", "ecommerce"],
    classifiers=[
        "Development Status :: 5 - Production/Stable",
        "Framework :: Pytest",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Programming Language :: Python :: 3.15",
        "Topic :: Internet :: WWW/HTTP",
        "Topic :: Security",
        "Typing :: Typed",
    ],
    zip_safe=False,
    cmdclass={"build_py": PackageAlone, "sdist": SourceDistribution},
)
