/* Requests inside a call that ask for something: REFER, and INFO with JSON or a digit. See requests.c. */
#ifndef HANDOFF_REQUESTS_H
#define HANDOFF_REQUESTS_H

#ifdef __cplusplus
extern "C" {
#endif

/* After libInit: from now on onCallTsxState is called for these requests, and for nothing else. */
void handoff_requests_install(void);

/* Inside onCallTsxState: answer the request with this final status; 0, or -1 outside of it or when it is
 * answered already. One that is not answered goes on as pjsua would have it. */
int handoff_request_answer(int status);

/* Inside onCallTsxState, for a REFER: answer it with 202 and send the first NOTIFY; nobody is called.
 * The number of the subscription (RFC 3515 section 2.4.4), 0 when its sender wants none, -1 when it could
 * not be taken. */
int handoff_refer_accept(void);

/* Tell the sender of a REFER how it went: NOTIFY with this status, which ends the subscription unless it
 * is provisional. 0, or -1 when there is no such subscription any more. */
int handoff_refer_notify(int subscription, int status);

#ifdef __cplusplus
}
#endif
#endif
