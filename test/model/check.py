"""Explore the model of the refresh protocol: ``python test/model/check.py [RULE ...] [--trace]``.

Without a rule, all of it: the whole model must break no assertion and come to no deadlock, and
each model that lacks one rule must. With rules, only the models that lack these. ``--trace``
prints the shortest way to what breaks. Needs Debian's ``spin`` and ``gcc``; takes about ten
minutes and 2 GB of memory.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

MODEL = Path(__file__).with_name("refresh.pml")
MEMORY_MB = 6000

# One thread in each process is small enough for many faults. Two in each leave room for one, or for
# what the owner of the account does; both together for three threads. Three readers beside a login
# need no fault at all. The clock moves where there is room for it.
TWO_BY_ONE = "-DONE_THREAD -DFAULTS=3"
TWO_BY_TWO = "-DFAULTS=1 -DCLOCK=false"
TWO_BY_TWO_LATER = "-DFAULTS=0"
TWO_BY_TWO_OWNED = "-DFAULTS=0 -DCLOCK=false"
THREE = "-DTHREE_THREADS -DFAULTS=1 -DCLOCK=false"
READERS = "-DREADERS -DFAULTS=0 -DEXPIRED=0"
OWNERS = ("nothing", "login", "revoke", "delete")
WHOLE = [
    *("-DOWNER=%s %s" % (owner, TWO_BY_ONE) for owner in OWNERS),
    *("-DOWNER=%s %s" % (owner, THREE) for owner in OWNERS[1:]),
    *("-DOWNER=%s %s" % (owner, TWO_BY_TWO_OWNED) for owner in OWNERS[1:]),
    "-DOWNER=nothing " + TWO_BY_TWO,
    "-DOWNER=nothing " + TWO_BY_TWO_LATER,
    "-DOWNER=login " + READERS,
    "-DOWNER=revoke " + READERS,
]

OLD_TOKEN_SENT = "successor"
DELETED_CAME_BACK = "deleted"
OLDER_TOKEN_HANDED_OUT = "token>=floor"
WAITS_FOR_EVER = "invalid end state"


class Rule(NamedTuple):
    """A rule of the model: where the code states it, how the model breaks without it, and the test
    of the code that follows the shortest way there."""

    stated: str  # R1 to R12 of ultracart/oauth/refresher.py
    options: str
    breaks: str
    test: str


RULES = {
    "WAKE": Rule(
        "R4",
        "-DOWNER=nothing " + TWO_BY_TWO,
        WAITS_FOR_EVER,
        "test_single_flight.py::test_an_interrupted_leader_leaves_the_work_to_the_next",
    ),
    "LOCK": Rule(
        "R5",
        "-DOWNER=nothing " + TWO_BY_ONE,
        OLD_TOKEN_SENT,
        "test_newest_token.py::test_a_lock_that_was_not_had_is_an_error",
    ),
    "READ_AGAIN": Rule(
        "R5",
        "-DOWNER=nothing " + TWO_BY_ONE,
        OLD_TOKEN_SENT,
        "test_sharing.py::test_two_that_find_it_expired_at_once_refresh_once",
    ),
    "ROLL_BACK": Rule(
        "R5",
        "-DOWNER=nothing " + TWO_BY_ONE,
        WAITS_FOR_EVER,
        "test_interrupts.py::test_the_next_one_gets_through_after_a_real_signal",
    ),
    "PENDING": Rule(
        "R6",
        "-DOWNER=nothing " + TWO_BY_TWO,
        OLD_TOKEN_SENT,
        "test_faults.py::test_a_store_that_fails_for_a_time_does_not_cost_the_grant",
    ),
    "LATER_READ": Rule(
        "R6",
        "-DOWNER=nothing " + TWO_BY_TWO,
        OLD_TOKEN_SENT,
        "test_store_recheck.py::test_a_rolled_back_refresh_is_found_again",
    ),
    "COMPARE": Rule(
        "R7",
        "-DOWNER=delete " + TWO_BY_ONE,
        DELETED_CAME_BACK,
        "test_sharing.py::test_a_revoke_or_delete_that_races_a_refresh_wins",
    ),
    "VERSION": Rule(
        "R7",
        "-DOWNER=login " + READERS,
        OLDER_TOKEN_HANDED_OUT,
        "test_endings.py::test_what_was_read_while_it_was_revoked_is_not_kept",
    ),
    "NEWCOMER": Rule(
        "R7",
        "-DOWNER=login " + READERS,
        OLDER_TOKEN_HANDED_OUT,
        "test_newest_token.py::test_a_login_outdates_what_another_thread_has_in_hand",
    ),
    "FORGET": Rule(
        "R7",
        "-DOWNER=revoke " + READERS,
        OLDER_TOKEN_HANDED_OUT,
        "test_endings.py::test_what_was_read_while_it_was_revoked_is_not_kept",
    ),
}


def explore(folder: Path, options: str, *, shortest: bool = False) -> tuple[str, str]:
    """What breaks first in the model with these options ("" if nothing), and the size of it."""
    run(folder, "spin", "-a", *options.split(), str(MODEL))
    search = ["-DBFS"] if shortest else []
    memory = "-DMEMLIM=%d" % MEMORY_MB
    run(folder, "gcc", "-O2", "-DSAFETY", "-DCOLLAPSE", memory, *search, "-o", "pan", "pan.c")
    printed = run(folder, "./pan", "-m100000", "-w24")
    cut_short = "max search depth" in printed or "Search not completed" in printed
    if cut_short and "pan:1:" not in printed:
        sys.exit("%s: the model was not explored whole\n%s" % (options, printed))
    broken = re.search(r"pan:1: (.+?)(?: \(at depth \d+\))?$", printed, re.MULTILINE)
    states = re.search(r"(\S+) states, stored", printed)
    return broken.group(1) if broken else "", states.group(1) if states else "?"


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit("%s\n%s%s" % (" ".join(command), done.stdout, done.stderr))
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("rules", nargs="*", metavar="RULE", help=", ".join(RULES))
    parser.add_argument("--trace", action="store_true")
    asked = parser.parse_args()
    unknown = sorted({*asked.rules} - {*RULES})
    if unknown:
        parser.error("no such rule: %s" % ", ".join(unknown))
    failed = 0
    passed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for options in [] if asked.rules else WHOLE:
            broken, states = explore(folder, options)
            print("whole      %-45s %12s states  %s" % (options, states, broken or "holds"))
            failed += bool(broken)
            passed += not broken
        for rule in asked.rules or RULES:
            _, options, breaks, test = RULES[rule]
            broken, _ = explore(folder, "%s -DNO_%s" % (options, rule), shortest=asked.trace)
            print("without %-11s %s\n    %s" % (rule, broken or "NOTHING BREAKS", test))
            failed += breaks not in broken
            passed += breaks in broken
            if asked.trace:
                print(run(folder, "spin", "-t", "-p", "-g", *options.split(), str(MODEL)))
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
