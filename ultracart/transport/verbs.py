"""One method for each HTTP method, with the official SDK's signatures.

A client calls the ``request`` that :func:`request_behind` returns; it calls a verb only if a user
has replaced it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..configuration import Timeout

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class Verbs:
    """Mixin: each method calls ``request`` with the HTTP method of its name."""

    if TYPE_CHECKING:
        request: Callable[..., Any]

    def GET(  # noqa: N802
        self,
        url: str,
        headers: Mapping[str, Any] | None = None,
        query_params: Any = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> Any:
        """:meth:`request` with method GET."""
        return self.request(
            "GET", url, query_params, headers, None, None, _preload_content, _request_timeout
        )

    def HEAD(  # noqa: N802
        self,
        url: str,
        headers: Mapping[str, Any] | None = None,
        query_params: Any = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> Any:
        """:meth:`request` with method HEAD."""
        return self.request(
            "HEAD", url, query_params, headers, None, None, _preload_content, _request_timeout
        )

    def DELETE(  # noqa: N802
        self,
        url: str,
        headers: Mapping[str, Any] | None = None,
        query_params: Any = None,
        body: Any = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
        *,
        post_params: Any = None,
    ) -> Any:
        """:meth:`request` with method DELETE."""
        return self.request(
            "DELETE",
            url,
            query_params,
            headers,
            body,
            post_params,
            _preload_content,
            _request_timeout,
        )

    def OPTIONS(  # noqa: N802
        self,
        url: str,
        headers: Mapping[str, Any] | None = None,
        query_params: Any = None,
        post_params: Any = None,
        body: Any = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> Any:
        """:meth:`request` with method OPTIONS."""
        return self.request(
            "OPTIONS",
            url,
            query_params,
            headers,
            body,
            post_params,
            _preload_content,
            _request_timeout,
        )

    def POST(  # noqa: N802
        self,
        url: str,
        headers: Mapping[str, Any] | None = None,
        query_params: Any = None,
        post_params: Any = None,
        body: Any = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> Any:
        """:meth:`request` with method POST."""
        return self.request(
            "POST",
            url,
            query_params,
            headers,
            body,
            post_params,
            _preload_content,
            _request_timeout,
        )

    def PUT(  # noqa: N802
        self,
        url: str,
        headers: Mapping[str, Any] | None = None,
        query_params: Any = None,
        post_params: Any = None,
        body: Any = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> Any:
        """:meth:`request` with method PUT."""
        return self.request(
            "PUT", url, query_params, headers, body, post_params, _preload_content, _request_timeout
        )

    def PATCH(  # noqa: N802
        self,
        url: str,
        headers: Mapping[str, Any] | None = None,
        query_params: Any = None,
        post_params: Any = None,
        body: Any = None,
        _preload_content: bool = True,
        _request_timeout: Timeout = None,
    ) -> Any:
        """:meth:`request` with method PATCH."""
        return self.request(
            "PATCH",
            url,
            query_params,
            headers,
            body,
            post_params,
            _preload_content,
            _request_timeout,
        )


_OWN = {method: vars(Verbs)[method] for method in METHODS}


def request_behind(transport: Any, method: Any) -> Any:
    """The ``request`` that the verb of ``transport`` would call.

    ``None`` if a user has replaced the verb, or if there is no such method.
    """
    if method not in _OWN:
        return None
    verb: Any = getattr(transport, method, None)
    return verb.__self__.request if getattr(verb, "__func__", None) is _OWN[method] else None
