"""Everyday calls: ``get``, ``post``, ``put``, ``patch``, ``delete``, ``pages`` and ``download``.

:class:`EverydayCalls` is a base of :class:`ultracart.ApiClient`. Each method is one
:meth:`~ultracart.ApiClient.call_api` with the arguments that people think in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .configuration import SCHEMES, Configuration, Timeout
from .exceptions import ApiTypeError, ApiValueError
from .late_imports import load
from .sending import is_encodable
from .transport.call import OwnHeaders, RawContent

if TYPE_CHECKING:
    import os
    from typing import TypeAlias, TypedDict

    from typing_extensions import Unpack

    # Loaded when first needed; named here for tools that bundle applications (PyInstaller).
    from . import downloads as downloads, paging as paging

    Values: TypeAlias = "Mapping[str, Any] | Iterable[tuple[str, Any]] | None"
    PathT = TypeVar("PathT", bound="str | os.PathLike[str]")

    class Options(TypedDict, total=False):
        """What the calls with a body take, beside ``response_type``."""

        json: Any
        form: Values
        content: bytes | str | None
        files: Mapping[str, Any] | None
        query: Values
        path: Values
        headers: Mapping[str, Any] | None
        timeout: Timeout
        auth_settings: Iterable[str] | None
        collection_formats: Mapping[str, str] | None


T = TypeVar("T")

# The arguments of call_api, and what they are called here.
_NAMES = {
    "_request_timeout": "timeout",
    "header_params": "headers",
    "path_params": "path",
    "post_params": "form",
    "query_params": "query",
    "resource_path": "resource",
}

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


class EverydayCalls:
    """The short calls of an ApiClient: each sends every configured credential, and returns data.

    Arguments that mean the same in all of them:

    resource: path below ``Configuration.host``, with ``{name}`` for what ``path`` gives.
    query: query parameters, a mapping or (name, value) pairs.
    path: values for the ``{name}`` in ``resource``; they are percent-encoded.
    headers: headers of this request; they win over the client's default headers, and credentials
        over both. ``None`` leaves a default header out.
    timeout: seconds: a number for the whole call, or (connect, response). Default:
        ``Configuration.timeout``.
    response_type: what to return: ``"object"`` (default) for the JSON as it is, another type name
        of :meth:`~ultracart.ApiClient.call_api`, or a model class.
    auth_settings: names of the authorization schemes to send, in place of all that are configured;
        ``[]`` sends none.
    collection_formats: by parameter name, how a list is sent: ``csv``, ``ssv``, ``tsv``,
        ``pipes`` or ``multi``.

    All raise ApiTypeError, ApiValueError or ConfigurationError before anything is sent, and
    ApiException where the call failed.
    """

    configuration: Configuration

    def call_api(self, *args: Any, **kwargs: Any) -> Any:
        """Call any resource, with all arguments."""
        raise NotImplementedError  # pragma: no cover - of ApiClient

    @overload
    def get(
        self,
        resource: str,
        query: Values = None,
        path: Values = None,
        headers: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
        *,
        response_type: type[T],
        auth_settings: Iterable[str] | None = None,
        collection_formats: Mapping[str, str] | None = None,
    ) -> T: ...

    @overload
    def get(
        self,
        resource: str,
        query: Values = None,
        path: Values = None,
        headers: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
        response_type: str | None = "object",
        auth_settings: Iterable[str] | None = None,
        *,
        collection_formats: Mapping[str, str] | None = None,
    ) -> Any: ...

    def get(
        self,
        resource: str,
        query: Values = None,
        path: Values = None,
        headers: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
        response_type: Any = "object",
        auth_settings: Iterable[str] | None = None,
        *,
        collection_formats: Mapping[str, str] | None = None,
    ) -> Any:
        """GET ``resource`` and return its data.

        ``client.get("/order/orders", {"_limit": 100})``
        """
        return self._request("GET", locals())

    @overload
    def post(self, resource: str, *, response_type: type[T], **options: Unpack[Options]) -> T: ...

    @overload
    def post(
        self, resource: str, *, response_type: str | None = "object", **options: Unpack[Options]
    ) -> Any: ...

    def post(
        self,
        resource: str,
        *,
        json: Any = None,
        form: Values = None,
        content: bytes | str | None = None,
        files: Mapping[str, Any] | None = None,
        query: Values = None,
        path: Values = None,
        headers: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
        response_type: Any = "object",
        auth_settings: Iterable[str] | None = None,
        collection_formats: Mapping[str, str] | None = None,
    ) -> Any:
        """POST to ``resource`` and return the data of the response.

        Args:
            json: the body as data: dicts, lists, text, numbers, dates, models.
            form: the body as a form: a mapping or (name, value) pairs.
            content: the body as it is; ``Content-Type`` in ``headers`` says what it is.
            files: what to upload (multipart), by field name, with or without ``form``: a path,
                ``bytes``, an open binary file, or ``(name, content[, content type])``.

        One of ``json``, ``content`` and ``form`` or ``files``; without any, ``{}`` is sent. The
        other arguments are those of :class:`EverydayCalls`.
        """
        return self._request("POST", locals())

    @overload
    def put(self, resource: str, *, response_type: type[T], **options: Unpack[Options]) -> T: ...

    @overload
    def put(
        self, resource: str, *, response_type: str | None = "object", **options: Unpack[Options]
    ) -> Any: ...

    def put(
        self,
        resource: str,
        *,
        json: Any = None,
        form: Values = None,
        content: bytes | str | None = None,
        files: Mapping[str, Any] | None = None,
        query: Values = None,
        path: Values = None,
        headers: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
        response_type: Any = "object",
        auth_settings: Iterable[str] | None = None,
        collection_formats: Mapping[str, str] | None = None,
    ) -> Any:
        """PUT to ``resource``; the arguments are those of :meth:`post`."""
        return self._request("PUT", locals())

    @overload
    def patch(self, resource: str, *, response_type: type[T], **options: Unpack[Options]) -> T: ...

    @overload
    def patch(
        self, resource: str, *, response_type: str | None = "object", **options: Unpack[Options]
    ) -> Any: ...

    def patch(
        self,
        resource: str,
        *,
        json: Any = None,
        form: Values = None,
        content: bytes | str | None = None,
        files: Mapping[str, Any] | None = None,
        query: Values = None,
        path: Values = None,
        headers: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
        response_type: Any = "object",
        auth_settings: Iterable[str] | None = None,
        collection_formats: Mapping[str, str] | None = None,
    ) -> Any:
        """PATCH ``resource``; the arguments are those of :meth:`post`."""
        return self._request("PATCH", locals())

    @overload
    def delete(self, resource: str, *, response_type: type[T], **options: Unpack[Options]) -> T: ...

    @overload
    def delete(
        self, resource: str, *, response_type: str | None = "object", **options: Unpack[Options]
    ) -> Any: ...

    def delete(
        self,
        resource: str,
        *,
        json: Any = None,
        form: Values = None,
        content: bytes | str | None = None,
        files: Mapping[str, Any] | None = None,
        query: Values = None,
        path: Values = None,
        headers: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
        response_type: Any = "object",
        auth_settings: Iterable[str] | None = None,
        collection_formats: Mapping[str, str] | None = None,
    ) -> Any:
        """DELETE ``resource``; the arguments are those of :meth:`post`."""
        return self._request("DELETE", locals())

    def pages(
        self,
        resource: str,
        items: str | None = None,
        query: Values = None,
        limit: int = 200,
        *,
        json: Any = None,
        path: Values = None,
        headers: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
        auth_settings: Iterable[str] | None = None,
        collection_formats: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """Each item of all pages of a resource, asked for page by page as they are used.

        ``for order in client.pages("/order/orders", "orders"): ...``

        Args:
            items: field of the response that has the items, such as ``"orders"``; ``None`` where
                the response itself is the list.
            limit: items of one page (``_limit``); a ``_limit`` in ``query`` wins over it.
            json: send this body with POST in place of a GET, for resources that search so, such as
                ``/order/orders/query``.

        ``_offset`` in ``query`` is where to begin, default 0. The response's
        ``metadata.result_set`` says where to go on; a response without one is the last. So is one
        that names an offset that has been asked for, and the tenth empty one in a row. The other
        arguments are those of :class:`EverydayCalls`.

        Raises:
            ApiResponseError: the response has no list of that name, or a next offset that is none.
        """
        given = {**locals(), "path": _kept(path), "auth_settings": _kept(auth_settings)}

        def ask(query: list[tuple[str, Any]]) -> Any:
            return self._request("GET" if json is None else "POST", {**given, "query": query})

        found: Iterator[Any] = iter(load("ultracart.paging", "Paging")(ask, items, query, limit))
        return found

    def download(
        self,
        resource: str,
        to: PathT,
        path: Values = None,
        query: Values = None,
        progress: Callable[[int, int | None], object] | None = None,
        *,
        headers: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
        auth_settings: Iterable[str] | None = None,
        collection_formats: Mapping[str, str] | None = None,
    ) -> PathT:
        """GET ``resource`` into the file ``to``, and return ``to``.

        The bytes go into a temporary file beside it (mode 0600), which takes its place when all
        are there: ``to`` is never half a file. However large it is, it is not held in memory.

        Args:
            to: path of the file; one that exists is replaced.
            progress: called with (bytes done, bytes in all) as they come; in all is ``None`` where
                the server does not say.
            timeout: seconds: a number for the whole download. A pair (connect, response), and the
                default, bound the connection and then each wait for data, because a large file
                may take long.

        The other arguments are those of :class:`EverydayCalls`.

        Raises:
            ApiTypeError, ApiValueError: before anything is sent: ``to`` cannot be written.
            ApiException: the call failed, or the connection broke; ``to`` is as it was.
        """
        # ``Content-Length`` of a compressed response is not the size of the file.
        own = _with_defaults(headers, {"Accept": "*/*", "Accept-Encoding": "identity"})
        given = {**locals(), "headers": own, "response_type": None}

        def ask() -> Any:
            return self._request("GET", given, preload=False)

        load("ultracart.downloads", "download")(ask, to, progress, timeout)
        return to

    def _request(self, method: str, given: Mapping[str, Any], preload: bool = True) -> Any:
        """``given`` is ``locals()`` of one of the calls above: its arguments by name."""
        json, content, form, files = map(given.get, ("json", "content", "form", "files"))
        fields = form if form is not None else files or None
        bodies = {"json": json, "content": content, "form or files": fields}
        names = [name for name, value in bodies.items() if value is not None]
        if len(names) > 1:
            raise ApiTypeError("give one body, not both %s and %s" % (names[0], names[1]))
        body, content_type = json, None
        if content is not None:
            body, content_type = _as_it_is(content)
        elif fields is not None:
            content_type = _MULTIPART if files else _FORM
        response_type = given.get("response_type", "object")
        schemes = given["auth_settings"]
        try:
            return self.call_api(
                given["resource"],
                method,
                path_params=given["path"],
                query_params=given["query"],
                header_params=_with_types(given["headers"], content_type, response_type),
                body=body,
                post_params=form,
                files=files,
                response_type=response_type,
                auth_settings=self._schemes() if schemes is None else _kept(schemes),
                _return_http_data_only=True,
                collection_formats=given["collection_formats"],
                _preload_content=preload,
                _request_timeout=given["timeout"],
            )
        except (ApiTypeError, ApiValueError) as error:
            if len(error.args) == 1:  # the argument by the name that it has here
                error.args = (_renamed(str(error.args[0])),)
            raise

    def _schemes(self) -> Iterable[str]:
        """The authorization schemes of the configuration; asking for one's credential costs."""
        replaced = getattr(self.configuration.auth_settings, "__func__", None)
        if replaced is Configuration.auth_settings:
            return SCHEMES
        return list(self.configuration.auth_settings())


def _renamed(message: str) -> str:
    for name, ours in _NAMES.items():
        message = message.replace(name, ours)
    return "json" + message[4:] if message.startswith("body") else message


def _kept(values: Any) -> Any:
    """``values``, to be read more than once."""
    return list(values) if isinstance(values, Iterator) else values


def _with_defaults(headers: Any, defaults: dict[str, Any]) -> Any:
    if headers is None or isinstance(headers, Mapping):
        return {**defaults, **(headers or {})}
    return headers  # an invalid type is refused where headers are merged


def _as_it_is(content: Any) -> tuple[RawContent, str]:
    """The body of ``content``, and the content type of what is nothing more special."""
    if isinstance(content, str):
        if not is_encodable(content):
            raise ApiValueError("content holds a lone surrogate, which cannot be encoded")
        return RawContent(content.encode("utf-8")), "text/plain; charset=utf-8"
    if isinstance(content, (bytes, bytearray, memoryview)):
        return RawContent(content), "application/octet-stream"
    raise ApiTypeError("content must be bytes or str, not %s" % type(content).__name__)


def _with_types(
    headers: Mapping[str, Any] | None, content_type: str | None, response_type: Any
) -> Any:
    """``headers`` with the ``Accept`` and ``Content-Type`` that they do not have."""
    if headers is not None and not isinstance(headers, Mapping):
        return headers  # an invalid type is refused where headers are merged
    own = OwnHeaders(headers or {})
    names = {str(name).lower() for name in own}
    if "accept" not in names:
        own["Accept"] = "*/*" if response_type == "file" else "application/json"
    if content_type is not None and "content-type" not in names:
        own["Content-Type"] = content_type
    return own
