"""``session.auth(account)`` in requests and httpx, and tokens for coroutines, on real sockets."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import threading
from functools import partial

import httpx
import pytest
import requests
import trio

from ultracart.exceptions import ConfigurationError, OAuthError, ReauthorizationRequired
from ultracart.oauth import MemoryTokenStore
from ultracart.sandbox import Sandbox

PATH = "/order/orders"
DATA = {"orders": [{"order_id": "DEMO-1"}]}


@pytest.fixture
def session(make_session, sandbox, log_in_to):
    made = make_session()
    log_in_to(made, sandbox, "DEMO")
    for method in ("GET", "POST"):
        sandbox.answer(method, PATH, DATA)
    sandbox.requests.clear()
    return made


def with_requests(url, auth, **options):
    response = requests.request(options.pop("method", "GET"), url, auth=auth, timeout=20, **options)
    return response.status_code, response.json()


def with_httpx(url, auth, **options):
    # Loopback is all that tests may reach: proxies of the machine are not asked for.
    with httpx.Client(auth=auth, timeout=20, trust_env=False) as client:
        response = client.request(options.pop("method", "GET"), url, **options)
        return response.status_code, response.json()


async def call_with_httpx(url, auth, options):
    async with httpx.AsyncClient(auth=auth, timeout=20, trust_env=False) as client:
        response = await client.request(options.pop("method", "GET"), url, **options)
        return response.status_code, response.json()


def with_asyncio(url, auth, **options):
    return asyncio.run(call_with_httpx(url, auth, options))


def with_trio(url, auth, **options):
    return trio.run(call_with_httpx, url, auth, options)


every_client = pytest.mark.parametrize("call", [with_requests, with_httpx, with_asyncio, with_trio])


def seen(sandbox):
    return [request for request in sandbox.requests if request.path.endswith(PATH)]


@every_client
def test_token_and_version_are_sent(call, session, sandbox):
    token = session.access_token("DEMO")
    assert call(sandbox.host + PATH, session.auth("DEMO")) == (200, DATA)
    (request,) = seen(sandbox)
    assert request.headers["Authorization"] == "Bearer " + token
    assert request.headers["X-UltraCart-Api-Version"] == "2017-03-01"


@every_client
def test_a_version_of_the_callers_own_stays(call, session, sandbox):
    headers = {"x-ultracart-api-version": "2099-01-01"}
    call(sandbox.host + PATH, session.auth("DEMO"), headers=headers)
    (request,) = seen(sandbox)
    assert request.headers.getlist("X-UltraCart-Api-Version") == ["2099-01-01"]


@every_client
def test_a_refused_token_is_refreshed_and_the_request_repeated_once(call, session, sandbox):
    before = session.access_token("DEMO")
    sandbox.faults.add(PATH, status=401, body={}, times=1)
    assert call(sandbox.host + PATH, session.auth("DEMO"), method="POST", data={"a": "1"}) == (
        200,
        DATA,
    )
    first, second = seen(sandbox)
    assert first.headers["Authorization"] == "Bearer " + before
    assert second.headers["Authorization"] == "Bearer " + session.access_token("DEMO")
    assert session.access_token("DEMO") != before
    assert sandbox.counters.refreshes == 1


@every_client
def test_a_token_that_was_sent_is_in_no_error_of_the_token_endpoint(call, session, sandbox):
    token = session.access_token("DEMO")
    assert call(sandbox.host + PATH, session.auth("DEMO"))[0] == 200
    body = {"error": "server_error", "error_description": "the token %s is gone" % token}
    sandbox.faults.add("/oauth/token", status=400, body=body)
    with pytest.raises(OAuthError) as caught:
        session.refresh("DEMO")
    assert token in str(caught.value.error_description)
    assert token not in str(caught.value)


@every_client
def test_a_second_refusal_is_the_callers(call, session, sandbox):
    sandbox.faults.add(PATH, status=401, body={"no": 1}, times=2)
    assert call(sandbox.host + PATH, session.auth("DEMO")) == (401, {"no": 1})
    assert len(seen(sandbox)) == 2


@every_client
def test_a_token_that_this_session_has_refreshed_before_is_replaced_too(
    call, session, sandbox, time_
):
    session.refresh("DEMO")
    time_.pass_(600)
    sandbox.faults.add(PATH, status=401, body={}, times=1)
    assert call(sandbox.host + PATH, session.auth("DEMO")) == (200, DATA)
    assert sandbox.counters.refreshes == 2


@every_client
def test_a_token_that_another_process_stored_is_tried_and_then_replaced(
    call, make_session, log_in_to, sandbox
):
    store = MemoryTokenStore()
    session, other = (make_session(token_store=store) for _ in range(2))
    log_in_to(session, sandbox, "DEMO")
    stored = other.refresh("DEMO").access_token
    sandbox.answer("GET", PATH, DATA)
    sandbox.faults.add(PATH, status=401, body={}, times=2)
    assert call(sandbox.host + PATH, session.auth("DEMO")) == (200, DATA)
    sent = [request.headers["Authorization"] for request in seen(sandbox)]
    assert sent[1:] == ["Bearer " + stored, "Bearer " + session.access_token("DEMO")]
    assert len(set(sent)) == 3


@every_client
@pytest.mark.parametrize("status", [400, 402, 403, 500])
def test_an_error_that_no_other_token_would_cure_is_the_callers(call, status, session, sandbox):
    sandbox.faults.add(PATH, status=status, body={"no": 1}, times=1)
    assert call(sandbox.host + PATH, session.auth("DEMO")) == (status, {"no": 1})
    assert len(seen(sandbox)) == 1
    assert sandbox.counters.refreshes == 0


@every_client
def test_a_slow_resource_that_refuses_every_token_is_asked_twice(call, session, sandbox, time_):
    def be_slow(request):
        time_.pass_(30)
        return True

    sandbox.faults.add(PATH, status=401, body={"no": 1}, when=be_slow, times=5)
    assert call(sandbox.host + PATH, session.auth("DEMO")) == (401, {"no": 1})
    assert len(seen(sandbox)) == 2
    sandbox.faults.clear()


@every_client
def test_an_expired_token_is_refreshed_before(call, session, sandbox, time_):
    time_.pass_(100_000)
    assert call(sandbox.host + PATH, session.auth("DEMO"))[0] == 200
    assert len(seen(sandbox)) == 1


@every_client
def test_a_grant_that_is_gone_is_the_sessions_error(call, session, sandbox):
    with pytest.raises(ReauthorizationRequired):
        call(sandbox.host + PATH, session.auth("nobody"))
    assert seen(sandbox) == []


@every_client
@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "https://127.0.0.1:9"])
def test_the_token_goes_nowhere_else(call, host, session):
    with pytest.raises(ConfigurationError, match="nowhere else"):
        call(host + "/rest/v2" + PATH, session.auth("DEMO"))


@every_client
def test_the_whole_host_is_the_configurations(call, session, sandbox):
    url = sandbox.host.replace("/rest/v2", "/rest/v3") + PATH
    assert call(url, session.auth("DEMO"))[0] == 404
    (request,) = seen(sandbox)
    assert request.headers["Authorization"] == "Bearer " + session.access_token("DEMO")


@pytest.mark.parametrize(("call", "name"), [(with_requests, "data"), (with_httpx, "content")])
def test_a_file_is_sent_again_from_where_it_began(call, name, session, sandbox):
    stream = io.BytesIO(b"xxbody")
    stream.seek(2)
    sandbox.faults.add(PATH, status=401, body={}, times=1)
    url, auth = sandbox.host + PATH, session.auth("DEMO")
    # httpx takes a file's whole length for its own.
    headers = {"Content-Length": "4"} if call is with_httpx else {}
    found = call(url, auth, method="POST", headers=headers, **{name: stream})
    assert found == (200, DATA)
    assert [request.body for request in seen(sandbox)] == [b"body", b"body"]


@every_client
def test_an_upload_is_sent_again(call, session, sandbox):
    sandbox.faults.add(PATH, status=401, body={}, times=1)
    files = {"file": ("a.txt", io.BytesIO(b"pixels"))}
    found = call(sandbox.host + PATH, session.auth("DEMO"), method="POST", files=files)
    assert found == (200, DATA)
    assert [request.body.count(b"pixels") for request in seen(sandbox)] == [1, 1]


@pytest.mark.parametrize(("call", "name"), [(with_requests, "data"), (with_httpx, "content")])
@pytest.mark.parametrize("kind", [iter, lambda parts: (part for part in parts)])
def test_what_is_spent_cannot_be_sent_again_so_the_401_comes_back(
    call, name, kind, session, sandbox
):
    body = kind([b"bo", b"dy"])
    sandbox.faults.add(PATH, status=401, body={}, times=1)
    found = call(sandbox.host + PATH, session.auth("DEMO"), method="POST", **{name: body})
    assert found == (401, {})
    assert len(seen(sandbox)) == 1


def test_a_redirect_to_another_host_takes_no_token_along(session, sandbox):
    with Sandbox() as other:
        other.answer("GET", PATH, {})
        to = other.host + PATH
        sandbox.answer("GET", PATH, {}, status=302, headers={"Location": to})
        assert with_requests(sandbox.host + PATH, session.auth("DEMO"))[0] == 401
        assert (
            with_httpx(sandbox.host + PATH, session.auth("DEMO"), follow_redirects=True)[0] == 401
        )
        assert len(other.requests) == 2
        assert not any("Authorization" in request.headers for request in other.requests)
    assert sandbox.counters.refreshes == 0


def test_a_redirect_that_comes_back_has_lost_the_token(session, sandbox):
    with Sandbox() as other:
        away, back = {"Location": other.host + PATH}, {"Location": sandbox.host + PATH}
        other.faults.add(PATH, status=302, body={}, headers=back)
        sandbox.faults.add("/elsewhere", status=302, body={}, headers=away)
        assert with_requests(sandbox.host + "/elsewhere", session.auth("DEMO"))[0] == 401
    (request,) = seen(sandbox)
    assert "Authorization" not in request.headers
    assert sandbox.counters.refreshes == 0


def test_the_loop_runs_while_a_token_is_refreshed(make_session, log_in_to, sandbox, time_):
    """The refresh waits until the loop has done something else."""
    went_on = threading.Event()
    waited = []

    def wait(seconds):
        waited.append(went_on.wait(20))

    session = make_session(sleep=wait)
    log_in_to(session, sandbox, "DEMO")
    time_.pass_(100_000)
    sandbox.faults.add("/oauth/token", status=503, body={}, times=1)

    async def main():
        asking = asyncio.create_task(session.access_token_async("DEMO"))
        await asyncio.sleep(0)
        went_on.set()
        return await asking

    assert asyncio.run(main()) == session.access_token("DEMO")
    assert waited == [True]


def test_the_loop_runs_while_a_refused_token_is_replaced(make_session, log_in_to, sandbox):
    """The refresh after the 401 waits until the loop has gone round."""
    refreshing, went_on = threading.Event(), threading.Event()

    def wait(seconds):
        refreshing.set()
        assert went_on.wait(20)

    session = make_session(sleep=wait)
    log_in_to(session, sandbox, "DEMO")
    sandbox.answer("GET", PATH, DATA)
    sandbox.faults.add(PATH, status=401, body={}, times=1)
    sandbox.faults.add("/oauth/token", status=503, body={}, times=1)

    async def look():
        while not refreshing.is_set():
            await asyncio.sleep(0)
        went_on.set()

    async def main():
        asking = call_with_httpx(sandbox.host + PATH, session.auth("DEMO"), {})
        return (await asyncio.gather(asking, look()))[0]

    assert asyncio.run(main()) == (200, DATA)


def test_a_fresh_token_needs_no_thread(session):
    async def main():
        coroutine = session.access_token_async("DEMO")
        with pytest.raises(StopIteration) as ended:
            coroutine.send(None)
        return ended.value.value

    assert asyncio.run(main()) == session.access_token("DEMO")


def test_many_coroutines_share_one_refresh(session, sandbox, time_):
    time_.pass_(100_000)

    async def main():
        return await asyncio.gather(*[session.access_token_async("DEMO") for _ in range(50)])

    assert len(set(asyncio.run(main()))) == 1
    assert sandbox.counters.refreshes == 1


def test_trio_too(session, time_):
    time_.pass_(100_000)
    assert trio.run(partial(session.access_token_async, "DEMO")) == session.access_token("DEMO")


def test_no_http_library_is_imported():
    program = """
import sys
import ultracart.oauth
auth = ultracart.oauth.OAuthSession("client").auth("DEMO")
assert repr(auth) == "ClientAuth(AccountTokenSource('DEMO'))"
assert not {"requests", "httpx", "anyio", "asyncio"}.intersection(sys.modules)
import httpx  # after the auth was made
assert isinstance(auth, httpx.Auth)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
