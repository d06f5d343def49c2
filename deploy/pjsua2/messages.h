/* Messages: the bytes of the latest SIP messages, as they were on the wire. See messages.c. */
#ifndef HANDOFF_MESSAGES_H
#define HANDOFF_MESSAGES_H

#ifdef __cplusplus
extern "C" {
#endif

/* Room for so many bytes of messages, once for the process. 0, or -1 where that can't be had. */
int handoff_messages_reserve(unsigned bytes);

/* Length of the message that is kept at a position, or -1: it was overwritten, or never was there. */
long handoff_message_length(unsigned long long position);

/* Where on this machine it was sent from or came to: "192.0.2.1:5060", "[2001:db8::1]:5060"; "" as above.
 * The text is good until the next call. */
const char *handoff_message_local(unsigned long long position);

#ifndef SWIG
#define HANDOFF_MESSAGE_NOT_KEPT (~0ULL)

/* Keeps a message; `local` is a pj_sockaddr. Its position, which only grows, or HANDOFF_MESSAGE_NOT_KEPT. */
unsigned long long handoff_message_keep(const char *message, unsigned length, const void *local);

/* Copies it; there must be room for the length that handoff_message_length() gave just now. */
void handoff_message_copy(unsigned long long position, char *to);
#endif

#ifdef __cplusplus
}
#endif
#endif
