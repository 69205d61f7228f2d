"""Codes and refresh tokens are exchanged as RFC 6749, 7636 and 9700 demand."""

from __future__ import annotations

import base64

import pytest

from ultracart.sandbox import Application, Sandbox

from .conftest import API_VERSION, query_of, s256


def test_token_answer(sandbox, wire):
    answer = wire.exchange(sandbox.authorize(scope="order_read", merchant="SHOP1"))
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    token = answer.json()
    assert token.pop("access_token") != token.pop("refresh_token")
    assert token == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "order_read",
        "merchant_id": "SHOP1",
    }


def test_code_works_once_and_its_second_use_ends_the_grant(sandbox, wire):
    callback = sandbox.authorize()
    token = wire.exchange(callback).json()
    again = wire.exchange(callback)
    assert (again.status, again.json()["error"]) == (400, "invalid_grant")
    assert wire.get("/oauth/me", token["access_token"]).status == 401


def test_code_expires(sandbox, wire, clock):
    callback = sandbox.authorize()
    clock.advance(600)
    answer = wire.exchange(callback)
    assert answer.json()["error"] == "invalid_grant"
    assert "expired" in answer.json()["error_description"]
    assert answer.headers["UC-REST-ERROR"] == answer.json()["error_description"]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uri": "http://127.0.0.1:8000/other"}, "invalid_grant"),
        ({"code": "wrong"}, "invalid_grant"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": "client_id_example"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"grant_type": "grant_type_example"}, "unsupported_grant_type"),
        ({"code_verifier": "v" * 43}, None),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_refused_exchanges(sandbox, wire, changed, error):
    answer = wire.exchange(sandbox.authorize(), **changed)
    assert answer.status == 400
    assert error in (None, answer.json()["error"])
    assert "access_token" not in answer.json()


def test_pkce(sandbox, wire):
    verifier = "a-._~" * 9
    challenge = {"code_challenge": s256(verifier), "code_challenge_method": "S256"}
    assert wire.exchange(sandbox.authorize(**challenge), code_verifier=verifier).status == 200
    wrong = wire.exchange(sandbox.authorize(**challenge), code_verifier="w" * 43)
    assert wrong.json()["error"] == "invalid_grant"
    missing = wire.exchange(sandbox.authorize(**challenge))
    assert missing.json()["error"] == "invalid_request"


def test_rotation_spends_the_old_refresh_token(sandbox, wire):
    first = wire.grant()
    second = wire.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    third = wire.refresh(second["refresh_token"])
    assert third.status == 200
    assert sandbox.counters.refreshes == 2
    # An access token outlives the refresh that replaced it.
    assert wire.get("/oauth/me", first["access_token"]).status == 200


def test_reuse_ends_the_whole_grant(sandbox, wire):
    first = wire.grant()
    other = wire.grant(merchant="OTHER")
    second = wire.refresh(first["refresh_token"]).json()
    assert wire.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert wire.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert wire.get("/oauth/me", second["access_token"]).status == 401
    assert wire.get("/oauth/me", other["access_token"]).status == 200
    assert (sandbox.counters.reuse_detections, sandbox.counters.grants_lost) == (1, 1)


def test_without_reuse_detection_the_grant_survives(sandbox, wire):
    sandbox.reuse_detection = False
    first = wire.grant()
    second = wire.refresh(first["refresh_token"]).json()
    assert wire.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert wire.refresh(second["refresh_token"]).status == 200
    assert (sandbox.counters.reuse_detections, sandbox.counters.grants_lost) == (0, 0)


def test_grace_window_repeats_the_answer(sandbox, wire, clock):
    sandbox.reuse_grace = 30
    first = wire.grant()
    second = wire.refresh(first["refresh_token"]).json()
    clock.advance(29.5)
    assert wire.refresh(first["refresh_token"]).json() == second
    assert (sandbox.counters.refreshes, sandbox.counters.replays) == (1, 1)
    clock.advance(0.5)
    assert wire.refresh(first["refresh_token"]).status == 400
    assert sandbox.counters.grants_lost == 1


@pytest.mark.parametrize("mode", ["same", "absent"])
def test_refresh_without_rotation(sandbox, wire, mode):
    sandbox.refresh_tokens = mode
    first = wire.grant()
    for _ in range(2):
        again = wire.refresh(first["refresh_token"]).json()
        expected = first["refresh_token"] if mode == "same" else None
        assert again.get("refresh_token") == expected
        assert wire.get("/oauth/me", again["access_token"]).status == 200


def test_refresh_may_narrow_the_scope_and_not_widen_it(sandbox, wire):
    first = wire.grant(scope="item_read order_read")
    narrow = wire.refresh(first["refresh_token"], scope="item_read").json()
    assert narrow["scope"] == "item_read"
    wide = wire.refresh(narrow["refresh_token"], scope="item_read user_write")
    assert wide.json()["error"] == "invalid_scope"


def test_refresh_token_belongs_to_its_application(sandbox, wire):
    token = wire.grant()["refresh_token"]
    answer = wire.refresh(token, client_id="client_id_example")
    assert answer.json()["error"] == "invalid_grant"
    assert wire.refresh(token).status == 200


def test_access_token_expires(sandbox, wire, clock):
    sandbox.access_token_lifetime = 60
    token = wire.grant()
    assert token["expires_in"] == 60
    clock.advance(59.9)
    assert wire.get("/oauth/me", token["access_token"]).status == 200
    clock.advance(0.1)
    refused = wire.get("/oauth/me", token["access_token"])
    assert refused.status == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


def test_refresh_token_expires(sandbox, wire, clock):
    sandbox.refresh_token_lifetime = 86_400
    first = wire.grant()
    clock.advance(86_399)
    second = wire.refresh(first["refresh_token"]).json()
    clock.advance(86_399)
    third = wire.refresh(second["refresh_token"]).json()
    clock.advance(86_400)
    late = wire.refresh(third["refresh_token"])
    assert (late.status, late.json()["error"]) == (400, "invalid_grant")
    # That is no reuse: what else the grant has stays good.
    assert sandbox.counters.grants_lost == 0


@pytest.mark.parametrize(("form", "sent"), [("number", 3600), ("text", "3600"), ("absent", None)])
def test_spellings_of_expires_in(sandbox, wire, form, sent):
    sandbox.expires_in = form
    assert wire.grant().get("expires_in") == sent


def test_spelling_of_the_token_type(sandbox, wire):
    sandbox.token_type = "BEARER"
    assert wire.grant()["token_type"] == "BEARER"


def test_merchant_may_grant_less_than_asked(sandbox, wire):
    sandbox.granted_scope = "item_read"
    token = wire.grant(scope="item_read order_write")
    assert token["scope"] == "item_read"
    assert wire.get("/oauth/me", token["access_token"]).json()["scopes"] == ["item_read"]


def test_error_inside_a_success(sandbox, wire):
    sandbox.oauth_error_status = 200
    answer = wire.refresh("unknown")
    assert (answer.status, answer.json()["error"]) == (200, "invalid_grant")


def test_revoking_any_token_ends_the_grant(wire):
    for name in ("access_token", "refresh_token"):
        token = wire.grant()
        newer = wire.refresh(token["refresh_token"]).json()
        answer = wire.post("/oauth/revoke", client_id=wire.sandbox.client_id, token=newer[name])
        assert (answer.status, answer.json()["successful"]) == (200, True)
        assert answer.json()["message"]
        assert wire.get("/oauth/me", token["access_token"]).status == 401
        assert wire.refresh(newer["refresh_token"]).json()["error"] == "invalid_grant"


def test_revoking_an_unknown_token_succeeds(wire):
    answer = wire.post("/oauth/revoke", client_id=wire.sandbox.client_id, token="unknown")
    assert (answer.status, answer.json()["successful"]) == (200, True)


def test_revoking_a_token_of_another_application_is_refused(wire):
    token = wire.grant()
    answer = wire.post("/oauth/revoke", client_id="client_id_example", token=token["access_token"])
    assert answer.json()["error"] == "invalid_grant"
    assert wire.get("/oauth/me", token["access_token"]).status == 200


def test_simple_key_and_old_bearer_do_not_hinder_a_token_request(wire):
    token = wire.grant()
    headers = {"x-ultracart-simple-key": "anything", "Authorization": "Bearer expired"}
    answer = wire.post(
        "/oauth/token",
        headers,
        client_id=wire.sandbox.client_id,
        grant_type="refresh_token",
        refresh_token=token["refresh_token"],
    )
    assert answer.status == 200


def test_client_secret_is_checked_where_there_is_one(connect):
    application = Application("shop", ("https://shop.example/cb",), client_secret="s3cret")
    assert "s3cret" not in repr(application)
    with Sandbox(applications=[application]) as sandbox:
        wire = connect(sandbox)
        code = query_of(sandbox.authorize())["code"]
        form = {"grant_type": "authorization_code", "code": code}
        form["redirect_uri"] = sandbox.redirect_uri
        for wrong in ({}, {"client_secret": "other"}):
            answer = wire.token(**form, **wrong)
            assert (answer.status, answer.json()["error"]) == (401, "invalid_client")
        token = wire.token(**form, client_secret="s3cret")
        assert token.status == 200
        basic = base64.b64encode(b"shop:s3cret").decode()
        answer = wire.post(
            "/oauth/token",
            {"Authorization": f"Basic {basic}"},
            grant_type="refresh_token",
            refresh_token=token.json()["refresh_token"],
        )
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/device/authorize"])
def test_a_parameter_sent_twice_is_refused(sandbox, wire, path):
    headers = {**API_VERSION, "Content-Type": "application/x-www-form-urlencoded"}
    form = "grant_type=refresh_token&client_id=sandbox_client&client_id=other"
    answer = wire.send("POST", path, body=form, headers=headers)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")
    assert "'client_id'" in answer.headers["UC-REST-ERROR"]
    assert sandbox.requests[-1].path == path
