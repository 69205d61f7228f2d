"""Decides how a permission reads to a merchant: UltraCart's scope names in words."""

from __future__ import annotations

# Families whose plain name would not say what they hold.
_FAMILIES = {
    "affiliate": "affiliates",
    "auto_order": "auto orders",
    "channel_partner": "channel partners",
    "chargeback": "chargebacks",
    "checkout": "checkouts",
    "configuration": "account configuration",
    "conversation": "conversations",
    "coupon": "coupons",
    "customer": "customers",
    "fulfillment": "fulfillment",
    "gift_certificate": "gift certificates",
    "integration_log": "integration logs",
    "item": "items",
    "order": "orders",
    "storefront": "storefronts",
    "tax": "tax configuration",
    "user": "users",
    "webhook": "webhooks",
    "workflow": "workflow tasks",
}
_WHOLE = {
    "crm": "Use the customer relationship tools",
    "ultraship": "Use UltraShip",
    "ultrabooks_read": "Use UltraBooks (1 of 2)",
    "ultrabooks_write": "Use UltraBooks (2 of 2)",
}
_VERBS = {"read": "View", "write": "Create and change"}


def describe(scope: str) -> list[tuple[str, str]]:
    """Each permission of a scope as (name, words); an unknown name stands for itself."""
    return [(name, _words(name)) for name in dict.fromkeys(scope.split())]


def _words(name: str) -> str:
    family, _, kind = name.rpartition("_")
    if name in _WHOLE:
        return _WHOLE[name]
    if family in _FAMILIES and kind in _VERBS:
        return f"{_VERBS[kind]} {_FAMILIES[family]}"
    return name
