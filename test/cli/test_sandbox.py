"""``ultracart sandbox``: serves, takes every switch, prints requests, and stops quietly."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import socket
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from urllib3 import PoolManager

from ultracart.commands.logins import SANDBOX_CLIENT_ID
from ultracart.sandbox import Sandbox
from ultracart.sandbox.switches import SWITCHES

from .conftest import CommandLine, Running

VERSION = {"X-UltraCart-Api-Version": "2017-03-01"}


def start(ultracart: CommandLine, *options: str, **environment: str) -> tuple[Running, Any]:
    """A running command and what it says about itself."""
    running = ultracart.start("sandbox", "--port", "0", "--json", *options, **environment)
    running.out.wait_for("}")
    return running, json.loads(running.out.so_far())


def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
    with PoolManager(retries=False) as pool:
        answer = pool.request(method, url, headers={**VERSION, **headers}, redirect=False)
        text = answer.data.decode()
        return answer.status, json.loads(text) if text.startswith(("{", "[")) else text


def stop(running: Running) -> str:
    """Interrupt the command, which must end well; returns its stderr."""
    running.interrupt()
    status, _, err = running.end()
    assert status == 0, err
    assert "Traceback" not in err
    return err


def test_serves_until_it_is_interrupted(ultracart: CommandLine) -> None:
    running = ultracart.start("sandbox", "--port", "0", "--quiet")
    host = running.out.wait_for("export ULTRACART_HOST=").partition("=")[2]
    running.out.wait_for("Ctrl-C")
    assert ask(host + "/oauth/authorize")[0] == 400
    assert ask(host, accept="text/html")[0] == 302
    running.interrupt()
    status, out, err = running.end()
    assert (status, err) == (0, "")
    assert "client id %s" % SANDBOX_CLIENT_ID in out
    port = re.search(r":(\d+)/", host)
    assert port
    # The port is free again: somebody else can have it.
    socket.create_server(("127.0.0.1", int(port.group(1)))).close()


def test_the_banner_says_what_the_options_say(ultracart: CommandLine) -> None:
    options = ["--application", "web", "--application", "it's"]
    options += ["--merchant", "ACME=Acme Inc", "--merchant", "SHOP"]
    running = ultracart.start("sandbox", "--port", "0", "--quiet", *options)
    host = running.out.wait_for("export ULTRACART_HOST=").partition("=")[2]
    running.out.wait_for("Ctrl-C")
    out = running.out.so_far()
    assert "for the applications with the client ids web and it's. In another" in out
    assert "\n    ultracart login --client-id web\n" in out
    assert "\nMerchants on the consent page: ACME (Acme Inc), SHOP.\n" in out
    page = ask(host.removesuffix("rest/v2"))[1]
    assert "<code>ultracart login --client-id web</code>" in page
    assert "<code>ultracart login --device --client-id web</code>" in page
    stop(running)


def test_the_banner_quotes_a_client_id_for_the_shell(ultracart: CommandLine) -> None:
    running = ultracart.start("sandbox", "--port", "0", "--application", "it's web")
    running.out.wait_for("Ctrl-C")
    line = re.search(r"\n    (ultracart login .*)\n", running.out.so_far())
    assert line is not None
    assert shlex.split(line[1])[2:] == ["--client-id", "it's web"]
    stop(running)


@pytest.mark.parametrize("_", range(3))
def test_ctrl_c_right_after_the_address(ultracart: CommandLine, _: int) -> None:
    running = ultracart.start("sandbox", "--port", "0")
    running.out.wait_for("The sandbox serves")
    assert stop(running) == ""


def test_login_knows_the_sandbox_application(sandbox: Sandbox) -> None:
    assert sandbox.client_id == SANDBOX_CLIENT_ID


def test_json(ultracart: CommandLine) -> None:
    running, told = start(ultracart)
    stop(running)
    assert told["client_id"] == SANDBOX_CLIENT_ID
    assert told["host"].startswith("http://127.0.0.1:")
    assert told["host"] == told["url"] + "rest/v2"


def test_busy_port(ultracart: CommandLine, sandbox: Sandbox) -> None:
    message = ultracart.fail("sandbox", "--port", str(sandbox.port))
    assert "port %d cannot be used (Address already in use): " % sandbox.port in message
    assert "--port" in message


def test_a_line_for_each_request(ultracart: CommandLine) -> None:
    running, told = start(ultracart)
    ask(told["host"] + "/oauth/me?secret=1")
    ask(told["host"] + "/oauth/authorize?client_id=sandbox_client&state=secret")
    ask(told["url"])
    ask(told["host"] + "/item/items/%1B%5B2J%E2%82%AC")
    running.err.wait_for("/item/items")
    lines = stop(running).splitlines()
    assert [re.sub(r"\d+ ms", "1 ms", line[9:]) for line in lines] == [
        "GET /oauth/me 401 - 1 ms",
        "GET /oauth/authorize 302 sandbox_client 1 ms",
        "GET /item/items/ [2J\u20ac 401 - 1 ms",
    ]
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)


def test_quiet(ultracart: CommandLine) -> None:
    running, told = start(ultracart, "--quiet")
    ask(told["host"] + "/oauth/me")
    assert stop(running) == ""


def test_every_switch_is_an_option(ultracart: CommandLine) -> None:
    values = {
        "refresh_tokens": "same",
        "expires_in": "text",
        "token_type": "bearer",
        "granted_scope": "item_read",
        "oauth_error_status": "200",
        "issuer": "https://issuer.example",
        "device_interval": "none",
        "refresh_token_lifetime": "1.5",
    }
    options = []
    for switch in SWITCHES:
        option = switch.name.replace("_", "-")
        if switch.kind == "flag":
            options.append("--no-" + option if switch.default else "--" + option)
        else:
            options += ["--" + option, values.get(switch.name, "77")]
    running, told = start(ultracart, *options)
    page = ask(told["url"])[1]
    stop(running)
    for switch in SWITCHES:
        field = re.search(r'<(?:input|select)[^>]* name="%s".*?</p>' % switch.name, page, re.DOTALL)
        assert field is not None
        if switch.kind == "flag":
            assert (" checked" in field[0]) is not switch.default
        elif switch.choices:
            assert "<option selected>%s<" % values[switch.name] in field[0]
        else:
            value = values.get(switch.name, "77").replace("none", "")
            assert ' value="%s"' % value in field[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--refresh-tokens", "sometimes"],
            "-tokens: must be one of rotate, same, absent",
        ),
        (["--access-token-lifetime", "-1"], "lifetime: must be a number of seconds from 0 on"),
        (
            ["--oauth-error-status", "99"],
            "must be an HTTP status from 200 to 599",
        ),
        (["--access-token-lifetime", "none"], "lifetime: must be a number"),
        (["--application", ""], "client_id must be a text of one line"),
        (["--application", "shop,https://a.example"], "one of redirect=..., name=..., scope=..."),
        (["--application", "shop,name=A,name=B"], "name= is given twice"),
        (["--application", "shop,redirect=/callback"], "redirect= must be a URI such as http"),
        (["--application", "shop,redirect=http://a b"], "redirect= must be a URI such as http"),
        (["--merchant", "=Name"], "write it as ID or ID=NAME"),
        (["--merchant", "A=1", "--merchant", "A=2"], "--merchant must have different ids"),
        (["--requir-pkce"], "--requir-pkce"),
        (["--simple-key", ""], "--simple-key must hold texts"),
        (
            ["--application", "a", "--application", "a"],
            "must have different client ids",
        ),
    ],
)
def test_wrong_options_are_refused_by_name(
    ultracart: CommandLine, options: list[str], words: str
) -> None:
    ran = ultracart("sandbox", "--port", "0", *options)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert words in ran.stderr
    assert ran.stderr.count("\n") == 2  # the usage is one line, however many options there are


def test_applications_merchants_and_keys(ultracart: CommandLine) -> None:
    running, told = start(
        ultracart,
        *("--application", "shop,redirect=https://shop.example/cb,name=My Shop,scope=item_read"),
        *("--application", "other"),
        *("--merchant", "OAK=Oak & Iron Tools", "--merchant", "ELM"),
        *("--simple-key", "k1"),
    )
    page = ask(told["url"])[1]
    assert told["client_id"] == "shop"
    for words in ("My Shop", "https://shop.example/cb", ">other<", "Oak &amp; Iron Tools", "ELM"):
        assert words in page
    assert ask(told["host"] + "/item/items", **{"x-ultracart-simple-key": "k1"})[0] == 404
    stop(running)


def test_answers_from_files(ultracart: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    answers = [
        {"method": "GET", "path": "/order/orders/{order_id}", "body": {"order": 1}},
        {"method": "GET", "path": "/order/orders", "body": [], "query": {"_offset": 0}},
    ]
    file.write_text(json.dumps(answers), encoding="utf-8-sig")  # as some editors save it
    running, told = start(ultracart, "--answer", str(file))
    key = {"x-ultracart-simple-key": "YOUR_API_KEY"}
    assert ask(told["host"] + "/order/orders/A", **key) == (200, {"order": 1})
    assert ask(told["host"] + "/order/orders?_offset=0", **key) == (200, [])
    stop(running)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('[{"method": "GET"}]', "answer 1: must be an object with method and path"),
        ('[{"method": "GET", "path": "/a"}, 5]', "answer 2: must be an object"),
        ('{"method": "GET", "path": "/a", "boby": 1}', "answer 1: must be an object"),
        ('{"method": "GET", "path": "a"}', "answer 1: path must start with"),
        (None, "cannot be read: No such file"),
    ],
)
def test_answers_that_cannot_be(
    ultracart: CommandLine, tmp_path: Path, content: str | None, words: str
) -> None:
    file = tmp_path / "answers.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert words in ultracart.fail("sandbox", "--port", "0", "--answer", str(file))


def test_open(ultracart: CommandLine, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\nprintf %%s \"$1\" > '%s'\n" % seen, encoding="utf-8")
    browser.chmod(0o755)
    running, told = start(ultracart, "--open", BROWSER="%s %%s" % browser)
    ask(told["url"])
    stop(running)
    assert seen.read_text() == told["url"]


class _Terminal:
    """The command's stderr as a terminal of a certain width."""

    def __init__(self, ultracart: CommandLine, columns: int, **environment: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ultracart", "sandbox", "--port", "0", "--json"],
            env={**ultracart.environment, "TERM": "xterm", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
        )
        os.close(theirs)
        assert self.process.stdout is not None
        self.told = json.loads("".join(self.process.stdout.readline() for _ in range(5)))

    def line_for(self, path: str) -> str:
        ask(self.told["host"] + path)
        text = ""
        while not text.endswith("\r\n"):
            text += os.read(self._ours, 4096).decode()
        return text.rstrip()

    def end(self) -> None:
        self.process.send_signal(2)
        assert self.process.wait(30) == 0
        assert self.process.stdout is not None
        self.process.stdout.close()
        os.close(self._ours)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(ultracart: CommandLine, columns: int) -> None:
    terminal = _Terminal(ultracart, columns, NO_COLOR="1")
    line = terminal.line_for("/order/orders/" + "x" * 300)
    terminal.end()
    assert len(line) < columns
    assert "GET /" in line
    assert "xxx 401" in line
    assert "..." in line


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colour_only_where_it_is_wanted(
    ultracart: CommandLine, environment: dict[str, str], coloured: bool
) -> None:
    terminal = _Terminal(ultracart, 80, **environment)
    line = terminal.line_for("/oauth/me")
    terminal.end()
    assert ("\x1b[33m401\x1b[m" in line) is coloured
    assert ("\x1b" in line) is coloured


def test_stderr_that_nobody_reads(ultracart: CommandLine) -> None:
    program = (
        "import os, sys\n"
        "os.close(2); sys.stderr = None\n"
        "from ultracart.cli import main\n"
        "sys.exit(main(['sandbox', '--port', '0', '--json']))\n"
    )
    running = ultracart.start_python("-c", program)
    running.out.wait_for("}")
    told = json.loads(running.out.so_far())
    assert ask(told["host"] + "/oauth/me")[0] == 401
    running.interrupt()
    assert running.end()[0] == 0
