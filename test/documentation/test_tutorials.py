"""The web applications of the tutorials, served and attacked as merchants and strangers would."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import (
    HTTPCookieProcessor,
    HTTPRedirectHandler,
    ProxyHandler,
    Request,
    build_opener,
)

import pytest
from ports import free_port

from ultracart.oauth import SQLiteTokenStore
from ultracart.sandbox import Sandbox

from .pages import ROOT, fences

# What browsers keep of one cookie, name and attributes included (RFC 6265, section 6.1).
MOST_OF_A_COOKIE = 4093
SECRET_KEY = "the same for all workers and after a redeploy"


class Tutorial(NamedTuple):
    """A page of the documentation, and what its application shows a merchant."""

    page: str
    needs: str
    #: Where the form that begins a login leads.
    start: str = "/connect"
    connected: str = "Connected to DEMO."
    #: The status where UltraCart rejects every token: an outage, or a reason to sign in again.
    rejected: int = 503


TUTORIALS = [
    Tutorial("WebApplication.md", "flask_wtf"),
    Tutorial("DjangoApplication.md", "django"),
    Tutorial("FastApiApplication.md", "fastapi"),
    Tutorial("SignIn.md", "flask_wtf", "/sign-in", "Signed in as DEMO.", 401),
]


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Answer:
    def __init__(self, response) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def location(self) -> str:
        return self.headers["Location"]


class Browser:
    """One merchant's browser: keeps cookies, as far as browsers do, and fills in forms."""

    def __init__(self, application: Application) -> None:
        self.origin = application.origin
        self._tutorial = application.tutorial
        self.cookies = CookieJar()
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self.cookies), _Stay())

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._open(Request(self._whole(path), headers=names, method=method))

    def submit(self, page: Answer, action: str, **headers: str) -> Answer:
        """Press the button of the form that leads to ``action``."""
        form = re.search(r'<form method="post" action="%s">(.*?)</form>' % action, page.text, re.S)
        assert form is not None, page.text
        hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', form[1])
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        data = urlencode(hidden).encode()
        return self._open(Request(self._whole(action), data, names, method="POST"))

    def begin(self) -> str:
        """Press "Connect"; returns the URL of the consent page."""
        return self.press_connect(self.get("/callback?error=temporarily_unavailable"))

    def press_connect(self, page: Answer) -> str:
        redirect = self.submit(page, self._tutorial.start)
        assert redirect.status in (302, 303), redirect.text
        return redirect.location

    def offers_a_login(self, page: Answer) -> bool:
        return 'action="%s"' % self._tutorial.start in page.text

    def is_connected(self) -> bool:
        return self.get("/").text.count(self._tutorial.connected) == 1

    def _whole(self, path: str) -> str:
        parts = urlsplit(path)
        return self.origin + (parts.path or "/") + ("?" + parts.query if parts.query else "")

    def _open(self, request: Request) -> Answer:
        try:
            with self._opener.open(request, timeout=30) as response:
                answer = Answer(response)
        except HTTPError as error:
            with error:
                answer = Answer(error)
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            assert len(cookie) < MOST_OF_A_COOKIE
        assert answer.status != 500, answer.text
        return answer


class Application:
    """A tutorial's program as a process of its own."""

    def __init__(self, tutorial: Tutorial, folder: Path, host: str, client_id: str) -> None:
        self.tutorial = tutorial
        (block,) = [
            fence.source
            for fence in fences(ROOT / "docs" / tutorial.page)
            if fence.language == "python"
        ]
        (folder / "app.py").write_text(block, encoding="utf-8")
        self.port = free_port()
        self.origin = "http://127.0.0.1:%d" % self.port
        self.folder = folder
        self._environment = {
            "ULTRACART_HOST": host,
            "CLIENT_ID": client_id,
            "REDIRECT_URI": self.origin + "/callback",
            "SECRET_KEY": SECRET_KEY,
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(folder),
        }
        self.start()

    def start(self) -> None:
        runner = Path(__file__).with_name("serve_tutorial.py")
        self._log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, str(runner), str(self.port)],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module", params=TUTORIALS, ids=lambda tutorial: tutorial.page)
def application(request, running_sandbox, tmp_path_factory) -> Iterator[Application]:
    pytest.importorskip(request.param.needs)
    folder = tmp_path_factory.mktemp("tutorial")
    running = Application(request.param, folder, running_sandbox.host, running_sandbox.client_id)
    yield running
    running.stop()


@pytest.fixture
def browser(application, running_sandbox) -> Iterator[Browser]:
    browser = Browser(application)
    yield browser
    running_sandbox.faults.clear()
    # First: a token that is rejected within seconds of its refresh is kept for a while.
    page = browser.get("/")
    if 'action="/disconnect"' in page.text:
        browser.submit(page, "/disconnect")
    running_sandbox.revoke()


def test_connect_work_and_disconnect(browser, running_sandbox):
    page = browser.get("/")
    assert (page.status, browser.is_connected()) == (401, False)
    callback = running_sandbox.authorize(browser.press_connect(page))
    landed = browser.get(callback)
    assert (landed.status, landed.location) in ((302, "/"), (303, "/"))
    assert landed.headers["Referrer-Policy"] == "no-referrer"
    page = browser.get("/")
    assert browser.is_connected()
    assert browser.submit(page, "/disconnect").status in (302, 303)
    assert browser.get("/").status == 401


def test_after_forty_abandoned_logins_the_next_one_works(browser, running_sandbox):
    for _ in range(40):
        browser.begin()
    browser.get(running_sandbox.authorize(browser.begin()))
    assert browser.is_connected()


def test_two_tabs(browser, running_sandbox):
    first, second = browser.begin(), browser.begin()
    for url in (first, second):
        assert browser.get(running_sandbox.authorize(url)).status in (302, 303)
        assert browser.is_connected()


def test_the_back_button(browser, running_sandbox):
    callback = running_sandbox.authorize(browser.begin())
    browser.get(callback)
    assert browser.get(callback).status == 400
    assert browser.is_connected()


@pytest.mark.parametrize(
    "change",
    [
        lambda url: re.sub(r"code=[^&]+", "code=wrong", url),
        lambda url: re.sub(r"state=[^&]+", "state=forged", url),
        lambda url: re.sub(r"[?&]state=[^&]+", "", url),
        lambda url: url + "&state=again",
        lambda url: re.sub(r"code=[^&]+", "code=", url),
        lambda url: url + "&iss=https%3A%2F%2Fevil.example",
    ],
    ids=["wrong code", "forged state", "no state", "state twice", "no code", "foreign issuer"],
)
def test_a_callback_that_was_changed(browser, running_sandbox, change):
    answer = browser.get(change(running_sandbox.authorize(browser.begin())))
    assert answer.status == 400
    assert browser.offers_a_login(answer)
    assert not browser.is_connected()


@pytest.mark.parametrize(
    "error",
    "access_denied invalid_request unauthorized_client unsupported_response_type invalid_scope"
    " server_error temporarily_unavailable something_new".split(),
)
def test_an_error_of_the_authorization(browser, error):
    state = re.search(r"state=([^&]+)", browser.begin())
    assert state is not None
    answer = browser.get("/callback?error=%s&state=%s" % (error, state[1]))
    assert answer.status == (403 if error == "access_denied" else 400)
    assert browser.offers_a_login(answer)


def test_another_browser_s_callback(application, browser, running_sandbox):
    """Login CSRF: a stranger's code in this merchant's browser (RFC 6749, section 10.12)."""
    stranger = Browser(application)
    callback = running_sandbox.authorize(stranger.begin())
    assert browser.get(callback).status == 400
    assert not browser.is_connected()


@pytest.mark.parametrize("how", ["HEAD", "prefetch"])
def test_looking_ahead_spends_no_code(browser, running_sandbox, how):
    callback = running_sandbox.authorize(browser.begin())
    if how == "HEAD":
        assert browser.get(callback, "HEAD").status in (204, 405)
    else:
        assert browser.get(callback, Sec_Purpose="prefetch;prerender").status == 204
    assert browser.get(callback).status in (302, 303)
    assert browser.is_connected()


def test_an_outage_at_the_callback(browser, running_sandbox):
    callback = running_sandbox.authorize(browser.begin())
    running_sandbox.faults.add("/oauth/token", status=503, times=None)
    answer = browser.get(callback)
    assert (answer.status, browser.offers_a_login(answer)) == (503, True)
    running_sandbox.faults.clear()
    browser.get(running_sandbox.authorize(browser.begin()))
    assert browser.is_connected()


def test_an_outage_afterwards_loses_nothing(browser, running_sandbox):
    browser.get(running_sandbox.authorize(browser.begin()))
    running_sandbox.faults.add("/oauth/me", status=500, times=None)
    assert browser.get("/").status == 503
    running_sandbox.faults.clear()
    assert browser.is_connected()


def test_disconnecting_amid_an_outage(browser, running_sandbox):
    browser.get(running_sandbox.authorize(browser.begin()))
    page = browser.get("/")
    running_sandbox.faults.add("/oauth/revoke", status=400, body={"error": "invalid_request"})
    assert browser.submit(page, "/disconnect").status in (302, 303)
    assert browser.get("/").status == 401


def test_a_merchant_who_revoked_may_connect_again(browser, running_sandbox):
    browser.get(running_sandbox.authorize(browser.begin()))
    running_sandbox.revoke()
    page = browser.get("/")
    assert page.status == 401
    browser.get(running_sandbox.authorize(browser.press_connect(page)))
    assert browser.is_connected()


def test_a_token_that_is_always_rejected_offers_a_new_login(browser, application, running_sandbox):
    browser.get(running_sandbox.authorize(browser.begin()))
    running_sandbox.faults.add("/oauth/me", status=401, times=None)
    page = browser.get("/")
    assert (page.status, browser.offers_a_login(page)) == (application.tutorial.rejected, True)
    running_sandbox.faults.clear()
    assert browser.is_connected()  # nothing is lost


@pytest.mark.parametrize("application", TUTORIALS[-1:], indirect=True, ids=["SignIn.md"])
def test_signing_in_keeps_a_grant_for_each_merchant(application, running_sandbox):
    for merchant in ("FIRST", "SECOND"):
        browser = Browser(application)
        browser.get(running_sandbox.authorize(browser.begin(), merchant=merchant))
        page = browser.get("/")
        assert "Signed in as %s." % merchant in page.text
        browser.submit(page, "/sign-out")
        assert browser.get("/").status == 401
    assert running_sandbox.revoke(merchant="FIRST") == 1  # signing out has kept the grant


def test_a_redeploy_between_redirect_and_callback(application, browser, running_sandbox):
    callback = running_sandbox.authorize(browser.begin())
    with application.stopped():
        pass
    assert browser.get(callback).status in (302, 303)
    assert browser.is_connected()


def test_a_token_of_another_application_offers_a_new_login(application, browser, running_sandbox):
    browser.get(running_sandbox.authorize(browser.begin()))
    (path,) = application.folder.glob("*.db")
    with application.stopped(), closing(SQLiteTokenStore(str(path))) as store:
        for account in store.accounts():
            token = store.load(account)
            assert token is not None
            store.save(account, token.replaced(client_id="another application"))
    page = browser.get("/")
    assert (page.status, browser.offers_a_login(page)) == (503, True)
    browser.get(running_sandbox.authorize(browser.press_connect(page)))
    assert browser.is_connected()


def test_a_form_of_another_site(application, browser, running_sandbox):
    browser.get(running_sandbox.authorize(browser.begin()))
    page = browser.get("/")
    page.text = re.sub(r"<input[^>]+>", "", page.text)
    answer = browser.submit(
        page, "/disconnect", Origin="https://evil.example", Sec_Fetch_Site="cross-site"
    )
    assert answer.status in (400, 403)
    assert browser.is_connected()
