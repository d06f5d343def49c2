/* Requests inside a call that ask for something: REFER, and INFO with JSON or with a DTMF digit.
 *
 * pjsua would dial whatever a REFER names, and tells of every step of every transaction or of none. Here the
 * application is told of these two requests alone, at the moment they can be answered, and a REFER can be
 * accepted without anybody being called. All of it runs on the one thread that polls pjsip.
 */
#include <pjsip.h>
#include <pjsip_simple.h>
#include <pjsip_ua.h>
#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>
#include "requests.h"

#define SUBSCRIPTIONS 1024

/* In pjsua_call.c, by our patch. */
extern pj_bool_t (*handoff_on_request)(pjsua_call_id, pjsip_transaction *, pjsip_event *);

static struct {
    int number;
    pjsip_evsub *sub;
} subscriptions[SUBSCRIPTIONS];
static int last_number;

static struct {
    pjsip_dialog *dialog;
    pjsip_rx_data *rdata;
    pj_bool_t answered;
} current;

static pj_bool_t is_refer(const pjsip_transaction *tsx)
{
    return pjsip_method_cmp(&tsx->method, pjsip_get_refer_method()) == 0;
}

static pj_bool_t is_our_info(const pjsip_transaction *tsx, const pjsip_rx_data *rdata)
{
    static const char *const types[] = { "json", "dtmf-relay", "dtmf", "vnd.nortelnetworks.digits" };
    const pjsip_msg_body *body = rdata->msg_info.msg->body;
    unsigned i;

    if (pj_strcmp2(&tsx->method.name, "INFO") != 0 || !body ||
        pj_stricmp2(&body->content_type.type, "application") != 0)
        return PJ_FALSE;
    for (i = 0; i < PJ_ARRAY_SIZE(types); ++i)
        if (pj_stricmp2(&body->content_type.subtype, types[i]) == 0)
            return PJ_TRUE;
    return PJ_FALSE;
}

static pj_bool_t on_request(pjsua_call_id call_id, pjsip_transaction *tsx, pjsip_event *e)
{
    pjsip_rx_data *rdata;

    if (tsx->role != PJSIP_ROLE_UAS || tsx->state != PJSIP_TSX_STATE_TRYING ||
        e->type != PJSIP_EVENT_TSX_STATE || e->body.tsx_state.type != PJSIP_EVENT_RX_MSG)
        return PJ_FALSE;
    rdata = e->body.tsx_state.src.rdata;
    if (!is_refer(tsx) && !is_our_info(tsx, rdata))
        return PJ_FALSE;
    current.dialog = pjsua_var.calls[call_id].inv->dlg;
    current.rdata = rdata;
    current.answered = PJ_FALSE;
    if (pjsua_var.ua_cfg.cb.on_call_tsx_state)
        (*pjsua_var.ua_cfg.cb.on_call_tsx_state)(call_id, tsx, e);
    current.rdata = NULL;
    return current.answered;
}

void handoff_requests_install(void)
{
    handoff_on_request = &on_request;
}

static int answer(int status, const pjsip_hdr *headers)
{
    if (!current.rdata || current.answered)
        return -1;
    current.answered = PJ_TRUE;
    return pjsip_dlg_respond(current.dialog, current.rdata, status, NULL, headers, NULL) ? -1 : 0;
}

int handoff_request_answer(int status)
{
    return status < 200 || status > 699 ? -1 : answer(status, NULL);
}

static void on_subscription_state(pjsip_evsub *sub, pjsip_event *event)
{
    int i;

    PJ_UNUSED_ARG(event);
    if (pjsip_evsub_get_state(sub) != PJSIP_EVSUB_STATE_TERMINATED)
        return;
    for (i = 0; i < SUBSCRIPTIONS; ++i)
        if (subscriptions[i].sub == sub)
            subscriptions[i].sub = NULL;
}

static int notify(pjsip_evsub *sub, int status)
{
    pjsip_evsub_state state = status < 200 ? PJSIP_EVSUB_STATE_ACTIVE : PJSIP_EVSUB_STATE_TERMINATED;
    pjsip_tx_data *tdata;

    if (pjsip_xfer_notify(sub, state, status, NULL, &tdata) != PJ_SUCCESS)
        return -1;
    return pjsip_xfer_send_request(sub, tdata) == PJ_SUCCESS ? 0 : -1;
}

/* "Refer-Sub: false" (RFC 4488): 202, and nothing is heard of it any more. */
static pj_bool_t wants_no_subscription(void)
{
    const pj_str_t name = {"Refer-Sub", 9};
    const pjsip_generic_string_hdr *header = pjsip_msg_find_hdr_by_name(current.rdata->msg_info.msg, &name, NULL);

    return header && pj_strnicmp2(&header->hvalue, "false", 5) == 0;
}

static int accept_silently(void)
{
    const pj_str_t name = {"Refer-Sub", 9}, value = {"false", 5};
    pjsip_hdr headers;

    pj_list_init(&headers);
    pj_list_push_back(&headers, pjsip_generic_string_hdr_create(current.rdata->tp_info.pool, &name, &value));
    return answer(202, &headers);
}

int handoff_refer_accept(void)
{
    struct pjsip_evsub_user callbacks;
    const pj_str_t refer_to = {"Refer-To", 8};
    pjsip_hdr no_headers;
    pjsip_evsub *sub;
    int i;

    if (!current.rdata || current.answered)
        return -1;
    if (!pjsip_msg_find_hdr_by_name(current.rdata->msg_info.msg, &refer_to, NULL)) {
        answer(400, NULL);
        return -1;
    }
    if (wants_no_subscription())
        return accept_silently();
    for (i = 0; i < SUBSCRIPTIONS && subscriptions[i].sub; ++i)
        ;
    pj_bzero(&callbacks, sizeof(callbacks));
    callbacks.on_evsub_state = &on_subscription_state;
    if (i == SUBSCRIPTIONS ||
        pjsip_xfer_create_uas(current.dialog, &callbacks, current.rdata, &sub) != PJ_SUCCESS) {
        answer(503, NULL);
        return -1;
    }
    last_number = last_number < 0x7fffffff ? last_number + 1 : 1;
    subscriptions[i].number = last_number;
    subscriptions[i].sub = sub;
    current.answered = PJ_TRUE;
    pj_list_init(&no_headers);
    if (pjsip_xfer_accept(sub, current.rdata, 202, &no_headers) == PJ_SUCCESS)
        notify(sub, 100);
    return subscriptions[i].number;
}

int handoff_refer_notify(int subscription, int status)
{
    int i;

    for (i = 0; i < SUBSCRIPTIONS; ++i)
        if (subscriptions[i].sub && subscriptions[i].number == subscription)
            return notify(subscriptions[i].sub, status);
    return -1;
}
