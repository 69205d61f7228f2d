"""How each measured library is used: as its own documentation says, for the same call.

The call is a refresh: ``POST /rest/v2/oauth/token`` with the same form. ``warm`` gives a function
that makes one call on a client that lives on; ``fresh`` one that makes all its objects anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

CLIENT_ID = "5e2f9c1d7a3b4c60"
REFRESH_TOKEN = "fedcba9876543210" * 4
FORM = {"client_id": CLIENT_ID, "grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN}
HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/x-www-form-urlencoded",
    "X-UltraCart-Api-Version": "2017-03-01",
}
Call = Callable[[], Any]


class Urllib3:
    """The yardstick: bare ``PoolManager.request``, ``urlencode`` and ``json.loads``."""

    def __init__(self, host: str, ca_file: str) -> None:
        self._url = host + "/oauth/token"
        self._ca_file = ca_file

    def _manager(self) -> Any:
        import urllib3

        return urllib3.PoolManager(ca_certs=self._ca_file, maxsize=16)

    def _call(self, manager: Any) -> Any:
        response = manager.request("POST", self._url, body=urlencode(FORM), headers=HEADERS)
        if response.status != 200:
            raise RuntimeError("status %d" % response.status)
        return json.loads(response.data)["access_token"]

    def warm(self) -> Call:
        manager = self._manager()
        return lambda: self._call(manager)

    def fresh(self) -> Any:
        with self._manager() as manager:
            return self._call(manager)

    @staticmethod
    def reader(text: str) -> Call:
        """What stands against reading models: ``json.loads`` alone."""
        return lambda: json.loads(text)


class Generated:
    """This project, or an official SDK: whichever ``ultracart`` the process can import."""

    def __init__(self, host: str, ca_file: str) -> None:
        self._host = host
        self._ca_file = ca_file

    def _api(self) -> Any:
        from ultracart import ApiClient, OauthApi
        from ultracart.configuration import Configuration

        configuration = Configuration()
        configuration.host = self._host
        configuration.ssl_ca_cert = self._ca_file
        client = ApiClient(configuration)
        client.default_headers["X-UltraCart-Api-Version"] = "2017-03-01"
        return OauthApi(client)

    def _call(self, api: Any) -> Any:
        token = api.oauth_access_token(CLIENT_ID, "refresh_token", refresh_token=REFRESH_TOKEN)
        return token.access_token

    def warm(self) -> Call:
        api = self._api()
        return lambda: self._call(api)

    def fresh(self) -> Any:
        return self._call(self._api())

    @staticmethod
    def reader(text: str) -> Call:
        """What the client does with ``text``, a list of token answers."""
        from ultracart import ApiClient

        client = ApiClient()
        answer: Any = type("Answer", (), {"data": text})()
        read: Callable[..., Any] = client.deserialize
        return lambda: read(answer, "list[OauthTokenResponse]")


class Generated4(Generated):
    """The official SDK 4.x, made by another generator; it refuses a whole number of seconds."""

    def _api(self) -> Any:
        from ultracart import ApiClient, Configuration
        from ultracart.apis import OauthApi

        make: Any = Configuration  # of version 4, not of this package
        configuration = make(host=self._host, ssl_ca_cert=self._ca_file)
        return OauthApi(ApiClient(configuration, "X-UltraCart-Api-Version", "2017-03-01"))

    def _call(self, api: Any) -> Any:
        token = api.oauth_access_token(
            CLIENT_ID,
            "refresh_token",
            refresh_token=REFRESH_TOKEN,
            _check_return_type=False,
        )
        return token.access_token

    @staticmethod
    def reader(text: str) -> Call:
        from ultracart import ApiClient
        from ultracart.model.oauth_token_response import OauthTokenResponse

        client = ApiClient()
        answer: Any = type("Answer", (), {"data": text})()
        read: Callable[..., Any] = client.deserialize
        return lambda: read(answer, ([OauthTokenResponse],), False)


class OverRequests:
    """An OAuth client over requests, the usual choice of those who write the calls themselves."""

    def __init__(self, host: str, ca_file: str) -> None:
        self._url = host + "/oauth/token"
        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
        os.environ["REQUESTS_CA_BUNDLE"] = ca_file  # wins over Session.verify

    def _session(self) -> Any:
        raise NotImplementedError

    def _call(self, session: Any) -> Any:
        raise NotImplementedError

    def warm(self) -> Call:
        session = self._session()
        return lambda: self._call(session)

    def fresh(self) -> Any:
        with self._session() as session:
            return self._call(session)


class Authlib(OverRequests):
    def _session(self) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        session = OAuth2Session(CLIENT_ID, token_endpoint_auth_method="none")
        session.headers["X-UltraCart-Api-Version"] = "2017-03-01"
        return session

    def _call(self, session: Any) -> Any:
        return session.refresh_token(self._url, REFRESH_TOKEN)["access_token"]


class RequestsOauthlib(OverRequests):
    def _session(self) -> Any:
        from requests_oauthlib import OAuth2Session

        session = OAuth2Session(CLIENT_ID)
        session.headers["X-UltraCart-Api-Version"] = "2017-03-01"
        return session

    def _call(self, session: Any) -> Any:
        refreshed = session.refresh_token(
            self._url, refresh_token=REFRESH_TOKEN, client_id=CLIENT_ID
        )
        return refreshed["access_token"]


LIBRARIES = {
    "urllib3": Urllib3,
    "generated": Generated,
    "generated4": Generated4,
    "authlib": Authlib,
    "requests-oauthlib": RequestsOauthlib,
}
