/* Relay: the RTP of two legs handed across by the thread that received it; see relay.c.
 *
 * All but the relaying itself is called on the one thread that polls pjsip.
 */
#ifndef HANDOFF_RELAY_H
#define HANDOFF_RELAY_H

#ifdef __cplusplus
extern "C" {
#endif

/* Why two legs can't be relayed. */
enum handoff_relay_refusal {
    HANDOFF_RELAY_DONE = 0,
    HANDOFF_RELAY_NO_STREAM = 1,    /* one has no audio just now */
    HANDOFF_RELAY_CODECS = 2,       /* other codecs (but for G.711's two laws), clock rates or channels */
    HANDOFF_RELAY_PACKET_TIMES = 3, /* other packet times */
    HANDOFF_RELAY_TAKEN = 4,        /* one is relayed to a third leg */
    HANDOFF_RELAY_ON_HOLD = 5,      /* one is on hold: the bridge sends silence to the other */
};

/* After libInit, before the first call: each leg's media transport can relay from then on. 0, or 1 where audio can't
 * have priority over all else (that takes CAP_SYS_NICE, or RLIMIT_NICE), or -1. */
int handoff_relay_install(void);

/* Let the audio of both legs go straight across, past the bridge. 0, or why it can't (see above); nothing has
 * changed then. A new stream of either, or its end, parts them. */
int handoff_relay_join(int call_a, int call_b);

/* Back to the bridge. Harmless where nothing is joined. */
void handoff_relay_part(int call_id);

/* 1 while it is relayed. */
int handoff_relay_joined(int call_id);

/* 1 while telephone-events of its far end go across by themselves (RFC 4733). */
int handoff_relay_passes_events(int call_id);

/* 1 while its far end's G.711 is of one law (mu or A) and becomes the other on its way. */
int handoff_relay_changes_law(int call_id);

/* How loud the far end of a relayed leg is: the mean amplitude of a packet, 0 to 32767; -1 where that can't be
 * told without decoding, which G.711 does not need. */
int handoff_relay_level(int call_id);

/* "sent dropped switches" of a leg: RTP packets of others that went out of it, those of its far end that could
 * not go across, and how often what it sends changed its source. */
const char *handoff_relay_counts(int call_id);

#ifdef __cplusplus
}
#endif
#endif
