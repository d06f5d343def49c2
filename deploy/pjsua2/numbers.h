/* Numbers: sequence numbers and times of the one stream that goes to a far end, whatever its source; see numbers.c. */
#ifndef HANDOFF_NUMBERS_H
#define HANDOFF_NUMBERS_H

#include <pjmedia.h>

enum handoff_source { HANDOFF_NOBODY, HANDOFF_STREAM, HANDOFF_PEER };

typedef struct handoff_numbers {
    enum handoff_source from;
    pj_uint32_t from_ssrc, ssrc;    /* in network order */
    pj_bool_t has_ssrc, has_sent;
    pj_uint16_t seq_offset, last_seq;
    pj_uint16_t newest;             /* of the source, in its own count */
    int age;                        /* how far that is from the source's first; no more is told of what is far */
    pj_uint64_t left_out;           /* bit n: the source's packet `newest` - n did not go across, and is no gap */
    pj_uint32_t ts_offset, last_ts;
    pj_timestamp last_time;
    unsigned clock, frame;          /* RTP clock in Hz, its ticks per packet */
    unsigned switches;              /* of the source; anybody may look */
} handoff_numbers;

/* Nothing has gone out. */
void handoff_numbers_init(handoff_numbers *n);

/* What is relayed from now on is another source, in these units; `ssrc` (network order) unless there is one already. */
void handoff_numbers_begin(handoff_numbers *n, unsigned clock, unsigned frame, pj_uint32_t ssrc);

/* Make a packet of this source one of the stream. False: it has no place in it, and must not go out. */
pj_bool_t handoff_numbers_rewrite(handoff_numbers *n, enum handoff_source from, pjmedia_rtp_hdr *header);

/* A packet of the peer's does not go across. */
void handoff_numbers_leave_out(handoff_numbers *n, const pjmedia_rtp_hdr *header);

/* The stream's RTP time now. */
pj_uint32_t handoff_numbers_time(const handoff_numbers *n);

#endif
