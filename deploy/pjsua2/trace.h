/* Trace: one short record for every SIP message in and out, and its bytes. See trace.c. */
#ifndef HANDOFF_TRACE_H
#define HANDOFF_TRACE_H

#ifdef __cplusplus
extern "C" {
#endif

/* After libInit and before transports; room for so many bytes of messages (messages.h). 0, or -1. */
int handoff_trace_install(unsigned message_bytes);

/* Up to max_records of the oldest records (all if < 1), and forgets them. Records end with '\n'
 * between them, fields with TAB:
 *   microseconds since 1970, "<" received or ">" sent, udp|tcp|tls, peer address:port, Call-ID,
 *   CSeq ("1 INVITE"), start line, "R" for a retransmission or "", position of its bytes (messages.h) or ""
 * Printable ASCII only: any other byte is a '?'. The text is good until the next call. One call
 * returns at most about 1 MB; what is left comes with the next. */
const char *handoff_trace_drain(int max_records);

#ifdef __cplusplus
}
#endif
#endif
