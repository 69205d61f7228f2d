"""The API client: makes a request of its arguments, and a result of the response.

It knows no endpoint. :meth:`ApiClient.call_api` calls any UltraCart resource; the operations of
``api/`` use it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from . import json_body, models as _own_models, sending, serialization
from .configuration import (
    OAUTH_SCHEME,
    SCHEMES,
    Configuration,
    Timeout,
    _auth_lookup,
    configuration_or_global,
)
from .everyday import EverydayCalls
from .exceptions import (
    ApiException,
    ApiResponseError,
    ApiTypeError,
    ApiValueError,
    is_unauthorized,
)
from .late_imports import load
from .transport.call import merge_headers, replace_header, time_left
from .transport.verbs import METHODS, request_behind
from .version import __version__

if TYPE_CHECKING:
    # Loaded when first needed; named here for tools that bundle applications (PyInstaller).
    from . import async_calls as async_calls, files as files, rest as rest

API_VERSION_HEADER = "X-UltraCart-Api-Version"
API_VERSION = "2017-03-01"
_JSON = "application/json"
_KNOWN_SCHEMES = frozenset(SCHEMES)
_default_client: ApiClient | None = None


class ApiClient(EverydayCalls):
    """One client: a Configuration, default headers, and a share of a connection pool.

    Args:
        configuration: its settings; default: the global one, live.
        header_name, header_value: a header sent with each request, which replaces a default one.
        cookie: value of the ``Cookie`` header of each request.

    Safe to use from many threads. ``with ApiClient() as client:`` or :meth:`close` releases the
    connections at once.
    """

    PRIMITIVE_TYPES = serialization.PRIMITIVE_TYPES
    NATIVE_TYPES_MAPPING = serialization.NATIVE_TYPES_MAPPING
    # Where model names in ``response_type`` are looked up: a module, or anything with attributes.
    models: ClassVar[Any] = _own_models

    def __init__(
        self,
        configuration: Configuration | None = None,
        header_name: str | None = None,
        header_value: str | None = None,
        cookie: str | None = None,
    ) -> None:
        self.configuration: Configuration = configuration_or_global(configuration)
        self.default_headers: dict[str, Any] = {
            "User-Agent": "ultracart-python/" + __version__,
            API_VERSION_HEADER: API_VERSION,
        }
        if header_name is not None:
            self.set_default_header(header_name, header_value)
        self.cookie = cookie
        self.last_response: Any = None
        self._rest_client: Any = None
        self._has_own_transport = False  # whether the user has set one
        self._pool: Any = None
        self._deserializer: serialization.Deserializer | None = None

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "ApiClient(%r)" % self.configuration

    def __getstate__(self) -> dict[str, Any]:
        """Settings and headers: a copy has connections, threads and responses of its own."""
        state = {**self.__dict__, "default_headers": dict(self.default_headers)}
        state.update(_pool=None, last_response=None, _deserializer=None)
        if not self._has_own_transport:
            state["_rest_client"] = None
        return state

    def close(self) -> None:
        """Release connections and background threads; the client can be used again later."""
        if hasattr(self._rest_client, "close"):  # a user's own transport may have no close()
            self._rest_client.close()
        if self._pool is not None:
            self._pool.close()

    @property
    def rest_client(self) -> Any:
        """The transport, a :class:`ultracart.rest.RESTClientObject`."""
        if self._rest_client is None:
            # Loaded when first needed, so that ``import ultracart`` does not load urllib3.
            self._rest_client = load("ultracart.rest", "RESTClientObject")(self.configuration)
        return self._rest_client

    @rest_client.setter
    def rest_client(self, value: Any) -> None:
        self._rest_client = value
        self._has_own_transport = value is not None

    @property
    def pool(self) -> Any:
        """The threads of ``async_req=True``; none run before the first such call."""
        if self._pool is None:
            # Loaded late: few programs use ``async_req``.
            self._pool = load("ultracart.async_calls", "CallPool")()
        return self._pool

    @property
    def user_agent(self) -> str:
        """The ``User-Agent`` header."""
        headers = dict(self.default_headers)  # a copy, because another thread may change them
        known = (name for name in headers if name.lower() == "user-agent")
        agent: str = headers[next(known, "User-Agent")]
        return agent

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self.set_default_header("User-Agent", value)

    def set_default_header(self, header_name: str, header_value: Any) -> None:
        """Send this header with each request, in place of one of the same name in any case."""
        replace_header(self.default_headers, header_name, header_value)

    def call_api(
        self,
        resource_path: str,
        method: str,
        path_params: Any = None,
        query_params: Any = None,
        header_params: Mapping[str, Any] | None = None,
        body: Any = None,
        post_params: Any = None,
        files: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        response_type: Any = None,
        auth_settings: Any = None,
        async_req: bool | None = None,
        _return_http_data_only: bool | None = None,
        collection_formats: Mapping[str, str] | None = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> Any:
        """Call any UltraCart resource; the arguments are those of the official 3.x SDK.

        Args:
            resource_path: path below ``Configuration.host``, with ``{name}`` for path parameters.
            method: ``GET``, ``HEAD``, ``OPTIONS``, ``POST``, ``PATCH``, ``PUT`` or ``DELETE``.
            path_params: mapping or pairs, a value for each ``{name}``.
            query_params: mapping or pairs.
            header_params: headers; the client's default headers win over them, credentials over
                both.
            body: value for a JSON body: data, dates, ``Decimal`` (exactly), models; or text or
                bytes for other content types.
            post_params: mapping or pairs for a form body.
            files: what to upload (multipart), a mapping or pairs by field name: a path, ``bytes``,
                an open binary file, ``(name, content[, content type])``, or a list of these.
            response_type: what to return: a type name (``'object'``, ``'list[str]'``,
                ``'dict(str, object)'``, ``'datetime'``, ``'bytes'``, ``'file'``, a model's name), a
                class, or a :class:`~ultracart.serialization.ResponseType`; ``None`` for no data.
                ``'file'`` returns the path of a new file.
            auth_settings: names of authorization schemes; the credentials of those that are
                configured are sent.
            async_req: return an object with ``.get()`` at once and call in the background.
            _return_http_data_only: return the data alone, not ``(data, status, headers)``.
            collection_formats: by parameter name: ``csv``, ``ssv``, ``tsv``, ``pipes``, ``multi``.
            _preload_content: ``False`` returns the unread ``urllib3.HTTPResponse`` as data.
            _request_timeout: seconds: a number for the whole call, or (connect, response).

        Raises:
            ApiTypeError, ApiValueError, ConfigurationError: before anything is sent.
            ApiException: the call failed.
        """
        if async_req:
            options = dict(locals())
            for name in ("self", "resource_path", "method", "async_req"):
                del options[name]
            return self.pool.apply_async(self.call_api, (resource_path, method), options)
        if post_params:
            post_params = sending.checked_pairs("post_params", post_params)
        sending.require_no_body(method, body, post_params or files)
        if auth_settings:
            auth_settings = self._checked_schemes(auth_settings)
        pairs_of = self._checked_pairs
        headers = merge_headers(header_params or {}, self.default_headers, self.cookie)
        if collection_formats or not sending.is_text(headers.values()):
            headers = sending.joined_headers(pairs_of("header_params", headers, collection_formats))
        values = pairs_of("path_params", path_params, collection_formats) if path_params else []
        safe = self.configuration.safe_chars_for_path_param
        path = sending.expand_path(resource_path, values, safe)
        query = pairs_of("query_params", query_params, collection_formats) if query_params else []
        fields: Any = None
        if post_params or files:
            fields = self.prepare_post_parameters(post_params, files)
            if collection_formats or not sending.is_text_in_pairs(fields):
                fields = pairs_of("post_params", fields, collection_formats)
        content = body
        if body is not None:
            content = sending.sanitize_argument("body", body, self.sanitize_for_serialization)
        if response_type == "file":
            load("ultracart.files", "check_folder")(self.configuration.temp_folder_path)
        elif response_type and response_type != "bytes":
            self._reader().prepare(response_type)

        response = self._send(
            method,
            str(self.configuration.host).rstrip("/") + path,  # the transport refuses any other type
            query,
            headers,
            fields,
            content,
            auth_settings,
            _preload_content,
            _request_timeout,
        )
        self.last_response = response
        data = response
        if _preload_content:
            data = self.deserialize(response, response_type) if response_type else None
        if _return_http_data_only:
            return data
        received = response.getheaders() if _preload_content else response.headers
        return data, response.status, received

    def _checked_pairs(self, name: str, params: Any, formats: Any) -> list[tuple[str, Any]]:
        params = sending.checked_pairs(name, params)
        if not formats:
            pairs = list(params.items()) if hasattr(params, "items") else list(map(tuple, params))
            if sending.is_text_in_pairs(pairs):
                return pairs  # the usual case
        own = self.sanitize_for_serialization
        return self.parameters_to_tuples(sending.sanitize_argument(name, params, own), formats)

    def _send(
        self,
        method: str,
        url: str,
        query: list[tuple[str, Any]],
        headers: dict[str, Any],
        fields: Any,
        body: Any,
        auth_settings: Any,
        preload: bool,
        timeout: Timeout,
    ) -> Any:
        """Send with credentials; after a 401, repeat the request if there is another token.

        The request is repeated once. If the token of that repeat came from a store and is rejected
        too, it is repeated a second time: see :meth:`_has_another_token`.
        """
        began = monotonic()
        repeats = 0
        while True:
            authorized = list(query)
            self.update_params_for_auth(headers, authorized, auth_settings)
            left = time_left(timeout, self.configuration.timeout, began, method, url)
            exchange = self._exchange(method)
            try:
                if exchange is not None:
                    return exchange(method, url, authorized, headers, body, fields, preload, left)
                return self.request(method, url, authorized, headers, fields, body, preload, left)
            except ApiException as error:
                if not is_unauthorized(error):
                    raise
                if not self._has_another_token(headers, auth_settings, repeats):
                    raise
            repeats += 1

    def _exchange(self, method: str) -> Any:
        """The ``request`` of :attr:`rest_client`, which :meth:`_send` then calls directly.

        ``None`` if a user has replaced :meth:`request` or the verb, so that the call must go
        through both; also if there is no such HTTP method. Mind the order of its arguments.
        """
        if getattr(self.request, "__func__", None) is not _OWN_REQUEST:
            return None
        return request_behind(self.rest_client, method)

    def _has_another_token(self, headers: Any, auth_settings: Any, repeats: int) -> bool:
        """Report a 401 to the token source; return whether to repeat the request.

        A token source may have these methods besides ``__call__``. ``invalidate(token)`` is called
        with the rejected token, and returns ``False`` if there is no other. ``is_untried(token)``
        is true for a token that was read from a store, not refreshed by this process.
        ``check_host(host)`` is called by the Configuration each time before it asks for a token,
        and raises if the token is not for this host.
        """
        source = self.configuration.access_token
        rejected = str(headers.get("Authorization", "")).partition("Bearer ")[2]
        invalidate = getattr(source, "invalidate", None)
        if invalidate is None or not rejected or OAUTH_SCHEME not in (auth_settings or ()):
            return False
        is_untried = getattr(source, "is_untried", None)
        if repeats and (repeats > 1 or is_untried is None or not is_untried(rejected)):
            return False
        return invalidate(rejected) is not False

    def _checked_schemes(self, auth_settings: Any) -> Any:
        if isinstance(auth_settings, str) or not hasattr(auth_settings, "__iter__"):
            raise ApiTypeError("auth_settings must be a list of the names of schemes")
        asked, known = tuple(auth_settings), SCHEMES
        if _KNOWN_SCHEMES.issuperset(asked):
            return asked
        for scheme in asked:
            if scheme not in known:
                # A subclass of Configuration may have more.
                known = tuple(self.configuration.auth_settings())
            if scheme not in known:
                raise ApiValueError(
                    "auth_settings: there is no scheme %s; the schemes are %s"
                    % (ascii(scheme), ", ".join(known))
                )
        return asked

    def request(
        self,
        method: str,
        url: str,
        query_params: Any = None,
        headers: Mapping[str, Any] | None = None,
        post_params: Any = None,
        body: Any = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> Any:
        """Send one request to a complete URL, without adding headers or credentials.

        If a user has replaced this method or a verb of :attr:`rest_client`, every call goes through
        both; otherwise calls go directly to the transport.

        Raises:
            ApiValueError: a method that :meth:`call_api` does not know.
            ApiException: the call failed.
        """
        if method not in METHODS:
            raise ApiValueError("http method must be one of %s" % ", ".join(METHODS))
        sending.require_no_body(method, body, post_params)
        content = {} if method in sending.BODILESS else {"body": body}
        if content and (post_params or method != "DELETE"):
            content["post_params"] = post_params
        return getattr(self.rest_client, method)(
            url,
            headers=headers,
            query_params=query_params,
            _preload_content=_preload_content,
            _request_timeout=_request_timeout,
            **content,
        )

    def sanitize_for_serialization(self, obj: Any) -> Any:
        """``obj`` as data that can be sent: see :func:`ultracart.sending.sanitize`."""
        own: Any = self.sanitize_for_serialization
        if getattr(own, "__func__", None) is ApiClient.sanitize_for_serialization:
            return sending.sanitize(obj)
        return sending.sanitize(obj, again=lambda item, depth: own(item))

    def parameters_to_tuples(
        self, params: Any, collection_formats: Mapping[str, str] | None
    ) -> list[tuple[str, Any]]:
        """(name, value) pairs with collections formatted as ``collection_formats`` says."""
        return sending.format_collections(params, collection_formats)

    def prepare_post_parameters(
        self,
        post_params: Any = None,
        files: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    ) -> list[Any]:
        """Form pairs followed by the files: (field, (file name, bytes, MIME type)).

        Raises:
            ApiValueError: a file that cannot be read.
        """
        pairs = post_params.items() if hasattr(post_params, "items") else post_params
        params = list(pairs or [])
        if files:
            # Loaded late: few programs upload files.
            params.extend(load("ultracart.files", "read_uploads")(files))
        return params

    def update_params_for_auth(self, headers: Any, querys: Any, auth_settings: Any) -> None:
        """Add the credential of each named scheme that is configured, and never an empty one.

        Raises:
            ApiValueError: a scheme whose ``in`` is neither ``header`` nor ``query``.
        """
        if not auth_settings:
            return
        find = _auth_lookup(self.configuration)
        for scheme in auth_settings:
            setting = find(scheme)
            if not setting or not setting["value"]:
                continue
            if setting["in"] == "header":
                replace_header(headers, setting["key"], setting["value"])
            elif setting["in"] == "query":
                querys.append((setting["key"], setting["value"]))
            else:
                raise ApiValueError("Authentication token must be in `query` or `header`")

    def select_header_accept(self, accepts: Any) -> str | None:
        """The ``Accept`` header: JSON if it is among ``accepts``, else all of them."""
        if not accepts:
            return None
        lowered = [accept.lower() for accept in accepts]
        return _JSON if _JSON in lowered else ", ".join(lowered)

    def select_header_content_type(self, content_types: Any) -> str:
        """The ``Content-Type`` header: JSON if possible, else the first of ``content_types``."""
        if not content_types:
            return _JSON
        lowered: list[str] = [content_type.lower() for content_type in content_types]
        return _JSON if _JSON in lowered or "*/*" in lowered else lowered[0]

    def deserialize(self, response: Any, response_type: Any) -> Any:
        """The body of ``response`` as a value of ``response_type``; ``None`` for an empty body.

        Raises:
            ApiResponseError: the body is not such a value; ``.body`` has it.
        """
        if response_type == "file":
            save = load("ultracart.files", "save_response")
            return save(response, self.configuration.temp_folder_path)
        body = getattr(response, "content", response.data)
        if response_type in ("bytes", bytes):
            return body.encode("utf-8") if isinstance(body, str) else body
        is_json = True
        try:
            text, media_type = _text_of(response, body, response_type)
            if response_type in ("str", str):
                return serialization.read_text(text, not media_type.startswith("text/"))
            data, is_json = json_body.decode(text)
            return self._reader().read(data, response_type)
        except ApiException as error:
            failure = error
        except (MemoryError, RecursionError):
            failure = ApiResponseError(reason="the response is too large to handle")
        failure.complete(response, None if is_json else "the response is not JSON")
        raise failure

    def _reader(self) -> serialization.Deserializer:
        if self._deserializer is None or self._deserializer.models is not self.models:
            self._deserializer = serialization.Deserializer(self.models, self.NATIVE_TYPES_MAPPING)
        return self._deserializer


_OWN_REQUEST = ApiClient.request


def _text_of(response: Any, body: Any, response_type: Any) -> tuple[str, str]:
    """The body's text and the media type that the response names, or ``""``."""
    find = getattr(response, "getheader", None)
    content_type = str(find("Content-Type") or "") if find else ""
    media_type, charset, _ = json_body.content_type_parts(content_type)
    text: str | None
    if isinstance(body, str):
        text = body
    elif not charset and isinstance(response.data, str):
        text = response.data  # the text has been read as UTF-8 already
    else:
        text = json_body.decode_text(body, charset)
        if text is None and getattr(response_type, "in_any_encoding", False):
            text = body.decode("latin-1")
    if text is None:
        raise ApiResponseError(
            reason="the response is not %s text" % (charset or "UTF-8"), request_sent=True
        )
    return text, media_type


def default_api_client() -> ApiClient:
    """The client of all API objects that were made without one; uses the global configuration."""
    global _default_client
    if _default_client is None:
        _default_client = ApiClient()
    return _default_client
