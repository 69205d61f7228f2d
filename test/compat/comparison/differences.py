"""The deliberate differences from official 3.11.67: what, why, and the cases that show each.

``docs/Compatibility.md`` lists the same rows; a test compares the two. A case that differs must be
listed here with what happens instead, and a listed case must differ.
"""

from __future__ import annotations

from .answer_differences import ERRORS, RESULTS
from .expectations import (
    Difference,
    Expected,
    gives,
)
from .request_differences import ARGUMENTS, WIRE

# Differences that show on every request or model: ``everywhere.py`` takes them out of a comparison.
EVERYWHERE = [
    Difference(
        "API version header",
        "not sent unless you pass it",
        "`X-UltraCart-Api-Version: 2017-03-01` by default",
        "UltraCart refuses a request without it.",
        {},
    ),
    Difference(
        "User-Agent",
        "`Swagger-Codegen/3.11.67/python`",
        "`ultracart-python/` and the version",
        "It names the software that calls; `user_agent` overrides it as before.",
        {},
    ),
    Difference(
        "Accept-Encoding",
        "`identity`",
        "`gzip`",
        "Compressed JSON is smaller; a header of yours wins.",
        {},
    ),
    Difference(
        "Empty bearer",
        "`Authorization: Bearer ` without a token, if none is set",
        "no `Authorization` header",
        "An empty credential is no credential, and servers may refuse it.",
        {
            "configuration: auth_settings of nothing": lambda outcome: (
                ["value", None] in outcome["result"]["dict"][1][1]["dict"]
            )
        },
    ),
    Difference(
        "merchant_id",
        "no such field",
        "`OauthTokenResponse.merchant_id`, keyword-only",
        "UltraCart's newer responses name the merchant who authorized.",
        {},
    ),
]

SETTINGS = [
    Difference(
        "OauthApi() without a client",
        "each makes a Configuration and a pool of its own",
        "all share one client; a change to `ultracart.configuration` takes effect at once",
        "All calls share connections, and settings take effect.",
        {"oauth: one client for all": gives(True)},
    ),
    Difference(
        "set_default",
        "keeps the object: later changes to it show in new Configurations",
        "copies the settings, and gives them to `ultracart.configuration` too",
        "No two configurations share mutable state.",
        {"configuration: default changed later": gives(False)},
    ),
    Difference(
        "Misspelt settings",
        "accepted, and unused",
        "accepted with a `UserWarning` that names the nearest setting; a `TypeError` as a keyword",
        "Otherwise nobody notices that the setting has no effect.",
        {"configuration: misspelt setting": gives(["UserWarning"])},
    ),
    Difference(
        "Environment variables",
        "none are read",
        "`ULTRACART_HOST`, `ULTRACART_SIMPLE_KEY` and `ULTRACART_ACCESS_TOKEN`",
        "Examples run against a sandbox unchanged, and keys stay out of code.",
        {"configuration: environment": gives({"dict": [["x-ultracart-simple-key", "sk"]]})},
    ),
    Difference(
        "Proxy variables",
        "ignored",
        "`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count; `trust_env = False` "
        "ignores them",
        "Other tools use them too.",
        {"configuration: proxy from the environment": gives("http://HOST/x")},
    ),
    Difference(
        "Log handlers",
        "each Configuration adds a handler to the loggers `ultracart` and `urllib3`",
        "none is added",
        "Handlers belong to the application.",
        {"configuration: handlers added": gives([0, 0])},
    ),
    Difference(
        "debug",
        "prints headers and bodies of the whole process, secrets included",
        "logs method, path, status, time and names of parameters through `ultracart`",
        "Debugging must not leak secrets or change other libraries.",
        {"configuration: debug": gives({"tuple": [0, False]})},
    ),
]

DIFFERENCES = [*EVERYWHERE, *WIRE, *ARGUMENTS, *RESULTS, *ERRORS, *SETTINGS]


def expected_here() -> dict[str, Expected]:
    """What each case that differs must come to, by its name."""
    expected: dict[str, Expected] = {}
    for difference in DIFFERENCES:
        for name, check in difference.cases.items():
            if name in expected:
                raise AssertionError("two differences claim the case " + name)
            expected[name] = check
    return expected
