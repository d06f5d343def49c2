/* Certificates of the TLS listeners. See tls.c. */
#ifndef HANDOFF_TLS_H
#define HANDOFF_TLS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Read the certificate files of every TLS listener again: handshakes from now on use them, connections that are
 * up stay as they are. "", or why they can't be used: then that listener keeps what it had. Good until the next
 * call. */
const char *handoff_tls_reload(void);

#ifdef __cplusplus
}
#endif
#endif
