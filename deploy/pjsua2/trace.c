/* Trace: a pjsip module that notes every SIP message in a ring, for the stories of calls, and keeps its bytes
 * beside (messages.c).
 *
 * Priority 7, ahead of the transport layer's printing (8): the first module that sees a message
 * received (so before the guard refuses it) and the last that sees one sent, when it is printed.
 * It takes plain bytes and never a decision. Fixed memory, no locks: all on the polling thread.
 */
#include <pjsua-lib/pjsua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include "messages.h"
#include "trace.h"

#define RECORDS         8192
#define DRAIN_MAX       (1024 * 1024)       /* bytes of text handed over at a time */

struct record {
    unsigned long long time;        /* microseconds since 1970 */
    unsigned long long position;    /* of its bytes (messages.h) */
    char direction;
    char repeated;
    char transport[4];
    char peer[PJ_INET6_ADDRSTRLEN + 8];
    char call_id[160];
    char cseq[40];
    char line[256];
};

static struct record *ring;
static unsigned first, used;        /* oldest record, how many */
static char *text;                  /* what drain returned last */
static size_t text_size;

static pj_bool_t on_rx(pjsip_rx_data *rdata);
static pj_status_t on_tx(pjsip_tx_data *tdata);

static pjsip_module module = {
    .name = { "mod-handoff-trace", 17 },
    .id = -1,
    .priority = 7,
    .on_rx_request = &on_rx,
    .on_rx_response = &on_rx,
    .on_tx_request = &on_tx,
    .on_tx_response = &on_tx,
};

/* Copies what fits; anything but printable ASCII becomes '?', so TAB and newline can't be forged. */
static void copy_clean(char *to, size_t size, const char *from, pj_ssize_t len)
{
    size_t i;

    for (i = 0; i + 1 < size && (pj_ssize_t)i < len; ++i)
        to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
    to[i] = '\0';
}

static struct record *next_record(void)
{
    if (used == RECORDS) {
        first = (first + 1) % RECORDS;
        --used;
    }
    return &ring[(first + used++) % RECORDS];
}

/* Where this machine sent it from or got it. A listener on all addresses has one that it goes by. */
static void local_of(const pjsip_transport *tp, pj_sockaddr *local)
{
    const pjsip_host_port *name = &tp->local_name;

    *local = tp->local_addr;
    if (!pj_sockaddr_has_addr(local) &&
        pj_inet_pton(local->addr.sa_family, &name->host, pj_sockaddr_get_addr(local)) == PJ_SUCCESS)
        pj_sockaddr_set_port(local, (pj_uint16_t)name->port);
}

static void fill(struct record *record, const pjsip_transport *tp, const char *host, int port,
                 const pj_str_t *call_id, const pjsip_cseq_hdr *cseq, const char *message, int len)
{
    const char *end = memchr(message, '\n', len);
    char number[24];
    struct timeval now;
    pj_sockaddr local;

    gettimeofday(&now, NULL); /* pjlib's own cuts to milliseconds, and stories are told in microseconds */
    record->time = now.tv_sec * 1000000ULL + now.tv_usec;
    local_of(tp, &local);
    record->position = handoff_message_keep(message, (unsigned)PJ_MAX(0, len), &local);
    snprintf(record->transport, sizeof(record->transport), "%s",
             tp->flag & PJSIP_TRANSPORT_SECURE ? "tls" :
             tp->flag & PJSIP_TRANSPORT_DATAGRAM ? "udp" : "tcp");
    snprintf(record->peer, sizeof(record->peer), strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
    copy_clean(record->call_id, sizeof(record->call_id), call_id->ptr, call_id->slen);

    snprintf(number, sizeof(number), "%d ", cseq->cseq);
    strcpy(record->cseq, number);
    copy_clean(record->cseq + strlen(number), sizeof(record->cseq) - strlen(number),
               cseq->method.name.ptr, cseq->method.name.slen);

    len = end ? (int)(end - message) : len;
    if (len > 0 && message[len - 1] == '\r')
        --len;
    copy_clean(record->line, sizeof(record->line), message, len);
}

/* Requests: the transaction is there already. Responses: it has its final one already. */
static pj_bool_t is_repeated(pjsip_rx_data *rdata)
{
    pj_bool_t request = rdata->msg_info.msg->type == PJSIP_REQUEST_MSG;
    pjsip_transaction *tsx;
    pj_str_t key;

    if (request && rdata->msg_info.msg->line.req.method.id == PJSIP_ACK_METHOD)
        return PJ_FALSE;
    if (pjsip_tsx_create_key(rdata->tp_info.pool, &key, request ? PJSIP_ROLE_UAS : PJSIP_ROLE_UAC,
                             &rdata->msg_info.cseq->method, rdata) != PJ_SUCCESS)
        return PJ_FALSE;
    tsx = pjsip_tsx_layer_find_tsx(&key, PJ_FALSE);
    return tsx && (request || tsx->status_code >= 200);
}

static pj_bool_t on_rx(pjsip_rx_data *rdata)
{
    struct record *record = next_record();

    record->direction = '<';
    record->repeated = (char)is_repeated(rdata);
    fill(record, rdata->tp_info.transport, rdata->pkt_info.src_name, rdata->pkt_info.src_port,
         &rdata->msg_info.cid->id, rdata->msg_info.cseq, rdata->msg_info.msg_buf, rdata->msg_info.len);
    return PJ_FALSE;
}

static pj_status_t on_tx(pjsip_tx_data *tdata)
{
    const pjsip_cid_hdr *cid = pjsip_msg_find_hdr(tdata->msg, PJSIP_H_CALL_ID, NULL);
    const pjsip_cseq_hdr *cseq = pjsip_msg_find_hdr(tdata->msg, PJSIP_H_CSEQ, NULL);
    struct record *record;
    void *mark;

    if (!cid || !cseq)
        return PJ_SUCCESS;
    /* The same buffer with the same CSeq again is a retransmission; a request that is repeated with
     * credentials has a higher CSeq. */
    mark = (void*)(pj_size_t)(cseq->cseq + 1);
    record = next_record();
    record->direction = '>';
    record->repeated = tdata->mod_data[module.id] == mark;
    tdata->mod_data[module.id] = mark;
    fill(record, tdata->tp_info.transport, tdata->tp_info.dst_name, tdata->tp_info.dst_port,
         &cid->id, cseq, tdata->buf.start, (int)(tdata->buf.cur - tdata->buf.start));
    return PJ_SUCCESS;
}

/* Appends a record's line to text. The length after it, or -1 when there is no memory. */
static long append(size_t at, const struct record *record)
{
    size_t need = at + sizeof(*record) + 64;
    char *to;

    if (need > text_size) {
        char *bigger = realloc(text, need * 2);
        if (!bigger)
            return -1;
        text = bigger;
        text_size = need * 2;
    }
    to = text + at;
    to += sprintf(to, "%s%llu\t%c\t%s\t%s\t%s\t%s\t%s\t%s\t", at ? "\n" : "", record->time,
                  record->direction, record->transport, record->peer, record->call_id, record->cseq,
                  record->line, record->repeated ? "R" : "");
    if (record->position != HANDOFF_MESSAGE_NOT_KEPT)
        to += sprintf(to, "%llu", record->position);
    return to - text;
}

int handoff_trace_install(unsigned message_bytes)
{
    pjsip_endpoint *endpoint = pjsua_get_pjsip_endpt();

    if (module.id >= 0)
        return 0;
    if (!ring)
        ring = calloc(RECORDS, sizeof(*ring));
    return ring && handoff_messages_reserve(message_bytes) == 0 && endpoint && pjsip_endpt_register_module(endpoint, &module) == PJ_SUCCESS ? 0 : -1;
}

const char *handoff_trace_drain(int max_records)
{
    unsigned left = max_records > 0 ? (unsigned)max_records : RECORDS;
    long at = 0;

    for (; used && left && at < DRAIN_MAX; --left) {
        struct record *record = &ring[first];
        long end = append(at, record);
        if (end < 0)
            break;
        at = end;
        first = (first + 1) % RECORDS;
        --used;
    }
    return at ? text : "";
}
