/* Who the far end of a dialog is; see dialogs.c. For the guard, not for Python. */
#ifndef HANDOFF_DIALOGS_H
#define HANDOFF_DIALOGS_H

#include <pjsip.h>
#include <pjsip_ua.h>

/* The module whose place in each dialog is used. */
void handoff_dialogs_install(int module_id);

/* It may also speak from these hosts: literal addresses, one blank between two. */
void handoff_dialog_hosts(pjsip_dialog *dialog, const char *addresses);

/* A request of ours is about to leave: remember where it goes. */
void handoff_dialog_sent(const pjsip_tx_data *tdata);

/* Whether the far end of this dialog may speak from there. */
pj_bool_t handoff_dialog_is_with(const pjsip_dialog *dialog, const pj_sockaddr *from);

/* Whether two addresses are one host's, whatever their ports; an IPv4 address within IPv6 is the same one. */
pj_bool_t handoff_same_host(const pj_sockaddr *a, const pj_sockaddr *b);

#endif
