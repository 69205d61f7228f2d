"""Everyday calls: ``get``, ``post``, ``put``, ``patch``, ``delete``, ``pages`` and ``download``.

:class:`EverydayCalls` is a base class of :class:`ultracart.ApiClient`. Each method calls
:meth:`~ultracart.ApiClient.call_api`, and has shorter arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .configuration import SCHEMES, Configuration, Timeout
from .exceptions import ApiTypeError, ApiValueError
from .late_imports import load
from .sending import encoded
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
        """The arguments of the calls with a body, without ``response_type``."""

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

    resource: path below ``Configuration.host``, with a ``{name}`` for each value in ``path``.
    query: query parameters, a mapping or (name, value) pairs.
    path: values for the ``{name}`` in ``resource``; they are percent-encoded.
    headers: headers of this request; they win over the client's default headers, and credentials
        over both. ``None`` leaves a default header out; urllib3 then sends a ``User-Agent`` of its
        own.
    timeout: seconds: a number for the whole call, or (connect, response). Default:
        ``Configuration.timeout``.
    response_type: what to return: ``"object"`` (default) for the JSON as it is, another type name
        of :meth:`~ultracart.ApiClient.call_api`, or a model class.
    auth_settings: names of authorization schemes: send only the credentials of these, not all that
        are configured; ``[]`` sends none.
    collection_formats: by parameter name, how a list is sent: ``csv``, ``ssv``, ``tsv``,
        ``pipes`` or ``multi``.

    Bad arguments raise ApiTypeError, ApiValueError or ConfigurationError before anything is sent; a
    call that failed raises ApiException.
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
            content: the body, sent unchanged; set its ``Content-Type`` in ``headers``. Text is
                sent in the charset that this type names, else in UTF-8.
            files: what to upload (multipart), by field name, with or without ``form``: a path,
                ``bytes``, an open binary file, or ``(name, content[, content type])``.

        Give only one body: ``json``, ``content``, or ``form`` and ``files``. Without a body, ``{}``
        is sent. The other arguments are those of :class:`EverydayCalls`.
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
        """The items of all pages of a resource; a page is requested when its first item is needed.

        ``for order in client.pages("/order/orders", "orders"): ...``

        Args:
            items: field of the response that has the items, such as ``"orders"``; ``None`` if the
                response itself is the list.
            limit: items of one page (``_limit``); a ``_limit`` in ``query`` wins over it.
            json: send this body with POST instead of a GET, for searches such as
                ``/order/orders/query``.

        ``_offset`` in ``query`` is the first offset, default 0. A response's
        ``metadata.result_set`` names the next one; a response without it is the last page. So is a
        page that names an offset that was already requested, and the tenth empty page in a row. The
        other arguments are those of :class:`EverydayCalls`.

        Raises:
            ApiResponseError: the response has no list of that name, or its next offset is not a
                whole number.
        """
        given = {**locals(), "path": _reusable(path), "auth_settings": _reusable(auth_settings)}

        def ask(query: list[tuple[str, Any]], page: Any) -> Any:
            own = {**given, "query": query, "response_type": page}
            return self._request("GET" if json is None else "POST", own)

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

        The content is written to a temporary file in the same folder (mode 0600), which is renamed
        to ``to`` when it is complete. It is not held in memory, so it may be large.

        Args:
            to: path of the file; an existing file is replaced.
            progress: called with (bytes received, bytes in all) as data arrives; the second is
                ``None`` if the server does not send the size.
            timeout: seconds: a number for the whole download. A pair (connect, response), and the
                default, bound the connection and then each wait for data, because a large file
                may take long.

        The other arguments are those of :class:`EverydayCalls`.

        Raises:
            ApiTypeError, ApiValueError: before anything is sent: ``to`` cannot be written.
            ApiException: the call failed, or the connection broke; ``to`` is unchanged.
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
            body, content_type = _raw_body(content, given["headers"])
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
                auth_settings=self._schemes() if schemes is None else _reusable(schemes),
                _return_http_data_only=True,
                collection_formats=given["collection_formats"],
                _preload_content=preload,
                _request_timeout=given["timeout"],
            )
        except (ApiTypeError, ApiValueError) as error:
            if len(error.args) == 1:  # name the argument as it is called here
                error.args = (_renamed(str(error.args[0])),)
            raise

    def _schemes(self) -> Iterable[str]:
        """The configuration's authorization schemes, without reading a credential if possible."""
        replaced = getattr(self.configuration.auth_settings, "__func__", None)
        if replaced is Configuration.auth_settings:
            return SCHEMES
        return list(self.configuration.auth_settings())


def _renamed(message: str) -> str:
    for name, ours in _NAMES.items():
        message = message.replace(name, ours)
    return "json" + message[4:] if message.startswith("body") else message


def _reusable(values: Any) -> Any:
    """``values``; an iterator becomes a list, because it is read more than once."""
    return list(values) if isinstance(values, Iterator) else values


def _with_defaults(headers: Any, defaults: dict[str, Any]) -> Any:
    if headers is None or isinstance(headers, Mapping):
        return {**defaults, **(headers or {})}
    return headers  # an invalid type is refused where headers are merged


def _raw_body(content: Any, headers: Any) -> tuple[RawContent, str]:
    """The body for ``content``, and its default content type.

    Text is encoded in the charset that the ``Content-Type`` in ``headers`` names, else in UTF-8.
    """
    if isinstance(content, str):
        given = headers.items() if isinstance(headers, Mapping) else ()
        types = [
            value
            for name, value in given
            if str(name).lower() == "content-type" and isinstance(value, str)
        ]
        return RawContent(encoded(content, "content", *types[-1:])), "text/plain; charset=utf-8"
    if isinstance(content, (bytes, bytearray, memoryview)):
        return RawContent(content), "application/octet-stream"
    raise ApiTypeError("content must be bytes or str, not %s" % type(content).__name__)


def _with_types(
    headers: Mapping[str, Any] | None, content_type: str | None, response_type: Any
) -> Any:
    """``headers``, with ``Accept`` and ``Content-Type`` added if they are missing."""
    if headers is not None and not isinstance(headers, Mapping):
        return headers  # an invalid type is refused where headers are merged
    own = OwnHeaders(headers or {})
    names = {str(name).lower() for name in own}
    if "accept" not in names:
        own["Accept"] = "*/*" if response_type == "file" else "application/json"
    if content_type is not None and "content-type" not in names:
        own["Content-Type"] = content_type
    return own
