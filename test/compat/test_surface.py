"""Whether every public name of the official SDK is here and takes the same arguments."""

from __future__ import annotations

import pytest

from .comparison.surface_differences import CHANGED_DEFAULTS
from .official_environment import require

require()

CLASSES = [
    "ApiClient",
    "Configuration",
    "RESTClientObject",
    "RESTResponse",
    "ApiException",
    "OauthApi",
    "OauthTokenResponse",
    "OauthRevokeSuccessResponse",
    "Error",
    "ErrorResponse",
]
POSITIONAL = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")


def callable_alike(official, here):
    """Whether whatever calls ``official`` can call ``here``; both are surface.py's lists."""
    if isinstance(official, str) or isinstance(here, str):
        # A property and a plain attribute are read alike; a method is not.
        return type(official) is type(here)
    theirs = [parameter for parameter in official if parameter[1] in POSITIONAL]
    ours = [parameter for parameter in here if parameter[1] in POSITIONAL]
    # What Python's own special methods call their argument is no part of a surface.
    same = [mine[0] == his[0] or mine[1] == "POSITIONAL_ONLY" for mine, his in zip(ours, theirs)]
    same += [mine[2] == his[2] for mine, his in zip(ours, theirs)]
    added = [parameter for parameter in here if parameter[0] not in [his[0] for his in theirs]]
    optional = all(
        parameter[1] == "KEYWORD_ONLY" or len(ours) == len(theirs) for parameter in added
    )
    return all(same) and optional and len(ours) == len(theirs)


@pytest.mark.parametrize("name", CLASSES)
def test_members_are_callable_alike(comparison, name):
    official = comparison.official("surface")["classes"][name]
    here = comparison.here("surface")["classes"][name]
    assert set(official) - set(here) == set()
    unlike = {
        member: (official[member], here[member])
        for member in set(official) & set(here)
        if not callable_alike(official[member], here[member])
    }
    assert unlike == {}


def test_import_paths(comparison):
    official = comparison.official("surface")["imports"]
    assert set(official.values()) == {True}
    assert comparison.here("surface")["imports"] == official


def test_settings_have_the_same_names_and_defaults(comparison):
    official = comparison.official("surface")["settings"]
    here = comparison.here("surface")["settings"]
    assert set(official) - set(here) == set()
    changed = {name for name in set(official) & set(here) if official[name] != here[name]}
    assert changed == set(CHANGED_DEFAULTS)


@pytest.mark.parametrize("part", ["client", "exception", "model"])
def test_instances_have_the_same_attributes(comparison, part):
    assert (
        set(comparison.official("surface")[part]) - set(comparison.here("surface")[part]) == set()
    )
