/* Where a host is, for pjsip, which looks no name up. See resolve.c. */
#ifndef HANDOFF_RESOLVE_H
#define HANDOFF_RESOLVE_H

#ifdef __cplusplus
extern "C" {
#endif

/* After libInit: from now on pjsip asks here where a host is. 0, or a status of pjlib. */
int handoff_resolve_install(void);

/* Until handoff_resolve_unpin(): `host` is at these addresses, in the order in which they are to be tried. Each
 * is "transport address port" (transport: udp, tcp or tls; IPv6 without brackets), with white space between
 * all of it. How many were taken, -1 when one of them can't be read: nothing is pinned then. */
int handoff_resolve_pin(const char *host, const char *addresses);
void handoff_resolve_unpin(void);

#ifdef __cplusplus
}
#endif
#endif
