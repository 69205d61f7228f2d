"""Keyword arguments of the operations, by what the call returns; for type checkers alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict, TypeVar

from ..configuration import Timeout

T = TypeVar("T")
WithStatus = tuple[T, int, Mapping[str, str]]


class _Shared(TypedDict, total=False):
    _return_http_data_only: Literal[False] | None
    _request_timeout: Timeout


class Plain(_Shared, total=False):
    """The response, read."""

    async_req: Literal[False] | None
    _preload_content: Literal[True]


class InBackground(_Shared):
    """An object with ``.get()``."""

    async_req: Literal[True]


class Unread(_Shared):
    """The unread response of urllib3."""

    _preload_content: Literal[False]


class AnyWay(TypedDict, total=False):
    """Options whose values are known only at run time, or several of them at once."""

    async_req: bool | None
    _return_http_data_only: bool | None
    _preload_content: bool
    _request_timeout: Timeout


class TokenFields(TypedDict, total=False):
    """Optional fields of a token request."""

    code: str | None
    redirect_uri: str | None
    refresh_token: str | None
    device_code: str | None
    code_verifier: str | None
    client_secret: str | None
