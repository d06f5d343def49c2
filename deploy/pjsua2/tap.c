/* Tap: RTP and RTCP of chosen legs, copied to memory by the threads that carry them.
 *
 * Two buffers of fixed size: one is filled, and when the loop takes what is there they change places, so that nobody
 * waits for a copy of the whole. A packet that does not fit is dropped and counted. The lock is held for the copy of
 * one packet, or for the change; nothing else is taken under it. The buffers are there while anything is tapped, or
 * is still to be taken. What is seen is plain RTP: above SRTP, as the streams see it.
 */
#include <pjlib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include "tap.h"

#define ROOM    (2 * 1024 * 1024)   /* bytes of each buffer: 100 tapped legs for a second */

struct end {
    unsigned char address[16];
    unsigned short port;
} __attribute__((packed));

struct head {
    unsigned long long time;
    unsigned number;
    unsigned short length;
    unsigned char flags, unused;
    struct end ours, theirs;
} __attribute__((packed));

_Static_assert(sizeof(struct head) == HANDOFF_TAP_HEAD, "as tap.h tells it");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *filling, *taken;       /* both or none */
static unsigned used;               /* bytes of `filling` */
static unsigned tapped;             /* legs */
static unsigned long long dropped;

static int has_buffers(void)
{
    if (!filling) {
        filling = malloc(ROOM);
        taken = malloc(ROOM);
    }
    if (!filling || !taken) {
        free(filling);
        free(taken);
        filling = taken = NULL;
    }
    return filling != NULL;
}

int handoff_tap_begin(handoff_tap *tap, unsigned number, const pj_sockaddr *rtp, const pj_sockaddr *rtcp)
{
    int is_done;

    pthread_mutex_lock(&lock);
    is_done = has_buffers();
    if (is_done) {
        tapped += !tap->number;
        tap->ours[HANDOFF_TAP_RTP] = *rtp;
        tap->ours[HANDOFF_TAP_RTCP] = *rtcp;
        __atomic_store_n(&tap->number, number, __ATOMIC_RELAXED); /* whoever sees it takes the lock */
    }
    pthread_mutex_unlock(&lock);
    return is_done ? 0 : -1;
}

void handoff_tap_end(handoff_tap *tap)
{
    if (!tap->number) /* only this thread sets it */
        return;
    pthread_mutex_lock(&lock);
    __atomic_store_n(&tap->number, 0, __ATOMIC_RELAXED);
    --tapped;
    pthread_mutex_unlock(&lock);
}

static int is_address(const pj_sockaddr *address)
{
    return address->addr.sa_family == pj_AF_INET() || address->addr.sa_family == pj_AF_INET6();
}

void handoff_tap_towards(handoff_tap *tap, const pj_sockaddr *rtp, const pj_sockaddr *rtcp)
{
    pj_sockaddr next = *rtp;

    if (rtcp && pj_sockaddr_has_addr(rtcp))
        next = *rtcp;
    else if (is_address(rtp))
        pj_sockaddr_set_port(&next, (pj_uint16_t)(pj_sockaddr_get_port(rtp) + 1));
    pthread_mutex_lock(&lock);
    tap->theirs[HANDOFF_TAP_RTP] = *rtp;
    tap->theirs[HANDOFF_TAP_RTCP] = next;
    pthread_mutex_unlock(&lock);
}

static void put_address(struct end *to, const pj_sockaddr *address)
{
    if (!is_address(address))
        return; /* zeroes, as they are */
    memcpy(to->address, pj_sockaddr_get_addr(address), pj_sockaddr_get_addr_len(address));
    to->port = pj_sockaddr_get_port(address);
}

static void fill(struct head *head, const handoff_tap *tap, enum handoff_tap_kind kind, int is_sent,
                 const pj_sockaddr *theirs)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    memset(head, 0, sizeof(*head));
    head->time = now.tv_sec * 1000000ULL + now.tv_usec;
    head->number = tap->number;
    head->flags = (unsigned char)((is_sent ? 1 : 0) | (kind == HANDOFF_TAP_RTCP ? 2 : 0));
    if (theirs->addr.sa_family == pj_AF_INET6())
        head->flags |= 4;
    put_address(&head->ours, &tap->ours[kind]);
    put_address(&head->theirs, theirs);
}

void handoff_tap_copy(handoff_tap *tap, enum handoff_tap_kind kind, int is_sent, const pj_sockaddr *from,
                      const void *packet, pj_ssize_t size)
{
    struct head head;

    if (size <= 0 || size > 0xffff)
        return;
    pthread_mutex_lock(&lock);
    if (!tap->number || !filling) {
        /* it has just ended */
    } else if (used + sizeof(head) + (size_t)size > ROOM) {
        ++dropped;
    } else {
        fill(&head, tap, kind, is_sent, from && is_address(from) ? from : &tap->theirs[kind]);
        head.length = (unsigned short)size;
        memcpy(filling + used, &head, sizeof(head));
        memcpy(filling + used + sizeof(head), packet, (size_t)size);
        used += (unsigned)(sizeof(head) + (size_t)size);
    }
    pthread_mutex_unlock(&lock);
}

const char *handoff_tap_taken(unsigned *length)
{
    char *full;

    pthread_mutex_lock(&lock);
    full = filling;
    *length = used;
    if (used) {
        filling = taken;
        taken = full;
        used = 0;
    } else if (!tapped) {
        free(filling);
        free(taken);
        filling = taken = NULL;
    }
    pthread_mutex_unlock(&lock);
    return *length ? full : NULL;
}

unsigned long long handoff_tap_dropped(void)
{
    unsigned long long count;

    pthread_mutex_lock(&lock);
    count = dropped;
    pthread_mutex_unlock(&lock);
    return count;
}
