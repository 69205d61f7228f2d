"""How the differences that show in every outcome are taken out before comparing."""

from __future__ import annotations

import copy
from typing import Any

VERSION_HEADER = "x-ultracart-api-version"


def without_general_differences(outcome: Any) -> Any:
    """A copy without what ``differences.EVERYWHERE`` lists; applied to both SDKs' outcomes."""
    bare = copy.deepcopy(outcome)
    for request in bare["requests"]:
        headers = request["headers"]
        if headers.get(VERSION_HEADER) == ["2017-03-01"]:
            del headers[VERSION_HEADER]
        agent = headers.get("user-agent", [""])
        if agent[0].startswith(("Swagger-Codegen/3.11.67/python", "ultracart-python/")):
            headers["user-agent"] = ["the SDK's own", *agent[1:]]
        elif agent[0].startswith("python-urllib3/"):  # the two may run on two versions of it
            headers["user-agent"] = ["urllib3's own", *agent[1:]]
        if headers.get("accept-encoding") in (["identity"], ["gzip"]):
            del headers["accept-encoding"]
        if headers.get("authorization") == ["Bearer "]:
            del headers["authorization"]
    _drop_merchant(bare.get("result"))
    return bare


def _drop_merchant(value: Any) -> None:
    if isinstance(value, dict):
        fields: Any = value.get("fields")
        if value.get("model") == "OauthTokenResponse" and fields.get("merchant_id", "") is None:
            del fields["merchant_id"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _drop_merchant(item)
