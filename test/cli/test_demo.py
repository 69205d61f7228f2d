"""The demo tells a whole grant's life; what is said without the extra."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import CommandLine


def test_tells_the_life_of_a_grant(ultracart: CommandLine) -> None:
    ran = ultracart("demo", ULTRACART_HOST="http://127.0.0.1:1/rest/v2", ULTRACART_SIMPLE_KEY="k")
    assert (ran.returncode, ran.stderr) == (0, "")
    told = [
        "consent page",
        "the browser comes back",
        "oauth_access_token() exchanges the code",
        "merchant: DEMO",
        "the refresh token gets the next one",
        "The access token is a new one",
        "oauth_revoke() revokes the grant",
        "The revoked token no longer works",
        "HTTP 401",
        "nothing is left running",
    ]
    positions = [ran.stdout.find(words) for words in told]
    assert positions == sorted(positions)
    assert -1 not in positions


def test_shows_no_secret(ultracart: CommandLine) -> None:
    # Everything the sandbox issues and the demo draws has at least 160 random bits.
    assert not re.findall(r"[\w-]{27,}", ultracart.succeed("demo"))


@pytest.mark.parametrize("command", ["demo", "sandbox"])
@pytest.mark.parametrize("missing", ["flask", "authlib"])
def test_without_the_extra(
    ultracart: CommandLine, tmp_path: Path, command: str, missing: str
) -> None:
    (tmp_path / (missing + ".py")).write_text(
        "raise ModuleNotFoundError(name=%r)\n" % missing, encoding="utf-8"
    )
    path = os.pathsep.join([str(tmp_path), ultracart.environment["PYTHONPATH"]])
    ran = ultracart(command, PYTHONPATH=path)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.endswith("python -m pip install 'Flask<4' 'Authlib<2'\n")
    assert ran.stderr.count("\n") == 1


def test_a_reader_who_leaves_early_and_a_full_disk(ultracart: CommandLine) -> None:

    command = [sys.executable, "-m", "ultracart", "demo"]
    environment = ultracart.environment
    with open("/dev/full", "w", encoding="utf-8") as full:
        ran = subprocess.run(
            command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ran.returncode, ran.stderr) == (1, "ultracart: No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:
        ran = subprocess.run(
            command, env=environment, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ran.returncode, ran.stderr) == (1, "")
