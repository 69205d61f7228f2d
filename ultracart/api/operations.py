"""What an operation is: path, credentials and arguments, and which responses it accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from ..configuration import SCHEMES
from ..exceptions import ApiResponseError, ApiTypeError, ApiValueError, oauth_error_class
from ..models.model import Model

M = TypeVar("M", bound=Model)

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_NOT_SENT = frozenset(
    ["self", "async_req", "_return_http_data_only", "_preload_content", "_request_timeout"]
)


class Operation(Generic[M]):
    """One operation of the API; also the ``response_type`` of its calls.

    Args:
        path: below ``Configuration.host``.
        model: the class of its responses.
        required: arguments that must be given.
        validate: returns why a response cannot be used, or ``None``; may fill in fields.
        method: the HTTP method.
        content_type: the content type of the request.
        schemes: authorization schemes; the credentials of those that are configured are sent.
        empty_body: the model's fields to assume for an empty body; ``None`` makes an empty body an
            error.
    """

    # A body that its charset cannot decode is read as Latin-1: a token in it must not be lost.
    in_any_encoding = True

    def __init__(
        self,
        path: str,
        model: type[M],
        *,
        required: tuple[str, ...] = (),
        validate: Callable[[M], str | None],
        method: str = "POST",
        content_type: str = FORM,
        schemes: tuple[str, ...] = SCHEMES,
        empty_body: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = path
        self.model = model
        self.required = required
        self.validate = validate
        self.method = method
        self.headers: dict[str, str] = {"Accept": JSON, "Content-Type": content_type}
        self.schemes = schemes
        self.empty_body = empty_body

    def arguments(self, given: Mapping[str, Any], data_only: bool = False) -> dict[str, Any]:
        """The keyword arguments for ``ApiClient.call_api``.

        Args:
            given: ``locals()`` of the operation's method: the form's fields and the options. With
                ``data_only`` the fields are enough.
            data_only: return the data alone, whatever ``_return_http_data_only`` says.

        Raises:
            ApiTypeError: a field that is not ``str``.
            ApiValueError: a required field that is ``None`` or empty.
        """
        for name in self.required:
            check_text(name, given[name], required=True)
        form = []
        for name, value in given.items():
            if value is not None and name not in _NOT_SENT:
                if not isinstance(value, str):
                    check_text(name, value, required=False)
                elif value:
                    form.append((name, value))
        return {
            "header_params": self.headers,
            "post_params": form,
            "response_type": self,
            "auth_settings": self.schemes,
            "async_req": given.get("async_req"),
            "_return_http_data_only": data_only or given["_return_http_data_only"],
            "_preload_content": given.get("_preload_content", True),
            "_request_timeout": given.get("_request_timeout"),
        }

    def from_wire(self, data: Any) -> M:
        """The model of a decoded response.

        Raises:
            OAuthError: an OAuth error with status 200 (RFC 6749, section 5.2).
            ApiResponseError: a response that cannot be used.
        """
        error = data.get("error") if isinstance(data, dict) else None
        if error and isinstance(error, str):
            raise oauth_error_class(error)()
        if error:
            raise ApiResponseError(reason="the response has status 200 and describes an error")
        response = self.model.from_wire(data)
        problem = self.validate(response)
        if problem is not None:
            raise ApiResponseError(reason=problem)
        return response

    def from_empty_body(self) -> M:
        """The model for an empty body.

        Raises:
            ApiResponseError: an empty body is an error for this operation.
        """
        if self.empty_body is None:
            raise ApiResponseError(reason="the response is empty")
        return self.model(**self.empty_body)


def check_text(name: str, value: Any, required: bool) -> None:
    """Check one argument.

    Raises:
        ApiTypeError: it is not ``str``.
        ApiValueError: it is required, and ``None`` or empty.
    """
    if value is None or value == "":
        if required:
            raise ApiValueError("%s is required: pass a non-empty str" % name)
    elif not isinstance(value, str):
        raise ApiTypeError("%s must be str, not %s" % (name, type(value).__name__))
