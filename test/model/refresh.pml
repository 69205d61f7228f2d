/* The refresh protocol of ultracart/oauth/refresher.py, for Spin: two processes of two threads
 * share one store and one account, whose access token has expired at the start.
 *
 * Tokens are numbers in the order in which the server issues them; token 1 is stored at the start.
 * The server rotates refresh tokens: one that is sent again while its successor is unused gets
 * that successor again (the response was lost); one whose successor was used ends the grant.
 *
 * FAULTS times in all, at any step: a lost response, a save that fails, a COMMIT that fails, a
 * rollback without a word, a lock that times out, a killed process, a Ctrl-C. The clock moves on
 * once, and the owner of the account acts once: OWNER is login, revoke or delete.
 *
 * A model with -DNO_<RULE> lacks one rule; check.py lists the rules and what breaks without each.
 */

#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef CLOCK
#define CLOCK true
#endif
#ifndef EXPIRED
#define EXPIRED 1
#endif
#ifndef OWNER
#define OWNER nothing
#endif

#define TOKENS 8        /* the highest number of a token, and one more */
#define FREE 15
#define NONE 0
#define is_fresh(t) ((t) > expired)
#define may_fail (faults < FAULTS)
#define bit(t) (1 << (t))
#define in_store (written == FREE -> stored : written)
#define process(thread) ((thread) == 2 || (thread) == 3)

/* A step that nothing divides; CHANCE: with more than one outcome. A thread that was interrupted
 * or killed takes none. */
#define STEP if :: gone[me] -> goto over :: d_step { !gone[me] ->
#define STEP_WHEN(condition) if :: gone[me] -> goto over :: d_step { !gone[me] && (condition) ->
#define CHANCE if :: gone[me] -> goto over :: atomic { !gone[me] ->
#define END } fi

/* What has become of a save. */
#define NOT_YET 0
#define SAVED 1
#define REPLACED_MEANWHILE 2
#define FAILED 3

/* -- the server */
byte issued = 1;               /* the newest token */
byte successor[TOKENS];        /* of a refresh token that was used; 0: unused */
byte grant[TOKENS];            /* the login from which a token descends */
bool revoked[TOKENS];          /* by grant */
byte expired = EXPIRED;        /* access tokens up to this number have expired */

/* -- the store */
byte stored = 1;               /* what is committed */
byte written = FREE;           /* what the holder of the lock has written and not yet committed */
byte holder = FREE;            /* the thread that holds the account's lock */

/* -- each process */
byte cached[2];                /* the token in memory; 0: none */
byte version[2];               /* of the cache: changes with each login and revocation */
byte pending[2];               /* a token that the store may lack; 0: none */
byte predecessors[2];          /* bits of the tokens that the store may have in its place */
byte refreshing[2] = FREE;     /* the thread that refreshes for all */
byte result[2];                /* what it came to; 0: an error */
bool interrupted[2];           /* ... or a Ctrl-C, so that a waiter begins anew */

/* -- ghosts: what the assertions look at */
bool gone[5];                  /* threads that were interrupted or killed */
bool deleted = false;          /* the account was deleted, and there was no login since */
byte received[2];              /* bits of the tokens that this process has been sent */
byte at_least[2];              /* what a call that begins now must be handed at the least */
byte faults = 0;
bool begun[2];

/* The holder of the lock sees its own write. A read outside the lock that shows the pending token
 * confirms its save. */
inline load(into) {
    if
    :: holder == me -> into = in_store
    :: else ->
        into = stored;
        if
        :: into != NONE && into == pending[p] -> pending[p] = NONE; predecessors[p] = 0
        :: else
        fi
    fi
}

inline look() { since = version[p]; entry = cached[p] }

/* RULE VERSION: keep a token in memory only if the entry is as it was before the store was read. */
inline put(token, since, entry) {
#ifndef NO_VERSION
    if
    :: version[p] == since && cached[p] == entry -> cached[p] = token
    :: else ->
        if
        :: cached[p] != token -> cached[p] = NONE
        :: else
        fi
    fi;
#else
    cached[p] = token;
#endif
    since = 0; entry = 0
}

/* RULE FORGET: a revocation changes the version and drops the entry. */
inline forget() {
#ifndef NO_FORGET
    version[p]++; cached[p] = NONE
#else
    skip
#endif
}

/* RULE PENDING: before a token is saved, it is noted together with those that the store may show
 * in its place. */
inline begin_save(old, new) {
#ifndef NO_PENDING
    if
    :: pending[p] == new || (pending[p] == old && pending[p] != NONE) ->
        predecessors[p] = predecessors[p] | bit(old)
    :: else -> predecessors[p] = bit(old)
    fi;
    pending[p] = new
#else
    skip
#endif
}

/* RULE COMPARE: save only in place of the token that was refreshed. */
inline replace(old, new, ok) {
    if
    :: may_fail -> faults++; ok = FAILED
    :: true ->
        if
#ifndef NO_COMPARE
        :: in_store != old -> ok = REPLACED_MEANWHILE
        :: in_store == old -> written = new; ok = SAVED
#else
        :: true -> written = new; ok = SAVED
#endif
        fi
    fi
}

/* Leave the lock, which commits. outcome: whether that was said to have worked. */
inline unlock(outcome, quietly) {
    if
    :: written != FREE && may_fail -> faults++; outcome = false
    :: written != FREE && may_fail && quietly -> faults++; outcome = true
    :: true ->
        outcome = true;
        if
        :: written != FREE ->
            assert(!(deleted && written != NONE));     /* no deleted account comes back */
            stored = written;
            if
            :: stored == NONE -> deleted = true
            :: else
            fi
        :: else
        fi
    fi;
    written = FREE;
    holder = FREE
}

/* Leave the lock with an error, which rolls back. */
inline roll_back(thread) {
    if
    :: holder == thread -> written = FREE; holder = FREE
    :: else
    fi
}

/* POST /oauth/token. new: what was issued; 0: invalid_grant. */
inline post(token, new) {
    /* A refresh token is not sent once its successor is stored or was received here. */
    assert(successor[token] == NONE ||
           (stored != successor[token] && !(received[p] & bit(successor[token]))));
    if
    :: revoked[grant[token]] -> new = NONE
    :: else ->
        if
        :: successor[token] == NONE ->
            issued++;
            successor[token] = issued;
            grant[issued] = grant[token];
            new = issued
        :: else ->
            if
            :: successor[successor[token]] == NONE -> new = successor[token]
            :: else -> revoked[grant[token]] = true; new = NONE
            fi
        fi
    fi
}

/* RULE ADOPT: the stored token, if somebody else has refreshed it. */
inline read_newer() {
    load(token);
    if
    :: token != NONE && token != seen && is_fresh(token)
    :: else -> token = NONE
    fi
}

/* Two attempts; a response that is lost may have been the one with the next refresh token. */
inline send() {
    attempts = 0;
    do
    :: STEP
        attempts++;
        post(old, new) END;
        if
        :: gone[me] -> goto over
        :: atomic { !gone[me] && new != NONE && may_fail -> faults++; new = NONE };
            if
            :: attempts == 2 -> ok = FAILED; break
            :: else
            fi
        :: d_step { !gone[me] && new != NONE ->
            received[p] = received[p] | bit(new);
            begin_save(old, new) };
            ok = NOT_YET;
            break
        :: new == NONE -> ok = FAILED; break
        fi
    od
}

/* What a process could not save before goes first. ok: NOT_YET where a request is due. */
inline save_pending() {
    CHANCE
        if
        :: pending[p] != NONE && (predecessors[p] & bit(old)) ->
            new = pending[p];
            begin_save(old, new);
            replace(old, new, ok)
        :: else -> new = old; ok = SAVED
        fi;
        if
        :: ok == SAVED && !is_fresh(new) -> old = new; ok = NOT_YET
        :: else
        fi END
}

inline after_save() {
    CHANCE
        if
        :: ok == NOT_YET -> replace(old, new, ok)
        :: else
        fi;
        if
        :: ok == FAILED -> roll_back(me)
        :: ok == REPLACED_MEANWHILE ->
            if
            :: pending[p] == new -> pending[p] = NONE; predecessors[p] = 0
            :: else
            fi;
            load(token);
            if
            :: token == NONE -> forget()
            :: else
            fi;
            look();
            unlock(outcome, false)
        :: ok == SAVED ->
            look();
            unlock(outcome, true);
            if
            :: outcome ->
                token = new;
#ifdef NO_LATER_READ
                pending[p] = NONE;
                predecessors[p] = 0
#endif
            :: else
            fi
        fi END;
    if
    :: token != NONE -> STEP put(token, since, entry) END
    :: else
    fi
}

/* RULE READ AGAIN, once the lock is held: what was read before may be outdated. */
inline read_again() {
#ifndef NO_READ_AGAIN
    look();
    read_newer();
    load(old)
#else
    old = seen
#endif
}

inline under_lock() {
    if
    :: token != NONE ->
        CHANCE put(token, since, entry); unlock(outcome, false) END
    :: token == NONE && old == NONE ->
        STEP forget(); roll_back(me) END
    :: token == NONE && old != NONE ->
        save_pending();
        if
        :: ok == NOT_YET -> send()
        :: else
        fi;
        after_save()
    fi
}

/* token: the result; 0: an error. */
inline refresh() {
    STEP read_newer() END;
    if
    :: token != NONE -> STEP put(token, since, entry) END
    :: else ->
        if
        :: gone[me] -> goto over
        :: d_step { !gone[me] && holder == FREE -> holder = me; read_again(); ok = NOT_YET }
        :: d_step { !gone[me] && holder != FREE && may_fail ->
            faults++;
#ifdef NO_LOCK
            read_again();
#endif
            ok = FAILED }
        fi;
        if
#ifndef NO_LOCK
        :: ok == FAILED                             /* RULE LOCK: no refresh without it */
#endif
        :: else -> under_lock()
        fi
    fi
}

/* One thread refreshes, the others wait for its result or its error. This saves requests; what
 * keeps the grant is the lock of the store and the reading under it. */
inline share_one_refresh() {
    STEP
        if
        :: refreshing[p] != FREE
        :: else -> refreshing[p] = me; interrupted[p] = false; look()
        fi END;
    if
    :: refreshing[p] == me ->
        refresh();
        STEP result[p] = token; refreshing[p] = FREE END
    :: else ->
        STEP_WHEN(refreshing[p] == FREE)
            token = result[p];
            again = (token == NONE && interrupted[p]) END
    fi
}

/* A thread that calls session.access_token(). */
proctype caller(byte p; byte me) {
    byte floor, seen, token, since, entry, old, new, ok, attempts;
    bool outcome, again;

    /* The two threads of a process are equal: which of them begins is no difference. */
    do
    :: STEP_WHEN(me % 2 == 0 || begun[p])
            begun[p] = true;
            if
            :: again
            :: else -> floor = at_least[p]
            fi;
            again = false;
            seen = cached[p];
            token = (seen != NONE && is_fresh(seen) -> seen : NONE);
            if
            :: seen == NONE -> look()
            :: else
            fi END;
        if
        :: seen == NONE ->
            STEP load(seen) END;
            if
            :: seen != NONE ->
                STEP put(seen, since, entry); token = (is_fresh(seen) -> seen : NONE) END
            :: else
            fi
        :: else
        fi;
        if
        :: seen != NONE && token == NONE -> share_one_refresh()
        :: else                                     /* valid; or none: ReauthorizationRequired */
        fi;
        if
        :: !again -> break
        :: else
        fi
    od;
    STEP
        if
        :: token != NONE ->
            assert(token >= floor);       /* nobody is handed an older token than before */
            if
            :: at_least[p] < token -> at_least[p] = token
            :: else
            fi
        :: else
        fi END;
over:
    skip
}

/* RULE NEWCOMER: what anybody read before a login is old. */
inline login() {
    STEP_WHEN(holder == FREE)
        holder = me;
        issued++; token = issued; grant[token] = token;
        written = token END;
    CHANCE
        look();
        if
        :: may_fail -> faults++
        :: true -> outcome = true; deleted = false; stored = token
        fi;
        written = FREE;
        holder = FREE END;
    STEP
        if
        :: outcome ->
            put(token, since, entry);
#ifndef NO_NEWCOMER
            version[p]++;
#endif
            at_least[p] = token
        :: else
        fi END
}

inline revoke() {
    STEP_WHEN(holder == FREE) holder = me END;
    STEP
        load(old);
        if
        :: old != NONE ->
            if
            :: pending[p] != NONE && (predecessors[p] & bit(old)) -> old = pending[p]
            :: else
            fi;
            revoked[grant[old]] = true;
            written = NONE
        :: else
        fi END;
    CHANCE unlock(outcome, false) END;
    STEP
        forget();
        if
        :: outcome && old != NONE -> at_least[p] = issued + 1
        :: else
        fi END
}

inline nothing() { skip }

/* Without the lock; it waits only for a writer, as the lock of a row makes it. */
inline delete() { STEP_WHEN(written == FREE) stored = NONE; deleted = true END }

proctype owner_of_account(byte p; byte me) {
    byte since, entry, token, old;
    bool outcome;

    OWNER();
over:
    skip
}

/* RULE WAKE: an interrupted thread wakes those who wait for it; RULE ROLL BACK: it leaves the lock. */
inline interrupt(thread) {
    d_step {
        may_fail -> faults++;
        gone[thread] = true;
        begun[process(thread)] = true;
#ifndef NO_ROLL_BACK
        roll_back(thread);
#endif
#ifndef NO_WAKE
        if
        :: refreshing[process(thread)] == thread ->
            result[process(thread)] = NONE;
            interrupted[process(thread)] = true;
            refreshing[process(thread)] = FREE
        :: else
        fi
#endif
    }
}

inline kill(a, b, c) {
    d_step {
        may_fail -> faults++;
        gone[a] = true; gone[b] = true; gone[c] = true;
        if
        :: holder == a || holder == b || holder == c -> written = FREE; holder = FREE
        :: else
        fi
    }
}

proctype trouble() {
end:
    if
    :: interrupt(0)
    :: interrupt(1)
    :: interrupt(2)
    :: kill(0, 1, 4)
    :: kill(2, 3, 3)
    fi
}

proctype clock() {
end:
    d_step { CLOCK && issued > 1 -> expired = issued }
}

init {
    atomic {
        grant[1] = 1;
#if defined(READERS)
        run caller(0, 0); run caller(0, 1); run caller(0, 3);
#elif defined(ONE_THREAD)
        run caller(0, 0); run caller(1, 2);
#elif defined(THREE_THREADS)
        run caller(0, 0); run caller(0, 1); run caller(1, 2);
#else
        run caller(0, 0); run caller(0, 1); run caller(1, 2); run caller(1, 3);
#endif
        run owner_of_account(0, 4);
        run trouble();
        run clock()
    }
}
