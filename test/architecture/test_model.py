"""The model of the refresh protocol and the code name each other."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from ultracart.oauth import refresher

TESTS = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("check", TESTS / "model" / "check.py")
assert _spec is not None
assert _spec.loader is not None
check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check)


@pytest.mark.parametrize("name", check.RULES)
def test_a_rule_of_the_model_is_one_of_the_code_and_has_its_test(name):
    rule = check.RULES[name]
    assert re.search(r"^%s\b" % rule.stated, refresher.__doc__, re.MULTILINE)
    file, _, test = rule.test.partition("::")
    assert "def %s(" % test in (TESTS / "oauth" / file).read_text()


def test_no_switch_of_the_model_is_forgotten():
    switches = set(re.findall(r"\bNO_([A-Z_]+)", check.MODEL.read_text()))
    assert switches == set(check.RULES)
