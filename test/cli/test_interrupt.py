"""Ctrl-C ends every wait: one line, status 130, and nothing kept."""

from __future__ import annotations

import threading

import pytest

from ultracart.sandbox import Sandbox

from .conftest import CommandLine


@pytest.mark.parametrize(
    ("arguments", "waits_at"),
    [
        (["login", "--no-browser"], "/oauth/authorize?"),
        (["login", "--device"], "/oauth/device"),
    ],
)
def test_while_it_waits_for_a_person(
    ultracart: CommandLine, arguments: list[str], waits_at: str
) -> None:
    running = ultracart.start(*arguments)
    running.err.wait_for(waits_at)
    running.interrupt()
    status, out, err = running.end()
    assert (status, out) == (130, "")
    assert err.splitlines()[-1] == "ultracart: interrupted"
    assert "Traceback" not in err
    assert ultracart.succeed("accounts", "--json") == "[]\n"


@pytest.mark.parametrize("command", ["token", "whoami", "revoke"])
def test_while_it_waits_for_the_server(
    ultracart: CommandLine, sandbox: Sandbox, command: str
) -> None:
    sandbox.access_token_lifetime = 0
    ultracart.log_in()
    arrived = len(sandbox.requests)
    hold = threading.Event()
    sandbox.faults.add(delay=hold, times=None)
    running = ultracart.start(command)
    try:
        deadline = threading.Event()
        while len(sandbox.requests) == arrived:
            assert running.process.poll() is None
            deadline.wait(0.01)
        running.interrupt()
        status, out, err = running.end()
    finally:
        hold.set()
    assert (status, out, err) == (130, "", "ultracart: interrupted\n")
    sandbox.access_token_lifetime = 3600
    assert len(ultracart.succeed("accounts").splitlines()) == 1


def test_a_stopped_demo(ultracart: CommandLine) -> None:
    running = ultracart.start("demo")
    running.out.wait_for("1. ")
    running.interrupt()
    running.interrupt()
    status, _, err = running.end()
    assert (status, err) == (130, "ultracart: interrupted\n")


def test_a_second_one_cannot_tear_up_the_end(ultracart: CommandLine) -> None:
    code = (
        "import signal, ultracart.cli\n"
        "status = ultracart.cli.main(['login', '--no-browser'])\n"
        "print(status, signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    )
    running = ultracart.start_python("-c", code)
    running.err.wait_for("/oauth/authorize?")
    running.interrupt()
    status, out, _ = running.end()
    assert (status, out) == (0, "130 True\n")
