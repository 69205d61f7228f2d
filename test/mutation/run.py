"""Mutation testing of what protects: ``python test/mutation/run.py [MODULE ...]``.

Cosmic Ray changes one expression of a module at a time, in a copy of the tree, and runs the tests
that hold the module. A change that no test notices must be listed in ``survivors.txt``, with the
reason why it makes no difference; at least 95 % of the others must be noticed. Without a module,
all of TARGETS; a module takes from a minute to an hour.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SURVIVORS = Path(__file__).with_name("survivors.txt")
ENOUGH = 0.95
#: Module below ultracart/ -> the tests that hold it, below test/.
TARGETS = {
    "redaction": "core/test_redaction.py hostile/test_showing.py",
    "oauth/authorization": "oauth/test_authorization.py oauth/test_pending_logins.py",
    "oauth/binding": "oauth/test_binding.py",
    "oauth/consent": "oauth/test_authorization.py oauth/test_newest_token.py",
    "oauth/loopback": "cli/test_loopback.py cli/test_login.py",
    "oauth/pending_logins": "oauth/test_pending_logins.py",
    "oauth/refusals": "oauth/test_refusals.py",
    "oauth/safe_store": "oauth/test_faults.py oauth/test_newest_token.py oauth/test_endings.py "
    "oauth/test_store_recheck.py",
    "oauth/single_flight": "oauth/test_single_flight.py",
    "oauth/token_cache": "oauth/test_endings.py oauth/test_sharing.py oauth/test_newest_token.py "
    "oauth/test_store_recheck.py",
    "oauth/refresher": "oauth/test_sharing.py oauth/test_endings.py oauth/test_newest_token.py "
    "oauth/test_refusals.py oauth/test_events.py oauth/test_store_recheck.py oauth/test_faults.py",
    "oauth/token_endpoint": "oauth/test_faults.py oauth/test_session.py oauth/test_device.py",
    "oauth/stores/base": "oauth/test_store_contract.py oauth/test_sqlite_store.py",
    "oauth/stores/file_lock": "oauth/test_file_lock.py oauth/test_private_files.py "
    "oauth/test_locks_in_trouble.py",
    "oauth/stores/private_file": "oauth/test_private_files.py",
    "sandbox/pages": "sandbox/test_pages.py sandbox/test_authorize.py sandbox/test_hardening.py",
    "transport/connection": "hostile/test_framing.py hostile/test_bounded.py",
    "transport/limits": "hostile/test_bounded.py hostile/test_nothing_twice.py",
    "transport/message": "hostile/test_arguments.py core/test_credentials.py",
    "transport/pools": "hostile/test_objects.py hostile/test_processes.py",
    "transport/tls": "hostile/test_host_names.py hostile/test_certificates.py",
}
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
]
CONFIGURATION = """
[cosmic-ray]
module-path = "ultracart/%(module)s.py"
timeout = 30.0
excluded-modules = []
test-command = "%(python)s -m pytest -x -q -p no:cacheprovider -p no:randomly %(tests)s"

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
exclude-operators = %(left_out)s
"""


class Mutant(NamedTuple):
    """One change of a module: the line as it was, and what became of it."""

    module: str
    operator: str
    before: str
    after: str

    def __str__(self) -> str:
        return ("%s: %s -> %s" % (self.module, self.before, self.after)).rstrip()


def mutants(module: str, tree: Path) -> tuple[int, list[Mutant]]:
    """How many changes of a module were tried, and those that no test noticed."""
    tests = " ".join("test/" + name for name in TARGETS[module].split())
    config, session = str(tree / "mutation.toml"), str(tree / "session.sqlite")
    values = {
        "module": module,
        "tests": tests,
        "python": sys.executable,
        "left_out": json.dumps(LEFT_OUT),
    }
    Path(config).write_text(CONFIGURATION % values, encoding="utf-8")
    Path(session).unlink(missing_ok=True)
    run(tree, "cosmic-ray", "init", config, session)
    run(tree, "cr-filter-operators", session, config)
    run(tree, "cosmic-ray", "baseline", config)
    run(tree, "cosmic-ray", "exec", config, session)
    tried, unnoticed = 0, []
    for line in run(tree, "cosmic-ray", "dump", session).splitlines():
        work, result = json.loads(line)
        if result is None or result["worker_outcome"] == "skipped":
            continue
        tried += 1
        if result["test_outcome"] == "survived":
            for mutation in work["mutations"]:
                unnoticed.append(_described(module, mutation["operator_name"], result["diff"]))
    return tried, unnoticed


def _described(module: str, operator: str, diff: str) -> Mutant:
    changed = {"-": "", "+": ""}
    for line in diff.splitlines()[2:]:
        if line[:1] in changed and not line.startswith(("---", "+++")):
            changed[line[0]] = changed[line[0]] or line[1:].strip()
    return Mutant(module, operator, changed["-"], changed["+"])


def run(folder: Path, *command: str) -> str:
    beside = str(Path(sys.executable).parent / command[0])
    done = subprocess.run([beside, *command[1:]], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit("%s\n%s%s" % (" ".join(command), done.stdout, done.stderr))
    return done.stdout


def explained() -> set[str]:
    """The changes that make no difference, as survivors.txt lists them."""
    lines = SURVIVORS.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith(("#", " "))}


def main(asked: list[str]) -> int:
    unknown = sorted({*asked} - {*TARGETS})
    if unknown:
        sys.exit("no such module: %s" % ", ".join(unknown))
    equal = explained()
    tried, unnoticed = 0, []
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        for folder in ("ultracart", "test", "docs"):
            shutil.copytree(ROOT / folder, tree / folder)
        for file in ("tox.ini", "README.md", "setup.py", "pyproject.toml"):
            shutil.copy(ROOT / file, tree)
        run(tree, "pip", "install", "--quiet", "--no-deps", "--editable", ".")
        for module in asked or TARGETS:
            count, survivors = mutants(module, tree)
            new = [mutant for mutant in survivors if str(mutant) not in equal]
            tried += count - (len(survivors) - len(new))
            unnoticed += new
            print("%-26s %4d tried, %3d unnoticed" % (module, count, len(new)), flush=True)
    for mutant in unnoticed:
        print(mutant)
    share = 1 - len(unnoticed) / max(tried, 1)
    print("%.1f %% of %d noticed" % (100 * share, tried))
    return share < ENOUGH


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
