/* Guard: a pjsip module between the transport layer (8) and the transaction layer (16).
 *
 * It sees every request before a transaction, a dialog or Python does, and refuses what the edge
 * does not serve: strangers, calls the node can't take now, methods it does not have, broken or cut
 * messages. All answers are stateless, so a flood leaves nothing behind. Responses are not looked at.
 *
 * No locks: install, the setters and on_rx_request all run on the one thread that polls pjsip
 * (threadCnt 0, mainThreadOnly). The bare ints are safe for no other arrangement.
 */
#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "dialogs.h"
#include "guard.h"
#include "unreadable.h"

#define ALLOWED "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK, REFER, NOTIFY"

/* INVITEs that are remembered, and for how many seconds (64 * T1, the life of a transaction): 32,768 cover
 * 1,000 a second. Those of strangers have a place of their own, so that a flood of them displaces no other. */
#define MARKS 32768
#define STRANGERS_MARKS 4096
#define MARK_LIFE 32

/* Room that a response needs beyond what it copies from the request. */
#define RESPONSE_HEADROOM 1500

/* patches/0006: lets requests with a bad header come through to us (they get 400). */
extern pj_bool_t handoff_accept_bad_requests;

struct source {
    int family;                 /* AF_INET or AF_INET6 */
    int bits;
    unsigned char address[16];
};

struct table {
    struct source *entries;
    int count;
};

static pjsip_endpoint *endpoint;
static struct table sources;    /* who may send any request */
static struct table peers;      /* who else may send requests inside any dialog */
static int reject_strangers;
static int admitting = 1;
static int retry_after = 5;
static int refusal_cause = HANDOFF_GUARD_DRAINING;
static struct { double rate, burst, tokens; pj_timestamp filled; } bucket;
static unsigned long long counters[HANDOFF_GUARD_COUNTERS], invites[HANDOFF_GUARD_COUNTERS];

static const char *const counter_names[HANDOFF_GUARD_COUNTERS] = {
    "unknown_source", "draining", "over_limit", "not_ready", "method_not_allowed", "not_implemented",
    "too_many_hops", "too_large", "options_answered", "malformed", "stray", "invites_admitted",
    "invites_repeated", "no_transaction",
};

/* ---- Sources -------------------------------------------------------------------------------- */

/* "192.0.2.0/24", "2001:db8::1" -> entry. 0, or -1 if it is neither. */
static int parse_source(const char *text, struct source *entry)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    int max;

    if (len == 0 || len >= sizeof(address))
        return -1;
    memcpy(address, text, len);
    address[len] = '\0';

    entry->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    max = entry->family == AF_INET ? 32 : 128;
    if (inet_pton(entry->family, address, entry->address) != 1)
        return -1;

    entry->bits = max;
    if (slash) {
        size_t digits = strspn(slash + 1, "0123456789");
        if (digits == 0 || digits > 3 || slash[1 + digits])
            return -1;
        entry->bits = atoi(slash + 1);
    }
    return entry->bits <= max ? 0 : -1;
}

static pj_bool_t same_network(const unsigned char *a, const unsigned char *b, int bits)
{
    int bytes = bits / 8, rest = bits % 8;

    return memcmp(a, b, bytes) == 0 &&
           (rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0);
}

static pj_bool_t is_in(const struct table *table, const pj_sockaddr *from)
{
    static const unsigned char mapped[12] = { 0,0,0,0, 0,0,0,0, 0,0,0xff,0xff };
    const unsigned char *address = (const unsigned char*)pj_sockaddr_get_addr(from);
    int family = from->addr.sa_family == pj_AF_INET() ? AF_INET : AF_INET6;
    int i;

    /* An IPv4 peer of a dual-stack socket */
    if (family == AF_INET6 && memcmp(address, mapped, sizeof(mapped)) == 0) {
        family = AF_INET;
        address += sizeof(mapped);
    }
    for (i = 0; i < table->count; ++i) {
        if (table->entries[i].family == family &&
            same_network(table->entries[i].address, address, table->entries[i].bits))
        {
            return PJ_TRUE;
        }
    }
    return PJ_FALSE;
}

int handoff_guard_knows(const void *from)
{
    return is_in(&sources, from);
}

static int set_table(struct table *table, const char *cidrs)
{
    char *copy = cidrs ? strdup(cidrs) : NULL;
    /* An entry and its blank take two characters at least */
    struct source *entries = copy ? calloc(strlen(copy) / 2 + 1, sizeof(*entries)) : NULL;
    char *rest = NULL, *word;
    int count = 0;

    if (entries) {
        for (word = strtok_r(copy, " \t\r\n\f\v", &rest); word && count >= 0;
             word = strtok_r(NULL, " \t\r\n\f\v", &rest))
        {
            count = parse_source(word, &entries[count]) == 0 ? count + 1 : -1;
        }
    }
    free(copy);
    if (!entries || count < 0) {
        free(entries);
        return -1;
    }
    free(table->entries);
    table->entries = entries;
    table->count = count;
    return count;
}

int handoff_guard_set_sources(const char *cidrs)
{
    return set_table(&sources, cidrs);
}

int handoff_guard_set_peers(const char *cidrs)
{
    return set_table(&peers, cidrs);
}

/* ---- Answers -------------------------------------------------------------------------------- */

static void add_text_header(pj_pool_t *pool, pjsip_hdr *list, const char *name, const char *value)
{
    pj_str_t n = pj_str((char*)name), v = pj_str((char*)value);
    pj_list_push_back(list, pjsip_generic_string_hdr_create(pool, &n, &v));
}

/* Names in a Require header that are none of our capabilities (RFC 3261 section 8.2.2.3). */
static unsigned unsupported(const pjsip_msg *msg, pj_str_t *names, unsigned most)
{
    const pjsip_supported_hdr *ours =
        (const pjsip_supported_hdr *)pjsip_endpt_get_capability(endpoint, PJSIP_H_SUPPORTED, NULL);
    const pjsip_require_hdr *header = NULL;
    unsigned found = 0, i, j;

    while ((header = pjsip_msg_find_hdr(msg, PJSIP_H_REQUIRE, header ? header->next : NULL)) != NULL) {
        for (i = 0; i < header->count && found < most; ++i) {
            for (j = 0; ours && j < ours->count && pj_stricmp(&ours->values[j], &header->values[i]); ++j)
                ;
            if (!ours || j == ours->count)
                names[found++] = header->values[i];
        }
    }
    return found;
}

static void add_unsupported(pj_pool_t *pool, pjsip_hdr *list, const pjsip_msg *msg)
{
    pjsip_unsupported_hdr *header = pjsip_unsupported_hdr_create(pool);

    header->count = unsupported(msg, header->values, PJSIP_GENERIC_ARRAY_MAX_COUNT);
    pj_list_push_back(list, header);
}

/* Counts, and answers unless it is an ACK. A failure to send is the peer's loss: it asks again. */
static void count(const pjsip_rx_data *rdata, int counter)
{
    if (counter < 0)
        return;
    ++counters[counter];
    if (rdata->msg_info.msg->line.req.method.id == PJSIP_INVITE_METHOD)
        ++invites[counter];
}

static pj_bool_t answer(pjsip_rx_data *rdata, int code, int counter)
{
    pj_pool_t *pool = rdata->tp_info.pool;
    pjsip_hdr headers;

    count(rdata, counter);
    if (rdata->msg_info.msg->line.req.method.id == PJSIP_ACK_METHOD)
        return PJ_TRUE;

    pj_list_init(&headers);
    if (code == 200 || code == 405 || code == 501)
        add_text_header(pool, &headers, "Allow", ALLOWED);
    if (code == 503 && retry_after > 0)
        pj_list_push_back(&headers, pjsip_retry_after_hdr_create(pool, retry_after));
    if (code == 420)
        add_unsupported(pool, &headers, rdata->msg_info.msg);
    if (code == 200) {
        const pjsip_hdr *supported = pjsip_endpt_get_capability(endpoint, PJSIP_H_SUPPORTED, NULL);
        add_text_header(pool, &headers, "Accept", "application/sdp");
        if (supported)
            pj_list_push_back(&headers, pjsip_hdr_clone(pool, supported));
    }
    pjsip_endpt_respond_stateless(endpoint, rdata, code, NULL, &headers, NULL);
    return PJ_TRUE;
}

/* ---- What belongs to something that exists -------------------------------------------------- */

static pjsip_transaction *transaction(pjsip_rx_data *rdata, const pjsip_method *method)
{
    pj_str_t key;

    return pjsip_tsx_create_key(rdata->tp_info.pool, &key, PJSIP_ROLE_UAS, method,
                                rdata) == PJ_SUCCESS ?
           pjsip_tsx_layer_find_tsx(&key, PJ_FALSE) : NULL;
}

static pj_bool_t has_transaction(pjsip_rx_data *rdata, const pjsip_method *method)
{
    return transaction(rdata, method) != NULL;
}

static pjsip_dialog *dialog(const pjsip_rx_data *rdata)
{
    return rdata->msg_info.to->tag.slen && rdata->msg_info.from->tag.slen ?
           pjsip_ua_find_dialog(&rdata->msg_info.cid->id, &rdata->msg_info.to->tag,
                                &rdata->msg_info.from->tag, PJ_FALSE) : NULL;
}

static pj_bool_t has_dialog(const pjsip_rx_data *rdata)
{
    return dialog(rdata) != NULL;
}

/* Carriers may ask anything. Others may speak inside a dialog whose far end they are, and repeat what was
 * answered there: knowing its tags makes nobody a party of it. */
static pj_bool_t may_speak(pjsip_rx_data *rdata)
{
    const pj_sockaddr *from = &rdata->pkt_info.src_addr;
    const pjsip_transaction *repeated;
    pjsip_dialog *inside;

    if (is_in(&sources, from))
        return PJ_TRUE;
    if ((inside = dialog(rdata)) != NULL)
        return is_in(&peers, from) || handoff_dialog_is_with(inside, from);
    repeated = transaction(rdata, &rdata->msg_info.msg->line.req.method);
    return repeated && repeated->addr_len && handoff_same_host(&repeated->addr, from);
}

static pj_bool_t belongs_to_us(pjsip_rx_data *rdata)
{
    const pjsip_method *method = &rdata->msg_info.msg->line.req.method;

    if (has_dialog(rdata) || has_transaction(rdata, method))
        return PJ_TRUE;
    return (method->id == PJSIP_CANCEL_METHOD || method->id == PJSIP_ACK_METHOD) &&
           has_transaction(rdata, pjsip_get_invite_method());
}

/* ---- Memory of INVITEs: a retransmission is not counted, and not decided anew ---------------- */

enum mark { ADMITTED = 1, REFUSED, FROM_STRANGER };

/* Branch, Call-ID, From tag and CSeq: equal in retransmissions, new when the caller tries again. */
static pj_uint64_t fingerprint(const pjsip_rx_data *rdata, enum mark kind)
{
    const pj_str_t *parts[3] = { &rdata->msg_info.via->branch_param, &rdata->msg_info.cid->id,
                                 &rdata->msg_info.from->tag };
    pj_uint64_t hash = 14695981039346656037ULL ^ (pj_uint64_t)rdata->msg_info.cseq->cseq;
    pj_ssize_t j;
    int i;

    for (i = 0; i < 3; ++i) {
        for (j = 0; j < parts[i]->slen; ++j)
            hash = (hash ^ (unsigned char)parts[i]->ptr[j]) * 1099511628211ULL;
        hash = (hash ^ 0xff) * 1099511628211ULL;
    }
    return hash ^ ((pj_uint64_t)kind << 60);
}

/* The last `size` marks, in a ring: all live equally long, so the one that is overwritten is the oldest.
 * They are found through chains; 0 ends one, and is no entry. */
struct memory {
    unsigned size, newest;
    struct entry { pj_uint64_t hash; long second; unsigned next; } *entries;
    unsigned *chains;
};

static struct entry entries_of_known[MARKS + 1], entries_of_strangers[STRANGERS_MARKS + 1];
static unsigned chains_of_known[MARKS], chains_of_strangers[STRANGERS_MARKS];
static struct memory known_marks = { MARKS, 0, entries_of_known, chains_of_known };
static struct memory strangers_marks = { STRANGERS_MARKS, 0, entries_of_strangers, chains_of_strangers };

static struct memory *memory_of(enum mark kind)
{
    return kind == FROM_STRANGER ? &strangers_marks : &known_marks;
}

static long seconds(void)
{
    pj_time_val now;

    pj_gettickcount(&now);
    return now.sec;
}

/* True if it has the mark already. 64 bits of hash: a false hit does not happen in practice. */
static pj_bool_t is_marked(const pjsip_rx_data *rdata, enum mark kind)
{
    const struct memory *memory = memory_of(kind);
    pj_uint64_t hash = fingerprint(rdata, kind);
    unsigned at = memory->chains[hash % memory->size];

    while (at && memory->entries[at].hash != hash)
        at = memory->entries[at].next;
    return at && seconds() - memory->entries[at].second < MARK_LIFE;
}

static void forget(struct memory *memory, unsigned index)
{
    struct entry *old = &memory->entries[index];
    unsigned *at = &memory->chains[old->hash % memory->size];

    while (*at && *at != index)
        at = &memory->entries[*at].next;
    if (*at)
        *at = old->next;
}

static void set_mark(const pjsip_rx_data *rdata, enum mark kind)
{
    struct memory *memory = memory_of(kind);
    pj_uint64_t hash = fingerprint(rdata, kind);
    unsigned *chain = &memory->chains[hash % memory->size];
    struct entry *entry;

    memory->newest = memory->newest % memory->size + 1;
    entry = &memory->entries[memory->newest];
    if (entry->hash)
        forget(memory, memory->newest);
    entry->hash = hash;
    entry->second = seconds();
    entry->next = *chain;
    *chain = memory->newest;
}

/* ---- Rules ---------------------------------------------------------------------------------- */

static pj_bool_t refuse_stranger(pjsip_rx_data *rdata)
{
    pjsip_transport *tp = rdata->tp_info.transport;
    int counter = rdata->msg_info.to->tag.slen ? HANDOFF_GUARD_STRAY : HANDOFF_GUARD_UNKNOWN_SOURCE;

    if (rdata->msg_info.msg->line.req.method.id == PJSIP_INVITE_METHOD) {
        if (is_marked(rdata, FROM_STRANGER))
            counter = -1;
        else
            set_mark(rdata, FROM_STRANGER);
    }
    if (reject_strangers)
        return answer(rdata, PJSIP_SC_FORBIDDEN, counter);
    count(rdata, counter);
    /* No descriptor for those we don't talk to; closed once this packet is done with. */
    if (!(tp->flag & PJSIP_TRANSPORT_DATAGRAM) && tp->dir == PJSIP_TP_DIR_INCOMING)
        pjsip_transport_shutdown(tp);
    return PJ_TRUE;
}

/* Bytes after the empty line that ends the headers; -1 without such a line. */
static int body_arrived(const pjsip_rx_data *rdata)
{
    const char *text = rdata->msg_info.msg_buf;
    int len = rdata->msg_info.len, i;

    for (i = 0; i < len; ++i) {
        if (text[i] != '\n')
            continue;
        if (i + 1 < len && text[i + 1] == '\n')
            return len - i - 2;
        if (i + 2 < len && text[i + 1] == '\r' && text[i + 2] == '\n')
            return len - i - 3;
    }
    return -1;
}

/* UDP cuts what is too long without a word; TCP framing has seen to it already. */
static pj_bool_t is_cut(const pjsip_rx_data *rdata, int arrived)
{
    const pjsip_clen_hdr *clen = rdata->msg_info.clen;

    if (!(rdata->tp_info.transport->flag & PJSIP_TRANSPORT_DATAGRAM))
        return PJ_FALSE;
    return rdata->pkt_info.len >= PJSIP_MAX_PKT_LEN - 1 || arrived < 0 ||
           (clen && clen->len > arrived);
}

static pj_bool_t has_long_headers(const pjsip_rx_data *rdata, int arrived)
{
    return rdata->msg_info.len - (arrived > 0 ? arrived : 0) >= PJSIP_MAX_PKT_LEN - RESPONSE_HEADROOM;
}

/* Bytes of a header as we would write it; all there are when it would not fit. */
static int printed(const pjsip_hdr *header, char *into)
{
    int length = pjsip_hdr_print_on((void *)header, into, PJSIP_MAX_PKT_LEN - 1);

    return length < 0 ? PJSIP_MAX_PKT_LEN : length + 2;
}

/* A response repeats Via, Record-Route, From, To, Call-ID, CSeq: never more than the request's headers. */
static pj_bool_t is_answerable(const pjsip_rx_data *rdata, int arrived)
{
    static char scratch[PJSIP_MAX_PKT_LEN];
    const pjsip_hdr *all = &rdata->msg_info.msg->hdr, *header;
    int length = 0;

    if (!has_long_headers(rdata, arrived))
        return PJ_TRUE;
    for (header = all->next; header != all && length < PJSIP_MAX_PKT_LEN; header = header->next) {
        switch (header->type) {
        case PJSIP_H_VIA: case PJSIP_H_RECORD_ROUTE: case PJSIP_H_FROM: case PJSIP_H_TO:
        case PJSIP_H_CALL_ID: case PJSIP_H_CSEQ:
            length += printed(header, scratch);
            break;
        default:
            break;
        }
    }
    return length < PJSIP_MAX_PKT_LEN - RESPONSE_HEADROOM;
}

/* Two headers that may stand there once, and say different things (RFC 3261 section 7.3.1): which of them
 * another element in the way believed nobody knows. */
static pj_bool_t contradicts_itself(const pjsip_msg *msg)
{
    static const pjsip_hdr_e once[] = {
        PJSIP_H_FROM, PJSIP_H_TO, PJSIP_H_CALL_ID, PJSIP_H_CSEQ, PJSIP_H_CONTENT_LENGTH, PJSIP_H_MAX_FORWARDS,
    };
    static char one[PJSIP_MAX_PKT_LEN], other[PJSIP_MAX_PKT_LEN];
    const pjsip_hdr *first, *next;
    unsigned i;
    int length;

    for (i = 0; i < PJ_ARRAY_SIZE(once); ++i) {
        first = pjsip_msg_find_hdr(msg, once[i], NULL);
        for (next = first; next && (next = pjsip_msg_find_hdr(msg, once[i], next->next)) != NULL;) {
            length = printed(first, one);
            if (length != printed(next, other) || length >= PJSIP_MAX_PKT_LEN ||
                memcmp(one, other, length - 2) != 0)
                return PJ_TRUE;
        }
    }
    return PJ_FALSE;
}

/* The request must name one method (RFC 3261 8.1.1.5). A CSeq of another method on the branch of an
 * INVITE ends in an assertion of the transaction layer. */
static pj_bool_t is_malformed(const pjsip_rx_data *rdata)
{
    const pjsip_msg *msg = rdata->msg_info.msg;

    return !pj_list_empty(&rdata->msg_info.parse_err) || contradicts_itself(msg) ||
           pjsip_method_cmp(&msg->line.req.method, &rdata->msg_info.cseq->method) != 0;
}

static pj_bool_t has_known_scheme(const pjsip_uri *uri)
{
    const pj_str_t *scheme = pjsip_uri_get_scheme(uri);

    return pj_stricmp2(scheme, "sip") == 0 || pj_stricmp2(scheme, "sips") == 0 ||
           pj_stricmp2(scheme, "tel") == 0;
}

/* A call that is to be secure all the way has not been (RFC 3261 section 26.2.2). */
static pj_bool_t is_insecure(const pjsip_rx_data *rdata)
{
    return pj_stricmp2(pjsip_uri_get_scheme(rdata->msg_info.msg->line.req.uri), "sips") == 0 &&
           !(rdata->tp_info.transport->flag & PJSIP_TRANSPORT_SECURE);
}

enum service { SERVED_ANYWHERE, SERVED_IN_DIALOG, NOT_SERVED, NOT_KNOWN };

static enum service service_of(const pj_str_t *method)
{
    static const struct { const char *name; enum service service; } methods[] = {
        { "INVITE", SERVED_ANYWHERE }, { "ACK", SERVED_ANYWHERE }, { "OPTIONS", SERVED_ANYWHERE },
        { "BYE", SERVED_ANYWHERE }, { "CANCEL", SERVED_ANYWHERE },      /* 481 if of nothing */
        { "UPDATE", SERVED_IN_DIALOG }, { "INFO", SERVED_IN_DIALOG }, { "REFER", SERVED_IN_DIALOG },
        { "NOTIFY", SERVED_IN_DIALOG }, { "PRACK", SERVED_IN_DIALOG },
        { "REGISTER", NOT_SERVED }, { "PUBLISH", NOT_SERVED }, { "SUBSCRIBE", NOT_SERVED },
        { "MESSAGE", NOT_SERVED },
    };
    unsigned i;

    for (i = 0; i < PJ_ARRAY_SIZE(methods); ++i) {
        if (pj_strcmp2(method, methods[i].name) == 0)   /* methods are case-sensitive */
            return methods[i].service;
    }
    return NOT_KNOWN;
}

static pj_bool_t take_token(void)
{
    pj_timestamp now;

    if (bucket.rate <= 0)
        return PJ_TRUE;
    pj_get_timestamp(&now);
    bucket.tokens += bucket.rate * pj_elapsed_usec(&bucket.filled, &now) / 1e6;
    if (bucket.tokens > bucket.burst)
        bucket.tokens = bucket.burst;
    bucket.filled = now;
    if (bucket.tokens < 1)
        return PJ_FALSE;
    bucket.tokens -= 1;
    return PJ_TRUE;
}

/* INVITE without a To tag. A retransmission of one that was let in goes on to its transaction, or
 * nowhere when that is over: a second call would come of it. One of a refused INVITE gets the same
 * answer, whatever the state is by now. */
static pj_bool_t admit_invite(pjsip_rx_data *rdata)
{
    if (has_transaction(rdata, pjsip_get_invite_method())) {
        ++counters[HANDOFF_GUARD_INVITES_REPEATED];
        return PJ_FALSE;
    }
    if (is_marked(rdata, ADMITTED)) {
        ++counters[HANDOFF_GUARD_INVITES_REPEATED];
        return PJ_TRUE;
    }
    if (is_marked(rdata, REFUSED))
        return answer(rdata, PJSIP_SC_SERVICE_UNAVAILABLE, HANDOFF_GUARD_INVITES_REPEATED);
    if (!admitting || !take_token()) {
        set_mark(rdata, REFUSED);
        return answer(rdata, PJSIP_SC_SERVICE_UNAVAILABLE,
                      admitting ? HANDOFF_GUARD_OVER_LIMIT : refusal_cause);
    }
    set_mark(rdata, ADMITTED);
    ++counters[HANDOFF_GUARD_INVITES_ADMITTED];
    return PJ_FALSE;
}

static pj_bool_t serve_out_of_dialog(pjsip_rx_data *rdata)
{
    const pjsip_method *method = &rdata->msg_info.msg->line.req.method;
    const pjsip_max_fwd_hdr *hops = rdata->msg_info.max_fwd;
    pj_str_t strange;

    switch (method->id) {
    case PJSIP_ACK_METHOD:
        return PJ_FALSE;
    case PJSIP_CANCEL_METHOD:
    case PJSIP_BYE_METHOD:
        return belongs_to_us(rdata) ? PJ_FALSE :
               answer(rdata, PJSIP_SC_CALL_TSX_DOES_NOT_EXIST, HANDOFF_GUARD_NO_TRANSACTION);
    default:
        break;
    }
    if (hops && hops->ivalue == 0)
        return answer(rdata, PJSIP_SC_TOO_MANY_HOPS, HANDOFF_GUARD_TOO_MANY_HOPS);
    if (method->id == PJSIP_OPTIONS_METHOD && unsupported(rdata->msg_info.msg, &strange, 1))
        return answer(rdata, PJSIP_SC_BAD_EXTENSION, HANDOFF_GUARD_OPTIONS_ANSWERED);
    if (method->id == PJSIP_OPTIONS_METHOD)
        return answer(rdata, admitting ? PJSIP_SC_OK : PJSIP_SC_SERVICE_UNAVAILABLE,
                      HANDOFF_GUARD_OPTIONS_ANSWERED);
    return admit_invite(rdata);
}

/* pjsip's hook. PJ_TRUE: dealt with, no other module sees the request. */
static pj_bool_t on_rx_request(pjsip_rx_data *rdata)
{
    int arrived = body_arrived(rdata);
    pj_bool_t in_dialog = rdata->msg_info.to->tag.slen != 0;
    enum service service = service_of(&rdata->msg_info.msg->line.req.method.name);

    if (!is_answerable(rdata, arrived)) {
        ++counters[HANDOFF_GUARD_TOO_LARGE];
        return PJ_TRUE;
    }
    if (!may_speak(rdata))
        return refuse_stranger(rdata);
    if (has_long_headers(rdata, arrived))
        return answer(rdata, PJSIP_SC_MESSAGE_TOO_LARGE, HANDOFF_GUARD_TOO_LARGE);
    if (is_malformed(rdata))
        return answer(rdata, PJSIP_SC_BAD_REQUEST, HANDOFF_GUARD_MALFORMED);
    if (is_cut(rdata, arrived))
        return answer(rdata, PJSIP_SC_MESSAGE_TOO_LARGE, HANDOFF_GUARD_TOO_LARGE);
    if (!has_known_scheme(rdata->msg_info.msg->line.req.uri) || is_insecure(rdata))
        return answer(rdata, PJSIP_SC_UNSUPPORTED_URI_SCHEME, HANDOFF_GUARD_MALFORMED);
    if (service == NOT_KNOWN)
        return answer(rdata, PJSIP_SC_NOT_IMPLEMENTED, HANDOFF_GUARD_NOT_IMPLEMENTED);
    if (service == NOT_SERVED || (service == SERVED_IN_DIALOG && !in_dialog))
        return answer(rdata, PJSIP_SC_METHOD_NOT_ALLOWED, HANDOFF_GUARD_METHOD_NOT_ALLOWED);
    return in_dialog ? PJ_FALSE : serve_out_of_dialog(rdata);
}

/* What the transport layer could not even parse never becomes a request. */
static void on_dropped(pjsip_tp_dropped_data *dropped)
{
    if (dropped->status == PJSIP_ERXOVERFLOW)
        ++counters[HANDOFF_GUARD_TOO_LARGE];
    else if (dropped->status != PJ_EIGNORED && dropped->status != PJ_ESOCKETSTOP)
        ++counters[HANDOFF_GUARD_MALFORMED];
}

/* Where our requests inside a dialog go its far end is. */
static pj_status_t on_tx_request(pjsip_tx_data *tdata)
{
    handoff_dialog_sent(tdata);
    return PJ_SUCCESS;
}

static pjsip_module module = {
    .name = { "mod-handoff-guard", 17 },
    .id = -1,
    .priority = 12,
    .on_rx_request = &on_rx_request,
    .on_tx_request = &on_tx_request,
};

/* ---- The functions that Python calls -------------------------------------------------------- */

/* What our 200s allow is what is served; pjsip's modules have put in what they could do. */
static void allow_what_is_served(void)
{
    pjsip_allow_hdr *allow = (pjsip_allow_hdr *)pjsip_endpt_get_capability(endpoint, PJSIP_H_ALLOW, NULL);
    unsigned i, kept = 0;

    for (i = 0; allow && i < allow->count; ++i) {
        if (service_of(&allow->values[i]) < NOT_SERVED)
            allow->values[kept++] = allow->values[i];
    }
    if (allow)
        allow->count = kept;
}

int handoff_guard_install(void)
{
    if (module.id >= 0)
        return 0;
    endpoint = pjsua_get_pjsip_endpt();
    if (!endpoint || pjsip_endpt_register_module(endpoint, &module) != PJ_SUCCESS)
        return -1;
    allow_what_is_served();
    handoff_accept_bad_requests = PJ_TRUE;
    handoff_dialogs_install(module.id);
    handoff_unreadable_install();
    pjsip_tpmgr_set_drop_data_cb(pjsip_endpt_get_tpmgr(endpoint), &on_dropped);
    return 0;
}

void handoff_guard_set_unknown_source(int reject)
{
    reject_strangers = reject;
}

void handoff_guard_set_state(int admit, int retry_after_seconds)
{
    admitting = admit;
    retry_after = retry_after_seconds;
}

void handoff_guard_set_cause(int cause)
{
    refusal_cause = cause == 1 ? HANDOFF_GUARD_OVER_LIMIT
                  : cause == 2 ? HANDOFF_GUARD_NOT_READY : HANDOFF_GUARD_DRAINING;
}

void handoff_guard_set_rate(int calls_per_second, int burst)
{
    bucket.rate = calls_per_second > 0 ? calls_per_second : 0;
    bucket.burst = burst > 0 ? burst : 1;
    bucket.tokens = bucket.burst;
    pj_get_timestamp(&bucket.filled);
}

unsigned long long handoff_guard_counter(int which)
{
    return which >= 0 && which < HANDOFF_GUARD_COUNTERS ? counters[which] : 0;
}

unsigned long long handoff_guard_invites(int which)
{
    return which >= 0 && which < HANDOFF_GUARD_COUNTERS ? invites[which] : 0;
}

const char *handoff_guard_counter_name(int which)
{
    return which >= 0 && which < HANDOFF_GUARD_COUNTERS ? counter_names[which] : NULL;
}

int handoff_guard_capacity(int what)
{
    static const int values[] = {
        PJSUA_MAX_CALLS, PJSUA_MAX_CONF_PORTS, PJ_IOQUEUE_MAX_HANDLES, PJSIP_MAX_PKT_LEN,
#ifdef NDEBUG
        1,
#else
        0,
#endif
    };
    return what >= 0 && what < (int)PJ_ARRAY_SIZE(values) ? values[what] : -1;
}

int handoff_guard_calls(void)
{
    return (int)pjsua_call_get_count();
}

void handoff_guard_quiet(void)
{
    pj_log_set_level(1);
}
