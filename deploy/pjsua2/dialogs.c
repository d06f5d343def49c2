/* Dialogs: from where the far end of each may speak.
 *
 * It is where our own requests in it went (what was dialled, and what is behind a Contact), the other addresses
 * of a target that was dialled by name, and what its Contact or its first Route names, if that is an address. A carrier's other addresses, and those that an
 * operator named, are the guard's own business. All of it runs on the one thread that polls pjsip.
 */
#include <string.h>
#include "dialogs.h"

#define MOST 16         /* addresses of one dialog; the oldest goes when there are more */

struct far_end {
    unsigned count;
    pj_sockaddr at[MOST];
};

static int place = -1;

void handoff_dialogs_install(int module_id)
{
    place = module_id;
}

/* Its bytes, 4 or 16 of them; 0 when it is no address. */
static unsigned address_of(const pj_sockaddr *address, const unsigned char **bytes)
{
    static const unsigned char mapped[12] = { 0,0,0,0, 0,0,0,0, 0,0,0xff,0xff };

    if (address->addr.sa_family != pj_AF_INET() && address->addr.sa_family != pj_AF_INET6())
        return 0;
    *bytes = (const unsigned char *)pj_sockaddr_get_addr(address);
    if (address->addr.sa_family == pj_AF_INET())
        return 4;
    if (memcmp(*bytes, mapped, sizeof(mapped)) != 0)
        return 16;
    *bytes += sizeof(mapped);
    return 4;
}

pj_bool_t handoff_same_host(const pj_sockaddr *a, const pj_sockaddr *b)
{
    const unsigned char *one = NULL, *other = NULL;
    unsigned length = address_of(a, &one);

    return length && length == address_of(b, &other) && memcmp(one, other, length) == 0;
}

static void add(pjsip_dialog *dialog, const pj_sockaddr *address)
{
    struct far_end *far_end = dialog->mod_data[place];
    unsigned i;

    if (!far_end)
        dialog->mod_data[place] = far_end = PJ_POOL_ZALLOC_T(dialog->pool, struct far_end);
    for (i = 0; i < far_end->count && i < MOST; ++i)
        if (handoff_same_host(&far_end->at[i], address))
            return;
    pj_sockaddr_cp(&far_end->at[far_end->count % MOST], address);
    ++far_end->count;
}

static pj_bool_t read_address(const pj_str_t *text, pj_sockaddr *address)
{
    int family = pj_memchr(text->ptr, ':', text->slen) ? pj_AF_INET6() : pj_AF_INET();

    pj_sockaddr_init(family, address, NULL, 0);
    return pj_inet_pton(family, text, pj_sockaddr_get_addr(address)) == PJ_SUCCESS;
}

void handoff_dialog_hosts(pjsip_dialog *dialog, const char *addresses)
{
    pj_sockaddr address;
    pj_str_t text;

    for (; place >= 0 && *addresses; addresses += text.slen + (addresses[text.slen] == ' ')) {
        text.ptr = (char *)addresses;
        text.slen = strcspn(addresses, " ");
        if (read_address(&text, &address))
            add(dialog, &address);
    }
}

void handoff_dialog_sent(const pjsip_tx_data *tdata)
{
    const pjsip_msg *msg = tdata->msg;
    const pjsip_cid_hdr *cid = pjsip_msg_find_hdr(msg, PJSIP_H_CALL_ID, NULL);
    const pjsip_from_hdr *from = pjsip_msg_find_hdr(msg, PJSIP_H_FROM, NULL);
    const pjsip_to_hdr *to = pjsip_msg_find_hdr(msg, PJSIP_H_TO, NULL);
    pjsip_dialog *dialog;

    if (!cid || !from || !to || place < 0)
        return;
    dialog = pjsip_ua_find_dialog(&cid->id, &from->tag, &to->tag, PJ_FALSE);
    if (dialog)
        add(dialog, &tdata->tp_info.dst_addr);
}

/* A name is looked up by nobody here: what it stands for is known once a request of ours went there. */
static pj_bool_t names(const pjsip_uri *uri, const pj_sockaddr *from)
{
    const pjsip_sip_uri *sip;
    pj_sockaddr address;

    if (!uri || (!PJSIP_URI_SCHEME_IS_SIP(uri) && !PJSIP_URI_SCHEME_IS_SIPS(uri)))
        return PJ_FALSE;
    sip = (const pjsip_sip_uri *)pjsip_uri_get_uri((void *)uri);
    return read_address(&sip->host, &address) && handoff_same_host(&address, from);
}

pj_bool_t handoff_dialog_is_with(const pjsip_dialog *dialog, const pj_sockaddr *from)
{
    const struct far_end *far_end = place < 0 ? NULL : dialog->mod_data[place];
    const pjsip_route_hdr *first = dialog->route_set.next;
    unsigned i;

    for (i = 0; far_end && i < far_end->count && i < MOST; ++i)
        if (handoff_same_host(&far_end->at[i], from))
            return PJ_TRUE;
    if (first != &dialog->route_set && names(first->name_addr.uri, from))
        return PJ_TRUE;
    return names(dialog->target, from);
}
