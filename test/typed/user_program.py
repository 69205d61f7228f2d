"""What a user's type checker sees: every OAuth name with its type, and no name that is none.

Checked by ``mypy --strict``, never run: a comment that ignores an error must be needed, and a value
of type ``Any`` may not be returned.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import ultracart
from ultracart.apis import OauthApi as Version4Api
from ultracart.model.oauth_token_response import OauthTokenResponse as Version4Model
from ultracart.models import OauthTokenResponse


def known_names() -> tuple[type[ultracart.OauthApi], type[OauthTokenResponse]]:
    return Version4Api, Version4Model


def names_that_importing_the_package_gives() -> list[type[object]]:
    return [
        ultracart.api_client.ApiClient,
        ultracart.rest.ApiException,
        ultracart.models.error.Error,
        ultracart.oauth.OAuthSession,
    ]


def misspelt() -> None:
    print(ultracart.OAuthApi)  # type: ignore[attr-defined]
    print(ultracart.models.OAuthTokenResponse)  # type: ignore[attr-defined]
    print(ultracart.oauth.OauthSession)  # type: ignore[attr-defined]
    ultracart.configuration.verify_tls = False  # type: ignore[attr-defined]
    ultracart.OauthTokenResponse(acces_token="a")  # type: ignore[call-arg]
    print(ultracart.OauthApi().oauth_me().merchant)  # type: ignore[attr-defined]


def settings_by_keyword() -> ultracart.Configuration:
    keys = {"x-ultracart-simple-key": "key"}
    return ultracart.Configuration(host="https://h", access_token=None, api_key=keys, timeout=5)


def settings() -> tuple[str, logging.Logger, logging.Handler | None, logging.Formatter]:
    configuration = ultracart.Configuration()
    logger = configuration.logger["package_logger"]
    return (
        configuration.host,
        logger,
        configuration.logger_file_handler,
        configuration.logger_formatter,
    )


def operations(api: ultracart.OauthApi) -> tuple[str | None, int | None, bool | None, str]:
    token = api.oauth_access_token("client_id", "refresh_token", refresh_token="r")
    headers: Mapping[str, str]
    revoked, _, headers = api.oauth_revoke_with_http_info("client_id", "token")
    return token.access_token, token.expires_in, revoked.successful, headers["Date"]


def short_calls(client: ultracart.ApiClient) -> tuple[str | None, str, list[str]]:
    me = client.get("/oauth/me", response_type=ultracart.OauthMeResponse)
    made = client.post("/oauth/me", json={}, response_type=ultracart.OauthMeResponse)
    print(made.client_id, me.client)  # type: ignore[attr-defined]
    anything: int = client.get("/order/orders", {"_limit": 100})["count"]
    client.post("/coupon/coupons", {"a": anything})  # type: ignore[call-overload]
    to: str = client.download("/order/orders/1/invoice", to="invoice.pdf", progress=print)
    orders = client.pages("/order/orders", "orders", limit=50)
    return me.merchant_id, to, [order["order_id"] for order in orders]


async def tokens(session: ultracart.oauth.OAuthSession) -> str:
    print(session.auth("DEMO"))
    return await session.access_token_async("DEMO")


def operated(events: list[ultracart.oauth.SessionEvent]) -> list[tuple[str, str]]:
    def told(event: ultracart.oauth.SessionEvent) -> None:
        events.append(event)
        if event.error is not None:
            print(event.nam)  # type: ignore[attr-defined]

    session = ultracart.oauth.OAuthSession("client", on_event=told, store_recheck=30)
    ultracart.oauth.OAuthSession("client", on_event="print")  # type: ignore[arg-type]
    events += session.keep_alive(idle=3600, limit=10)
    session.revoke("DEMO", forget=True)
    moved = ultracart.oauth.Token.from_dict({"refresh_token": "r"}).replaced(scope="item_read")
    print(moved.extra["id_token"], moved.host, moved.refresh_token_expires_at)
    return [(grant.account, grant.state) for grant in session.grants()]


class Derived(OauthTokenResponse):
    def bearer(self) -> str:
        return "Bearer %s" % self.access_token


def derived() -> Derived:
    return Derived.from_wire({})


def in_the_background(api: ultracart.OauthApi) -> tuple[str | None, str | None, int]:
    me = api.oauth_me(async_req=True).get()
    token, status, _ = api.oauth_access_token_with_http_info("c", "t", async_req=True).get(1.5)
    return me.merchant_id, token.access_token, status


def unread(api: ultracart.OauthApi) -> bytes:
    return api.oauth_me(_preload_content=False, _request_timeout=(1, 2.5)).data


def known_at_run_time(api: ultracart.OauthApi, background: bool) -> None:
    api.oauth_revoke("client_id", "token", async_req=background)
    api.oauth_me(asinc_req=True)  # type: ignore[call-overload]
    api.oauth_access_token("client_id")  # type: ignore[call-overload]
    api.oauth_access_token("client_id", "t", refresh=None)  # type: ignore[call-overload]
