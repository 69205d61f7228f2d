"""The parts of docs/OauthApi.md that the code says: each operation's first line and its arguments.

``python test/documentation/reference.py`` writes them, from signatures and docstrings.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from ultracart import OauthApi

API_PAGE = Path(__file__).resolve().parents[2] / "docs" / "OauthApi.md"
TWIN = "_with_http_info"
OPERATIONS = sorted(
    name for name in vars(OauthApi) if name.startswith("oauth_") and not name.endswith(TWIN)
)
_ARGUMENT = re.compile(r"^    (\w+): (.+(?:\n     +.+)*)", re.MULTILINE)


def parameters(operation: str) -> tuple[dict[str, inspect.Parameter], set[str]]:
    """An operation's own parameters, and the names of the options that all operations share."""
    every = dict(inspect.signature(getattr(OauthApi, operation)).parameters)
    del every["self"]
    options = {name for name in every if name.startswith("_") or name == "async_req"}
    return {name: p for name, p in every.items() if name not in options}, options


def first_line(operation: str) -> str:
    own, _ = parameters(operation)
    shown = [n if p.default is p.empty else "%s=%s" % (n, n) for n, p in own.items()]
    returned = inspect.signature(getattr(OauthApi, operation)).return_annotation
    return "> %s %s(%s)" % (returned, operation, ", ".join(shown))


def rows(operation: str) -> list[str]:
    described = _described(getattr(OauthApi, operation))
    return [
        " **%s** | **%s**| %s | %s"
        % (
            name,
            str(parameter.annotation).removesuffix(" | None"),
            described[name],
            "" if parameter.default is parameter.empty else "[optional]",
        )
        for name, parameter in parameters(operation)[0].items()
    ]


def _described(function: Any) -> dict[str, str]:
    """The entries below ``Args:`` in a docstring, as Markdown."""
    doc = inspect.getdoc(function) or ""
    found = _ARGUMENT.findall(doc.partition("Args:\n")[2].partition("\n\n")[0])
    return {name: _markdown(" ".join(text.split())) for name, text in found}


def _markdown(text: str) -> str:
    text = re.sub(r":meth:`(\w+)`", r"[\1](#\1)", text).replace("``", "`")
    return text[0].upper() + text[1:]


def with_reference(text: str) -> str:
    """The page ``text`` with these parts as the code says them now."""
    for operation in OPERATIONS:
        own = "\n".join(rows(operation))
        line = r"(?m)(^# \*\*%s\*\*\n)> .*" % operation
        text = _replaced(line, first_line(operation), text)
        table = (
            r"(?s)(\n# \*\*%s\*\*\n.*?\n### Parameters\n\n.*?\n-[- |]+\n).*?(?=\n\n)" % operation
        )
        text = _replaced(table, own, text) if own else text
    return text


def _replaced(pattern: str, made: str, text: str) -> str:
    return re.sub(pattern, lambda found: found.group(1) + made, text, count=1)


if __name__ == "__main__":
    page = API_PAGE.read_text(encoding="utf-8")
    API_PAGE.write_text(with_reference(page), encoding="utf-8")
