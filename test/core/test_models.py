"""What every model can do: construct, compare, show, copy, and hide its secrets."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pprint
from typing import Any

import pytest

import ultracart
from ultracart import ApiResponseError, models as namespace
from ultracart.models import (
    Error,
    ErrorResponse,
    OauthDeviceAuthorizationResponse,
    OauthMeResponse,
    OauthRevokeSuccessResponse,
    OauthTokenResponse,
)

MODELS = [getattr(namespace, name) for name in namespace.__all__]
_VALUES: dict[str, Any] = {
    "str": "text",
    "int": 7,
    "bool": True,
    "list[str]": ["a", "b"],
    "object": {"a": 1},
    "dict[str, str]": {"a": "b"},
    "Error": Error(developer_message="why"),
}
_SECRET_FIELDS = [
    (OauthTokenResponse, "access_token"),
    (OauthTokenResponse, "refresh_token"),
    (OauthDeviceAuthorizationResponse, "device_code"),
]


def _filled(model: Any) -> dict[str, Any]:
    return {name: _VALUES[type_] for name, type_ in model.swagger_types.items()}


@pytest.fixture(params=MODELS, ids=lambda model: model.__name__)
def model(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_positional_order_of_the_official_models() -> None:
    expected = {
        OauthTokenResponse: "access_token error error_description error_uri expires_in "
        "refresh_token scope token_type",
        OauthRevokeSuccessResponse: "message successful",
        OauthMeResponse: "application_name client_id merchant_id merchant_name scopes",
        ErrorResponse: "error metadata success warning",
    }
    for cls, names in expected.items():
        positional = [
            name
            for name, parameter in inspect.signature(cls).parameters.items()
            if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        ]
        assert positional == names.split(), cls
    keyword_only = inspect.signature(OauthTokenResponse).parameters["merchant_id"]
    assert keyword_only.kind is inspect.Parameter.KEYWORD_ONLY


def test_tables_name_every_field(model: Any) -> None:
    fields = list(inspect.signature(model).parameters)
    assert list(model.swagger_types) == list(model.attribute_map) == fields
    assert set(model.swagger_types.values()) <= set(_VALUES)


def test_constructor_and_attributes(model: Any) -> None:
    values = _filled(model)
    made = model(**values)
    for name, value in values.items():
        assert getattr(made, name) == value
        assert getattr(model(), name) is None
    with pytest.raises(TypeError):
        model(no_such_field=1)


def test_to_dict(model: Any) -> None:
    values = _filled(model)
    plain = {k: v.to_dict() if hasattr(v, "to_dict") else v for k, v in values.items()}
    assert model(**values).to_dict() == plain


def test_equality(model: Any) -> None:
    values = _filled(model)
    assert model(**values) == model(**values)
    assert model(**values) != model()
    assert model() != values
    for other in MODELS:
        if other is not model:
            assert model() != other()


def test_unknown_fields_count_in_comparison(model: Any) -> None:
    assert model.from_wire({"new": 1}) != model.from_wire({"new": 2})


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))]
)
def test_copies(model: Any, duplicate: Any) -> None:
    made = model.from_wire({"kept": "aside"})
    for name, value in _filled(model).items():
        setattr(made, name, value)
    twin = duplicate(made)
    assert twin == made
    assert twin.additional_properties == {"kept": "aside"}


@pytest.mark.parametrize(("cls", "field"), _SECRET_FIELDS)
def test_secrets_are_masked_where_they_are_shown(cls: Any, field: str) -> None:
    made = cls(**{field: "secret-value"})
    shown = [repr(made), str(made), made.to_str(), "%s" % made, f"{made}", pprint.pformat(made)]
    assert not [text for text in shown if "secret-value" in text]
    assert all(field in text for text in shown)
    assert made.to_dict()[field] == getattr(made, field) == made[field] == "secret-value"


def test_plain_fields_are_shown() -> None:
    assert "item_read" in repr(OauthTokenResponse(access_token="t", scope="item_read"))
    assert "DEMO" in str(OauthMeResponse(merchant_id="DEMO"))


@pytest.mark.parametrize("data", [None, [], "text", 7, True])
def test_from_what_is_no_object(model: Any, data: Any) -> None:
    with pytest.raises(ApiResponseError):
        model.from_wire(data)


@pytest.mark.parametrize(
    ("sent", "read"),
    [(["a", "b"], ["a", "b"]), ("a b", ["a", "b"]), ([], []), (None, None), (7, None)],
)
def test_scopes(sent: Any, read: Any) -> None:
    assert OauthMeResponse.from_wire({"scopes": sent}).scopes == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [(True, True), ("true", True), ("FALSE", False), (0, False), ("maybe", None), (None, None)],
)
def test_successful(sent: Any, read: Any) -> None:
    assert OauthRevokeSuccessResponse.from_wire({"successful": sent}).successful is read


def test_nested_model() -> None:
    answer = ErrorResponse.from_wire({"error": {"developer_message": "why", "more": 1}})
    assert isinstance(answer.error, Error)
    assert answer.error.developer_message == "why"
    assert answer.error.additional_properties == {"more": 1}
    assert answer.to_dict()["error"]["developer_message"] == "why"
    assert ErrorResponse.from_wire({"error": "text"}).additional_properties == {"error": "text"}


@pytest.mark.parametrize("name", namespace.__all__)
def test_import_paths(name: str) -> None:
    snake = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    homes = ["ultracart.models.%s" % snake, "ultracart.model.%s" % snake]
    found = [getattr(importlib.import_module(home), name) for home in homes]
    assert all(cls is getattr(ultracart, name) for cls in found)


class _Stamped(OauthTokenResponse):
    """What users derive: more attributes, and a constructor of their own."""

    stamped: float = 0.0

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.stamped = 1.5


class _Plain(OauthTokenResponse):
    pass


def test_subclasses_of_users() -> None:
    made = _Stamped("a", token_type="bearer")
    assert (made.access_token, made.token_type, made.stamped) == ("a", "bearer", 1.5)
    assert made.to_dict() == OauthTokenResponse("a", token_type="bearer").to_dict()
    read = _Stamped.from_wire({"access_token": "a", "stamped": 2})
    assert (read.stamped, read.additional_properties) == (1.5, {"stamped": 2})
    assert _Plain("a") == OauthTokenResponse("a") == _Plain("a")
    assert _Plain("a") != OauthTokenResponse("b")
    assert pickle.loads(pickle.dumps(made)) == made
