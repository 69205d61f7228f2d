"""Which module may import which: the floors of the package, as data."""

from __future__ import annotations

from typing import NamedTuple


class Floor(NamedTuple):
    """A module or subpackage, the floors below that it may import, and the packages of others.

    The files of one floor may import each other.
    """

    name: str
    below: str = ""
    packages: str = ""


# Lowest first: a floor imports only from the floors that its line names, all of them above it in
# this list. A longer name wins: ``oauth.stores.sqlalchemy`` is a floor of its own.
FLOORS = [
    Floor("locks"),
    Floor("version"),
    Floor("json_body"),
    Floor("hosts"),
    Floor("exceptions", "json_body"),
    Floor("forks"),
    Floor("turns", "locks forks"),
    Floor("late_imports", "exceptions forks"),
    Floor("redaction"),
    Floor("debug_log", "locks forks redaction"),
    Floor("configuration", "version exceptions redaction debug_log"),
    Floor("sending", "json_body exceptions", packages="six"),
    Floor("serialization", "json_body exceptions late_imports", packages="dateutil"),
    Floor("files", "exceptions sending"),
    Floor("models", "exceptions redaction"),
    Floor("model", "models"),
    Floor(
        "transport",
        "locks json_body hosts exceptions redaction forks configuration sending",
        packages="certifi",
    ),
    # The one module on urllib3.
    Floor(
        "rest",
        "exceptions redaction forks debug_log configuration transport",
        packages="urllib3",
    ),
    Floor("async_calls", "locks"),
    Floor("paging", "exceptions"),
    Floor("downloads", "exceptions transport"),
    Floor(
        "everyday",
        "exceptions late_imports configuration sending transport paging downloads",
    ),
    Floor(
        "api_client",
        "version json_body exceptions late_imports configuration sending serialization files "
        "models transport rest async_calls everyday",
    ),
    Floor("api", "exceptions configuration models api_client async_calls", packages="urllib3"),
    Floor("apis", "api"),
    Floor("official", "exceptions"),
    Floor("oauth.token", "exceptions models"),
    Floor("oauth.stores", "locks turns exceptions forks oauth.token"),
    # Published for users' own test suites.
    Floor("oauth.stores.contract", "exceptions oauth.token oauth.stores", packages="pytest"),
    Floor("oauth.stores.psycopg_deadline", packages="psycopg"),
    Floor(
        "oauth.stores.engines",
        "exceptions oauth.stores oauth.stores.psycopg_deadline",
        packages="sqlalchemy",
    ),
    Floor("oauth.stores.sql_locks", "exceptions oauth.stores", packages="sqlalchemy"),
    Floor(
        "oauth.stores.sqlalchemy",
        "turns exceptions forks oauth.token oauth.stores oauth.stores.sql_locks "
        "oauth.stores.engines",
        packages="sqlalchemy",
    ),
    Floor(
        "oauth",
        "json_body hosts late_imports locks turns forks exceptions configuration models transport "
        "api_client api oauth.token oauth.stores oauth.stores.sqlalchemy",
        packages="anyio",
    ),
    # Nothing of the client, so that one mistake cannot make both agree; locks are no client's.
    Floor("sandbox", "locks", packages="authlib flask werkzeug"),
    Floor("pytest_plugin", "sandbox", packages="pytest"),
    Floor(
        "commands",
        "version hosts exceptions redaction configuration models transport api_client api oauth "
        "oauth.token oauth.stores sandbox",
    ),
    Floor(
        "commands.upkeep",
        "exceptions configuration oauth oauth.stores oauth.stores.sqlalchemy commands",
        packages="cryptography",
    ),
    # Tells a shell what could follow.
    Floor("commands.completion", "exceptions oauth commands", packages="argcomplete"),
    Floor("cli", "commands"),
    Floor("__main__", "cli"),
]

# Imports inside functions, and why each is not at the top of its file.
LATE_IMPORTS = {
    ("ultracart", "importlib"): "public names are resolved when they are first used",
    ("ultracart", "importlib.util"): "only dir() needs it",
    ("ultracart.oauth", "importlib.util"): "as above",
    ("ultracart.configuration", "ultracart.debug_log"): "logging costs more than the module",
    ("ultracart.configuration", "warnings"): "only a misspelt setting needs it",
    ("ultracart.configuration", "difflib"): "as above",
    ("ultracart.configuration", "platform"): "only the debug report needs it",
    (
        "ultracart.late_imports",
        "ultracart.forks",
    ): "it imports logging",
    ("ultracart.models.model", "pprint"): "only what is shown to people needs it",
    ("ultracart.redaction", "re"): "as below",
    ("ultracart.redaction", "html"): "only a failed call pays for it",
    ("ultracart.redaction", "json"): "only a failed call pays for it",
    ("ultracart.redaction", "urllib.parse"): "only a failed call pays for it",
    ("ultracart.configuration", "base64"): "only HTTP Basic needs it",
    ("ultracart.exceptions", "re"): "only a redirect needs it",
    ("ultracart.json_body", "json"): "only answers need it",
    ("ultracart.sending", "urllib.parse"): "only path parameters need it",
    ("ultracart.sending", "decimal"): "only values of such types need it",
    ("ultracart.sending", "enum"): "as above",
    ("ultracart.sending", "numbers"): "as above",
    ("ultracart.sending", "uuid"): "as above",
    ("ultracart.serialization", "json"): "only responses need it",
    ("ultracart.sending", "six"): "only text beyond ASCII needs it",
    ("ultracart.transport.tls", "certifi"): "not where the user has CA certificates",
    ("ultracart.transport.tls", "unicodedata"): "only international names need it",
    ("ultracart.transport.settings", "importlib.util"): "only SOCKS needs it",
    ("ultracart.rest", "urllib3.contrib"): "it needs PySocks",
    ("ultracart.transport.settings", "urllib"): "only proxies from the environment need it",
    ("ultracart.oauth.session", "ultracart.oauth.client_auth"): "few programs need it",
    ("ultracart.oauth.client_auth", "asyncio"): "only coroutines need it",
    ("ultracart.oauth.client_auth", "anyio"): "only trio needs it; httpx brings it",
    ("ultracart.official", "ultracart.official.stub"): "written once, by hand",
    ("ultracart.official.importer", "ultracart.official.version4"): "3.x does not need it",
    ("ultracart.commands.completion", "argcomplete"): "the extra is optional",
    ("ultracart.commands.upkeep", "ultracart.oauth.stores.sqlalchemy"): "as above",
    ("ultracart.commands.upkeep", "cryptography.fernet"): "needed for keys alone",
    ("ultracart.pytest_plugin", "ultracart.sandbox"): "the extra is optional",
    (
        "ultracart.oauth.stores.engines",
        "ultracart.oauth.stores.psycopg_deadline",
    ): "the driver may be another",
}
