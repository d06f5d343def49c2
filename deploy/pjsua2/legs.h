/* Plain numbers about a call, for Python's hot path; see legs.c. */
#ifndef HANDOFF_LEGS_H
#define HANDOFF_LEGS_H

#ifdef __cplusplus
extern "C" {
#endif

/* pjsip_inv_state of a call; -1 when there is no such call. */
int handoff_leg_state(int call_id);

/* 1 when we made the call, 0 when we took it. */
int handoff_leg_is_ours(int call_id);

/* The last SIP status seen, and its reason phrase; valid until the next call. */
int handoff_leg_status(int call_id);
const char *handoff_leg_reason(int call_id);

/* The slot of its audio in the conference bridge; -1 while no audio flows. */
int handoff_leg_audio(int call_id);

/* 1 while the far end has put it on hold. */
int handoff_leg_held(int call_id);

/* How loud its far end is just now: the mean amplitude of a frame, 0 to 32767; 0 while no audio flows or
 * nobody listens to it. */
int handoff_leg_level(int call_id);

/* RTP of its audio stream: "received sent lost lost_by_peer jitter heard strays", the jitter a mean in
 * microseconds; empty when there is no stream. `heard` counts RTP that could be used and RTCP: whether the far
 * end is there; `strays` RTP that came from others and was dropped. Both are of the whole call. */
const char *handoff_leg_traffic(int call_id);

/* Microseconds to the far end of its audio stream and back, a mean over its reports (RFC 3550 section 6.4.1); -1 while
 * none has told it. */
int handoff_leg_round_trip(int call_id);

/* More of the same: "discarded gap codec"; empty when there is no stream. `discarded` counts packets that came and were
 * of no use: too late for the jitter buffer, of another payload type, or with a number that fits no others. `gap`
 * is the longest time in microseconds in which nothing came, from the first packet until now, where audio was to go both
 * ways and silence was not told of; -1 where there was none to measure. Both are of the whole call. `codec` is as SDP
 * has it. */
const char *handoff_leg_quality(int call_id);

/* From whom its RTP is taken: 0 from the host that SDP names, 1 another host is learned once, 2 from anywhere.
 * Before its first offer and answer; 0 is what a new call has. */
void handoff_leg_latch(int call_id, int mode);

/* From where its far end may speak besides, as literal addresses with one blank between two: the other hosts of
 * a target that was dialled by name. Once its INVITE is sent. */
void handoff_leg_hosts(int call_id, const char *addresses);

/* Let the port in slot `source` be heard by the one in slot `sink`, or no more; 0 = done or under way. */
int handoff_audio_connect(int source, int sink, int join);

#ifdef __cplusplus
}
#endif
#endif
