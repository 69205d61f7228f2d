"""A scripted consent behaves as UltraCart's redirect does."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from ultracart.sandbox import Application, Sandbox

from .conftest import query_of, s256


def test_callback_carries_code_and_state(sandbox):
    callback = sandbox.authorize(state="a b&c")
    assert callback.startswith(f"{sandbox.redirect_uri}?")
    assert query_of(callback)["state"] == "a b&c"
    assert query_of(callback)["code"]
    assert set(query_of(sandbox.authorize())) == {"code"}


def test_the_location_of_what_was_no_redirect(sandbox):
    """An application under test answered 400, say, and has no Location."""
    with pytest.raises(TypeError, match=r"authorization_url .* redirect"):
        sandbox.authorize(None)


def test_codes_differ(sandbox):
    codes = {query_of(sandbox.authorize())["code"] for _ in range(20)}
    assert len(codes) == 20


def test_complete_url_with_pkce(sandbox, wire):
    verifier = "v" * 43
    url = f"{sandbox.host}/oauth/authorize?" + urlencode(
        {
            "response_type": "code",
            "client_id": sandbox.client_id,
            "redirect_uri": "http://localhost:5000/done?next=%2Fhome",
            "scope": "order_write",
            "state": "xyz",
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
        }
    )
    callback = sandbox.authorize(url, merchant="SHOP7")
    assert callback.startswith("http://localhost:5000/done?next=%2Fhome&code=")
    answer = wire.exchange(
        callback, redirect_uri="http://localhost:5000/done?next=%2Fhome", code_verifier=verifier
    )
    assert answer.json()["merchant_id"] == "SHOP7"
    assert answer.json()["scope"] == "order_write"


def test_url_of_another_server_is_refused(sandbox):
    with pytest.raises(ValueError, match="another server"):
        sandbox.authorize("https://secure.ultracart.com/rest/v2/oauth/authorize?client_id=x")
    with pytest.raises(ValueError, match="give state inside authorization_url"):
        sandbox.authorize(f"{sandbox.host}/oauth/authorize?client_id=x", state="s")


def test_denied(sandbox):
    answer = query_of(sandbox.authorize(approve=False, state="s"))
    assert answer["error"] == "access_denied"
    assert answer["state"] == "s"
    assert "code" not in answer


@pytest.mark.parametrize(
    "parameters",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://evil.example/cb"},
        {"redirect_uri": "http://[::1/cb"},
        {"redirect_uri": "http://127.0.0.1:99999/cb"},
        {"redirect_uri": "http://127.0.0.1:8000/cb#part"},
    ],
    ids=["client", "redirect", "no URI", "no port", "fragment"],
)
def test_never_redirects_to_an_unknown_place(sandbox, parameters):
    with pytest.raises(ValueError, match="would not redirect: ") as refused:
        sandbox.authorize(**parameters)
    assert "<" not in str(refused.value)  # the reason, not the page that shows it


def test_registered_redirect_uris_are_compared_exactly():
    application = Application(
        "shop", redirect_uris=("https://shop.example/cb",), loopback_redirects=False
    )
    with Sandbox(applications=[application]) as sandbox:
        assert sandbox.authorize().startswith("https://shop.example/cb?code=")
        for wrong in (
            "https://shop.example/cb/",
            "https://shop.example/cb?x=1",
            "http://127.0.0.1/",
        ):
            with pytest.raises(ValueError, match="would not redirect"):
                sandbox.authorize(redirect_uri=wrong)


def test_scope_outside_the_registration_is_refused():
    application = Application("shop", ("https://shop.example/cb",), scope="item_read order_read")
    with Sandbox(applications=[application]) as sandbox:
        assert query_of(sandbox.authorize(scope="user_write"))["error"] == "invalid_scope"
        assert "code" in query_of(sandbox.authorize(scope="user_write item_read"))


def test_pkce_can_be_required(sandbox):
    sandbox.require_pkce = True
    assert query_of(sandbox.authorize())["error"] == "invalid_request"
    challenged = sandbox.authorize(code_challenge=s256("v" * 43), code_challenge_method="S256")
    assert "code" in query_of(challenged)


@pytest.mark.parametrize("method", ["plain", None])
def test_only_s256_is_accepted(sandbox, method):
    answer = sandbox.authorize(code_challenge="v" * 43, code_challenge_method=method)
    assert query_of(answer)["error"] == "invalid_request"


def test_issuer(sandbox):
    sandbox.issuer = "https://secure.ultracart.com"
    assert query_of(sandbox.authorize())["iss"] == "https://secure.ultracart.com"
    assert query_of(sandbox.authorize(approve=False))["iss"] == "https://secure.ultracart.com"


def test_over_http_an_unanswered_request_redirects_nowhere(sandbox, wire):
    page = wire.get(f"/oauth/authorize?response_type=code&client_id={sandbox.client_id}")
    assert page.status == 200
    assert "Location" not in page.headers
