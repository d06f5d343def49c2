/* Host names, which pjsip asks for and never looks up by itself. See names.c. */
#ifndef HANDOFF_NAMES_H
#define HANDOFF_NAMES_H

#ifdef __cplusplus
extern "C" {
#endif

/* After libInit: from now on every name that pjsip wants resolved comes here. 0, or a status of pjlib. */
int handoff_names_install(void);

/* Until handoff_names_unpin(): `host` is at these addresses, in the order in which they are to be tried. Each
 * is "transport address port" (transport: udp, tcp or tls; IPv6 without brackets), with white space between
 * all of it. How many were taken, -1 when one of them can't be read: nothing is pinned then. */
int handoff_names_pin(const char *host, const char *addresses);
void handoff_names_unpin(void);

/* Names that pjsip waits for, asked for since the last time: "number transport port host", a line each (port 0
 * where the URI names none); good until the next call. What does not fit comes with the next. */
const char *handoff_names_drain(void);

/* What a name that was drained is at, as above; "" when it could not be looked up. 0, or -1 when that number
 * does not wait (any more) or an address can't be read; it is answered then all the same, as a failure. */
int handoff_names_answer(int number, const char *addresses);

/* Names that were refused since the start: SDP and the like ask for them on the thread that must not wait, or too
 * many were waited for. */
unsigned handoff_names_refused(void);

#ifdef __cplusplus
}
#endif
#endif
