"""No secret is in a log, on a stream, in a file, a repr, an exception or a warning."""

from __future__ import annotations

import base64
import contextlib
import copy
import dataclasses
import functools
import io
import json
import logging
import stat
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

import ultracart
from ultracart import (
    ApiClient,
    ApiException,
    Configuration,
    OauthDeviceAuthorizationResponse,
    OauthTokenResponse,
)

from .conftest import (
    BEARER,
    BROWSER_KEY,
    CODE,
    DEVICE_CODE,
    REFRESH,
    SECRETS,
    SIMPLE_KEY,
    VERIFIER,
    assert_clean,
    everything_shown,
    exchange,
)
from .server import Peer, answer

ISSUED = "planted-Issued-1ssu3d4cc3ss"
RENEWED = "planted-Renewed-r3n3w3dr3fr3sh"
TOKEN = json.dumps(
    {"access_token": ISSUED, "refresh_token": RENEWED, "expires_in": 3600, "token_type": "bearer"}
)


@pytest.fixture
def shown(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """All that any logger at any level, a stream or a warning has shown since the start."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    names = ["ultracart", "urllib3", "urllib3.connectionpool", "urllib3.connection", "urllib3.util"]
    loggers = [root, *map(logging.getLogger, names)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(1)
    root.addHandler(handler)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lambda: stream.getvalue() + "".join(map(str, caught)) + "".join(capfd.readouterr())
    root.removeHandler(handler)
    for logger, level in zip(loggers, levels):
        logger.setLevel(level)


def echoes(secret: str) -> dict[str, str]:
    return {
        "plain": secret,
        "quoted": quote(secret, safe=""),
        "quoted in lower case": quote(secret, safe="").lower(),
        "as in a form": quote_plus(secret),
        "quoted twice": quote(quote(secret, safe=""), safe=""),
        "every character quoted": "".join("%%%02X" % ord(char) for char in secret),
        "upper case": secret.upper(),
        "first half": secret[: len(secret) * 3 // 4],
        "second half": secret[len(secret) // 3 :],
        "split": secret[: len(secret) // 2] + " ... " + secret[len(secret) // 2 :],
        "in words": "your token '%s' was refused" % secret,
        "in JSON": json.dumps({"token": secret}),
        "as an assignment": "refresh_token=%s;" % secret,
        "after Bearer": "Bearer %s" % secret,
        "beyond the cut": "x" * 480 + secret,
        "far away": "x" * 3990 + secret,
        "many times": secret * 60,
    }


@pytest.mark.parametrize("echo", echoes(SIMPLE_KEY))
@pytest.mark.parametrize("debug", [False, True], ids=["quiet", "debug"])
def test_echo_of_a_secret_is_hidden(
    serve: Any, api_of: Any, judge: Any, shown: Callable[[], str], echo: str, debug: bool
) -> None:
    for secret in SECRETS:
        text = echoes(secret)[echo]
        places = {
            "description": answer(
                json.dumps({"error": "invalid_grant", "error_description": text}), "400 No"
            ),
            "code": answer(json.dumps({"error": text}), "400 No"),
            "uri": answer(json.dumps({"error": "x", "error_uri": "https://e/?" + text}), "400 No"),
            "in a 200": answer(json.dumps({"error": "x", "error_description": text})),
            "message": answer(json.dumps({"error": {"developer_message": text}}), "500 No"),
            "header": answer("", "403 No", "UC-REST-ERROR: " + text, "X-Echo: " + text),
            "reason": answer("", "500 " + text),
            "location": answer("", "302 There", "Location: https://e.example.com/" + text),
            "html": answer("<html>%s</html>" % text),
            "bad header": b"HTTP/1.1 200 OK\r\n%s\r\n\r\n" % text.encode(),
            "bad status": b"HTTP/1.1 %s\r\n\r\n" % text.encode(),
            "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % text.encode(),
            "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n"
            % text.encode(),
            "bad trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n%s\r\n"
            % text.encode(),
            "encoding": answer("x", "200 OK", "Content-Encoding: " + text),
            "gzip": answer(text, "200 OK", "Content-Encoding: gzip"),
            "cut": answer(text)[:-4],
        }
        steps = [lambda peer, sent=sent: peer.send(sent) and False for sent in places.values()]
        api = api_of(serve(*steps), debug=debug)
        for _ in places:
            judge.failure(lambda api=api: exchange(api))
        api.api_client.configuration.debug = False
    assert_clean(shown())


def test_echo_of_what_an_earlier_call_sent_is_hidden(serve: Any, api_of: Any) -> None:
    told = json.dumps({"error": "no", "error_description": "%s, %s" % (CODE, BEARER)})
    api = api_of(serve(answer(TOKEN), answer(told, "400 No")))
    exchange(api)
    api.api_client.configuration.access_token = "another-token"
    with pytest.raises(ApiException, match=r"HTTP 400.*\*\*\*") as caught:
        api.oauth_revoke("client-7", "the-token")
    assert_clean(str(caught.value))


def test_echo_of_a_secret_in_a_json_body_is_hidden(serve: Any, client_of: Any) -> None:
    password = "planted-Passw0rd-of-a-b0dy"
    told = json.dumps({"error": "no", "error_description": password})
    client = client_of(serve(answer(told, "400 No")))
    with pytest.raises(ApiException, match=r"HTTP 400.*\*\*\*") as caught:
        client.call_api("/users", "POST", body={"users": [{"password": password}]})
    assert_clean(str(caught.value), password)


def test_debug_output_is_useful_and_clean(
    serve: Any, api_of: Any, shown: Callable[[], str]
) -> None:
    api = api_of(serve(answer(TOKEN)), debug=True)
    exchange(api)
    api.oauth_revoke("client-7", REFRESH)
    output = shown()
    assert "POST /rest/v2/oauth/token -> 200 in" in output
    for name in ("client_id", "grant_type", "code_verifier", "refresh_token", "redirect_uri"):
        assert name in output
    assert_clean(output, ISSUED, RENEWED)


def test_query_is_in_no_log(serve: Any, client_of: Any, shown: Callable[[], str]) -> None:
    server = serve(answer("{}"))
    client = client_of(server, debug=True)
    client.call_api("/x", "GET", query_params={"token": REFRESH, "page": 7})
    assert server.requests[0].line == "GET /rest/v2/x?token=%s&page=7 HTTP/1.1" % quote_plus(
        REFRESH
    )
    assert_clean(shown())


def test_log_file_is_clean_and_private(serve: Any, api_of: Any, tmp_path: Path, judge: Any) -> None:
    path = tmp_path / "ultracart.log"
    error = answer(json.dumps({"error": "x", "error_description": REFRESH}), "400 No")
    api = api_of(serve(answer(TOKEN), error), debug=True, logger_file=str(path))
    exchange(api)
    judge.failure(lambda: exchange(api))
    api.api_client.configuration.logger_file = None
    text = path.read_text()
    assert text.count("POST /rest/v2/oauth/token") >= 2
    assert_clean(text, ISSUED, RENEWED)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_public_objects_show_no_secret(serve: Any, api_of: Any) -> None:
    revoked = answer(json.dumps({"successful": True, "message": "revoked " + REFRESH}))
    api = api_of(serve(answer(TOKEN), revoked), proxy="")
    token = exchange(api)
    configuration = api.api_client.configuration
    configuration.password = CODE
    other = copy.deepcopy(configuration)
    other.proxy = "http://user:%s@proxy.example.com" % VERIFIER
    other.host = "https://user:%s@api.example.com" % VERIFIER
    device = OauthDeviceAuthorizationResponse(device_code=DEVICE_CODE, user_code="ABCD-EFGH")
    odd = OauthTokenResponse(access_token=ISSUED, scope="all " + ISSUED, error_description=ISSUED)
    objects = [
        token,
        device,
        odd,
        configuration,
        other,
        api,
        api.api_client,
        api.api_client.last_response,
    ]
    objects += [
        api.oauth_revoke("c", REFRESH),
        configuration.to_debug_report(),
        exchange(api, _preload_content=False),
    ]
    objects += [api.api_client.rest_client, configuration.logger, ultracart.configuration]
    for value in objects:
        text = "%r %s %s" % (value, value, format(value))
        assert_clean(text, ISSUED, RENEWED)
    assert token.access_token == ISSUED
    assert token.to_dict()["refresh_token"] == RENEWED
    objects[-4].close()


def test_credentials_of_objects_are_still_sent(serve: Any, api_of: Any) -> None:
    server = serve(answer(TOKEN))
    exchange(api_of(server))
    headers = server.requests[0].headers
    assert headers["x-ultracart-simple-key"] == SIMPLE_KEY
    assert headers["x-ultracart-browser-key"] == BROWSER_KEY
    assert headers["authorization"] == "Bearer " + BEARER


def test_broken_connections_show_no_secret(
    serve: Any, api_of: Any, judge: Any, shown: Callable[[], str]
) -> None:
    def reset(peer: Peer) -> bool:
        peer.reset()
        return False

    api = api_of(serve(reset, lambda peer: False, lambda peer: peer.silence()), debug=True)
    for _ in range(2):
        judge.failure(lambda: exchange(api))
    judge.failure(lambda: exchange(api, _request_timeout=0.2))
    assert_clean(shown())


def test_every_logger_sees_but_shows_nothing(
    serve: Any, client_of: Any, authority: Any, shown: Callable[[], str]
) -> None:
    client = client_of(serve(answer(TOKEN), tls=authority.context()), verify_ssl=False, debug=True)
    client.call_api("/x", "POST", body={"token": REFRESH, "nested": [{"password": CODE}]})
    client.call_api("/x", "PUT", header_params={"Authorization": VERIFIER, "Cookie": CODE})
    client.call_api("/x", "POST", post_params=[("card", "4111"), ("code", CODE)])
    output = shown()
    assert "ultracart" in output or "POST" in output
    assert "InsecureRequestWarning" not in output
    assert_clean(output, ISSUED, RENEWED)


def test_async_errors_are_clean(serve: Any, api_of: Any, judge: Any) -> None:
    body = json.dumps({"error": "x", "error_description": "%s and %s" % (CODE, REFRESH)})
    result = exchange(api_of(serve(answer(body, "400 No"))), async_req=True)
    judge.failure(lambda: result.get(30))


def test_unhandled_error_prints_no_secret(serve: Any, api_of: Any) -> None:
    body = json.dumps({"error": "x", "error_description": CODE})
    api = api_of(serve(answer(body, "400 No")))
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream):
        try:
            exchange(api)
        except ApiException as error:
            logging.Logger("x").log(50, "failed", exc_info=error)
            print(everything_shown(error))
    assert_clean(stream.getvalue())


def test_basic_authorization_is_hidden(serve: Any, client_of: Any, judge: Any) -> None:
    value = "Basic " + base64.b64encode(b"user:" + CODE.encode()).decode()
    client = client_of(serve(answer("", "401 Who", "UC-REST-ERROR: bad " + value)))
    error = judge.failure(
        lambda: client.call_api("/x", "GET", header_params={"Authorization": value})
    )
    assert value[6:] not in everything_shown(error)
    assert value[6:20] not in everything_shown(error)


def test_repr_of_a_client_without_settings() -> None:
    assert_clean(repr(ApiClient(Configuration())))


@dataclasses.dataclass
class Vault:
    password: str = SIMPLE_KEY

    def fetch(self, *args: Any) -> str:
        return self.password


@pytest.mark.parametrize("name", ["refresh_api_key_hook", "request_limiter", "access_token"])
@pytest.mark.parametrize("source", [Vault().fetch, functools.partial(str, SIMPLE_KEY)])
def test_repr_of_what_is_called_does_not_show_what_it_holds(name: str, source: Any) -> None:
    configuration = Configuration()
    setattr(configuration, name, source)
    assert name in repr(configuration)
    assert_clean(repr(configuration))


@pytest.mark.parametrize("host", ["https://h/?key=", "https://h/#", "https://user@h/"])
def test_repr_of_a_refused_host_does_not_show_it(host: str) -> None:
    configuration = Configuration()
    configuration.host = host + SIMPLE_KEY
    assert_clean(repr(configuration))


def test_letter_that_grows_in_lower_case_moves_no_mask(serve: Any, api_of: Any, judge: Any) -> None:
    body = json.dumps({"error": "x", "error_description": "\u0130" * 9 + " " + CODE + " end"})
    error = judge.failure(lambda: exchange(api_of(serve(answer(body, "400 No")))))
    assert str(error).endswith("\u0130*** end")
