"""How one case is run: a fresh Configuration, scripted answers, one outcome as data."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from . import synthetic_models
from .plain import plain_error, plain_request, plain_value
from .recording_server import RecordingServer, answer

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
SIMPLE = "x-ultracart-simple-key"
BROWSER = "x-ultracart-browser-key"
ALL_SCHEMES = ["ultraCartBrowserApiKey", "ultraCartOauth", "ultraCartSimpleApiKey"]


class Case(NamedTuple):
    """One call: a unique name, what to run, and the answers it meets."""

    name: str
    run: Callable[[Any], Any]
    answers: tuple[bytes, ...] = ()


class Sdk:
    """The installed ``ultracart`` under the names that both SDKs share."""

    def __init__(self, server: RecordingServer) -> None:
        import ultracart
        import ultracart.models
        from ultracart import rest
        from ultracart.api_client import ApiClient
        from ultracart.configuration import Configuration

        self.package: Any = ultracart
        self.models: Any = ultracart.models
        self.rest: Any = rest
        self.ApiClient: Any = ApiClient
        self.Configuration: Any = Configuration
        self.ApiException: Any = rest.ApiException
        self.server = server
        for model in synthetic_models.ALL:
            setattr(ultracart.models, model.__name__, model)

    def configuration(self, **settings: Any) -> Any:
        """A new Configuration for the recording server; dicts are merged into its dicts."""
        configuration = self.Configuration()
        configuration.host = self.server.host
        for name, value in settings.items():
            if isinstance(value, dict):
                getattr(configuration, name).update(value)
            else:
                setattr(configuration, name, value)
        return configuration

    def client(self, *args: Any, **settings: Any) -> Any:
        """An ApiClient; ``args`` are header_name, header_value, cookie."""
        return self.ApiClient(self.configuration(**settings), *args)

    def oauth(self, *args: Any, **settings: Any) -> Any:
        """An OauthApi on such a client."""
        return self.package.OauthApi(self.client(*args, **settings))

    def call(self, path: str, method: str, *args: Any, **options: Any) -> Any:
        """``call_api`` on a client of default settings."""
        return self.client().call_api(path, method, *args, **options)

    def deserialize(self, text: str, type_: Any) -> Any:
        """``text`` as a value of ``type_``, through a whole call."""
        self.server.script(answer(text))
        return self.call("/x", "GET", response_type=type_, _return_http_data_only=True)


def outcome(sdk: Sdk, case: Case) -> dict[str, Any]:
    """What the case sent and what its caller got."""
    sdk.server.script(*case.answers)
    told: dict[str, Any] = {}
    with warnings.catch_warnings():
        try:
            told["result"] = plain_value(case.run(sdk))
        except Exception as error:
            told.update(plain_error(error, sdk.ApiException))
    told["requests"] = [plain_request(request) for request in sdk.server.requests]
    return told
