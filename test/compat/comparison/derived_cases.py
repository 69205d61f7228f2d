"""The cases of programs that derive from the SDK's classes, or put something in place of a part."""

from __future__ import annotations

import decimal
import json
import types
from typing import Any

from .harness import SIMPLE, Case, Sdk

_TOKEN = '{"access_token": "at", "token_type": "bearer"}'


def _exact_numbers(sdk: Sdk) -> Any:
    class Exact(sdk.ApiClient):
        def sanitize_for_serialization(self, obj: Any) -> Any:
            if isinstance(obj, decimal.Decimal):
                return str(obj)
            return super().sanitize_for_serialization(obj)

    price = decimal.Decimal("1.10")
    client = Exact(sdk.configuration())
    return client.call_api(
        "/x", "POST", body={"p": price, "l": [price, (price, None)]}, query_params={"p": price}
    )


def _signed(sdk: Sdk) -> Any:
    class Signed(sdk.ApiClient):
        def update_params_for_auth(self, headers: Any, querys: Any, auth_settings: Any) -> None:
            super().update_params_for_auth(headers, querys, auth_settings)
            querys.append(("signed", "1"))

        def request(
            self,
            method: str,
            url: str,
            query_params: Any = None,
            headers: Any = None,
            *args: Any,
            **options: Any,
        ) -> Any:
            headers["X-Signature"] = method
            return super().request(method, url + "/more", query_params, headers, *args, **options)

    client = Signed(sdk.configuration())
    return client.call_api("/x", "POST", query_params=[("a", "1")], body={})


def _own_scheme(sdk: Sdk) -> Any:
    class Schemes(sdk.Configuration):
        def auth_settings(self) -> Any:
            own = {"in": "query", "key": "k", "value": "v"}
            return dict(super().auth_settings(), own=own)

    configuration = Schemes()
    configuration.host = sdk.server.host
    configuration.api_key[SIMPLE] = "sk"
    schemes = ["own", "ultraCartSimpleApiKey"]
    return sdk.ApiClient(configuration).call_api(
        "/x", "GET", query_params=[("a", "1")], auth_settings=schemes
    )


def _token_from_the_hook(sdk: Sdk) -> Any:
    def renew(configuration: Any) -> None:
        configuration.access_token = "renewed"

    client = sdk.client(refresh_api_key_hook=renew)
    return client.call_api("/x", "GET", auth_settings=["ultraCartOauth"])


def _one_verb(sdk: Sdk) -> Any:
    client, seen = sdk.client(), []
    post = client.rest_client.POST

    def recorded(*args: Any, **options: Any) -> Any:
        seen.append(sorted(options))
        return post(*args, **options)

    client.rest_client.POST = recorded
    client.call_api("/x", "POST", body={"a": 1})
    return seen


def _own_transport(sdk: Sdk) -> Any:
    class Transport:
        def POST(self, url: str, **options: Any) -> Any:
            self.sent = options["post_params"]
            return types.SimpleNamespace(status=200, data=_TOKEN, getheaders=lambda: {"a": "b"})

    client = sdk.client()
    client.rest_client = Transport()
    token, status, headers = sdk.package.OauthApi(client).oauth_access_token_with_http_info(
        "c", "g"
    )
    return token.access_token, status, headers, client.rest_client.sent


def _derived_transport(sdk: Sdk) -> Any:
    class Counting(sdk.rest.RESTClientObject):
        def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
            return super().request(method, url + "/counted", *args, **options)

    client = sdk.client()
    client.rest_client = Counting(client.configuration, maxsize=1)
    return client.call_api("/x", "PUT", body=[1])


def _derived_model(sdk: Sdk) -> Any:
    class Plain(sdk.package.OauthTokenResponse):
        pass

    class Stamped(sdk.package.OauthTokenResponse):
        def __init__(self, *args: Any, **fields: Any) -> None:
            super().__init__(*args, **fields)
            self.stamped = 1.5

    plain, same = Plain("a", scope="s"), sdk.package.OauthTokenResponse("a", scope="s")
    return plain == same, same == plain, plain != same, Stamped("a").access_token, Stamped().stamped


def _stored(sdk: Sdk) -> Any:
    data = json.dumps({"a": [json.loads(_TOKEN)]})
    answer = types.SimpleNamespace(data=data)
    read = sdk.client().deserialize(answer, "dict(str, list[OauthTokenResponse])")
    return read["a"][0].access_token


def _stored_date(sdk: Sdk) -> Any:
    return sdk.client().deserialize(types.SimpleNamespace(data='"no date"'), "date")


def _text_dates(sdk: Sdk) -> Any:
    class TextDates(sdk.ApiClient):
        NATIVE_TYPES_MAPPING = dict(sdk.ApiClient.NATIVE_TYPES_MAPPING, date=str)

    answer = types.SimpleNamespace(data='["2026-02-03"]')
    return TextDates(sdk.configuration()).deserialize(answer, "list[date]")


def _submodules(sdk: Sdk) -> Any:
    package = sdk.package
    return [
        package.api_client.ApiClient is sdk.ApiClient,
        package.models.oauth_token_response.OauthTokenResponse is package.OauthTokenResponse,
    ]


CASES = [
    Case("derived: sanitize_for_serialization", _exact_numbers),
    Case("derived: request and update_params_for_auth", _signed),
    Case("derived: auth_settings", _own_scheme),
    Case("derived: token from the hook", _token_from_the_hook),
    Case("derived: one verb of the transport", _one_verb),
    Case("derived: transport of verbs alone", _own_transport),
    Case("derived: request of the transport", _derived_transport),
    Case("derived: model", _derived_model),
    Case("derived: stored answer", _stored),
    Case("derived: stored answer that is no date", _stored_date),
    Case("derived: native types", _text_dates),
    Case("derived: submodules", _submodules),
]
