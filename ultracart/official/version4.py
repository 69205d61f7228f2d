# mypy: disallow-subclassing-any=False
"""The official SDK 4.x on an ApiClient: endpoints that call, types that read responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..exceptions import ApiResponseError, ApiValueError


class Settings:
    """What endpoints and models of 4.x read of a Configuration: one server, all checks enabled.

    Models keep a reference to it, so it holds no credential.
    """

    discard_unknown_keys = False
    server_index = None
    server_operation_index: Mapping[str, int] = {}
    server_variables: Mapping[str, str] = {}
    server_operation_variables: Mapping[str, Mapping[str, str]] = {}

    def get_host_from_settings(
        self, index: int | None, variables: Any = None, servers: Any = None
    ) -> None:
        """The configured host: UltraCart has no other."""
        if index not in (None, 0):
            raise ApiValueError("_host_index must be 0: the host is Configuration.host")


class ResponseType:
    """A response type of 4.x, a tuple of classes, as ``call_api`` takes a type."""

    def __init__(self, theirs: Any, types: Any, check: Any) -> None:
        self._theirs = theirs
        self._types = types
        self._check = check

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ResponseType):
            return NotImplemented
        return (self._types, self._check) == (other._types, other._check)

    def __hash__(self) -> int:
        return hash((str(self._types), self._check))

    def from_wire(self, data: Any) -> Any:
        """``data`` as an object of the type."""
        try:
            return self._theirs.validate_and_convert_types(
                data, self._types, ["response"], True, self._check, configuration=Settings()
            )
        except Exception as error:
            path = getattr(error, "path_to_item", None) or ()
        # Its message may quote a value, so it must not become the context.
        place = "".join("[%r]" % part for part in path[1:])
        raise ApiResponseError(
            reason="the response is not what the official SDK %s"
            % ("expects at %s" % place if place else "expects"),
            request_sent=True,
        )

    def from_empty_body(self) -> Any:
        """Raise an error: an empty body has no data."""
        raise ApiResponseError(reason="the response is empty", request_sent=True)


def extend_models(model_utils: Any) -> None:
    """Have the models of 4.x read and written by ``ApiClient`` itself, as those of 3.x are."""

    def from_wire(cls: Any, data: Any) -> Any:
        return ResponseType(model_utils, (cls,), True).from_wire(data)

    def to_wire(self: Any) -> Any:
        return model_utils.model_to_dict(self, serialize=True)

    model_utils.OpenApiModel.from_wire = classmethod(from_wire)
    model_utils.OpenApiModel.to_wire = to_wire


def endpoint_class(theirs: Any) -> Any:
    """``Endpoint`` of their module ``api_client``, made to call through an ApiClient of ours."""

    class Client(theirs.ApiClient):
        """What an endpoint sees of an ApiClient."""

        def __init__(self, client: Any) -> None:
            self._client = client
            self.configuration = Settings()

        def call_api(
            self,
            resource_path: str,
            method: str,
            path_params: Any = None,
            query_params: Any = None,
            header_params: Any = None,
            body: Any = None,
            post_params: Any = None,
            files: Any = None,
            response_type: Any = None,
            auth_settings: Any = None,
            async_req: Any = None,
            _return_http_data_only: Any = None,
            collection_formats: Any = None,
            _preload_content: Any = True,
            _request_timeout: Any = None,
            _host: Any = None,
            _check_type: Any = None,
            _request_auths: Any = None,
        ) -> Any:
            headers, query = dict(header_params or {}), list(query_params or ())
            if _request_auths:
                _authorize(headers, query, _request_auths)
                auth_settings = None
            to_file = response_type == (theirs.file_type,)
            type_: Any = "file" if to_file else None
            if response_type and not to_file:
                type_ = ResponseType(theirs, response_type, _check_type)

            uploads = [
                (field, file)
                for field, opened in (files or {}).items()
                for file in opened or ()
                if file is not None
            ]

            def call() -> Any:
                try:
                    found = self._client.call_api(
                        resource_path,
                        method,
                        path_params,
                        query,
                        headers,
                        body=self.sanitize_for_serialization(body),
                        post_params=self.sanitize_for_serialization(post_params or []),
                        files=uploads,
                        response_type=type_,
                        auth_settings=auth_settings,
                        collection_formats=collection_formats,
                        _preload_content=_preload_content,
                        _request_timeout=_request_timeout,
                    )
                finally:
                    for _, file in uploads:
                        file.close()  # as officially
                data, status, answered = found
                if to_file and _preload_content:
                    data = open(data, "rb")  # noqa: SIM115 - the caller's, as officially
                alone = _return_http_data_only or not _preload_content
                return data if alone else (data, status, answered)

            return self._client.pool.apply_async(call) if async_req else call()

    class Endpoint(theirs.Endpoint):
        """One operation of a 4.x API class."""

        api_client: Any

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.api_client = Client(self.api_client)

        def call_with_http_info(self, **kwargs: Any) -> Any:
            # None is never sent; the official SDK refuses it where the API does not allow null.
            kept = {*self.params_map["required"], *self.params_map["nullable"]}
            given = {
                name: value
                for name, value in kwargs.items()
                if value is not None or name in kept or name.startswith("_")
            }
            return super().call_with_http_info(**given)

    return Endpoint


def _authorize(headers: dict[str, Any], query: list[Any], request_auths: Any) -> None:
    """Send these credentials: dicts with ``in``, ``key`` and ``value``."""
    for auth in request_auths:
        if auth["in"] == "query":
            query.append((auth["key"], auth["value"]))
        elif auth["in"] == "header":
            headers[auth["key"]] = auth["value"]
        elif auth["in"] == "cookie":
            headers["Cookie"] = "%s=%s" % (auth["key"], auth["value"])
        else:
            raise ApiValueError("Authentication token must be in `query` or `header`")
