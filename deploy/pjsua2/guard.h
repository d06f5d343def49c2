/* Guard: decides about SIP requests before the stack spends anything on them. See guard.c.
 *
 * Everything here is called on the one thread that polls pjsip. Python sees these names as
 * pjsua2.handoff_guard_...; SWIG reads this file.
 */
#ifndef HANDOFF_GUARD_H
#define HANDOFF_GUARD_H

#ifdef __cplusplus
extern "C" {
#endif

/* Which counter; names come from handoff_guard_counter_name(). New ones are added at the end. */
enum handoff_guard_counter_id {
    HANDOFF_GUARD_UNKNOWN_SOURCE,       /* request from a stranger, dropped or answered 403 */
    HANDOFF_GUARD_DRAINING,             /* new INVITE refused 503, by the cause that was set */
    HANDOFF_GUARD_OVER_LIMIT,           /* ... or by the rate limit */
    HANDOFF_GUARD_NOT_READY,
    HANDOFF_GUARD_METHOD_NOT_ALLOWED,   /* 405 */
    HANDOFF_GUARD_NOT_IMPLEMENTED,      /* 501 */
    HANDOFF_GUARD_TOO_MANY_HOPS,        /* 483 */
    HANDOFF_GUARD_TOO_LARGE,            /* 513, or too large to be answered at all */
    HANDOFF_GUARD_OPTIONS_ANSWERED,     /* out of a dialog, 200 or 503 */
    HANDOFF_GUARD_MALFORMED,            /* 400, 416, or no answer when none can be built */
    HANDOFF_GUARD_STRAY,                /* stranger's request with a To tag, but of no dialog */
    HANDOFF_GUARD_INVITES_ADMITTED,     /* new INVITEs that went on to the stack */
    HANDOFF_GUARD_INVITES_REPEATED,     /* their retransmissions, whatever became of the first */
    HANDOFF_GUARD_NO_TRANSACTION,       /* BYE or CANCEL of nothing we know, 481 */
    HANDOFF_GUARD_COUNTERS
};

/* After libInit and before transports. 0, or -1 (no endpoint, or pjsip refused the module). */
int handoff_guard_install(void);

/* Whitespace-separated IPv4/IPv6 addresses or CIDRs. Replaces the table as a whole and returns its
 * length; -1 and an unchanged table when any entry is wrong. An empty table knows nobody. */
int handoff_guard_set_sources(const char *cidrs);

/* The same, for those who may send requests inside a dialog of anybody's: voice agents whose requests come
 * from elsewhere than we call them at. None by default. */
int handoff_guard_set_peers(const char *cidrs);

#ifndef SWIG
/* 1 for a pj_sockaddr of the table of sources. */
int handoff_guard_knows(const void *from);
#endif

/* 0: strangers get no answer (default). 1: they get 403. */
void handoff_guard_set_unknown_source(int reject);

/* 1: OPTIONS get 200 and INVITEs pass. 0: both get 503 with Retry-After (left out when < 1). */
void handoff_guard_set_state(int admit, int retry_after_seconds);

/* Under which counter a 503 by state goes: 0 draining (default), 1 over_limit, 2 not_ready. */
void handoff_guard_set_cause(int cause);

/* New INVITEs per second; above it, and when `burst` is used up, 503. 0: no limit (default). */
void handoff_guard_set_rate(int calls_per_second, int burst);

/* 0 for a number that is no counter. Counters never fall while the process lives. */
unsigned long long handoff_guard_counter(int which);

/* NULL (None) past the last. */
/* The same, INVITEs only. */
unsigned long long handoff_guard_invites(int which);
const char *handoff_guard_counter_name(int which);

/* What this build can hold: 0 PJSUA_MAX_CALLS, 1 PJSUA_MAX_CONF_PORTS, 2 PJ_IOQUEUE_MAX_HANDLES,
 * 3 PJSIP_MAX_PKT_LEN, 4: 1 if built with NDEBUG. -1 for anything else. */
int handoff_guard_capacity(int what);

/* Call slots that pjsua holds now; those of ended calls linger until their last transaction is over. */
int handoff_guard_calls(void);

/* Before libCreate: nothing below an error is written to standard output while the library starts. */
void handoff_guard_quiet(void);

#ifdef __cplusplus
}
#endif
#endif
