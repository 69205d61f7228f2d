"""Whether users of the official 4.x SDK find the OAuth names where they know them."""

from __future__ import annotations

import importlib
import inspect

import pytest

import ultracart
from ultracart import exceptions

MODELS = {
    "oauth_token_response": "OauthTokenResponse",
    "oauth_revoke_success_response": "OauthRevokeSuccessResponse",
    "oauth_device_authorization_response": "OauthDeviceAuthorizationResponse",
    "error": "Error",
    "error_response": "ErrorResponse",
}


@pytest.mark.parametrize("module", ["ultracart.apis", "ultracart.api.oauth_api", "ultracart.api"])
def test_api_class(module):
    assert importlib.import_module(module).OauthApi is ultracart.OauthApi


@pytest.mark.parametrize(("module", "name"), MODELS.items())
def test_model_modules(module, name):
    known = getattr(importlib.import_module("ultracart.models"), name)
    assert getattr(importlib.import_module("ultracart.model." + module), name) is known


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("OpenApiException", (Exception,)),
        ("ApiTypeError", (TypeError,)),
        ("ApiValueError", (ValueError,)),
        ("ApiAttributeError", (AttributeError,)),
        ("ApiKeyError", (KeyError,)),
        ("ApiException", ()),
        ("NotFoundException", (exceptions.ApiException,)),
        ("UnauthorizedException", (exceptions.ApiException,)),
        ("ForbiddenException", (exceptions.ApiException,)),
        ("ServiceException", (exceptions.ApiException,)),
    ],
)
def test_exceptions(name, bases):
    error = getattr(exceptions, name)
    assert issubclass(error, (exceptions.OpenApiException, *bases))
    for base in bases:
        assert issubclass(error, base)
    if hasattr(ultracart, name):
        assert getattr(ultracart, name) is error


def test_arguments_and_operations():
    token = inspect.signature(ultracart.OauthApi.oauth_access_token).parameters
    # In 4.x each of these is a keyword argument of the operation.
    for name in ("client_id", "grant_type", "code", "redirect_uri", "refresh_token", "device_code"):
        assert name in token
    for name in ("oauth_device_authorize", "oauth_me", "oauth_revoke"):
        assert callable(getattr(ultracart.OauthApi, name))


def test_models_are_read_like_mappings():
    token = ultracart.OauthTokenResponse(access_token="a", merchant_id="DEMO")
    assert token["access_token"] == "a"
    assert token.get("merchant_id") == "DEMO"
    assert token.get("scope", "none") == "none"
    assert "merchant_id" in token
    assert "scope" not in token
