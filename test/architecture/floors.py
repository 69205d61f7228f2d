"""Decides which module of the package may import which: each entry imports only from above it."""

from __future__ import annotations

# "oauth.stores.*" means every module of that package without an entry of its own, and the names
# on the right may be such patterns. Inside one pattern the modules may import each other.
MAY_IMPORT = {
    # What everything rests on.
    "version": "",
    "exceptions": "",
    "redaction": "",
    "debug_log": "",
    "configuration": "version exceptions redaction debug_log",
    # Values and the wire; nothing here opens a connection.
    "files": "exceptions",
    "async_calls": "",
    "serialization": "exceptions",
    "models.model": "exceptions redaction",
    "models.*": "models.model",
    # The transport, and the one module on urllib3.
    "transport.*": "exceptions redaction debug_log configuration",
    "rest": "exceptions redaction configuration transport.*",
    # The generated-style client: the general call, then the operations.
    "api_client": "version exceptions configuration files async_calls serialization models.* rest",
    "api.oauth_api": "exceptions configuration models.* api_client",
    # Names that other SDKs use for the same classes.
    "api": "api.oauth_api",
    "apis": "api.oauth_api",
    "model.*": "models.*",
    # Sessions: values, stores, then the policy. The floors above do not know that they exist.
    "oauth.fork_safety": "",
    "oauth.token": "exceptions models.*",
    "oauth.stores.*": "exceptions oauth.fork_safety oauth.token",
    "oauth.*": (
        "exceptions redaction configuration models.* api_client api.oauth_api"
        " oauth.fork_safety oauth.token oauth.stores.*"
    ),
    # The sandbox shares nothing with the client, so that one mistake cannot make both agree.
    "sandbox.*": "",
    "pytest_plugin": "sandbox.*",
    # The command line, on top of both.
    "commands.*": (
        "version exceptions redaction configuration models.* api_client api.oauth_api"
        " transport.* oauth.token oauth.stores.* oauth.* sandbox.*"
    ),
    "cli": "version exceptions commands.*",
    "__main__": "cli",
}

# What is no part of Python. Everything outside this table imports the standard library only.
THIRD_PARTY = {
    "serialization": "six dateutil",
    "transport.tls": "certifi",
    "rest": "urllib3",
    "oauth.stores.sql_locks": "sqlalchemy",
    "oauth.stores.sqlalchemy": "sqlalchemy",
    "sandbox.*": "authlib flask werkzeug",
    "pytest_plugin": "pytest",
}

# An import inside a function hides a dependency, so each one gives its reason: what its cost would
# be elsewhere, or which installation it waits for.
INSIDE_FUNCTIONS = {
    ("", "importlib"): "public names are loaded when first used",
    ("models", "importlib"): "model classes are loaded when first used",
    ("oauth", "importlib"): "session and stores are loaded when first used",
    ("api_client", "rest"): "keeps urllib3 out of `import ultracart`",
    ("api_client", "async_calls"): "few programs call with async_req",
    ("api_client", "files"): "few programs send or receive files",
    ("configuration", "debug_log"): "logging costs more to import than the whole module",
    ("configuration", "platform"): "only the debug report needs it",
    ("redaction", "urllib.parse"): "only a failed call pays for it",
    ("transport.call", "debug_log"): "only a client in debug mode logs",
    ("transport.settings", "urllib"): "only a machine with a proxy needs it",
    ("serialization", "dateutil"): "only date and datetime values need it",
    ("models.model", "pprint"): "only people look at it",
    ("oauth.stores.sqlalchemy", "sqlalchemy"): "a dialect is needed on its own database only",
    ("pytest_plugin", "sandbox"): "pytest loads the plugin also where the extra is missing",
}
