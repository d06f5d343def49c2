/* Calls: what happens to them, as plain values, and what can be done with them; see calls.c. */
#ifndef HANDOFF_CALLS_H
#define HANDOFF_CALLS_H

#ifdef __cplusplus
extern "C" {
#endif

/* What the listener is told, with the number of the call, three numbers and two texts. Those not named are 0
 * and "". Only of a call that it took, or dialled, until its end. */
enum handoff_told {
    HANDOFF_INCOMING,     /* a new INVITE: text = it, more = the host it came from; is it taken? */
    HANDOFF_REFUSED,      /* an INVITE that was answered at once: a = status, text, more = host, " ", reason phrase */
    HANDOFF_PROVISIONAL,  /* a call that we dialled was answered with 1xx: a = status */
    HANDOFF_ANSWERED,     /* 2xx was sent, or came: text = the message, if its SDP asks for SRTP */
    HANDOFF_CONFIRMED,    /* the dialog is up */
    HANDOFF_MEDIA,        /* an offer and answer changed the audio stream */
    HANDOFF_STREAM_GOING, /* the audio stream is about to go: the last moment at which it can be counted */
    HANDOFF_ENDED,        /* the last that is told: a = status, text = reason phrase, more = the BYE, if one came */
    HANDOFF_REQUEST,      /* an INFO or a REFER, to be answered now or left alone (requests.h): text = it */
    HANDOFF_NOTIFIED,     /* a NOTIFY of ours was answered */
    HANDOFF_TRANSFER,     /* our REFER was answered, or told of: a = status, b = final, c = Retry-After or -1 */
    HANDOFF_DIGIT         /* a key (RFC 4733): text = which, a = milliseconds, b = 1 when it has ended */
};

/* Tell of all calls from now on, and of no more through pjsua2's objects. After libInit; 0 = done. */
int handoff_calls_install(void);

/* Tell of what other threads have left; after each poll. */
void handoff_calls_deliver(void);

/* Send an INVITE for one audio stream. The number of the call, or -1: see handoff_call_fault().
 *
 * headers of all of these: "Name:value" lines, each with its newline. latch: handoff_leg_latch(). */
int handoff_call_dial(int account, const char *uri, const char *local_uri, const char *headers, int latch);

/* Answer an INVITE; 0 = done. */
int handoff_call_answer(int call_id, int status, const char *headers, int latch);

/* End it by CANCEL, BYE or a final response, whichever is needed; status 0 and reason "" are the usual ones. */
int handoff_call_end(int call_id, int status, const char *reason, const char *headers);

/* Send REFER (RFC 3515), an INFO, a digit (RFC 4733, or INFO where the peer did not offer that); 0 = done. */
int handoff_call_refer(int call_id, const char *uri, const char *headers);
int handoff_call_inform(int call_id, const char *content_type, const char *body);
int handoff_call_press(int call_id, const char *digit, int milliseconds);

/* Tell no more of it, and end it if it is up. */
void handoff_call_forget(int call_id);

/* Give the memory of all call slots back, if none is in use; 1 = done. Each is prepared anew when it is used. */
int handoff_calls_rest(void);

/* Why the last of these was not done, in words; valid until the next one. */
const char *handoff_call_fault(void);

/* The Call-ID of its dialog; valid until the next call. */
const char *handoff_call_dialog(int call_id);

#ifndef SWIG
/* One that is told; a text that is NULL is empty. Whether the listener said yes. */
typedef struct handoff_event {
    enum handoff_told kind;
    int call_id, a, b, c;
    const char *text, *more;
    long text_length, more_length;
} handoff_event;

/* Set by the binding. */
extern int (*handoff_listener)(const handoff_event *event);
#endif

#ifdef __cplusplus
}
#endif
#endif
