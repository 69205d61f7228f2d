"""Resources are guarded and answer in UltraCart's shapes."""

from __future__ import annotations

import pytest

from ultracart.sandbox import Application, Sandbox


def assert_ultracart_error(answer, status):
    assert answer.status == status
    body = answer.json()
    assert set(body) == {"error", "metadata", "success"}
    assert body["success"] is False
    assert set(body["error"]) == {
        "developer_message",
        "user_message",
        "error_code",
        "more_info",
        "object_id",
    }
    assert answer.headers["UC-REST-ERROR"] == body["error"]["user_message"] != ""


def test_me(connect):
    application = Application("shop", ("https://shop.example/cb",), name="Order board")
    merchants = {"DEMO": "Demo Shop"}
    with Sandbox(applications=[application], merchants=merchants) as sandbox:
        wire = connect(sandbox)
        token = wire.grant(scope="order_read order_write")
        assert wire.get("/oauth/me", token["access_token"]).json() == {
            "application_name": "Order board",
            "client_id": "shop",
            "merchant_id": "DEMO",
            "merchant_name": "Demo Shop",
            "scopes": ["order_read", "order_write"],
        }


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Mac x"}])
@pytest.mark.parametrize("path", ["/oauth/me", "/order/orders/DEMO-1"])
def test_without_a_good_token(wire, path, headers):
    answer = wire.get(path, **headers)
    assert_ultracart_error(answer, 401)
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")


def test_a_simple_key_does_not_open_me(wire):
    assert wire.get("/oauth/me", **{"x-ultracart-simple-key": "YOUR_API_KEY"}).status == 401


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/device/authorize"])
def test_version_header_is_required(wire, path):
    assert_ultracart_error(wire.send("POST", path), 400)
    old = {"X-UltraCart-Api-Version": "2016-01-01"}
    assert_ultracart_error(wire.send("POST", path, headers=old), 400)
    assert_ultracart_error(wire.send("GET", "/oauth/me", headers=old), 400)


def test_a_plain_curl_may_ask_who_it_is(wire):
    authorization = {"Authorization": f"Bearer {wire.grant()['access_token']}"}
    assert wire.send("GET", "/oauth/me", headers=authorization).status == 200


def test_canned_answer(sandbox, wire):
    token = wire.grant()["access_token"]
    path = "/order/orders/DEMO-1"
    assert_ultracart_error(wire.get(path, token), 404)
    sandbox.answer("GET", path, {"order": {"order_id": "DEMO-1"}}, headers={"X-Page": "1"})
    answer = wire.get(f"{path}?_expand=items", token)
    assert (answer.status, answer.headers["X-Page"]) == (200, "1")
    assert answer.json() == {"order": {"order_id": "DEMO-1"}}
    sandbox.answer("GET", path, {"gone": True}, status=410)
    assert wire.get(path, token).status == 410
    assert wire.post(path, {"Authorization": f"Bearer {token}"}).status == 404


def test_canned_answers_check_their_arguments(sandbox):
    with pytest.raises(ValueError, match="path"):
        sandbox.answer("GET", "order/orders", {})
    with pytest.raises(ValueError, match="query"):
        sandbox.answer("GET", "/order/orders?_limit=1", {})
    with pytest.raises(ValueError, match=r"faults\.add\('/oauth/token'"):
        sandbox.answer("POST", "/oauth/token", {})
    with pytest.raises(ValueError, match="status"):
        sandbox.answer("GET", "/order/orders", {}, status=20)
    with pytest.raises(ValueError, match="method"):
        sandbox.answer("FETCH", "/order/orders", {})
    with pytest.raises(TypeError):
        sandbox.answer("GET", "/order/orders", {"orders": object()})


def test_canned_answer_of_me(sandbox, wire):
    sandbox.answer("GET", "/oauth/me", {"merchantId": "DEMO"})
    assert wire.get("/oauth/me").status == 401
    assert wire.get("/oauth/me", wire.grant()["access_token"]).json() == {"merchantId": "DEMO"}


def test_simple_keys(connect):
    with Sandbox(simple_keys=["k1"]) as sandbox:
        sandbox.answer("GET", "/item/items", [])
        wire = connect(sandbox)
        assert wire.get("/item/items", **{"x-ultracart-simple-key": "k1"}).json() == []
        assert wire.get("/item/items", **{"x-ultracart-simple-key": "k2"}).status == 401


def test_expiring_all_access_tokens(sandbox, wire):
    tokens = [wire.grant(merchant=f"M{number}") for number in range(3)]
    sandbox.expire_access_tokens()
    assert [wire.get("/oauth/me", token["access_token"]).status for token in tokens] == [401] * 3
    renewed = wire.refresh(tokens[0]["refresh_token"]).json()
    assert wire.get("/oauth/me", renewed["access_token"]).status == 200


def test_revoking_by_script(sandbox, wire):
    first, second, third = (wire.grant(merchant=name) for name in ("A", "A", "B"))
    assert sandbox.revoke(token=first["refresh_token"]) == 1
    assert wire.get("/oauth/me", first["access_token"]).status == 401
    assert wire.get("/oauth/me", second["access_token"]).status == 200
    assert sandbox.revoke(merchant="A") == 1
    assert wire.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert wire.get("/oauth/me", third["access_token"]).status == 200
    assert sandbox.revoke() == 1
    assert wire.get("/oauth/me", third["access_token"]).status == 401
