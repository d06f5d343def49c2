/* Numbers: one continuous stream towards a far end, whatever its source (RFC 3550 section 5.1).
 *
 * One SSRC. Sequence numbers and times are moved by an offset that is found anew, and the marker set, when the source
 * changes. Packets that are left out, late or doubled change no number that another packet has had. Whoever calls
 * holds a lock, one for each stream.
 */
#include "numbers.h"

#define JUMP            3000    /* packets, 60 s: so far ahead it is another line of numbers */
#define RESTART         100     /* packets: so far behind, too; as pjmedia takes it (RFC 3550 section A.1) */
#define LATE            64      /* packets, 1.3 s: who is later than that is of no use */

void handoff_numbers_init(handoff_numbers *n)
{
    pj_bzero(n, sizeof(*n));
    n->clock = 8000;
    n->frame = 160;
}

void handoff_numbers_begin(handoff_numbers *n, unsigned clock, unsigned frame, pj_uint32_t ssrc)
{
    n->clock = clock;
    n->frame = frame;
    n->from = HANDOFF_NOBODY;
    if (!n->has_ssrc)
        n->ssrc = ssrc;
    n->has_ssrc = PJ_TRUE;
}

static pj_uint32_t ticks_since_last(const handoff_numbers *n)
{
    pj_timestamp now, tick_rate;

    pj_get_timestamp(&now);
    pj_get_timestamp_freq(&tick_rate);
    return (pj_uint32_t)((now.u64 - n->last_time.u64) * n->clock / tick_rate.u64);
}

pj_uint32_t handoff_numbers_time(const handoff_numbers *n)
{
    return n->last_ts + ticks_since_last(n);
}

/* Another source: what it sends goes on where the last one ended, as late as it is. */
static void begin_source(handoff_numbers *n, enum handoff_source from, pjmedia_rtp_hdr *header, pj_uint16_t seq,
                         pj_uint32_t ts)
{
    pj_uint32_t frames;

    n->seq_offset = 0;
    n->ts_offset = 0;
    n->newest = seq;
    n->age = n->has_sent ? 0 : LATE;
    n->left_out = 0;
    if (n->has_sent) {
        frames = (ticks_since_last(n) + n->frame / 2) / n->frame;
        n->seq_offset = (pj_uint16_t)(n->last_seq + 1 - seq);
        n->ts_offset = n->last_ts + PJ_MAX(frames, 1) * n->frame - ts;
        header->m = 1;
        __atomic_fetch_add(&n->switches, 1, __ATOMIC_RELAXED);
    }
    n->from = from;
    n->from_ssrc = header->ssrc;
}

/* How far a packet is ahead of all that the source has sent until now; 0 or less if it is late, or comes twice. */
static int ahead_of_all(const handoff_numbers *n, pj_uint16_t seq)
{
    return (pj_int16_t)(seq - n->newest);
}

static void go_on_to(handoff_numbers *n, pj_uint16_t seq)
{
    int ahead = ahead_of_all(n, seq);

    n->left_out = ahead < LATE ? n->left_out << ahead : 0;
    n->age = PJ_MIN(n->age + ahead, LATE);
    n->newest = seq;
}

/* It is no loss: those behind it close up. One that is late has left its gap already, one that comes twice was counted. */
void handoff_numbers_leave_out(handoff_numbers *n, const pjmedia_rtp_hdr *header)
{
    pj_uint16_t seq = pj_ntohs(header->seq);
    int ahead = ahead_of_all(n, seq);

    if (n->from != HANDOFF_PEER || header->ssrc != n->from_ssrc || ahead <= 0 || ahead > JUMP)
        return;
    go_on_to(n, seq);
    n->left_out |= 1;
    --n->seq_offset;
}

/* The number that a packet of the source goes out with. A late one was there before those that were left out since:
 * else it would get another packet's number. So would one from before the source's first, and one whose own number was
 * given up: they get none. */
static pj_bool_t number_of(handoff_numbers *n, pj_uint16_t seq, pj_uint16_t *number)
{
    int ahead = ahead_of_all(n, seq), late = PJ_MAX(0, -ahead);

    if (late >= LATE || late > n->age || (ahead <= 0 && n->left_out >> late & 1))
        return PJ_FALSE;
    if (ahead > 0)
        go_on_to(n, seq);
    *number = (pj_uint16_t)(seq + n->seq_offset + __builtin_popcountll(n->left_out & ((1ULL << late) - 1)));
    return PJ_TRUE;
}

pj_bool_t handoff_numbers_rewrite(handoff_numbers *n, enum handoff_source from, pjmedia_rtp_hdr *header)
{
    pj_uint16_t seq = pj_ntohs(header->seq), number;
    pj_uint32_t ts = pj_ntohl(header->ts);
    int ahead = ahead_of_all(n, seq);

    if (!n->has_ssrc && from == HANDOFF_STREAM) {
        n->ssrc = header->ssrc;
        n->has_ssrc = PJ_TRUE;
    }
    if (from != n->from || header->ssrc != n->from_ssrc || ahead > JUMP || ahead <= -RESTART)
        begin_source(n, from, header, seq, ts);
    if (!number_of(n, seq, &number))
        return PJ_FALSE;
    ts += n->ts_offset;
    if (!n->has_sent || (pj_int16_t)(number - n->last_seq) > 0) {
        n->last_seq = number;
        if (!n->has_sent || (pj_int32_t)(ts - n->last_ts) > 0) {
            n->last_ts = ts;
            pj_get_timestamp(&n->last_time);
        }
    }
    n->has_sent = PJ_TRUE;
    header->seq = pj_htons(number);
    header->ts = pj_htonl(ts);
    if (n->has_ssrc)
        header->ssrc = n->ssrc;
    return PJ_TRUE;
}
