/* Host names in SIP (RFC 3263), without a look-up on the thread that polls pjsip.
 *
 * pjsip lets the application say where a host is (pjsip_ext_resolver). An IP address is taken as it is. The host
 * that is being dialled or probed is pinned to the address that was chosen for it, so that its URI goes out as it
 * was written, and TLS verifies the name and sends it (SNI): both come from the URI's host. Any other name is
 * nowhere; what goes to a peer inside a dialog does not ask (dialogs.c).
 */
#include <pjsua-lib/pjsua.h>
#include <stdio.h>
#include <string.h>
#include "resolve.h"

#define HOST_LENGTH 256

static char pinned_host[HOST_LENGTH];
static pjsip_server_addresses pinned;

/* In addr_resolv_sock.c, by patch 0020. */
extern unsigned handoff_names_refused_count;

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
    pjsip_server_addresses found;

    PJ_UNUSED_ARG(resolver);
    PJ_UNUSED_ARG(pool);
    if (is_pinned(host)) {
        found = pinned;
        (*cb)(PJ_SUCCESS, token, &found);
        return;
    }
    found.count = 1;
    if (set_entry(&found.entry[0], host, transport_of(target), host, target->addr.port)) {
        (*cb)(PJ_SUCCESS, token, &found);
        return;
    }
    ++handoff_names_refused_count;
    (*cb)(PJ_ERESOLVE, token, NULL); /* sip_transaction.c makes 502 of it */
}

int handoff_resolve_install(void)
{
    static pjsip_ext_resolver ours = {&resolve};

    handoff_resolve_unpin();
    pjsip_known_address = &known_address;
    return pjsip_endpt_set_ext_resolver(pjsua_get_pjsip_endpt(), &ours);
}

int handoff_resolve_pin(const char *host, const char *addresses)
{
    char transport[8], address[PJ_INET6_ADDRSTRLEN];
    int port, read;

    pinned.count = 0;
    if (strlen(host) >= HOST_LENGTH)
        return -1;
    strcpy(pinned_host, host);
    while (pinned.count < PJSIP_MAX_RESOLVED_ADDRESSES &&
           sscanf(addresses, "%7s %45s %d%n", transport, address, &port, &read) == 3) {
        pjsip_transport_type_e type = transport_named(transport);
        pj_str_t name = pj_str(pinned_host), at = pj_str(address);

        if (type == PJSIP_TRANSPORT_UNSPECIFIED || port < 0 || port > 65535 ||
            !set_entry(&pinned.entry[pinned.count], &name, type, &at, port)) {
            pinned.count = 0;
            return -1;
        }
        ++pinned.count;
        addresses += read;
    }
    return (int)pinned.count;
}

void handoff_resolve_unpin(void)
{
    pinned.count = 0;
}
