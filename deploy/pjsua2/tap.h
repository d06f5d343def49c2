/* Tap: RTP and RTCP of chosen legs, copied to memory by the threads that carry them; see tap.c.
 *
 * All but the copying is called on the one thread that polls pjsip.
 */
#ifndef HANDOFF_TAP_H
#define HANDOFF_TAP_H

#ifndef SWIG
#include <pjmedia.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Copy all RTP and RTCP of a leg from now on, under this number (1 or more). 0, or -1 where the leg has no audio, or
 * there is no memory. A new stream of the leg goes on with it; its end ends it. */
int handoff_tap_on(int call_id, unsigned number);

/* No more of them. Harmless where there is none. */
void handoff_tap_off(int call_id);

/* Packets that were not copied because nobody had taken the others, since the start. */
unsigned long long handoff_tap_dropped(void);

#ifndef SWIG
enum handoff_tap_kind { HANDOFF_TAP_RTP = 0, HANDOFF_TAP_RTCP = 1 };

/* Of a leg: off, when it is all zeroes. */
typedef struct handoff_tap {
    unsigned number;            /* 0 for none; looked at without a lock, once a packet */
    pj_sockaddr ours[2];        /* of RTP and of RTCP; under the lock of the ring, as the next */
    pj_sockaddr theirs[2];
} handoff_tap;

static inline int handoff_tap_is_on(const handoff_tap *tap)
{
    return __atomic_load_n(&tap->number, __ATOMIC_RELAXED) != 0;
}

/* What handoff_tap_on() and off() do to a leg (relay.c). */
int handoff_tap_begin(handoff_tap *tap, unsigned number, const pj_sockaddr *rtp, const pj_sockaddr *rtcp);
void handoff_tap_end(handoff_tap *tap);

/* Where a leg sends to from now on; RTCP one port beyond RTP where it has no address. */
void handoff_tap_towards(handoff_tap *tap, const pj_sockaddr *rtp, const pj_sockaddr *rtcp);

/* Copies a packet of a leg that is tapped. `from` is where it came from, NULL for where the leg sends to. */
void handoff_tap_copy(handoff_tap *tap, enum handoff_tap_kind kind, int is_sent, const pj_sockaddr *from,
                      const void *packet, pj_ssize_t size);

/* What was copied since the last time, which is the caller's until the next: one after the other a head of
 * HANDOFF_TAP_HEAD bytes, in the byte order of the machine, and the packet:
 *   8 microseconds since 1970, 4 number of the tap, 2 bytes of the packet, 1 flags (1 sent, 2 RTCP, 4 IPv6), 1 unused,
 *   16 our address, 2 our port, 16 the far end's address, 2 its port */
#define HANDOFF_TAP_HEAD 52
const char *handoff_tap_taken(unsigned *length);
#endif

#ifdef __cplusplus
}
#endif
#endif
