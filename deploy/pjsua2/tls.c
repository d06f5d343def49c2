/* Certificates of the TLS listeners, renewed while they listen (patch 0071). */
#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>
#include "tls.h"

const char *handoff_tls_reload(void)
{
    static char text[PJ_ERR_MSG_SIZE];
    unsigned i;

    text[0] = '\0';
    for (i = 0; i < PJ_ARRAY_SIZE(pjsua_var.tpdata); ++i) {
        pjsua_transport_data *transport = &pjsua_var.tpdata[i];
        pj_status_t status;

        if (!transport->data.ptr || (transport->type & ~PJSIP_TRANSPORT_IPV6) != PJSIP_TRANSPORT_TLS)
            continue;
        status = pjsip_tls_transport_reload_certificate(transport->data.factory);
        if (status != PJ_SUCCESS)
            pj_strerror(status, text, sizeof(text));
    }
    return text;
}
