/* Probe: OPTIONS to an address, to learn whether anybody answers there (RFC 3261 section 11).
 *
 * pjsua2 reports every step of such a transaction to Python as a whole message; here the outcome is an
 * integer. Nothing is sent but by our own say, and the request leaves by the transports that calls use.
 */
#include <pjsua-lib/pjsua.h>
#include <stdio.h>
#include "probe.h"

#define OUTCOMES 1024 /* more than can be under way between two drains */

static struct {
    int number;
    int status;
} outcomes[OUTCOMES];
static unsigned first, used;
static int last_number;

static void on_outcome(void *token, pjsip_event *e)
{
    unsigned at = (first + used) % OUTCOMES;

    if (used == OUTCOMES)
        return;
    outcomes[at].number = (int)(pj_ssize_t)token;
    outcomes[at].status = e->body.tsx_state.tsx->status_code;
    ++used;
}

int handoff_probe_send(const char *uri, const char *from)
{
    const pjsip_method *method = pjsip_get_options_method();
    pj_str_t target = pj_str((char *)uri), identity = pj_str((char *)from);
    pjsip_tx_data *tdata;

    if (pjsip_endpt_create_request(pjsua_get_pjsip_endpt(), method, &target, &identity, &target, NULL, NULL, -1,
                                   NULL, &tdata) != PJ_SUCCESS)
        return -1;
    last_number = last_number < 0x7fffffff ? last_number + 1 : 1;
    /* Where sending fails at once on_outcome has been told so. pjsip makes nothing of the timeout. */
    pjsip_endpt_send_request(pjsua_get_pjsip_endpt(), tdata, -1, (void *)(pj_ssize_t)last_number, &on_outcome);
    return last_number;
}

const char *handoff_probe_drain(void)
{
    static char text[8192];
    size_t at = 0;

    text[0] = '\0';
    while (used && at + 32 < sizeof(text)) {
        at += sprintf(text + at, "%s%d %d", at ? "\n" : "", outcomes[first].number, outcomes[first].status);
        first = (first + 1) % OUTCOMES;
        --used;
    }
    return text;
}
