"""The sandbox's own page: who may use it, what it shows, what its forms do."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from ultracart.sandbox import Application, Sandbox
from ultracart.sandbox.dashboard import Dashboard

from .conftest import DEVICE_GRANT


def first(pattern, text):
    found = re.search(pattern, text)
    assert found is not None
    return found[1]


DEADLINE = 20


class Page:
    """The page over plain HTTP, as a browser without JavaScript has it."""

    def __init__(self, wire):
        self.wire = wire
        self.root = wire.sandbox.url.rstrip("/")

    def get(self, path="/", **headers):
        return self._send("GET", path, headers)

    def _send(self, method, path, headers, body=None):
        return self.wire.pool.request(
            method, self.root + path, headers=headers, body=body, redirect=False
        )

    @property
    def text(self):
        return self.get().data.decode()

    def form_token(self):
        return first(r'name="form_token" value="([^"]+)"', self.text)

    def post(self, action, headers=None, **fields):
        fields.setdefault("form_token", self.form_token())
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.root}
        return self._send(
            "POST", f"/console/{action}", {**sent, **(headers or {})}, urlencode(fields)
        )

    def do(self, action, **fields):
        """Post a form that must succeed; returns the page that follows."""
        answer = self.post(action, **fields)
        assert answer.status == 303, answer.data
        return self.get(answer.headers["Location"]).data.decode()

    def grant_number(self, merchant):
        """The number of the first grant that the page shows for a merchant."""
        listed = self.text.partition('id="part-grants"')[2]
        return first(r'name="grant" value="(\d+)"', listed.partition(merchant)[2])


@pytest.fixture
def page(wire):
    return Page(wire)


def test_security_headers(page):
    answer = page.get()
    policy = answer.headers["Content-Security-Policy"]
    for words in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ):
        assert words in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_nothing_comes_from_elsewhere(page, sandbox):
    addresses = re.findall(r'(?:src|href|action)="([^"]+)"', page.text)
    assert addresses
    assert [address for address in addresses if not address.startswith("/")] == []
    for address in set(addresses):
        if address.startswith("/rest/v2/sandbox/"):
            assert page.get(address).status == 200


def test_a_browser_gets_the_page_and_a_program_its_error(page, wire):
    assert page.get().headers["Content-Type"].startswith("text/html")
    html = {"Accept": "text/html,*/*"}
    assert page.get("/rest/v2", **html).headers["Location"] == "/"
    assert page.get("/rest/v2/", **html).headers["Location"] == "/"
    assert page.get("/rest/v2").status == 400
    answer = page.get("/rest/v2/order/orders", **html)
    assert answer.status == 400
    assert f"shows itself to a browser at {page.root}/" in answer.headers["UC-REST-ERROR"]
    assert page.get("/favicon.ico").status == 204


def test_the_page_is_no_request_of_an_application(page, sandbox):
    sandbox.faults.add(status=500, times=None)
    assert page.get().status == 200
    page.do("merchant", merchant_id="OAK")
    assert page.get("/rest/v2/sandbox/sandbox.css").status == 200
    assert sandbox.requests == []
    assert sandbox.counters.requests == 0
    sandbox.faults.clear()


def test_a_foreign_form_is_refused(page, sandbox, wire):
    grant = wire.grant()
    number = page.grant_number("DEMO")
    answers = [
        page.post("revoke", grant=number, form_token="guess"),
        page.post("revoke", grant=number, form_token="g\u00fcss"),
        page.post("revoke", {"Origin": "https://evil.example"}, grant=number),
        page.post("revoke", {"Origin": "null"}, grant=number),
        page.post("revoke", {"Origin": page.root.replace("http:", "https:")}, grant=number),
        page.get("/console/live", **{"Sec-Fetch-Site": "cross-site"}),
    ]
    assert [answer.status for answer in answers] == [403] * 6
    assert page.get("/console/revoke?grant=" + number).status == 405
    assert wire.get("/oauth/me", grant["access_token"]).status == 200


def test_no_secret_is_shown(page, wire, connect):
    secret = "the-client-secret"
    application = Application("vault", ("https://vault.example/cb",), client_secret=secret)
    with Sandbox(applications=[application], simple_keys=["a-simple-key"]) as sandbox:
        wire = connect(sandbox)
        callback = sandbox.authorize(state="the-state")
        token = wire.exchange(callback, client_secret=secret).json()
        wire.get("/item/items?token=in-the-query", **{"x-ultracart-simple-key": "a-simple-key"})
        shown = Page(wire).text + Page(wire).get("/console/live").data.decode()
        hidden = [
            secret,
            "a-simple-key",
            "the-state",
            "in-the-query",
            callback.partition("code=")[2],
        ]
        hidden += [token["access_token"], token["refresh_token"]]
        assert [value for value in hidden if value in shown] == []
        assert token["access_token"][:6] in shown


def test_text_of_others_is_escaped(connect):
    application = Application("<i>app</i>", ("https://a.example/<i>",), name="<b>Shop</b>")
    with Sandbox(applications=[application], merchants={"<u>": "<s>Store</s>"}) as sandbox:
        wire = connect(sandbox)
        wire.grant(merchant="<u>", scope="<em>")
        wire.get("/<script>alert(1)</script>")
        sandbox.faults.add("/<hr>", status=500)
        sandbox.answer("GET", "/<br>", {})
        page = Page(wire)
        shown = page.text + page.post("fault", path="<a>", effect="status").data.decode()
        for tag in ("<i>", "<b>", "<s>", "<u>", "<em>", "<script>a", "<hr>", "<br>", "<a>"):
            assert tag not in shown
        sandbox.faults.clear()


def test_expire_and_revoke(page, wire):
    grant, other = wire.grant(), wire.grant(merchant="OAK")
    number = page.grant_number("DEMO")
    assert "The access token has expired." in page.do("expire", grant=number)
    assert wire.get("/oauth/me", grant["access_token"]).status == 401
    assert wire.get("/oauth/me", other["access_token"]).status == 200
    assert ">expired<" in page.text
    renewed = wire.refresh(grant["refresh_token"]).json()
    assert "The grant is revoked." in page.do("revoke", grant=number)
    assert wire.get("/oauth/me", renewed["access_token"]).status == 401
    assert wire.get("/oauth/me", other["access_token"]).status == 200
    assert ">revoked<" in page.text


def test_states_of_tokens(page, wire, sandbox, clock):
    sandbox.refresh_token_lifetime = 3 * 86400
    sandbox.access_token_lifetime = 100
    token = wire.grant()
    assert "valid for less than 2 min" in page.text
    assert "valid for 3 d" in page.text
    sandbox.refresh_tokens = "absent"
    wire.refresh(token["refresh_token"])
    clock.advance(100)
    assert ">expired<" in page.text
    sandbox.refresh_tokens = "rotate"
    sandbox.clock = lambda: 1e300  # no calendar goes so far
    assert page.get().status == 200


def test_a_token_for_curl(page, wire):
    grant = wire.grant()
    number = page.grant_number("DEMO")
    line = f"Authorization: Bearer {grant['access_token']}"
    copied = page.post("token", {"Accept": "text/plain"}, grant=number)
    assert copied.data.decode() == line
    shown = page.post("token", grant=number).data.decode()
    assert line in shown
    assert "curl -H @-" in shown
    assert page.post("token", grant="0").status == 400


def test_devices(page, wire):
    form = {"client_id": wire.sandbox.client_id, "scope": "crm"}
    first, second = (wire.post("/oauth/device/authorize", **form).json() for _ in range(2))
    assert first["user_code"] in page.text
    page.do("approve", user_code=first["user_code"], merchant="DEMO")
    page.do("refuse", user_code=second["user_code"])
    assert first["user_code"] not in page.text

    def poll(device):
        return wire.token(grant_type=DEVICE_GRANT, device_code=device["device_code"]).json()

    assert poll(first)["merchant_id"] == "DEMO"
    assert poll(second)["error"] == "access_denied"
    again = page.post("approve", user_code=first["user_code"], merchant="DEMO")
    assert again.status == 400
    assert "no device is waiting" in again.data.decode()


def test_switches(page, sandbox):
    form = {
        "access_token_lifetime": "60",
        "refresh_token_lifetime": " 1.5 ",
        "code_lifetime": "600",
        "refresh_tokens": "same",
        "reuse_grace": "0",
        "require_pkce": "on",
        "expires_in": "text",
        "token_type": "bearer",
        "granted_scope": "",
        "oauth_error_status": "200",
        "issuer": "https://issuer.example",
        "device_interval": "none",
        "device_lifetime": "600",
    }
    assert "The switches are set." in page.do("switches", **form)
    assert (sandbox.access_token_lifetime, sandbox.refresh_token_lifetime) == (60, 1.5)
    assert (sandbox.refresh_tokens, sandbox.expires_in) == ("same", "text")
    assert (sandbox.require_pkce, sandbox.reuse_detection) == (True, False)
    assert (sandbox.granted_scope, sandbox.device_interval) == (None, None)
    assert (sandbox.oauth_error_status, sandbox.issuer) == (200, "https://issuer.example")
    wrong = page.post("switches", **{**form, "code_lifetime": "1", "device_lifetime": "soon"})
    assert wrong.status == 400
    assert "device_lifetime must be a number of seconds" in wrong.data.decode()
    assert sandbox.code_lifetime == 600


def test_faults(page, wire, sandbox):
    shown = page.do(
        "fault", path="/oauth/token", method="POST", effect="retry_after", number="7", times="2"
    )
    assert "POST /oauth/token" in shown
    assert wire.refresh("x").headers["Retry-After"] == "7"
    (fault,) = sandbox.faults
    page.do("remove", fault=str(fault.number))
    assert list(sandbox.faults) == []
    page.do("fault", effect="delay", number="0.5", times="")
    page.do("fault", effect="drop before")
    page.do("fault", effect="drop after")
    page.do("fault", effect="status", number="503", times="1")
    assert [fault.effect for fault in sandbox.faults] == [
        "0.5 s later",
        "connection reset before processing",
        "connection reset after processing",
        "status 503",
    ]
    for wrong in (
        {"effect": "nothing"},
        {"effect": "status", "number": "many"},
        {"effect": "delay", "number": "soon"},
        {"effect": "status", "number": "503", "path": "/oauth/tokens"},
        {"effect": "status", "number": "503", "times": "-1"},
    ):
        answer = page.post("fault", **wrong)
        assert answer.status == 400
        assert "Nothing was changed" in answer.data.decode()
    page.do("remove", fault="all")
    assert len(sandbox.faults) == 0


def test_merchants(page, sandbox):
    assert "Oak &amp; Iron" in page.do("merchant", merchant_id="OAK", merchant_name="Oak & Iron")
    assert sandbox.authorize(merchant="OAK")
    assert page.post("merchant", merchant_id="OAK").status == 400
    assert page.post("merchant", merchant_id="").status == 400


def test_requests(page, wire, sandbox):
    wire.get("/oauth/me", wire.grant()["access_token"])
    sandbox.faults.add("/oauth/token", drop="before")
    with pytest.raises(Exception, match="aborted"):
        wire.refresh("x")
    listed = page.text
    assert "/oauth/me" in listed
    assert ">sandbox_client</td>" in listed
    assert ">reset<" in listed
    page.do("forget")
    assert sandbox.requests == []
    assert "The list is empty" in page.text


def test_unknown_actions(page):
    assert page.post("dance").status == 404
    assert page.get("/console/nothing/here").status == 404


def test_news_come_when_something_happens(page, wire, sandbox, monkeypatch):
    seen = first(r'data-seen="([^"]+)"', page.text)
    wire.get("/oauth/me")
    news = page.get(f"/console/live?seen={seen}").json()
    assert "/oauth/me" in news["parts"]["requests"]
    monkeypatch.setattr("ultracart.sandbox.dashboard._NEWS_SECONDS", 0.0)
    again = page.get(f"/console/live?seen={news['seen']}").json()
    assert again["seen"] == news["seen"]


def test_waiting_for_news_ends_with_the_sandbox(connect, monkeypatch):
    before = set(threading.enumerate())
    monkeypatch.setattr("ultracart.sandbox.dashboard._NEWS_SECONDS", 600.0)
    sandbox = Sandbox()
    page = Page(connect(sandbox))
    seen = first(r'data-seen="([^"]+)"', page.text)
    looks = threading.Event()
    parts = Dashboard.parts

    def look(dashboard):
        looks.set()
        return parts(dashboard)

    monkeypatch.setattr(Dashboard, "parts", look)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(page.get, f"/console/live?seen={seen}")
        assert looks.wait(DEADLINE)
        sandbox.close()
        waiting.exception(DEADLINE)
    assert set(threading.enumerate()) - before == set()
