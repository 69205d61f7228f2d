"""The pages of a resource: UltraCart's ``_limit``, ``_offset`` and ``metadata.result_set``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .exceptions import ApiResponseError, ApiTypeError, ApiValueError

_logger = logging.getLogger(__name__)
# After so many empty pages in a row, stop although the server says that there are more.
_MOST_EMPTY = 10


class Paging:
    """The items of all pages; a page is requested when its first item is needed.

    ``ask(query, response_type)`` requests one page and returns its data.

    Raises:
        ApiTypeError, ApiValueError: a bad argument.
    """

    def __init__(
        self, ask: Callable[[list[tuple[str, Any]], Any], Any], items: Any, query: Any, limit: Any
    ) -> None:
        if items is not None and (not isinstance(items, str) or not items):
            raise ApiTypeError(
                "items must be the name of the list in the response, such as 'orders', or None"
            )
        try:
            pairs = list(query.items() if isinstance(query, Mapping) else query or ())
            given = dict(pairs)
        except (TypeError, ValueError):
            raise ApiTypeError("query must be a mapping or (name, value) pairs") from None
        self._ask = ask
        self._page = _Page(items)
        self._query = [pair for pair in pairs if pair[0] not in ("_limit", "_offset")]
        given = {name: value for name, value in given.items() if value is not None}
        self._limit = _whole("limit", given.get("_limit", limit), 1)
        self._offset = _whole("_offset", given.get("_offset", 0), 0)

    def __iter__(self) -> Iterator[Any]:
        offset = self._offset
        asked = set()
        empty = 0
        while offset not in asked and empty < _MOST_EMPTY:
            asked.add(offset)
            query = [*self._query, ("_limit", self._limit), ("_offset", offset)]
            found, more, following = self._ask(query, self._page)
            yield from found
            empty = 0 if found else empty + 1
            if not more:
                return
            offset = offset + len(found) if following is None else following
        if empty < _MOST_EMPTY:
            _logger.warning("pages() stops: the server names the offset %d a second time", offset)
        else:
            _logger.warning("pages() stops: %d empty pages in a row say that there is more", empty)


@dataclass(frozen=True)
class _Page:
    """A :class:`~ultracart.serialization.ResponseType`: one page, whose list is ``items``.

    Equal if ``items`` are equal, because the client keeps a reader for each response type.
    """

    items: str | None

    def from_wire(self, data: Any) -> tuple[list[Any], bool, int | None]:
        """The items of the page, whether there are more, and where they begin if it says that."""
        found, result_set = self._list_in(data), _result_set(data)
        more = str(result_set.get("more")).lower() in ("true", "1")  # also as text
        return found, more, _next_offset(result_set) if more else None

    def from_empty_body(self) -> Any:
        """Refused: there is no list."""
        return self.from_wire(None)

    def _list_in(self, page: Any) -> list[Any]:
        if self.items is None:
            if isinstance(page, list):
                return page
            raise _no_list_error("the response is not a list: name the field that holds it, ", page)
        if isinstance(page, Mapping):
            found = page.get(self.items)
            if isinstance(found, list):
                return found
            # Without any list the response may mean "nothing found"; with other lists it does not.
            if found is None and (self.items in page or _result_set(page).get("count") == 0):
                return []
        raise _no_list_error("the response has no list %r, " % self.items, page)


def _no_list_error(problem: str, page: Any) -> ApiResponseError:
    lists: list[str] = []
    if isinstance(page, Mapping):
        lists = [str(name) for name, value in page.items() if isinstance(value, list)]
    known = "its lists are %s" % ", ".join(lists) if lists else "it has no list"
    if isinstance(page, list):
        known = "it is one: leave items out"
    return ApiResponseError(reason=problem + known)


def _result_set(page: Any) -> Mapping[str, Any]:
    metadata = page.get("metadata") if isinstance(page, Mapping) else None
    found = metadata.get("result_set") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _next_offset(result_set: Mapping[str, Any]) -> int | None:
    following = result_set.get("next_offset")
    if following is None:
        return None
    if isinstance(following, float) and following.is_integer():
        following = int(following)
    try:
        return _whole("next_offset of the response", following, 0)
    except (ApiTypeError, ApiValueError) as error:
        reason = str(error)
    raise ApiResponseError(reason=reason)


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:18])
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiTypeError("%s must be a whole number, not %s" % (name, type(value).__name__))
    if value < least:
        raise ApiValueError("%s must be at least %d" % (name, least))
    return value
