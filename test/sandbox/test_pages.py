"""The pages for people are safe to serve: headers, forms, escaping."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from ultracart.sandbox import Application, Sandbox

from .conftest import DEVICE_GRANT, query_of

PLAIN = {"X-UltraCart-Api-Version": ""}


def consent_url(sandbox, **parameters):
    values = {"response_type": "code", "client_id": sandbox.client_id, "state": "s", **parameters}
    return "/oauth/authorize?" + urlencode(values)


def form_of(page):
    form_token = re.search(r'name="form_token" value="([^"]+)"', page.data.decode())
    assert form_token is not None
    return {
        "form_token": form_token[1],
        "cookie": page.headers["Set-Cookie"].partition(";")[0],
    }


def submit(wire, path, page, **fields):
    form = form_of(page)
    return wire.post(path, {"Cookie": form["cookie"]}, form_token=form["form_token"], **fields)


@pytest.mark.parametrize("path", ["consent", "/oauth/device", "/oauth/authorize"])
def test_security_headers(sandbox, wire, path):
    headers = wire.get(consent_url(sandbox) if path == "consent" else path, **PLAIN).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; base-uri 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    ("redirect_uri", "source"),
    [
        ("https://shop.example/cb", "https://shop.example"),
        ("https://shop.example:8443/cb?x=1", "https://shop.example:8443"),
        ("http://[::1]:9000/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
        ("http://127.0.0.1:9000/cb", ""),
        ("http://localhost:9000/cb", ""),
    ],
)
def test_the_form_may_lead_to_the_application(connect, redirect_uri, source):
    with Sandbox(applications=[Application("shop", (redirect_uri,))]) as sandbox:
        page = connect(sandbox).get(consent_url(sandbox), **PLAIN)
        policy = page.headers["Content-Security-Policy"]
        allowed = policy.partition("form-action ")[2].split()
        assert allowed == ["'self'", "http://127.0.0.1:*", "http://localhost:*", *source.split()]


@pytest.mark.parametrize(
    ("redirect_uri", "target"),
    [
        ("https://shop.example:8443/cb?x=1", "shop.example:8443"),
        ("com.example.app:/cb", "com.example.app"),
    ],
)
def test_the_merchant_sees_what_is_asked_for_and_by_whom(connect, redirect_uri, target):
    with Sandbox(applications=[Application("shop", (redirect_uri,))]) as sandbox:
        page = connect(sandbox).get(consent_url(sandbox, scope="order_read crm"), **PLAIN)
        shown = page.data.decode()
        assert "You will return to <strong>%s</strong>" % target in shown
        assert "View orders" in shown
        assert "customer relationship" in shown


def test_the_page_escapes_what_it_shows(connect):
    application = Application("shop", ("https://shop.example/cb",), name="<b>Shop</b> & Co")
    with Sandbox(applications=[application], merchants={"M": "<i>M</i>"}) as sandbox:
        page = connect(sandbox).get(consent_url(sandbox, scope='"><script>'), **PLAIN).data.decode()
        assert "&lt;b&gt;Shop&lt;/b&gt; &amp; Co" in page
        assert "&lt;i&gt;M&lt;/i&gt;" in page
        assert "<script>" not in page
        entry = connect(sandbox).get("/oauth/device?user_code=%22%3E%3Cscript%3E", **PLAIN)
        assert "<script>" not in entry.data.decode()


def test_allow_and_deny(sandbox, wire):
    url = consent_url(sandbox, scope="order_read")
    page = wire.get(url, **PLAIN)
    allowed = submit(wire, url, page, decision="allow", merchant="DEMO")
    assert allowed.status == 303
    assert query_of(allowed.headers["Location"])["state"] == "s"
    code = query_of(allowed.headers["Location"])["code"]
    # The authorization request named no redirect URI, so the exchange may not have to.
    token = wire.token(grant_type="authorization_code", code=code)
    assert token.json()["scope"] == "order_read"
    for decision in ("deny", "ALLOW", ""):
        denied = submit(wire, url, page, decision=decision, merchant="DEMO")
        assert query_of(denied.headers["Location"])["error"] == "access_denied"


def test_a_foreign_form_is_refused(sandbox, wire):
    url = consent_url(sandbox)
    page = wire.get(url, **PLAIN)
    form = form_of(page)
    answers = [
        wire.post(url, decision="allow", merchant="DEMO"),
        wire.post(url, decision="allow", merchant="DEMO", form_token=form["form_token"]),
        wire.post(url, {"Cookie": form["cookie"]}, decision="allow", form_token="other"),
        wire.post("/oauth/device", user_code="X", decision="allow"),
    ]
    assert [answer.status for answer in answers] == [400] * 4
    assert not any("Location" in answer.headers for answer in answers)


def test_an_unknown_merchant_is_refused(sandbox, wire):
    url = consent_url(sandbox)
    answer = submit(wire, url, wire.get(url, **PLAIN), decision="allow", merchant="NOBODY")
    assert answer.status == 400


def test_errors_before_consent(sandbox, wire):
    refused = wire.get("/oauth/authorize?response_type=code&client_id=nobody", **PLAIN)
    assert refused.status == 400
    assert refused.headers["Content-Type"].startswith("text/html")
    redirected = wire.get(consent_url(sandbox, response_type="token"), **PLAIN)
    assert query_of(redirected.headers["Location"])["error"] == "unsupported_response_type"
    twice = wire.get(consent_url(sandbox) + "&state=t", **PLAIN)
    assert twice.status == 400


def test_a_link_that_does_not_work_says_why(sandbox, wire):
    elsewhere = wire.get(consent_url(sandbox, redirect_uri="https://evil.example/cb"), **PLAIN)
    assert elsewhere.status == 400
    reason = elsewhere.headers["UC-REST-ERROR"]
    assert "https://evil.example/cb" in reason
    assert "https://evil.example/cb" in elsewhere.data.decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("redirect_uri", "http://[::1/cb"),
        ("redirect_uri", "http://127.0.0.1:x/cb"),
        ("redirect_uri", "https://shop.example/f\u00fcr"),
        ("response_type", "c\u00f6de"),
        ("client_id", "sh\u00f6p"),
    ],
)
def test_a_parameter_that_cannot_be_read_gets_a_page(sandbox, wire, name, value):
    refused = wire.get(consent_url(sandbox, **{name: value}), **PLAIN)
    assert refused.status == 400
    assert "This link does not work" in refused.data.decode()


def test_device_code_entry(sandbox, wire):
    device = wire.post("/oauth/device/authorize", client_id=sandbox.client_id, scope="crm").json()
    page = wire.get("/oauth/device", **PLAIN)
    assert page.status == 200
    wrong = submit(wire, "/oauth/device", page, user_code="WRONG")
    assert wrong.status == 400
    assert "There is no such code" in wrong.data.decode()
    assert "Waiting now: %s." % device["user_code"] in wrong.data.decode()
    shown = submit(wire, "/oauth/device", page, user_code=device["user_code"].lower())
    assert "customer relationship" in shown.data.decode()
    fields = {"user_code": device["user_code"], "merchant": "DEMO"}
    done = submit(wire, "/oauth/device", page, decision="allow", **fields)
    assert done.status == 200
    assert "connected" in done.data.decode()
    again = submit(wire, "/oauth/device", page, decision="deny", **fields)
    assert again.status == 400
    entered_again = submit(wire, "/oauth/device", page, **fields)
    assert entered_again.status == 400
    assert "Already answered" in entered_again.data.decode()


@pytest.mark.parametrize("decision", ["deny", "ALLOW", ""])
def test_a_device_that_is_not_allowed_is_told(sandbox, wire, decision):
    device = wire.post("/oauth/device/authorize", client_id=sandbox.client_id, scope="crm").json()
    page = wire.get("/oauth/device", **PLAIN)
    fields = {"user_code": device["user_code"], "merchant": "DEMO", "decision": decision}
    denied = submit(wire, "/oauth/device", page, **fields)
    assert denied.status == 200
    assert "Access denied" in denied.data.decode()
    polled = wire.token(grant_type=DEVICE_GRANT, device_code=device["device_code"])
    assert polled.json()["error"] == "access_denied"
    wrong = submit(wire, "/oauth/device", page, user_code="WRONG")
    assert "No device is waiting now." in wrong.data.decode()


def test_an_expired_device_code_is_refused(sandbox, wire, clock):
    device = wire.post("/oauth/device/authorize", client_id=sandbox.client_id, scope="crm").json()
    page = wire.get("/oauth/device", **PLAIN)
    clock.advance(device["expires_in"])
    late = submit(wire, "/oauth/device", page, user_code=device["user_code"], decision="allow")
    assert late.status == 400
    assert "That code has expired" in late.data.decode()
