"""What a deliberate difference is, and how the outcome of its cases is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Outcome = Mapping[str, Any]
Expected = Callable[[Outcome], bool]


def gives(value: Any) -> Expected:
    """The case returns ``value``."""
    return lambda outcome: "error" not in outcome and outcome["result"] == value


def gives_data(value: Any) -> Expected:
    """The case returns a pair that holds a result triple with ``value`` as its data."""
    return lambda outcome: outcome["result"]["tuple"][0]["tuple"][0] == value


def model_field(name: str, value: Any) -> Expected:
    """The case returns a model with this field."""
    return lambda outcome: outcome["result"]["fields"][name] == value


def sends(target: str = "/rest/v2/x", body: Any = None, requests: int = 1) -> Expected:
    """The case succeeds after so many requests, the last with this target and body."""

    def check(outcome: Outcome) -> bool:
        sent = outcome["requests"]
        last = sent[-1] if sent else {}
        same_body = body is None or last.get("body") == body or last.get("body", [0])[0] == body
        return (
            "error" not in outcome
            and len(sent) == requests
            and last["target"] == target
            and same_body
        )

    return check


def refuses(kind: str) -> Expected:
    """The case raises this built-in kind of error before anything is sent."""
    return lambda outcome: outcome.get("error") == kind and not outcome["requests"]


def api_exception(status: int | None = 200, body: Any = None) -> Expected:
    """The case raises ApiException with this status; ``body``, where given, is its body."""

    def check(outcome: Outcome) -> bool:
        return (
            outcome.get("error") == "ApiException"
            and outcome["status"] == status
            and (body is None or outcome["body"] == body)
        )

    return check


class Difference(NamedTuple):
    """One row of the table; ``cases`` maps a case's name to what it must come to here."""

    what: str
    official: str
    here: str
    reason: str
    cases: Mapping[str, Expected]
