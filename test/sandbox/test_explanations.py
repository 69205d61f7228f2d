"""What error responses say: what was sent, what is registered, and never a secret."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from ultracart.sandbox import Application, Sandbox

from .conftest import query_of, s256


@pytest.fixture
def shop(connect):
    applications = [
        Application(
            "shop", ("https://shop.example/cb",), scope="item_read", loopback_redirects=False
        ),
        Application("vault", ("https://vault.example/cb",), client_secret="the-secret"),
    ]
    with Sandbox(applications=applications) as sandbox:
        yield connect(sandbox)


def told(answer):
    body = answer.json()
    assert answer.headers["UC-REST-ERROR"] == body["error_description"]
    return body["error"], body["error_description"]


def test_client(shop):
    error, words = told(
        shop.token(client_id="sh\u00f6p", grant_type="refresh_token", refresh_token="x")
    )
    assert error == "invalid_client"
    assert words == (
        "The client_id 'sh?p' is not registered. Registered: 'shop', 'vault', 'client_id_example'."
    )
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    assert "client_id is missing" in told(shop.post("/oauth/token", **form))[1]
    for secret in ({}, {"client_secret": "guess-42"}):
        words = told(shop.token(client_id="vault", **secret, **form))[1]
        assert "client_secret of the application 'vault' is missing or wrong" in words
        assert "guess-42" not in words
        assert "the-secret" not in words
    words = told(shop.token(client_secret="guess-42", **form))[1]
    assert words == "The application 'shop' is public: a client_secret must not be sent."


def test_grant_type(shop):
    error, words = told(shop.token(grant_type="password"))
    assert error == "unsupported_grant_type"
    assert "'password'" in words
    assert "authorization_code, refresh_token, urn:" in words


def test_redirect_uri(shop):
    page = shop.get(
        "/oauth/authorize?"
        + urlencode(
            {
                "response_type": "code",
                "client_id": "shop",
                "redirect_uri": "https://evil.example/cb",
            }
        )
    )
    words = page.headers["UC-REST-ERROR"]
    assert words == (
        "The redirect_uri 'https://evil.example/cb' is not registered for 'shop'. "
        "Registered: 'https://shop.example/cb'."
    )
    assert "https://evil.example/cb" in page.data.decode()
    code = query_of(shop.sandbox.authorize())["code"]
    words = told(
        shop.token(grant_type="authorization_code", code=code, redirect_uri="https://a/b")
    )[1]
    assert (
        "'https://a/b' differs from that of the authorization request: 'https://shop.exa" in words
    )
    assert code not in words


def test_client_on_the_page(shop):
    with pytest.raises(ValueError, match=r"'nobody' is not registered\. Registered: 'shop', 'v"):
        shop.sandbox.authorize(client_id="nobody")


def test_scope(shop):
    answer = query_of(shop.sandbox.authorize(scope="user_write"))
    assert answer["error"] == "invalid_scope"
    assert answer["error_description"] == (
        "The scope 'user_write' cannot be granted. 'shop' may ask for: 'item_read'."
    )
    refresh_token = shop.grant()["refresh_token"]
    words = told(shop.refresh(refresh_token, scope="order_write"))[1]
    assert words == "The scope 'order_write' cannot be granted. The grant holds: 'item_read'."


def test_pkce(shop):
    answer = query_of(
        shop.sandbox.authorize(code_challenge="c" * 43, code_challenge_method="plain")
    )
    assert "'plain' is not supported. Supported: S256." in answer["error_description"]
    callback = shop.sandbox.authorize(code_challenge=s256("v" * 43), code_challenge_method="S256")
    words = told(shop.exchange(callback, code_verifier="w" * 43))[1]
    assert "does not belong to the code_challenge" in words


def test_tokens_of_another_application(shop):
    refresh_token = shop.grant()["refresh_token"]
    form = {"client_id": "vault", "client_secret": "the-secret"}
    words = told(shop.refresh(refresh_token, **form))[1]
    assert words == "The refresh token was issued to another application: 'shop'."
    words = told(shop.exchange(shop.sandbox.authorize(), **form))[1]
    assert words == "The authorization code was issued to another application: 'shop'."


def test_version_header(shop):
    answer = shop.get("/oauth/token", **{"X-UltraCart-Api-Version": "2016-01-01"})
    assert "2017-03-01; '2016-01-01' was sent" in answer.headers["UC-REST-ERROR"]


def test_path_and_method(shop):
    answer = shop.post("/oauth/me", {"x-ultracart-simple-key": "YOUR_API_KEY"})
    assert answer.status == 404
    assert shop.get("/oauth/revoke").headers["UC-REST-ERROR"]
    root = shop.sandbox.host.replace("/rest/v2", "/rest/v1/oauth/token")
    headers = {"X-UltraCart-Api-Version": "2017-03-01"}
    answer = shop.pool.request("GET", root, headers=headers)
    assert (
        "no GET /rest/v1/oauth/token. It serves /rest/v2: /oauth/authorize"
        in (answer.headers["UC-REST-ERROR"])
    )


def test_a_missing_parameter(shop):
    words = told(shop.post("/oauth/token", client_id="shop"))[1]
    assert words.startswith("The grant_type is missing. Supported: authorization_code,")
    for empty in ({}, {"token": ""}):
        error, words = told(shop.post("/oauth/revoke", client_id="shop", **empty))
        assert (error, words) == ("invalid_request", "The parameter token is missing.")


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/device/authorize"])
def test_json_in_place_of_a_form(shop, path):
    answer = shop.send(
        "POST",
        path,
        headers={"X-UltraCart-Api-Version": "2017-03-01", "Content-Type": "application/json"},
        body=b'{"grant_type": "refresh_token", "client_id": "shop"}',
    )
    words = told(answer)[1]
    assert words == (
        "The body must be a form (application/x-www-form-urlencoded), not 'application/json'."
    )


def test_an_access_token(sandbox, wire):
    token = wire.grant()["access_token"]
    answers = [wire.get("/order/orders", "no-such-token")]
    sandbox.expire_access_tokens()
    answers.append(wire.get("/order/orders", token))
    sandbox.revoke()
    answers.append(wire.get("/oauth/me", token))
    assert [answer.headers["UC-REST-ERROR"] for answer in answers] == [
        "The access token is unknown: this sandbox has not issued it since its start.",
        "The access token has expired.",
        "The access token was revoked.",
    ]
    for answer in answers:
        assert answer.status == 401
        assert answer.headers["UC-REST-ERROR"] in answer.headers["WWW-Authenticate"]
        assert b"no-such-token" not in answer.data


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "The header Authorization is missing: send Bearer and an access token."),
        ({"Authorization": "Basic eDp5"}, "Authorization is of the type 'Basic': send Bearer"),
        ({"x-ultracart-simple-key": "a-wrong-key"}, "sandbox accepts YOUR_API_KEY, and the keys"),
        ({"x-ultracart-browser-key": "a-wrong-key"}, "The key in x-ultracart-browser-key"),
    ],
)
def test_a_credential(shop, headers, words):
    answer = shop.get("/order/orders", **headers)
    assert answer.status == 401
    assert words in answer.headers["UC-REST-ERROR"]
    assert b"a-wrong-key" not in answer.data


@pytest.mark.parametrize("header", ["x-ultracart-simple-key", "x-ultracart-browser-key"])
def test_a_key_where_only_a_token_is_taken(shop, header):
    answer = shop.get("/oauth/me", **{header: "YOUR_API_KEY"})
    assert answer.status == 401
    assert answer.headers["UC-REST-ERROR"] == (
        "/rest/v2/oauth/me takes an access token (Authorization: Bearer), no API key."
    )


def test_a_method_that_the_oauth_server_does_not_take(shop):
    answer = shop.get("/oauth/token")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert answer.headers["UC-REST-ERROR"] == "/rest/v2/oauth/token takes POST, not GET."
    answer = shop.send("DELETE", "/oauth/device", headers={"X-UltraCart-Api-Version": "2017-03-01"})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


def test_a_base_path_that_was_sent_twice(shop):
    answer = shop.get("/rest/v2/order/orders", **{"x-ultracart-simple-key": "YOUR_API_KEY"})
    assert answer.status == 404
    assert "The request has /rest/v2 twice: leave it out" in answer.headers["UC-REST-ERROR"]
