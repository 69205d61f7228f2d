"""What ``run.py`` changes, which tests hold it, and which changes tell nothing."""

from __future__ import annotations

#: Module below ultracart/ -> the tests that hold it, below test/.
TARGETS = {
    "redaction": "core/test_redaction.py hostile/test_showing.py",
    "hosts": "core/test_hosts.py",
    "oauth/authorization": "oauth/test_authorization.py oauth/test_binding.py "
    "oauth/test_pending_logins.py",
    "oauth/browser": "cli/test_local_login.py cli/test_login.py::test_browser_that_stays_open",
    "oauth/checks": "oauth/test_misuse.py oauth/test_session.py oauth/test_authorization.py "
    "oauth/test_grants.py oauth/test_store_recheck.py oauth/test_sharing.py",
    "oauth/cli_logins": "cli/test_local_login.py",
    "oauth/client_auth": "oauth/test_client_auth.py",
    "oauth/consent": "oauth/test_authorization.py oauth/test_newest_token.py",
    "oauth/data_directory": "cli/test_local_login.py",
    "oauth/device": "oauth/test_device.py",
    "oauth/events": "oauth/test_events.py",
    "oauth/grants": "oauth/test_grants.py oauth/test_endings.py oauth/test_events.py "
    "oauth/test_binding.py oauth/test_newest_token.py oauth/test_sharing.py "
    "oauth/test_store_recheck.py::test_a_revoked_grant_s_save_is_not_kept",
    "oauth/local_login": "cli/test_local_login.py",
    "oauth/loopback": "cli/test_loopback.py",
    "oauth/pending_logins": "oauth/test_pending_logins.py",
    "oauth/refresher": "oauth/test_session.py oauth/test_sharing.py oauth/test_endings.py "
    "oauth/test_newest_token.py oauth/test_binding.py oauth/test_grants.py "
    "oauth/test_refusals.py oauth/test_events.py oauth/test_store_recheck.py oauth/test_faults.py",
    "oauth/refusals": "oauth/test_refusals.py oauth/test_grants.py",
    "oauth/request_limiter": "oauth/test_request_limiter.py",
    "oauth/safe_store": "oauth/test_faults.py oauth/test_newest_token.py oauth/test_endings.py "
    "oauth/test_store_recheck.py oauth/test_binding.py oauth/test_sharing.py oauth/test_misuse.py "
    "oauth/test_refusals.py",
    "oauth/session": "oauth/test_session.py oauth/test_misuse.py oauth/test_sharing.py "
    "oauth/test_client_auth.py oauth/test_request_limiter.py oauth/test_authorization.py "
    "oauth/test_device.py oauth/test_store_recheck.py oauth/test_grants.py "
    "cli/test_local_login.py",
    "oauth/single_flight": "oauth/test_single_flight.py",
    "oauth/stores/base": "oauth/test_private_files.py oauth/test_copying.py oauth/test_misuse.py "
    "oauth/test_sqlite_store.py oauth/test_store_contract.py::TestEncryptedSQLiteTokenStore",
    "oauth/stores/copying": "oauth/test_copying.py",
    "oauth/stores/engines": "oauth/test_sql_engines.py "
    "oauth/test_pgbouncer.py::test_an_engine_that_prepares_statements_is_named_once_and_serves "
    "oauth/test_pgbouncer.py::test_the_option_is_understood_in_the_url "
    "oauth/test_pgbouncer.py::test_an_option_that_means_nothing_is_refused",
    "oauth/stores/file_lock": "oauth/test_file_lock.py oauth/test_private_files.py "
    "oauth/test_locks_in_trouble.py",
    "oauth/stores/lock_errors": "oauth/test_faults.py",
    "oauth/stores/memory": "oauth/test_locks_in_trouble.py "
    "oauth/test_store_contract.py::TestMemoryTokenStore",
    "oauth/stores/private_file": "oauth/test_private_files.py",
    "oauth/stores/sql_locks": "oauth/test_sqlalchemy_store.py oauth/test_mysql_store.py "
    "oauth/test_sql_engines.py",
    "oauth/stores/sqlalchemy": "oauth/test_sqlalchemy_store.py oauth/test_sql_engines.py "
    "oauth/test_mysql_store.py "
    "oauth/test_private_files.py oauth/test_store_contract.py::TestSQLAlchemyOnSQLite "
    "oauth/test_forks.py::test_a_child_does_not_close_the_connections_of_its_parent_s_store",
    "oauth/stores/sqlite": "oauth/test_sqlite_store.py oauth/test_private_files.py "
    "oauth/test_store_contract.py::TestSQLiteTokenStore",
    "oauth/token": "oauth/test_token.py",
    "oauth/token_cache": "oauth/test_growth.py oauth/test_session.py oauth/test_endings.py "
    "oauth/test_sharing.py "
    "oauth/test_newest_token.py oauth/test_refusals.py oauth/test_faults.py oauth/test_uptime.py "
    "oauth/test_store_recheck.py oauth/test_grants.py",
    "oauth/token_endpoint": "oauth/test_faults.py oauth/test_session.py oauth/test_device.py "
    "oauth/test_refusals.py oauth/test_grants.py oauth/test_events.py oauth/test_authorization.py",
    "sandbox/pages": "sandbox/test_pages.py sandbox/test_authorize.py sandbox/test_hardening.py",
    "transport/call": "core/test_credentials.py core/test_everyday.py hostile/test_bounded.py "
    "hostile/test_secrets.py hostile/test_odd_moments.py core/test_changes.py",
    "transport/connection": "hostile/test_framing.py hostile/test_bounded.py "
    "hostile/test_nothing_twice.py hostile/test_host_names.py "
    "hostile/test_certificates.py hostile/test_socks.py hostile/test_odd_moments.py "
    "core/test_connections.py",
    "transport/limits": "hostile/test_bounded.py hostile/test_nothing_twice.py "
    "hostile/test_arguments.py hostile/test_answers.py core/test_configuration.py "
    "oauth/test_request_limiter.py",
    "transport/message": "core/test_sending.py core/test_uploads.py hostile/test_sent_as_meant.py "
    "hostile/test_arguments.py core/test_credentials.py core/test_plain_use.py "
    "hostile/test_framing.py hostile/test_nothing_elsewhere.py",
    "transport/pools": "core/test_connections.py hostile/test_objects.py "
    "hostile/test_certificates.py hostile/test_odd_moments.py core/test_copies.py "
    "core/test_changes.py hostile/test_processes.py",
    "transport/settings": "hostile/test_arguments.py hostile/test_nothing_elsewhere.py "
    "hostile/test_socks.py core/test_configuration.py hostile/test_host_names.py "
    "hostile/test_certificates.py hostile/test_odd_moments.py core/test_connections.py",
    "transport/tls": "hostile/test_host_names.py hostile/test_certificates.py "
    "hostile/test_names_of_servers.py hostile/test_framing.py hostile/test_arguments.py "
    "hostile/test_odd_moments.py hostile/test_nothing_elsewhere.py hostile/test_bounded.py",
    "transport/verbs": "core/test_replaced_parts.py core/test_plain_use.py",
    "turns": "oauth/test_locks.py oauth/test_request_limiter.py oauth/test_locks_in_trouble.py "
    "oauth/test_store_contract.py::TestMemoryTokenStore oauth/test_forks.py",
}
# Not here: transport/fast_paths is for speed alone; oauth/stores/contract is a test suite itself,
# which test/oauth/test_store_contract.py tries on broken stores; oauth/stores/psycopg_deadline
# needs a PostgreSQL server.
#: Modules whose tests need PostgreSQL and MariaDB, which every run of them starts anew.
ON_DATABASES = {"oauth/stores/engines", "oauth/stores/sql_locks", "oauth/stores/sqlalchemy"}
#: Operators of Cosmic Ray that tell nothing here, as patterns.
LEFT_OUT = [
    # ``X | None`` in an annotation is no expression that runs; the three other "|" join flags of
    # files and locks (oauth/stores/private_file and file_lock).
    "core/ReplaceBinaryOperator_BitOr_.*",
    # "%" only formats messages: with any other operator that is a TypeError, or a garbled text.
    "core/ReplaceBinaryOperator_Mod_.*",
    # One wrong result stands for all: "+" becomes "-", every other operator "+" and "-".
    "core/ReplaceBinaryOperator_[A-Za-z]+_(?!Add$|Sub$).*",
    # Whether equal values are one object is Python's business, not a rule of this package.
    "core/ReplaceComparisonOperator_(Eq|NotEq|Lt|LtE|Gt|GtE)_(Is|IsNot)$",
    # They need variable names as arguments.
    "core/Variable.*",
]
#: Lines whose changes tell nothing: names for the type checker.
LEFT_OUT_LINES = ["if TYPE_CHECKING:"]
