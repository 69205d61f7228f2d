"""The surface of an SDK: public names, how each is called, its defaults."""

from __future__ import annotations

import inspect
import io
from typing import Any

from .plain import plain_value

# Special methods that users of the official SDK rely on.
_SPECIAL = ("__init__", "__str__", "__repr__", "__eq__", "__ne__")
# What these bring belongs to Python, and changes with its version.
_PYTHONS_OWN = {*dir(object), *dir(Exception), *dir(io.IOBase)}
_MODELS = ("OauthTokenResponse", "OauthRevokeSuccessResponse", "Error", "ErrorResponse")


def surface() -> dict[str, Any]:
    """Names, signatures and default values of everything an OAuth user touches."""
    import ultracart
    import ultracart.models
    from ultracart import api, api_client, configuration, models, rest
    from ultracart.api import oauth_api

    classes = {
        "ApiClient": api_client.ApiClient,
        "Configuration": configuration.Configuration,
        "RESTClientObject": rest.RESTClientObject,
        "RESTResponse": rest.RESTResponse,
        "ApiException": rest.ApiException,
        "OauthApi": oauth_api.OauthApi,
    }
    classes.update((name, getattr(models, name)) for name in _MODELS)
    same = {
        "ultracart.OauthApi": getattr(ultracart, "OauthApi", None) is oauth_api.OauthApi,
        "ultracart.ApiClient": getattr(ultracart, "ApiClient", None) is api_client.ApiClient,
        "ultracart.Configuration": (
            getattr(ultracart, "Configuration", None) is configuration.Configuration
        ),
        "ultracart.api.OauthApi": getattr(api, "OauthApi", None) is oauth_api.OauthApi,
        "ultracart.models.OauthTokenResponse": (
            getattr(ultracart, "OauthTokenResponse", None) is models.OauthTokenResponse
        ),
        "ultracart.rest.ApiException": hasattr(ultracart, "rest"),
    }
    return {
        "classes": {name: _members(cls) for name, cls in classes.items()},
        "imports": same,
        "settings": _settings(configuration.Configuration()),
        "client": _attributes(api_client.ApiClient()),
        "exception": _attributes(rest.ApiException(404, "why")),
        "model": _attributes(models.OauthTokenResponse()),
    }


def _members(cls: Any) -> dict[str, Any]:
    own = {name: _member(cls, name) for name in _public(cls)}
    own.update((name, _member(cls, name)) for name in _SPECIAL)
    return own


def _member(cls: Any, name: str) -> Any:
    member = inspect.getattr_static(cls, name)
    if isinstance(member, (staticmethod, classmethod)) or callable(member):
        return _signature(getattr(cls, name))
    return "value"


def _signature(function: Any) -> Any:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return "method"
    return [
        [
            parameter.name,
            parameter.kind.name,
            "required" if parameter.default is parameter.empty else repr(parameter.default),
        ]
        for parameter in parameters
    ]


def _attributes(instance: Any) -> list[str]:
    """Public attributes of an instance; the pool of an official client starts threads."""
    return [name for name in _public(instance) if name != "pool"]


def _public(owner: Any) -> list[str]:
    return [name for name in dir(owner) if name[0] != "_" and name not in _PYTHONS_OWN]


def _settings(configuration: Any) -> dict[str, Any]:
    values = {name: getattr(configuration, name) for name in _attributes(configuration)}
    return {name: plain_value(value) for name, value in values.items() if not callable(value)}
