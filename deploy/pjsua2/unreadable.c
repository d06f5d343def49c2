/* Unreadable: a request that pjsip drops still gets its answer, if it can be told to whom.
 *
 * What pjsip can't parse, or what does not fit into its buffer, ends in silence, and the peer repeats it for
 * 32 s. Here the response is made of the request's own lines (RFC 3261 section 8.2.6), without parsing them: 505
 * for a version that is not ours, 513 for what is too long, 400 for all else. Carriers only.
 */
#include <pjsip.h>
#include <pjsua-lib/pjsua.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "guard.h"
#include "unreadable.h"

/* In sip_transport.c, by our patch. */
extern void (*handoff_on_unreadable)(pjsip_rx_data *rdata, pj_status_t status);

struct text {
    char data[PJSIP_MAX_PKT_LEN];
    size_t length;
};

enum part { VIA = 1, FROM = 2, TO = 4, CALL_ID = 8, CSEQ = 16, ALL = 31 };

static void add(struct text *text, const char *what, size_t length)
{
    if (text->length + length < sizeof(text->data)) {
        memcpy(text->data + text->length, what, length);
        text->length += length;
    } else {
        text->length = sizeof(text->data); /* too long: nothing is sent */
    }
}

/* The end of a header with its continuation lines, without the last line break; `next` is what follows. */
static const char *end_of(const char *at, const char *end, const char **next)
{
    const char *line = at, *newline;

    while ((newline = memchr(line, '\n', end - line)) != NULL) {
        line = newline + 1;
        if (line == end || (*line != ' ' && *line != '\t'))
            break;
    }
    *next = newline ? newline + 1 : end;
    if (!newline)
        return end;
    return newline > at && newline[-1] == '\r' ? newline - 1 : newline;
}

static int part_of(const char *at, const char *end)
{
    static const struct { const char *name; int part; } names[] = {
        { "via", VIA }, { "v", VIA }, { "from", FROM }, { "f", FROM }, { "to", TO }, { "t", TO },
        { "call-id", CALL_ID }, { "i", CALL_ID }, { "cseq", CSEQ },
    };
    const char *colon = memchr(at, ':', end - at);
    size_t length, i;

    if (!colon)
        return 0;
    for (length = colon - at; length && (at[length - 1] == ' ' || at[length - 1] == '\t'); --length)
        ;
    for (i = 0; i < PJ_ARRAY_SIZE(names); ++i)
        if (strlen(names[i].name) == length && strncasecmp(at, names[i].name, length) == 0)
            return names[i].part;
    return 0;
}

/* 0: no request, or one that is not answered. */
static int status_of(const char *at, const char *end, pj_status_t status)
{
    const char *version = end, *method = memchr(at, ' ', end - at);

    while (version > at && version[-1] != ' ')
        --version;
    if (!method || version - 1 <= method || method - at > 32 || end - version < 7 ||
        strncasecmp(version, "SIP/", 4) != 0 || !isdigit((unsigned char)version[4]) ||
        (method - at == 3 && memcmp(at, "ACK", 3) == 0))
        return 0;
    if (end - version != 7 || strncasecmp(version, "SIP/2.0", 7) != 0)
        return PJSIP_SC_VERSION_NOT_SUPPORTED;
    return status == PJSIP_ERXOVERFLOW ? PJSIP_SC_MESSAGE_TOO_LARGE : PJSIP_SC_BAD_REQUEST;
}

/* The topmost Via, of which the first value says where the request came from (section 18.2.1, RFC 3581). */
static void add_top_via(struct text *text, const char *at, const char *end, const pjsip_rx_data *rdata)
{
    const pj_str_t name = { ";rport", 6 };
    const char *comma = memchr(at, ',', end - at), *stop = comma ? comma : end;
    const char *rport = pj_stristr(&(pj_str_t){ (char *)at, stop - at }, &name);
    char more[128];

    if (rport)
        rport += name.slen;
    if (rport && (rport == stop || *rport == ';' || *rport == ' ')) { /* as yet without a value */
        snprintf(more, sizeof(more), "=%d", rdata->pkt_info.src_port);
        add(text, at, rport - at);
        add(text, more, strlen(more));
        at = rport;
    }
    snprintf(more, sizeof(more), ";received=%s", rdata->pkt_info.src_name);
    add(text, at, stop - at);
    add(text, more, strlen(more));
    add(text, stop, end - stop);
}

/* A To has a tag (section 8.2.6.2). */
static void add_header(struct text *text, int part, pj_bool_t first, const char *at, const char *end,
                       const pjsip_rx_data *rdata)
{
    char tag[32] = "";

    if (part == VIA && first) {
        add_top_via(text, at, end, rdata);
    } else {
        if (part == TO && !pj_stristr(&(pj_str_t){ (char *)at, end - at }, &(pj_str_t){ ";tag=", 5 }))
            snprintf(tag, sizeof(tag), ";tag=%08x", (unsigned)pj_rand());
        add(text, at, end - at);
        add(text, tag, strlen(tag));
    }
    add(text, "\r\n", 2);
}

static pj_bool_t write_response(struct text *text, int code, const char *at, const char *end,
                                const pjsip_rx_data *rdata)
{
    const char *stop, *next;
    char line[96];
    int seen = 0;

    text->length = 0;
    snprintf(line, sizeof(line), "SIP/2.0 %d %s\r\n", code, pjsip_get_status_text(code)->ptr);
    add(text, line, strlen(line));
    for (; at < end; at = next) {
        int part;
        stop = end_of(at, end, &next);
        if (stop == at || next == end)  /* the headers are over; the last line may have been cut */
            break;
        part = part_of(at, stop);
        if (part == VIA || (part && !(seen & part)))
            add_header(text, part, !(seen & VIA), at, stop, rdata);
        seen |= part;
    }
    add(text, "Content-Length: 0\r\n\r\n", 21);
    return seen == ALL && text->length < sizeof(text->data);
}

static void on_unreadable(pjsip_rx_data *rdata, pj_status_t status)
{
    static struct text text;
    pjsip_transport *transport = rdata->tp_info.transport;
    const char *at = rdata->msg_info.msg_buf, *end = at + rdata->msg_info.len, *next, *line;
    pjsip_tpselector selector;
    int code;

    if (rdata->msg_info.len <= 0 || !handoff_guard_knows(&rdata->pkt_info.src_addr))
        return;
    line = end_of(at, end, &next);
    code = status_of(at, line, status);
    if (!code || !write_response(&text, code, next, end, rdata))
        return;
    pj_bzero(&selector, sizeof(selector));
    selector.type = PJSIP_TPSELECTOR_TRANSPORT;
    selector.u.transport = transport;
    pjsip_tpmgr_send_raw(pjsip_endpt_get_tpmgr(pjsua_get_pjsip_endpt()), transport->key.type, &selector, NULL,
                         text.data, text.length, &rdata->pkt_info.src_addr, rdata->pkt_info.src_addr_len,
                         NULL, NULL);
    /* Where the next message begins in what still comes can't be told. */
    if (status == PJSIP_ERXOVERFLOW && !(transport->flag & PJSIP_TRANSPORT_DATAGRAM))
        pjsip_transport_shutdown(transport);
}

void handoff_unreadable_install(void)
{
    handoff_on_unreadable = &on_unreadable;
}
