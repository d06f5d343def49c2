/* Probe: OPTIONS to an address, to learn whether anybody answers there. See probe.c. */
#ifndef HANDOFF_PROBE_H
#define HANDOFF_PROBE_H

#ifdef __cplusplus
extern "C" {
#endif

/* Send OPTIONS to `uri` as `from`. A number above 0 that handoff_probe_drain() gives back, or -1 when it can't
 * be sent. Without an answer its status is 408, after the 32 s of RFC 3261 17.1.2. */
int handoff_probe_send(const char *uri, const char *from);

/* What came back since the last time: "number status", a line each; good until the next call. What does not
 * fit comes with the next. */
const char *handoff_probe_drain(void);

#ifdef __cplusplus
}
#endif
#endif
