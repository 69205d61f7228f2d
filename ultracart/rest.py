"""The exchange of a request and its response over urllib3, and its one error boundary.

The only module that imports urllib3. ``request`` is the exchange: attempts until one succeeds or
may not be repeated. Whatever goes wrong in an attempt leaves it as an ``ApiException``. Requests go
through ``HTTPConnectionPool.urlopen`` with everything prepared; ``PoolManager.request`` would parse
the URL and build a pool key anew for each call.
"""

from __future__ import annotations

import http.client
import io
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.filepost import encode_multipart_formdata
from urllib3.util import connection as network, ssl_

from .debug_log import log_cause, log_exchange
from .exceptions import (
    ApiConnectionError,
    ApiException,
    ApiResponseError,
    ApiTimeoutError,
    ApiValueError,
    ConfigurationError,
    error_class,
    error_fields,
)
from .forks import notice_fork
from .redaction import redactor, secrets_in
from .transport import pools
from .transport.call import Call
from .transport.connection import (
    BoundedConnection,
    BoundedPool,
    ProxyRefused,
    StandIn,
    current,
)
from .transport.fast_paths import FastConnection, SharedTimeout
from .transport.limits import (
    BodyError,
    Deadline,
    RetryDecision,
    read_body,
    retry_after_seconds,
    time_bounds,
)
from .transport.message import prepare_message, target
from .transport.settings import Proxy, TransportSettings, transport_settings
from .transport.tls import Files, read_files, tls_options
from .transport.verbs import METHODS, Verbs

if TYPE_CHECKING:
    from .configuration import Configuration, Timeout

__all__ = ["ApiException", "RESTClientObject", "RESTResponse"]


# urllib3 repeats and redirects nothing on its own: transport/limits.py decides.
_NO_RETRIES = urllib3.Retry.from_int(False, redirect=False)
# OpenSSL's codes: a certificate signed by itself, by an authority of its own, or by an unknown one.
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)
_TIMEOUTS = (TimeoutError, urllib3.exceptions.TimeoutError, urllib3.exceptions.EmptyPoolError)
_SYSTEM = ("builtins", "socket", "ssl", ProxyRefused.__module__)
# Errors while reading a response that count as a fault of the response.
_UNREADABLE = (BodyError, MemoryError, RecursionError, OverflowError)


@cache
def _bounded(connection: Any) -> type:
    """A subclass of ``connection``, urllib3's class or a stand-in, that keeps a call's limits."""
    name = "Bounded" + connection.__name__
    if not issubclass(connection, http.client.HTTPConnection):
        return type(name, (StandIn, connection), {})
    own_way: Any = connection
    own = {
        "network": network,
        "connects_itself": own_way._new_conn is not vars(HTTPConnection)["_new_conn"],
    }
    return type(name, (FastConnection, BoundedConnection, connection), own)


_POOL: dict[str, Any] = {"bounded": staticmethod(_bounded)}


class _HTTPPool(BoundedPool, HTTPConnectionPool):  # type: ignore[misc, override]
    bounded = staticmethod(_bounded)


class _HTTPSPool(BoundedPool, HTTPSConnectionPool):  # type: ignore[misc, override]
    bounded = staticmethod(_bounded)


def _make_pool(settings: TransportSettings, files: Files) -> HTTPConnectionPool:
    """The pool for one origin, its TLS context and its proxy."""
    origin = settings.origin
    options: dict[str, Any] = {"maxsize": settings.pool_maxsize}
    if origin.scheme == "https":
        options.update(tls_options(settings, files, vars(ssl_)["SSLContext"]))
        if settings.assert_hostname is not None:
            options["assert_hostname"] = settings.assert_hostname
    if settings.proxy is not None:
        return _proxied_pool(settings, settings.proxy, files, options)
    if origin.scheme == "https":
        return _HTTPSPool(origin.host, origin.port, **options)
    return _HTTPPool(origin.host, origin.port, **options)


def _proxied_pool(
    settings: TransportSettings, proxy: Proxy, files: Files, options: dict[str, Any]
) -> HTTPConnectionPool:
    origin = settings.origin
    if proxy.is_socks:
        from urllib3.contrib import socks  # which needs PySocks

        user, given, password = (proxy.credentials or "").partition(":")
        manager: Any = socks.SOCKSProxyManager(
            proxy.url, user if given else None, password if given else None, **options
        )
        manager.pool_classes_by_scheme = {
            "http": type("_HTTPPool", (BoundedPool, socks.SOCKSHTTPConnectionPool), _POOL),
            "https": type("_HTTPSPool", (BoundedPool, socks.SOCKSHTTPSConnectionPool), _POOL),
        }
    else:
        manager = _http_proxy(settings, proxy, files, options)
    pool: HTTPConnectionPool = manager.connection_from_host(origin.host, origin.port, origin.scheme)
    return pool


def _http_proxy(
    settings: TransportSettings, proxy: Proxy, files: Files, options: dict[str, Any]
) -> Any:
    headers = None
    if proxy.authorization is not None:
        headers = {"proxy-authorization": proxy.authorization}
    if proxy.origin.scheme == "https":
        own = tls_options(settings, files, vars(ssl_)["SSLContext"], to_proxy=True)
        options["proxy_ssl_context"] = own["ssl_context"]
        if settings.origin.scheme == "http":
            options.update(own)  # only the connection to the proxy uses TLS
    manager: Any = urllib3.ProxyManager(proxy.url, proxy_headers=headers, **options)
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
    return manager


# With plain attributes in place of urllib3's properties.
_Timeout: Any = type(
    "_Timeout",
    (SharedTimeout, urllib3.Timeout),
    {"connect_timeout": None, "read_timeout": None},
)


@lru_cache(maxsize=32)
def _timeout(connect: float, response: float) -> urllib3.Timeout:
    """The timeout given to urllib3, for stand-ins that read it; the deadline is more exact."""
    timeout: urllib3.Timeout = _Timeout(connect, response)
    return timeout


class RESTResponse(io.IOBase):
    """A response whose body has been read: ``status``, ``reason``, ``data``, headers.

    ``data`` is text, or bytes where the body is not UTF-8; ``content`` is the bytes.
    """

    def __init__(
        self, resp: Any, *, content: bytes | None = None, call: Call | None = None
    ) -> None:
        self._call = call
        self.urllib3_response = resp
        self.status: int = resp.status
        self.reason: str = resp.reason
        self.content: Any = resp.data if content is None else content
        self.data: Any = self.content
        if content is not None:
            try:
                self.data = content.decode("utf-8")
            except UnicodeDecodeError:
                pass

    @property
    def request_line(self) -> str | None:
        """Method and path of the request."""
        return None if self._call is None else self._call.request_line()

    def redact(self, text: str) -> str:
        """``text`` without the secrets of the request and of this response's error fields."""
        sent = self._call.secrets() if self._call is not None else ()
        return redactor([*sent, *secrets_in(error_fields(self.data))])(text)

    def getheaders(self) -> Mapping[str, str]:
        """All headers, a case-insensitive mapping."""
        headers: Mapping[str, str] = self.urllib3_response.headers
        return headers

    def getheader(self, name: str, default: Any = None) -> Any:
        """One header, or ``default``."""
        return self.urllib3_response.headers.get(name, default)


class RESTClientObject(Verbs):
    """Carries out requests for one Configuration, over a pool shared by equal configurations.

    ``pools_size`` is kept for the official SDK's signature; ``maxsize`` overrides
    ``Configuration.connection_pool_maxsize``; ``sleep`` waits between attempts, in seconds.
    """

    def __init__(
        self,
        configuration: Configuration,
        pools_size: int = 4,
        maxsize: int | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.configuration = configuration
        self._maxsize = maxsize
        self._sleep = sleep
        self._lease: pools.Lease | None = None

    @property
    def pool_manager(self) -> HTTPConnectionPool:
        """The urllib3 connection pool for the configured host."""
        notice_fork()
        pool: HTTPConnectionPool = self._leased(self._settings()).pool
        return pool

    def close(self) -> None:
        """Release the connections; those that no other client shares are closed."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.close()

    def request(
        self,
        method: str,
        url: str,
        query_params: Any = None,
        headers: Mapping[str, Any] | None = None,
        body: Any = None,
        post_params: Any = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> Any:
        """Send one request and return its :class:`RESTResponse`.

        ``_preload_content=False`` returns the unread ``urllib3.HTTPResponse`` instead.
        ``_request_timeout`` is in seconds: a number for the whole call, or (connect, response).

        Raises:
            ApiTypeError, ApiValueError, ConfigurationError: before anything is sent.
            ApiException: the call failed, or its status is not 2xx.
        """
        notice_fork()
        call = self._prepared(
            method, url, query_params, headers, body, post_params, _request_timeout
        )
        call.preload = _preload_content
        decision = None
        limiter = self.configuration.request_limiter
        while True:
            started = time.monotonic()
            if limiter is None:
                response = self._attempt(call)
            else:
                with limiter(call.deadline.queueing_time()):
                    response = self._attempt(call)
            if self.configuration.debug:
                log_exchange(call, response, time.monotonic() - started)
            if not isinstance(response, ApiException):
                return response
            if decision is None:
                decision = RetryDecision(call.settings.retry_budget, call.deadline, call.method)
            pause = decision.pause_before_repeat(response)
            if pause is None:
                raise response
            self._sleep(pause)

    def _prepared(
        self, method: str, url: str, query: Any, headers: Any, body: Any, fields: Any, timeout: Any
    ) -> Call:
        """The checked request; the time of the call begins now."""
        call = Call()
        call.sent_secrets = None
        call.method = method.upper()
        if call.method not in METHODS:
            raise ApiValueError("method must be one of %s" % ", ".join(METHODS))
        settings = self._settings()
        if not settings.covers(url):
            settings = settings.for_url(url)
        call.settings = settings
        call.query, call.fields, call.body = _pairs(query), _pairs(fields), body
        call.content, call.headers = prepare_message(
            call.method, headers or {}, body, call.fields, encode_multipart_formdata
        )
        call.target = target(url, settings, call.query)
        bounds = settings.bounds if timeout is None else time_bounds(timeout, "_request_timeout")
        call.deadline = Deadline(bounds)
        return call

    def _settings(self) -> TransportSettings:
        settings: TransportSettings = self.configuration.prepared("transport", transport_settings)
        return settings if self._maxsize is None else settings._replace(pool_maxsize=self._maxsize)

    def _leased(self, settings: TransportSettings) -> pools.Lease:
        lease = self._lease
        if lease is None or not lease.serves(settings):
            files = read_files(settings)
            lease = pools.lease(settings, files, lambda: _make_pool(settings, files))
            self._lease = lease
        return lease

    def _attempt(self, call: Call) -> Any:
        """The response, or the ``ApiException`` that says why there is none.

        Errors are returned, not raised, so that no lower exception becomes their context.
        """
        deadline = call.deadline
        deadline.start_attempt()
        # A signal handler or finalizer may make a call while another is in progress.
        interrupted = current.deadline
        current.deadline = deadline
        raw: Any = None
        try:
            lease = self._leased(call.settings)
            lease.sent_secrets.add(call.headers, call.query, call.fields)
            call.sent_secrets = lease.sent_secrets
            raw = lease.pool.urlopen(
                call.method,
                call.target,
                body=call.content,
                headers=call.headers,
                retries=_NO_RETRIES,
                redirect=False,
                assert_same_host=False,
                timeout=_timeout(deadline.connect_time, deadline.response_time),
                preload_content=False,
                decode_content=not call.preload,
                enforce_content_length=True,
            )
            status: int = raw.status
            if not call.preload and 200 <= status <= 299:
                deadline.hand_over()
                raw.deadline = deadline
                raw.chunked = False  # urllib3 would read the chunks itself, less strictly
                return raw
            encoding = ""
            if "Content-Encoding" in raw.headers:  # get() is slow: it raises and catches KeyError
                encoding = raw.headers["Content-Encoding"]
            content = read_body(raw, call.settings.max_response_size, encoding)
            response = RESTResponse(raw, content=content, call=call)
            return response if 200 <= status <= 299 else _error_for(call, response)
        except ConfigurationError:
            raise  # a certificate file that cannot be used, found when the pool was made
        except Exception as error:  # the one boundary: see the module's docstring
            failure = _translated(error, call, raw)
        except BaseException:
            _discard(raw)
            raise
        finally:
            current.deadline = interrupted
        _discard(raw)
        return failure


def _pairs(params: Any) -> Any:
    if type(params) is list or not params:
        return params or ()
    return list(params.items() if isinstance(params, Mapping) else params)


def _error_for(call: Call, response: RESTResponse) -> ApiException:
    """The error for a response whose status is not 2xx."""
    return error_class(response.status, response.data)(
        http_resp=response,
        retry_after=retry_after_seconds(response.getheaders()),
        request_line=call.request_line(),
        redact=response.redact,
    )


def _translated(error: Exception, call: Call, raw: Any) -> ApiException:
    """The ``ApiException`` for an error of urllib3 or below; quotes nothing that a server sent."""
    sent = call.deadline.request_sent
    chain = list(_chain(error))
    low = next((e for e in chain if isinstance(e, OSError)), None)
    facts: dict[str, Any] = {"request_sent": sent, "request_line": call.request_line()}
    failure: ApiException
    if raw is not None and isinstance(error, _UNREADABLE):
        text = str(error) if isinstance(error, BodyError) else "the response is too large to handle"
        facts.update(status=raw.status, headers=raw.headers)
        failure = ApiResponseError(reason=text, **facts)
    # NewConnectionError, such as a refused connection, is a timeout only by its class.
    elif any(isinstance(e, _TIMEOUTS) and not isinstance(e, NewConnectionError) for e in chain):
        phase = "no complete response in time"
        if not sent:
            phase = "no connection in time (%s)" % call.peer()
        failure = ApiTimeoutError(reason=phase, **facts)
    elif any(isinstance(e, (ssl.SSLError, urllib3.exceptions.SSLError)) for e in chain):
        # Status 0 as in the official SDK.
        why = getattr(low, "verify_message", None) or getattr(low, "reason", None)
        why = why or "the certificate is not for this host"
        if getattr(low, "verify_code", 0) in _UNKNOWN_AUTHORITY:
            why += " (Configuration.ssl_ca_cert names the authorities that are trusted)"
        failure = ApiConnectionError(status=0, reason="SSLError: TLS: %s" % why, **facts)
    elif isinstance(low, ProxyRefused):
        text = "the proxy refused the connection"
        failure = ApiConnectionError(status=low.args[0], reason=text, **facts)
    elif low is not None:
        text = "%s: %s" % (type(low).__name__, low.strerror or "the connection broke")
        if not sent:
            text += " (%s)" % call.peer()
        failure = ApiConnectionError(reason=text, **facts)
    else:
        text = "no connection could be made"
        if sent:
            ours = isinstance(error, _UNREADABLE)
            text = "the response could not be read" if ours else "the response is not valid HTTP"
        failure = ApiConnectionError(reason="%s (%s)" % (text, type(error).__name__), **facts)
        log_cause(call, chain[-1])
    # Only the system's errors are shown as a cause; others may quote what the server sent, and may
    # not pickle.
    if low is not None and type(low).__module__ in _SYSTEM:
        low.__cause__ = low.__context__ = None
        failure.__cause__ = low.with_traceback(None)
    return failure


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """``error`` and the errors that it wraps, in any of the places where libraries keep them."""
    for _ in range(8):  # pragma: no branch - a bound for chains that run in a circle
        if error is None:
            return
        yield error
        inner = (arg for arg in (*error.args, getattr(error, "original_error", None)))
        wrapped = next((arg for arg in inner if isinstance(arg, BaseException)), None)
        error = wrapped or error.__cause__ or error.__context__


def _discard(raw: Any) -> None:
    """Close a response that is not wanted; its connection must serve no other call."""
    if raw is not None:
        try:
            raw.close()
        except Exception:  # pragma: no cover - closing what is broken may fail in any way
            pass  # the connection is broken already
