"""The whole grid of cases, which both SDKs run."""

from __future__ import annotations

from . import call_cases, derived_cases, helper_cases, oauth_cases, reading_cases

CASES = [
    *oauth_cases.CASES,
    *call_cases.CASES,
    *reading_cases.CASES,
    *helper_cases.CASES,
    *derived_cases.CASES,
]
