"""Packaging of the ``ultracart`` distribution; a test keeps requirements.txt equal to RUNTIME."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$',
    (HERE / "ultracart" / "version.py").read_text(encoding="utf-8"),
    re.MULTILINE,
).group(1)

RUNTIME = [
    # 1.26.11 is the oldest 1.26 without warnings of its own; 3 may change the pool interface.
    "urllib3>=1.26.11,<3",
    # Parses dates. 2.8.2 is the first with the fixes for Python 3.9's time zones.
    "python-dateutil>=2.8.2,<5",
    # ensure_text and ensure_binary came with 1.12.
    "six>=1.12,<2",
    # CA certificates; versions are dates, the newest is best, any recent one works.
    "certifi>=2022.12.7",
]
# Authlib 1.6.10 is the first that sends every authorization error back to the application, 2 may
# change the server-side integration as used here; Flask 2.3 is the first
# of the Werkzeug 3 line.
SANDBOX = ["Authlib>=1.6.10,<2", "Flask>=2.3,<4"]
# 2.0 has the typed interface and the pool behaviour that the token store relies on.
SQL = ["SQLAlchemy>=2.0,<3"]

setup(
    name="ultracart",
    version=VERSION,
    description="UltraCart's OAuth for Python: client, sessions that never lose a grant, sandbox",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    author="The ultracart authors",
    python_requires=">=3.9",
    packages=find_packages(include=["ultracart", "ultracart.*"]),
    package_data={"ultracart": ["py.typed"], "ultracart.sandbox": ["templates/*", "static/*"]},
    install_requires=RUNTIME,
    extras_require={"sandbox": SANDBOX, "sql": SQL, "dev": [*SANDBOX, *SQL, "tox>=4.11,<5"]},
    entry_points={
        "console_scripts": ["ultracart=ultracart.cli:main"],
        "pytest11": ["ultracart=ultracart.pytest_plugin"],
    },
    keywords=["ultracart", "oauth", "oauth2", "pkce", "sdk", "ecommerce"],
    classifiers=[
        "Development Status :: 5 - Production/Stable",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Internet :: WWW/HTTP",
        "Topic :: Security",
        "Typing :: Typed",
    ],
    zip_safe=False,
)
