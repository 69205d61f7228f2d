"""The documentation's placeholders work, again and again, in any order."""

from __future__ import annotations

import pytest

from .conftest import DEVICE_GRANT

BOTH = {"code": "code_example", "refresh_token": "refresh_token_example"}
TOKEN_REQUESTS = [
    {"grant_type": "grant_type_example", "redirect_uri": "redirect_uri_example", **BOTH},
    {"grant_type": "grant_type_example", "code": "code_example"},
    {"grant_type": "grant_type_example", "refresh_token": "refresh_token_example"},
    {"grant_type": "grant_type_example", "device_code": "device_code_example"},
    {"grant_type": "authorization_code", "code": "code_example", "code_verifier": "any"},
    {"grant_type": "refresh_token", "refresh_token": "refresh_token_example"},
    {"grant_type": DEVICE_GRANT, "device_code": "device_code_example"},
]


@pytest.mark.parametrize("form", TOKEN_REQUESTS)
def test_they_never_run_out(wire, form):
    tokens = set()
    for _ in range(3):
        answer = wire.post("/oauth/token", client_id="client_id_example", **form)
        assert answer.status == 200, answer.data
        tokens.add(answer.json()["access_token"])
        for revoked in ("token_example", "access_token_example", "refresh_token_example"):
            answer = wire.post("/oauth/revoke", client_id="client_id_example", token=revoked)
            assert answer.json()["successful"] is True
    assert len(tokens) == 3
    for token in tokens:
        assert wire.get("/oauth/me", token).json()["client_id"] == "client_id_example"


def test_access_token_stays_good(sandbox, wire, clock):
    sandbox.expire_access_tokens()
    sandbox.revoke()
    clock.advance(10_000_000)
    assert wire.get("/oauth/me", "access_token_example").status == 200


def test_tokens_issued_for_them_are_ordinary(sandbox, wire):
    form = {"client_id": "client_id_example", "grant_type": "refresh_token"}
    first = wire.post("/oauth/token", refresh_token="refresh_token_example", **form).json()
    second = wire.post("/oauth/token", refresh_token=first["refresh_token"], **form)
    assert second.status == 200
    again = wire.post("/oauth/token", refresh_token=first["refresh_token"], **form)
    assert again.json()["error"] == "invalid_grant"


def test_device_codes_count_as_approved(wire):
    device = wire.post("/oauth/device/authorize", client_id="client_id_example", scope="crm").json()
    answer = wire.post(
        "/oauth/token",
        client_id="client_id_example",
        grant_type=DEVICE_GRANT,
        device_code=device["device_code"],
    )
    assert answer.status == 200


def test_consent(sandbox):
    callback = sandbox.authorize(client_id="client_id_example", state="s")
    assert callback.startswith("redirect_uri_example?code=")


@pytest.mark.parametrize("form", TOKEN_REQUESTS)
def test_other_applications_have_no_placeholders(wire, form):
    assert wire.token(**form).status == 400


def test_simple_key(sandbox, wire):
    sandbox.answer("GET", "/item/items/BONE", {"merchant_item_id": "BONE"})
    answer = wire.get("/item/items/BONE", **{"x-ultracart-simple-key": "YOUR_API_KEY"})
    assert answer.json() == {"merchant_item_id": "BONE"}
