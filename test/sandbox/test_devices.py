"""A device is authorized as RFC 8628 says."""

from __future__ import annotations

import pytest

from .conftest import DEVICE_GRANT


@pytest.fixture
def start(wire):
    def start(**form):
        values = {"client_id": wire.sandbox.client_id, "scope": "crm", **form}
        return wire.post("/oauth/device/authorize", **values)

    return start


@pytest.fixture
def poll(wire):
    def poll(device, **form):
        values = {"grant_type": DEVICE_GRANT, "device_code": device["device_code"], **form}
        return wire.token(**values)

    return poll


def test_answer(sandbox, start):
    answer = start()
    assert answer.status == 200
    device = answer.json()
    assert device["verification_uri"] == f"{sandbox.host}/oauth/device"
    assert device["verification_uri_complete"].endswith(f"?user_code={device['user_code']}")
    assert (device["expires_in"], device["interval"]) == (600, 5)


def test_approved(sandbox, start, poll):
    device = start(scope="crm ultraship").json()
    assert poll(device).json()["error"] == "authorization_pending"
    sandbox.approve_device(device["user_code"].lower().replace("-", " "), merchant="SHOP2")
    token = poll(device).json()
    assert (token["merchant_id"], token["scope"]) == ("SHOP2", "crm ultraship")
    assert poll(device).json()["error"] == "invalid_grant"


def test_denied(sandbox, start, poll):
    device = start().json()
    sandbox.deny_device(device["user_code"])
    assert poll(device).json()["error"] == "access_denied"
    with pytest.raises(ValueError, match="no device is waiting"):
        sandbox.approve_device(device["user_code"])


def test_expired(sandbox, start, poll, clock):
    sandbox.device_lifetime = 30
    device = start().json()
    assert device["expires_in"] == 30
    clock.advance(30)
    assert poll(device).json()["error"] == "expired_token"
    with pytest.raises(ValueError, match="expired"):
        sandbox.approve_device(device["user_code"])


def test_slow_down_lasts(sandbox, start, poll, clock):
    device = start().json()
    seen = []
    for gap in (0, 4, 9, 10, 10):
        clock.advance(gap)
        seen.append(poll(device).json()["error"])
    pending, slow = "authorization_pending", "slow_down"
    assert seen == [pending, slow, slow, slow, slow]
    clock.advance(25)
    assert poll(device).json()["error"] == pending


def test_interval_may_be_absent(sandbox, start, poll, clock):
    sandbox.device_interval = None
    device = start().json()
    assert "interval" not in device
    errors = []
    for gap in (0, 5, 4):
        clock.advance(gap)
        errors.append(poll(device).json()["error"])
    assert errors == ["authorization_pending", "authorization_pending", "slow_down"]


def test_device_code_of_another_application(sandbox, start, poll):
    device = start().json()
    sandbox.approve_device(device["user_code"])
    assert poll(device, client_id="client_id_example").status == 400
    assert poll(device, device_code="unknown").json()["error"] == "invalid_grant"
    assert poll(device, client_id="nobody").json()["error"] == "invalid_client"
    assert poll(device).status == 200


def test_unknown_application(start):
    assert start(client_id="nobody").json()["error"] == "invalid_client"


def test_unknown_user_code(sandbox):
    with pytest.raises(ValueError, match="no device is waiting"):
        sandbox.approve_device("ABCD-EFGH")
