/* Calls, without an object for each.
 *
 * pjsua2 makes an object of dozens of strings for everything that happens, another for everything that is done,
 * and one for each call, whose destructor acts on a number that may be another call's by then. Here an event is a
 * few plain values for one listener, and a call is its number, told of until its end: user_data is the mark that
 * somebody wants to know.
 *
 * Everything but digits comes on the one thread that polls pjsip. Digits come on a media thread, which must
 * never wait for the listener: they are kept until the next poll.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>
#include "calls.h"
#include "legs.h"

#define DIGITS 4096     /* halves of digits: each is told when it begins and when it ends */
#define OF_ONE_CALL 32  /* of them: who sends more between two polls loses their own, and nobody else's */

/* In pjsua_call.c, by our patch. */
extern int handoff_retry_after;

int (*handoff_listener)(const handoff_event *event);

static int told_listened; /* any non-NULL mark will do */
static pj_status_t fault;

static struct digit {
    int call_id, milliseconds, ended;
    char digit;
} digits[DIGITS];
static unsigned first_digit, digits_kept;
static unsigned char digits_of[PJSUA_MAX_CALLS];
static pthread_mutex_t digits_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- What is told ---------------------------------------------------------------------------------- */

static pjsua_call *listened(int call_id)
{
    pjsua_call *call = call_id >= 0 && call_id < (int)pjsua_var.ua_cfg.max_calls ? &pjsua_var.calls[call_id] : NULL;

    return call && call->user_data == &told_listened ? call : NULL;
}

static int tell(const handoff_event *event)
{
    return handoff_listener ? handoff_listener(event) : 0;
}

static void tell_plain(enum handoff_told kind, int call_id, int a)
{
    handoff_event event = { .kind = kind, .call_id = call_id, .a = a };

    tell(&event);
}

static void set_text(handoff_event *event, const pjsip_rx_data *rdata)
{
    if (rdata) {
        event->text = rdata->msg_info.msg_buf;
        event->text_length = rdata->msg_info.len;
    }
}

static void set_source(handoff_event *event, const pjsip_rx_data *rdata)
{
    if (rdata) {
        event->more = rdata->pkt_info.src_name;
        event->more_length = (long)strlen(rdata->pkt_info.src_name);
    }
}

/* The message that an event of an INVITE session is of, if it came. */
static const pjsip_rx_data *came(const pjsip_event *e)
{
    return e && e->type == PJSIP_EVENT_TSX_STATE && e->body.tsx_state.type == PJSIP_EVENT_RX_MSG
        ? e->body.tsx_state.src.rdata : NULL;
}

static pj_bool_t is_bye(const pjsip_rx_data *rdata)
{
    const pjsip_msg *message = rdata ? rdata->msg_info.msg : NULL;

    return message && message->type == PJSIP_REQUEST_MSG && message->line.req.method.id == PJSIP_BYE_METHOD;
}

static pj_bool_t asks_for_srtp(const pjsip_rx_data *rdata)
{
    static const pj_str_t profile = { "RTP/SAVP", 8 };
    pj_str_t text;

    if (!rdata)
        return PJ_FALSE;
    pj_strset(&text, rdata->msg_info.msg_buf, rdata->msg_info.len);
    return pj_stristr(&text, &profile) != NULL;
}

static void tell_of_stream(pjsua_call *call)
{
    unsigned i;

    for (i = 0; i < call->med_cnt; ++i)
        if (call->media[i].type == PJMEDIA_TYPE_AUDIO && call->media[i].strm.a.stream)
            tell_plain(HANDOFF_STREAM_GOING, call->index, 0);
}

static void tell_of_end(pjsua_call *call, const pjsip_event *e)
{
    handoff_event event = { .kind = HANDOFF_ENDED, .call_id = call->index };
    const pjsip_rx_data *rdata = came(e);

    handoff_calls_deliver(); /* its last digits may have come with the BYE */
    tell_of_stream(call);
    call->user_data = NULL;
    event.a = handoff_leg_status(call->index);
    event.text = handoff_leg_reason(call->index);
    event.text_length = (long)strlen(event.text);
    if (is_bye(rdata)) {
        event.more = rdata->msg_info.msg_buf;
        event.more_length = rdata->msg_info.len;
    }
    tell(&event);
}

static void on_call_state(pjsua_call_id call_id, pjsip_event *e)
{
    handoff_event event = { .kind = HANDOFF_ANSWERED, .call_id = call_id };
    pjsua_call *call = listened(call_id);

    if (!call)
        return;
    switch (handoff_leg_state(call_id)) {
    case PJSIP_INV_STATE_EARLY:
        if (handoff_leg_is_ours(call_id))
            tell_plain(HANDOFF_PROVISIONAL, call_id, handoff_leg_status(call_id));
        break;
    case PJSIP_INV_STATE_CONNECTING:
        if (asks_for_srtp(came(e)))
            set_text(&event, came(e));
        tell(&event);
        break;
    case PJSIP_INV_STATE_CONFIRMED:
        tell_plain(HANDOFF_CONFIRMED, call_id, 0);
        break;
    case PJSIP_INV_STATE_DISCONNECTED:
        tell_of_end(call, e);
        break;
    }
}

static void on_call_media_state(pjsua_call_id call_id)
{
    if (listened(call_id))
        tell_plain(HANDOFF_MEDIA, call_id, 0);
}

static void on_stream_destroyed(pjsua_call_id call_id, pjmedia_stream *stream, unsigned index)
{
    if (listened(call_id))
        tell_plain(HANDOFF_STREAM_GOING, call_id, 0);
}

/* Told by our patches alone: of a 100, of the answer to a NOTIFY of ours, of a REFER or an INFO. */
static void on_call_tsx_state(pjsua_call_id call_id, pjsip_transaction *tsx, pjsip_event *e)
{
    handoff_event event = { .kind = HANDOFF_REQUEST, .call_id = call_id };

    if (!listened(call_id))
        return;
    if (tsx->role == PJSIP_ROLE_UAC) {
        if (tsx->status_code == PJSIP_SC_TRYING)
            tell_plain(HANDOFF_PROVISIONAL, call_id, PJSIP_SC_TRYING);
        else
            tell_plain(HANDOFF_NOTIFIED, call_id, 0);
        return;
    }
    set_text(&event, came(e));
    tell(&event);
}

static void on_incoming_call(pjsua_acc_id account, pjsua_call_id call_id, pjsip_rx_data *rdata)
{
    handoff_event event = { .kind = HANDOFF_INCOMING, .call_id = call_id };
    pjsua_call *call = &pjsua_var.calls[call_id];
    int taken;

    set_text(&event, rdata);
    set_source(&event, rdata);
    call->user_data = &told_listened;
    taken = tell(&event);
    if (call->incoming_data) { /* kept for one who answers later from pjsua's own thread */
        pjsip_rx_data_free_cloned(call->incoming_data);
        call->incoming_data = NULL;
    }
    if (!taken) {
        call->user_data = NULL;
        pjsua_call_hangup(call_id, PJSIP_SC_INTERNAL_SERVER_ERROR, NULL, NULL);
    }
}

static void on_rejected_incoming_call(const pjsua_on_rejected_incoming_call_param *param)
{
    handoff_event event = { .kind = HANDOFF_REFUSED, .call_id = -1, .a = param->st_code };
    char text[PJ_INET6_ADDRSTRLEN + 128];

    if (!param->rdata)
        return;
    set_text(&event, param->rdata);
    pj_ansi_snprintf(text, sizeof(text), "%s %.*s", param->rdata->pkt_info.src_name, (int)param->st_text.slen,
                     param->st_text.slen ? param->st_text.ptr : "");
    event.more = text;
    event.more_length = (long)strlen(text);
    tell(&event);
}

static void on_call_transfer_status(pjsua_call_id call_id, int status, const pj_str_t *text, pj_bool_t final,
                                    pj_bool_t *go_on)
{
    handoff_event event = { .kind = HANDOFF_TRANSFER, .call_id = call_id, .a = status };

    event.b = final || status >= 200;
    event.c = handoff_retry_after;
    *go_on = !event.b;
    if (listened(call_id))
        tell(&event);
}

/* By default pjsua would dial whatever a REFER names, and let anybody take a dialog over. */
static void on_call_transfer_request(pjsua_call_id call_id, const pj_str_t *to, pjsip_status_code *code,
                                     pjsua_call_setting *setting)
{
    *code = PJSIP_SC_DECLINE;
}

static void on_call_replace_request(pjsua_call_id call_id, pjsip_rx_data *rdata, int *code, pj_str_t *text,
                                    pjsua_call_setting *setting)
{
    *code = PJSIP_SC_BUSY_HERE;
    *text = *pjsip_get_status_text(*code);
}

/* A 3xx counts as a refusal. */
static pjsip_redirect_op on_call_redirected(pjsua_call_id call_id, const pjsip_uri *target, const pjsip_event *e)
{
    return PJSIP_REDIRECT_STOP;
}

/* That there is one makes pjsua prepare the media anew for each offer of ours. */
static void on_call_tx_offer(pjsua_call_id call_id, void *reserved, pjsua_call_setting *setting)
{
}

static void on_dtmf_event(pjsua_call_id call_id, const pjsua_dtmf_event *event)
{
    if (call_id < 0 || call_id >= PJSUA_MAX_CALLS)
        return;
    pthread_mutex_lock(&digits_lock);
    if (digits_kept < DIGITS && digits_of[call_id] < OF_ONE_CALL) {
        struct digit *kept = &digits[(first_digit + digits_kept++) % DIGITS];
        kept->call_id = call_id;
        kept->milliseconds = (int)event->duration;
        kept->ended = (event->flags & PJMEDIA_STREAM_DTMF_IS_END) != 0;
        kept->digit = (char)event->digit;
        ++digits_of[call_id];
    }
    pthread_mutex_unlock(&digits_lock);
}

static pj_bool_t next_digit(struct digit *digit)
{
    pj_bool_t found;

    pthread_mutex_lock(&digits_lock);
    found = digits_kept > 0;
    if (found) {
        *digit = digits[first_digit];
        first_digit = (first_digit + 1) % DIGITS;
        --digits_kept;
        --digits_of[digit->call_id];
    }
    pthread_mutex_unlock(&digits_lock);
    return found;
}

void handoff_calls_deliver(void)
{
    struct digit digit;

    while (next_digit(&digit)) {
        handoff_event event = { .kind = HANDOFF_DIGIT, .call_id = digit.call_id, .a = digit.milliseconds,
                                .b = digit.ended, .text = &digit.digit, .text_length = 1 };
        if (listened(digit.call_id))
            tell(&event);
    }
}

int handoff_calls_install(void)
{
    pjsua_callback *callback = &pjsua_var.ua_cfg.cb;

    if (!handoff_listener)
        return -1;
    callback->on_call_state = &on_call_state;
    callback->on_call_media_state = &on_call_media_state;
    callback->on_stream_destroyed = &on_stream_destroyed;
    callback->on_call_tsx_state = &on_call_tsx_state;
    callback->on_incoming_call = &on_incoming_call;
    callback->on_rejected_incoming_call = &on_rejected_incoming_call;
    callback->on_call_transfer_status = &on_call_transfer_status;
    callback->on_call_transfer_request2 = &on_call_transfer_request;
    callback->on_call_replace_request2 = &on_call_replace_request;
    callback->on_call_redirected = &on_call_redirected;
    callback->on_call_tx_offer = &on_call_tx_offer;
    callback->on_call_rx_offer = NULL;
    callback->on_call_rx_reinvite = NULL;
    callback->on_dtmf_event = &on_dtmf_event;
    return 0;
}

/* ---- What is done ---------------------------------------------------------------------------------- */

/* What goes into a message of ours besides what pjsua writes; the texts must outlive it. */
struct addition {
    pjsua_msg_data data;
    union header {
        pjsip_generic_string_hdr text;
        pjsip_max_fwd_hdr max_forwards;
    } *headers;
};

static void set_header(union header *header, const pj_str_t *name, pj_str_t *value)
{
    if (pj_stricmp2(name, "Max-Forwards") == 0) { /* pjsip has a kind of its own for what it writes by itself */
        long hops = value->slen > 9 ? 255 : pj_strtol(value); /* it must not overflow */

        pjsip_max_fwd_hdr_init(NULL, header, hops < 0 ? 0 : hops > 255 ? 255 : (int)hops);
    } else
        pjsip_generic_string_hdr_init2(&header->text, (pj_str_t *)name, value);
}

static pj_status_t add(struct addition *addition, const char *lines)
{
    const char *line, *end, *colon;
    unsigned count = 0;

    pjsua_msg_data_init(&addition->data);
    for (line = lines; (line = strchr(line, '\n')) != NULL; ++line)
        ++count;
    addition->headers = count ? calloc(count, sizeof(*addition->headers)) : NULL;
    if (count && !addition->headers)
        return PJ_ENOMEM;
    count = 0;
    for (line = lines; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        union header *header = &addition->headers[count++];
        pj_str_t name, value;

        colon = memchr(line, ':', end - line);
        if (!colon)
            return PJ_EINVAL;
        pj_strset(&name, (char *)line, colon - line);
        pj_strset(&value, (char *)colon + 1, end - colon - 1);
        set_header(header, &name, &value);
        pj_list_push_back(&addition->data.hdr_list, &header->text);
    }
    return PJ_SUCCESS;
}

static int done(struct addition *addition, pj_status_t status)
{
    free(addition->headers);
    fault = status;
    return status == PJ_SUCCESS ? 0 : -1;
}

/* One audio stream and nothing else; by default pjsua offers real-time text too. */
static void one_audio_stream(pjsua_call_setting *setting)
{
    pjsua_call_setting_default(setting);
    setting->aud_cnt = 1;
    setting->vid_cnt = 0;
    setting->txt_cnt = 0;
}

int handoff_call_dial(int account, const char *uri, const char *local_uri, const char *headers, int latch)
{
    pj_str_t to = pj_str((char *)uri);
    struct addition addition;
    pjsua_call_setting setting;
    pjsua_call_id call_id = -1;
    pj_status_t status = add(&addition, headers);

    one_audio_stream(&setting);
    addition.data.local_uri = pj_str((char *)local_uri);
    if (status == PJ_SUCCESS)
        status = pjsua_call_make_call(account, &to, &setting, &told_listened, &addition.data, &call_id);
    if (done(&addition, status) != 0)
        return -1;
    handoff_leg_latch(call_id, latch);
    return call_id;
}

int handoff_call_answer(int call_id, int status, const char *headers, int latch)
{
    struct addition addition;
    pjsua_call_setting setting;
    pj_status_t result = listened(call_id) ? PJ_SUCCESS : PJ_EINVALIDOP;

    if (result != PJ_SUCCESS) {
        fault = result;
        return -1;
    }
    handoff_leg_latch(call_id, latch);
    one_audio_stream(&setting);
    result = add(&addition, headers);
    if (result == PJ_SUCCESS)
        result = pjsua_call_answer2(call_id, &setting, status, NULL, &addition.data);
    return done(&addition, result);
}

int handoff_call_end(int call_id, int status, const char *reason, const char *headers)
{
    pj_str_t text = pj_str((char *)reason);
    struct addition addition;
    pj_status_t result = add(&addition, headers);

    if (result == PJ_SUCCESS)
        result = listened(call_id)
            ? pjsua_call_hangup(call_id, status, text.slen ? &text : NULL, &addition.data) : PJ_EINVALIDOP;
    return done(&addition, result);
}

int handoff_call_refer(int call_id, const char *uri, const char *headers)
{
    pj_str_t to = pj_str((char *)uri);
    struct addition addition;
    pj_status_t status = add(&addition, headers);

    if (status == PJ_SUCCESS)
        status = listened(call_id) ? pjsua_call_xfer(call_id, &to, &addition.data) : PJ_EINVALIDOP;
    return done(&addition, status);
}

int handoff_call_inform(int call_id, const char *content_type, const char *body)
{
    static const pj_str_t method = { "INFO", 4 };
    struct addition addition;
    pj_status_t status = add(&addition, "");

    addition.data.content_type = pj_str((char *)content_type);
    addition.data.msg_body = pj_str((char *)body);
    if (status == PJ_SUCCESS)
        status = listened(call_id) ? pjsua_call_send_request(call_id, &method, &addition.data) : PJ_EINVALIDOP;
    return done(&addition, status);
}

int handoff_call_press(int call_id, const char *digit, int milliseconds)
{
    static const pjsua_dtmf_method methods[] = { PJSUA_DTMF_METHOD_RFC2833, PJSUA_DTMF_METHOD_SIP_INFO };
    pjsua_call_send_dtmf_param param;
    unsigned i;

    fault = PJ_EINVALIDOP;
    for (i = 0; i < PJ_ARRAY_SIZE(methods) && fault != PJ_SUCCESS && listened(call_id); ++i) {
        pjsua_call_send_dtmf_param_default(&param);
        param.method = methods[i];
        param.duration = milliseconds;
        param.digits = pj_str((char *)digit);
        fault = pjsua_call_send_dtmf(call_id, &param);
    }
    return fault == PJ_SUCCESS ? 0 : -1;
}

void handoff_call_forget(int call_id)
{
    pjsua_call *call = listened(call_id);

    if (!call)
        return;
    call->user_data = NULL;
    if (pjsua_call_is_active(call_id))
        pjsua_call_hangup(call_id, 0, NULL, NULL);
}

/* Anonymous memory reads as zeroes once it was given back, as it does before its first use. */
int handoff_calls_rest(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = pjsua_var.ua_cfg.max_calls * sizeof(pjsua_call);
    char *begin = (char *)pjsua_var.calls, *end = begin + size;
    char *first = (char *)(((size_t)begin + page - 1) / page * page), *last = (char *)((size_t)end / page * page);
    unsigned i;

    for (i = 0; i < pjsua_var.ua_cfg.max_calls; ++i)
        if (pjsua_var.calls[i].inv || pjsua_var.calls[i].async_call.dlg || pjsua_var.calls[i].med_cnt)
            return 0;
    if (first >= last || madvise(first, last - first, MADV_DONTNEED) != 0)
        return 0;
    memset(begin, 0, first - begin);
    memset(last, 0, end - last);
    return 1;
}

const char *handoff_call_fault(void)
{
    static char text[PJ_ERR_MSG_SIZE];

    pj_strerror(fault, text, sizeof(text));
    return text;
}

const char *handoff_call_dialog(int call_id)
{
    static char text[256];
    pjsua_call *call = listened(call_id);
    const pj_str_t *id = call && call->inv && call->inv->dlg && call->inv->dlg->call_id
        ? &call->inv->dlg->call_id->id : NULL;

    pj_ansi_snprintf(text, sizeof(text), "%.*s", id ? (int)id->slen : 0, id ? id->ptr : "");
    return text;
}
