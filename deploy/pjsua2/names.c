/* Host names in SIP (RFC 3263), without a look-up on the thread that polls pjsip.
 *
 * pjsip would ask the C library, which holds every call up for as long as a name server is silent. It lets the
 * application resolve instead (pjsip_ext_resolver). Here an IP address is taken as it is; the host that is being
 * dialled is pinned to the address that was chosen for it, so that its URI goes out as it was written, and TLS
 * verifies the name and sends it (SNI): both come from the URI's host. What else is a name (a Contact, a Route)
 * becomes a question for Python, which answers later; nothing waits but that one message.
 */
#include <pjsua-lib/pjsua.h>
#include <stdio.h>
#include <string.h>
#include "names.h"

#define WAITING 256      /* names at a time: a peer's, so not without a bound */
#define HOST_LENGTH 256

static struct {
    int number; /* 0: free */
    pj_bool_t drained;
    pjsip_transport_type_e type;
    int port;
    char host[HOST_LENGTH];
    void *token;
    pjsip_resolver_callback *cb;
} waiting[WAITING];
static int last_number;
static unsigned refused;

/* What pjlib itself was asked for, counted by our patch 0020 in addr_resolv_sock.c: it takes literal addresses only. */
extern unsigned handoff_names_refused_count;

static char pinned_host[HOST_LENGTH];
static pjsip_server_addresses pinned;

static pj_bool_t is_pinned(const pj_str_t *host)
{
    return pinned.count && pj_stricmp2(host, pinned_host) == 0;
}

/* The interface towards a host that is being dialled is that towards its address (patch 0070). */
static pj_bool_t known_address(const pj_str_t *host, pj_str_t *address)
{
    static char text[PJ_INET6_ADDRSTRLEN + 2];

    if (!is_pinned(host))
        return PJ_FALSE;
    pj_sockaddr_print(&pinned.entry[0].addr, text, sizeof(text), 0);
    *address = pj_str(text);
    return PJ_TRUE;
}

/* One address with its port and the transport that belongs to its family; PJ_FALSE when it is none. */
static pj_bool_t set_entry(pjsip_server_address_record *entry, const pj_str_t *host, pjsip_transport_type_e type,
                           const pj_str_t *address, int port)
{
    int family = pj_strchr(address, ':') ? pj_AF_INET6() : pj_AF_INET();
    pj_sockaddr *addr = &entry->addr;

    pj_bzero(entry, sizeof(*entry));
    pj_sockaddr_init(family, addr, NULL, 0);
    if (pj_inet_pton(family, address, pj_sockaddr_get_addr(addr)) != PJ_SUCCESS)
        return PJ_FALSE;
    type = (pjsip_transport_type_e)((int)type & ~PJSIP_TRANSPORT_IPV6);
    if (family == pj_AF_INET6())
        type = (pjsip_transport_type_e)((int)type | PJSIP_TRANSPORT_IPV6);
    pj_sockaddr_set_port(addr, (pj_uint16_t)(port ? port : pjsip_transport_get_default_port_for_type(type)));
    entry->name = *host;
    entry->type = type;
    entry->addr_len = pj_sockaddr_get_len(addr);
    return PJ_TRUE;
}

static pjsip_transport_type_e transport_named(const char *name)
{
    return !strcmp(name, "udp")   ? PJSIP_TRANSPORT_UDP
           : !strcmp(name, "tcp") ? PJSIP_TRANSPORT_TCP
           : !strcmp(name, "tls") ? PJSIP_TRANSPORT_TLS
                                  : PJSIP_TRANSPORT_UNSPECIFIED;
}

static int set_addresses(pjsip_server_addresses *found, const pj_str_t *host, const char *text)
{
    char transport[8], address[PJ_INET6_ADDRSTRLEN];
    int port, read;

    found->count = 0;
    while (found->count < PJSIP_MAX_RESOLVED_ADDRESSES &&
           sscanf(text, "%7s %45s %d%n", transport, address, &port, &read) == 3) {
        pjsip_transport_type_e type = transport_named(transport);
        pj_str_t at = pj_str(address);

        if (type == PJSIP_TRANSPORT_UNSPECIFIED || port < 0 || port > 65535 ||
            !set_entry(&found->entry[found->count], host, type, &at, port)) {
            found->count = 0;
            return -1;
        }
        ++found->count;
        text += read;
    }
    return (int)found->count;
}

static pjsip_transport_type_e transport_of(const pjsip_host_info *target)
{
    if (target->type != PJSIP_TRANSPORT_UNSPECIFIED)
        return target->type;
    if (target->flag & PJSIP_TRANSPORT_SECURE)
        return PJSIP_TRANSPORT_TLS;
    return target->flag & PJSIP_TRANSPORT_RELIABLE ? PJSIP_TRANSPORT_TCP : PJSIP_TRANSPORT_UDP;
}

static void resolve(pjsip_resolver_t *resolver, pj_pool_t *pool, const pjsip_host_info *target, void *token,
                    pjsip_resolver_callback *cb)
{
    const pj_str_t *host = &target->addr.host;
    pjsip_transport_type_e type = transport_of(target);
    pjsip_server_addresses found;
    int i;

    PJ_UNUSED_ARG(resolver);
    PJ_UNUSED_ARG(pool);
    if (is_pinned(host)) {
        found = pinned;
        (*cb)(PJ_SUCCESS, token, &found);
        return;
    }
    found.count = 1;
    if (set_entry(&found.entry[0], host, type, host, target->addr.port)) {
        (*cb)(PJ_SUCCESS, token, &found);
        return;
    }
    for (i = 0; i < WAITING && waiting[i].number; ++i)
        ;
    if (i == WAITING || host->slen < 1 || host->slen >= HOST_LENGTH || memchr(host->ptr, '\n', host->slen)) {
        ++refused;
        (*cb)(PJ_ERESOLVE, token, NULL); /* sip_transaction.c makes 502 of it */
        return;
    }
    waiting[i].number = last_number = last_number < 0x7fffffff ? last_number + 1 : 1;
    waiting[i].drained = PJ_FALSE;
    waiting[i].type = type;
    waiting[i].port = target->addr.port;
    pj_ansi_snprintf(waiting[i].host, HOST_LENGTH, "%.*s", (int)host->slen, host->ptr);
    waiting[i].token = token;
    waiting[i].cb = cb;
}

int handoff_names_install(void)
{
    static pjsip_ext_resolver ours = {&resolve};

    memset(waiting, 0, sizeof(waiting)); /* what an endpoint before this one waited for went with it */
    handoff_names_unpin();
    pjsip_known_address = &known_address;
    return pjsip_endpt_set_ext_resolver(pjsua_get_pjsip_endpt(), &ours);
}

int handoff_names_pin(const char *host, const char *addresses)
{
    pj_str_t name;

    handoff_names_unpin();
    if (strlen(host) >= HOST_LENGTH)
        return -1;
    strcpy(pinned_host, host);
    name = pj_str(pinned_host);
    return set_addresses(&pinned, &name, addresses);
}

void handoff_names_unpin(void)
{
    pinned.count = 0;
}

static const char *name_of(pjsip_transport_type_e type)
{
    unsigned flag = pjsip_transport_get_flag_from_type(type);

    return flag & PJSIP_TRANSPORT_SECURE ? "tls" : flag & PJSIP_TRANSPORT_RELIABLE ? "tcp" : "udp";
}

const char *handoff_names_drain(void)
{
    static char text[8192];
    size_t at = 0;
    int i;

    text[0] = '\0';
    for (i = 0; i < WAITING && at + HOST_LENGTH + 32 < sizeof(text); ++i) {
        if (!waiting[i].number || waiting[i].drained)
            continue;
        waiting[i].drained = PJ_TRUE;
        at += sprintf(text + at, "%s%d %s %d %s", at ? "\n" : "", waiting[i].number, name_of(waiting[i].type),
                      waiting[i].port, waiting[i].host);
    }
    return text;
}

int handoff_names_answer(int number, const char *addresses)
{
    pjsip_server_addresses found;
    pjsip_resolver_callback *cb;
    char name[HOST_LENGTH];
    pj_str_t host;
    void *token;
    int i, count;

    for (i = 0; i < WAITING && waiting[i].number != number; ++i)
        ;
    if (number < 1 || i == WAITING)
        return -1;
    strcpy(name, waiting[i].host); /* the callback may ask for another name, in the place of this one */
    host = pj_str(name);
    count = set_addresses(&found, &host, addresses);
    cb = waiting[i].cb;
    token = waiting[i].token;
    waiting[i].number = 0;
    if (count > 0)
        (*cb)(PJ_SUCCESS, token, &found);
    else
        (*cb)(PJ_ERESOLVE, token, NULL);
    return count < 0 ? -1 : 0;
}

unsigned handoff_names_refused(void)
{
    return refused + handoff_names_refused_count;
}
