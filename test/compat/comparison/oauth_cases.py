"""The cases an OAuth user meets: OauthApi, its options, credentials, answers and errors."""

from __future__ import annotations

from typing import Any

from .harness import ALL_SCHEMES, BROWSER, SIMPLE, Case, Sdk
from .recording_server import answer

# Characters that URL and form encoders treat differently, and text beyond Latin-1.
HARD = "a b+c&d=e%f/g?h#i~j*k'l\"m\u00e9\u20ac\U0001f600\t\n;:@,"
TOKEN = answer(
    '{"access_token": "at-1", "refresh_token": "rt-1", "token_type": "bearer", '
    '"scope": "order_read item_read"}'
)
REVOKED = answer('{"successful": true, "message": "revoked \u20ac"}')


def _token(sdk: Sdk, **settings: Any) -> Any:
    return sdk.oauth(**settings).oauth_access_token("client", "authorization_code", code="c")


def _prepared_client(sdk: Sdk) -> Any:
    client = sdk.client("X-Custom", "one", "session=1; theme=\u00e9", access_token="at")
    client.user_agent = "shop/2.0"
    client.set_default_header("Accept", "text/plain")
    client.set_default_header("Authorization", "Basic overridden-by-the-token")
    return client


def _failing(status: str, **options: Any) -> Case:
    name = "oauth: status %s %s" % (status, "raw" if options else "read")
    content = answer(
        '{"error": {"developer_message": "\u20ac"}}', status, headers=(("UC-REST-ERROR", "no"),)
    )
    return Case(
        name.strip(), lambda sdk: sdk.oauth().oauth_revoke("client", "t", **options), (content,)
    )


def _raising(name: str, *args: Any, **options: Any) -> Case:
    return Case(name, lambda sdk: sdk.oauth().oauth_access_token(*args, **options), (TOKEN,))


def _answered(name: str, body: Any, **options: Any) -> Case:
    return Case(name, lambda sdk: _token(sdk), (answer(body, **options),))


CASES = [
    Case(
        "oauth: code",
        lambda sdk: sdk.oauth().oauth_access_token(
            "client", "authorization_code", code="c-1", redirect_uri="https://shop.example/cb"
        ),
        (TOKEN,),
    ),
    Case(
        "oauth: keyword order does not matter",
        lambda sdk: sdk.oauth().oauth_access_token(
            grant_type="refresh_token", refresh_token="rt", redirect_uri="u", client_id="client"
        ),
        (TOKEN,),
    ),
    Case(
        "oauth: reserved characters and unicode",
        lambda sdk: sdk.oauth().oauth_access_token(
            HARD, HARD, code=HARD, redirect_uri=HARD, refresh_token=HARD
        ),
        (TOKEN,),
    ),
    Case("oauth: revoke", lambda sdk: sdk.oauth().oauth_revoke("client", HARD), (REVOKED,)),
    Case(
        "oauth: with_http_info",
        lambda sdk: sdk.oauth().oauth_access_token_with_http_info(
            "client", "refresh_token", refresh_token="rt"
        ),
        (TOKEN,),
    ),
    Case(
        "oauth: with_http_info, data only",
        lambda sdk: sdk.oauth().oauth_revoke_with_http_info(
            "client", "t", _return_http_data_only=True
        ),
        (REVOKED,),
    ),
    Case(
        "oauth: data only switched off is ignored by the plain method",
        lambda sdk: sdk.oauth().oauth_revoke("client", "t", _return_http_data_only=False),
        (REVOKED,),
    ),
    Case(
        "oauth: async_req",
        lambda sdk: sdk.oauth().oauth_revoke("client", "t", async_req=True).get(30),
        (REVOKED,),
    ),
    Case(
        "oauth: async_req with_http_info",
        lambda sdk: (
            sdk.oauth().oauth_revoke_with_http_info("client", "t", async_req=True).get(timeout=30)
        ),
        (REVOKED,),
    ),
    Case(
        "oauth: async_req error",
        lambda sdk: sdk.oauth().oauth_revoke("client", "t", async_req=True).get(30),
        (answer("{}", "404 Not Found"),),
    ),
    Case(
        "oauth: raw response",
        lambda sdk: sdk.oauth().oauth_revoke("client", "t", _preload_content=False),
        (REVOKED,),
    ),
    Case(
        "oauth: raw response with_http_info",
        lambda sdk: sdk.oauth().oauth_revoke_with_http_info("client", "t", _preload_content=False),
        (REVOKED,),
    ),
    Case(
        "oauth: timeout in seconds",
        lambda sdk: sdk.oauth().oauth_revoke("client", "t", _request_timeout=30),
        (REVOKED,),
    ),
    Case(
        "oauth: timeout pair",
        lambda sdk: sdk.oauth().oauth_revoke("client", "t", _request_timeout=(5, 30)),
        (REVOKED,),
    ),
    Case("oauth: no credential", lambda sdk: _token(sdk), (TOKEN,)),
    Case("oauth: simple key", lambda sdk: _token(sdk, api_key={SIMPLE: "k\u00e9y"}), (TOKEN,)),
    Case("oauth: browser key", lambda sdk: _token(sdk, api_key={BROWSER: "bk"}), (TOKEN,)),
    Case("oauth: access token", lambda sdk: _token(sdk, access_token="at"), (TOKEN,)),
    Case(
        "oauth: every scheme, with prefixes",
        lambda sdk: _token(
            sdk,
            access_token="at",
            api_key={SIMPLE: "sk", BROWSER: "bk", "unused": "u"},
            api_key_prefix={SIMPLE: "Simple", BROWSER: "Browser"},
        ),
        (TOKEN,),
    ),
    Case(
        "oauth: prefix without a key",
        lambda sdk: _token(sdk, api_key_prefix={SIMPLE: "Simple"}),
        (TOKEN,),
    ),
    Case(
        "oauth: key set by the hook",
        lambda sdk: _token(
            sdk, refresh_api_key_hook=lambda conf: conf.api_key.__setitem__(SIMPLE, "from-hook")
        ),
        (TOKEN,),
    ),
    Case(
        "oauth: custom header, cookie, user agent, default headers",
        lambda sdk: sdk.package.OauthApi(_prepared_client(sdk)).oauth_revoke("client", "t"),
        (REVOKED,),
    ),
    Case(
        "oauth: fromApiKey",
        lambda sdk: _on_server(sdk, sdk.package.OauthApi.fromApiKey("sk")),
        (REVOKED,),
    ),
    Case(
        "oauth: fromApiKey arguments",
        lambda sdk: _switches(sdk.package.OauthApi.fromApiKey("sk", False, False)),
    ),
    _failing("400 Bad Request"),
    _failing("401 Unauthorized"),
    _failing("403 Forbidden"),
    _failing("404 Not Found"),
    _failing("410 Gone"),
    _failing("429 Too Many Requests"),
    _failing("500 Internal Server Error"),
    _failing("503 Service Unavailable"),
    _failing("400 Bad Request", _preload_content=False),
    _failing("500 Internal Server Error", _preload_content=False),
    Case(
        "oauth: OAuth error in a 400",
        lambda sdk: _token(sdk),
        (answer('{"error": "invalid_grant", "error_description": "used"}', "400 Bad Request"),),
    ),
    _answered("oauth: HTML error page", "<html>", status="502 Bad Gateway", content_type=None),
    _raising("oauth: unknown keyword", "client", "refresh_token", refresh="rt"),
    _raising("oauth: missing grant_type", "client"),
    _raising("oauth: too many positionals", "client", "refresh_token", "code"),
    _raising("oauth: client_id None", None, "refresh_token"),
    _raising("oauth: grant_type None", "client", None),
    _raising("oauth: client_id empty", "", "refresh_token"),
    _raising("oauth: client_id of another type", 5, "refresh_token"),
    Case(
        "oauth: key that is a number",
        lambda sdk: sdk.oauth(api_key={SIMPLE: 5}).oauth_access_token("client", "refresh_token"),
    ),
    _raising("oauth: optional empty", "client", "authorization_code", code="c", redirect_uri=""),
    _raising("oauth: optional None", "client", "authorization_code", code="c", refresh_token=None),
    _answered("oauth: Bearer capitalised", '{"access_token": "a", "token_type": "Bearer"}'),
    _answered(
        "oauth: expires_in as a number",
        '{"access_token": "a", "token_type": "bearer", "expires_in": 3600}',
    ),
    _answered(
        "oauth: expires_in as text",
        '{"access_token": "a", "token_type": "bearer", "expires_in": "3600"}',
    ),
    _answered("oauth: OAuth error in a 200", '{"error": "invalid_grant"}'),
    _answered("oauth: answer without a token", "{}"),
    _answered("oauth: HTML with 200", "<html>sign in</html>", content_type="text/html"),
    _answered("oauth: empty 200", ""),
    Case(
        "oauth: successful as the text false",
        lambda sdk: sdk.oauth().oauth_revoke("client", "t"),
        (answer('{"successful": "false", "message": "m"}'),),
    ),
    Case(
        "oauth: redirect",
        lambda sdk: _token(sdk, api_key={SIMPLE: "sk"}),
        (answer("", "307 Temporary Redirect", headers=(("Location", "/elsewhere"),)), TOKEN),
    ),
    Case(
        "oauth: one client for all",
        lambda sdk: sdk.package.OauthApi().api_client is sdk.package.OauthApi().api_client,
    ),
    Case(
        "oauth: schemes on a call without any",
        lambda sdk: sdk.call("/oauth/token", "POST", auth_settings=list(ALL_SCHEMES)),
    ),
]


def _on_server(sdk: Sdk, api: Any) -> Any:
    api.api_client.configuration.host = sdk.server.host
    return api.oauth_revoke("client", "t")


def _switches(api: Any) -> Any:
    configuration = api.api_client.configuration
    return configuration.verify_ssl, configuration.debug, configuration.api_key
