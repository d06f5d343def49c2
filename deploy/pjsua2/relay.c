/* Relay: the RTP of two legs handed across by the thread that received it.
 *
 * Each leg's media transport is wrapped (stream, relay, SRTP, UDP), so what is seen here is plain RTP, and what is
 * sent is encrypted where that leg is. While two legs are joined, a packet that one of them gets is first shown to
 * its own stream (whose it is, counters, digits), then sent from the other at once: as it is, or, where one leg
 * speaks G.711's mu-law and the other its A-law, code by code through a table. Their ports in the conference rest
 * meanwhile: nothing is decoded, buffered or encoded. Whatever comes from either leg drives the reports to both.
 *
 * Towards a far end there is one stream, whatever its source (numbers.c).
 *
 * Locks. `pairs`: held for reading while a packet goes across; the pjsip thread takes it for writing to join and to
 * part, and parts before it stops, detaches or closes a transport: afterwards no other thread is inside that leg.
 * Under it only `leg->out` is taken, and the locks of the transport below. No callback of a stream runs under
 * either: it may want a lock that the pjsip thread holds. A report goes out under `pairs`, so that its stream is
 * there, and without `leg->out`, which it takes.
 */
#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "numbers.h"
#include "relay.h"
#include "tap.h"

#define DROP            0xff    /* a payload type that does not go across */
#define SENDER_REPORT   200
#define NICE            (-11)
#define REPORT_SECONDS  5       /* RFC 3550 section 6.2 */

typedef struct leg {
    pjmedia_transport base;
    pj_pool_t *pool;
    pjmedia_transport *below;

    /* of the stream; written while no packet can come */
    void *user;
    void (*rtp_cb)(void *, void *, pj_ssize_t);
    void (*rtp_cb2)(pjmedia_tp_cb_param *);
    void (*rtcp_cb)(void *, void *, pj_ssize_t);

    /* guarded by `pairs`; only the pjsip thread writes, so that it reads without */
    struct leg *peer;
    pjmedia_stream *stream;
    pjmedia_rtcp_session *rtcp;     /* of the stream: counts what is sent in its place */
    pj_uint8_t payload_type[128];   /* the far end's → what the peer's far end calls it */
    pj_uint8_t audio_type;          /* of them, that of the audio */
    pj_bool_t passes_events;
    const pj_int16_t *loudness;     /* of G.711's 256 samples; NULL for other codecs */
    const pj_uint8_t *to_peers_law; /* its code for each of the 256; NULL where both legs have one codec */
    pj_timestamp report_due;        /* the media thread's while it is joined */

    /* what goes out; guarded by `out` */
    pthread_mutex_t out;
    handoff_numbers numbers;
    pj_uint32_t packets, octets;    /* sent since the leg began */

    handoff_tap tap;
    /* for whoever asks: each by itself, whatever lock its writer holds, so atomic and in no order */
    unsigned level, relayed, dropped;
} leg;

static pthread_rwlock_t pairs;
static pj_timestamp tick_rate;
static pjmedia_transport_op relay_op;
static pj_int16_t ulaw[256], alaw[256];
static pj_uint8_t ulaw_to_alaw[256], alaw_to_ulaw[256];

static pthread_t pjsip_thread;
static pj_bool_t may_raise;

/* A busy machine delays signalling before it delays audio: the threads that carry it come first. */
static void raise_priority(void)
{
    static __thread pj_bool_t is_raised;

    if (!is_raised && may_raise && !pthread_equal(pthread_self(), pjsip_thread))
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    is_raised = PJ_TRUE;
}

static void count(unsigned *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static unsigned counted(const unsigned *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static leg *peer_of(leg *l)
{
    return __atomic_load_n(&l->peer, __ATOMIC_ACQUIRE);
}

/* ---- Towards the far end ------------------------------------------------------------------------ */

/* A packet to the far end, as it is. */
static pj_status_t send_below(leg *l, const void *packet, pj_size_t size)
{
    pj_status_t status = pjmedia_transport_send_rtp(l->below, packet, size);

    if (handoff_tap_is_on(&l->tap) && status == PJ_SUCCESS)
        handoff_tap_copy(&l->tap, HANDOFF_TAP_RTP, PJ_TRUE, NULL, packet, (pj_ssize_t)size);
    return status;
}

/* `leg->out` is held. */
static pj_status_t send_on(leg *l, const void *packet, pj_size_t size)
{
    pj_status_t status = send_below(l, packet, size);

    if (status == PJ_SUCCESS) {
        ++l->packets;
        l->octets += (pj_uint32_t)(size - sizeof(pjmedia_rtp_hdr));
    }
    return status;
}

/* The payload without extension and padding (RFC 3550 section 5.1); empty where the packet contradicts itself. */
static pj_uint8_t *payload_of(pj_uint8_t *packet, pj_ssize_t size, pj_ssize_t *length)
{
    const pjmedia_rtp_hdr *header = (const pjmedia_rtp_hdr *)packet;
    pj_ssize_t at = (pj_ssize_t)sizeof(*header) + 4 * header->cc, padding = header->p ? packet[size - 1] : 0;

    if (header->x)
        at += at + 4 <= size ? 4 + 4 * (packet[at + 2] << 8 | packet[at + 3]) : size;
    *length = PJ_MAX(0, size - at - padding);
    return packet + at;
}

static void hear_level(leg *l, const pj_uint8_t *codes, pj_ssize_t count)
{
    unsigned sum = 0;
    pj_ssize_t i;

    for (i = 0; i < count; ++i)
        sum += (unsigned)l->loudness[codes[i]];
    if (count)
        __atomic_store_n(&l->level, sum / (unsigned)count, __ATOMIC_RELAXED);
}

/* What G.711 needs: how loud it is, and the peer's law. */
static void pass_codes(leg *from, pj_uint8_t *packet, pj_ssize_t size)
{
    pj_ssize_t count, i;
    pj_uint8_t *codes = payload_of(packet, size, &count);

    hear_level(from, codes, count);
    for (i = 0; from->to_peers_law && i < count; ++i)
        codes[i] = from->to_peers_law[codes[i]];
}

/* In the counts of the stream whose place it takes. The clock's thread may have a last frame for that stream just now:
 * each word stands for itself, as pjmedia writes it (patches/0084). The leg's next stream begins there. */
static void count_for_stream(const leg *l, pj_ssize_t size)
{
    pjmedia_rtcp_tx_rtp(l->rtcp, (unsigned)(size - (pj_ssize_t)sizeof(pjmedia_rtp_hdr)));
    __atomic_store_n(&l->rtcp->stat.rtp_tx_last_ts, l->numbers.last_ts, __ATOMIC_RELAXED);
    __atomic_store_n(&l->rtcp->stat.rtp_tx_last_seq, l->numbers.last_seq, __ATOMIC_RELAXED);
}

/* A packet of one far end to the other's, ours to change; `pairs` is held. */
static void pass_on(leg *from, leg *to, pj_uint8_t *packet, pj_ssize_t size)
{
    pjmedia_rtp_hdr *header = (pjmedia_rtp_hdr *)packet;
    pj_uint8_t type = from->payload_type[header->pt];

    pthread_mutex_lock(&to->out);
    if (type == DROP) {
        handoff_numbers_leave_out(&to->numbers, header);
        count(&from->dropped);
    } else {
        if (from->loudness && header->pt == from->audio_type)
            pass_codes(from, packet, size);
        header->pt = type;
        if (handoff_numbers_rewrite(&to->numbers, HANDOFF_PEER, header) &&
            send_on(to, packet, (pj_size_t)size) == PJ_SUCCESS) {
            count_for_stream(to, size);
            count(&to->relayed);
        } else {
            count(&from->dropped);
        }
    }
    pthread_mutex_unlock(&to->out);
}

static pj_status_t send_rtp(pjmedia_transport *transport, const void *packet, pj_size_t size)
{
    leg *l = (leg *)transport;
    pj_uint8_t copy[PJMEDIA_MAX_MTU];
    pj_status_t status = PJ_SUCCESS;

    raise_priority();
    if (size < sizeof(pjmedia_rtp_hdr) || size > sizeof(copy))
        return send_below(l, packet, size);
    if (peer_of(l))
        return PJ_SUCCESS; /* at worst one frame more or less at the switch */
    pj_memcpy(copy, packet, size);
    pthread_mutex_lock(&l->out);
    if (handoff_numbers_rewrite(&l->numbers, HANDOFF_STREAM, (pjmedia_rtp_hdr *)copy))
        status = send_on(l, copy, size);
    pthread_mutex_unlock(&l->out);
    return status;
}

/* A sender report is the stream's own, but for what it says of RTP: the time, and how much was sent. */
static pj_status_t send_rtcp(pjmedia_transport *transport, const void *packet, pj_size_t size)
{
    leg *l = (leg *)transport;
    pj_uint8_t copy[PJMEDIA_MAX_MTU];
    pj_uint32_t said[3]; /* RTP time, packets, octets: RFC 3550 section 6.4.1 */
    pj_status_t status;

    if (size >= 28 && size <= sizeof(copy) && ((const pj_uint8_t *)packet)[1] == SENDER_REPORT) {
        pthread_mutex_lock(&l->out);
        said[0] = pj_htonl(handoff_numbers_time(&l->numbers));
        said[1] = pj_htonl(l->packets);
        said[2] = pj_htonl(l->octets);
        size = l->numbers.has_sent ? size : 0;
        pthread_mutex_unlock(&l->out);
        if (size) {
            pj_memcpy(copy, packet, size);
            pj_memcpy(copy + 16, said, sizeof(said));
            packet = copy;
        }
    }
    if (!size)
        return PJ_SUCCESS;
    status = pjmedia_transport_send_rtcp(l->below, packet, size);
    if (handoff_tap_is_on(&l->tap) && status == PJ_SUCCESS)
        handoff_tap_copy(&l->tap, HANDOFF_TAP_RTCP, PJ_TRUE, NULL, packet, (pj_ssize_t)size);
    return status;
}

/* The stream would report when it plays or encodes, which it does not now; `pairs` is held. */
static void report(leg *l, pj_timestamp now)
{
    if (now.u64 < l->report_due.u64)
        return;
    l->report_due.u64 = now.u64 + tick_rate.u64 * (pj_uint64_t)(REPORT_SECONDS * 1000 - 500 + pj_rand() % 1000) / 1000;
    pjmedia_stream_send_rtcp_sdes(l->stream);
}

/* Both ends are reported to, whichever of them speaks; `pairs` is held. */
static void report_both(leg *l)
{
    pj_timestamp now;

    pj_get_timestamp(&now);
    report(l, now);
    report(l->peer, now);
}

/* ---- From the far end --------------------------------------------------------------------------- */

static void on_rtp(pjmedia_tp_cb_param *param)
{
    leg *l = param->user_data;
    pjmedia_tp_cb_param own = *param;

    raise_priority();
    if (handoff_tap_is_on(&l->tap))
        handoff_tap_copy(&l->tap, HANDOFF_TAP_RTP, PJ_FALSE, param->src_addr, param->pkt, param->size);
    own.user_data = l->user;
    own.taken = PJ_FALSE;
    if (l->rtp_cb2)
        l->rtp_cb2(&own);
    else if (l->rtp_cb)
        l->rtp_cb(l->user, own.pkt, own.size);
    param->rem_switch = own.rem_switch;
    if (own.rem_switch && param->src_addr)
        handoff_tap_towards(&l->tap, param->src_addr, NULL);
    if (!own.taken || param->size > PJMEDIA_MAX_MTU || !peer_of(l))
        return;
    pthread_rwlock_rdlock(&pairs);
    if (l->peer) {
        pass_on(l, l->peer, param->pkt, param->size);
        report_both(l);
    }
    pthread_rwlock_unlock(&pairs);
}

static void on_rtcp(void *user, void *packet, pj_ssize_t size)
{
    leg *l = user;

    if (handoff_tap_is_on(&l->tap))
        handoff_tap_copy(&l->tap, HANDOFF_TAP_RTCP, PJ_FALSE, NULL, packet, size);
    if (l->rtcp_cb)
        l->rtcp_cb(l->user, packet, size);
    if (!peer_of(l))
        return;
    pthread_rwlock_rdlock(&pairs);
    if (l->peer)
        report_both(l);
    pthread_rwlock_unlock(&pairs);
}

/* ---- Joining and parting ------------------------------------------------------------------------ */

static pjsua_call_media *audio_of(int call_id)
{
    pjsua_call *call = call_id >= 0 && call_id < (int)pjsua_var.ua_cfg.max_calls ? &pjsua_var.calls[call_id] : NULL;
    int index = call ? call->audio_idx : -1;

    return index >= 0 && index < (int)call->med_cnt ? &call->media[index] : NULL;
}

static leg *leg_of(int call_id)
{
    pjsua_call_media *media = audio_of(call_id);

    return media && media->tp && media->tp->op == &relay_op ? (leg *)media->tp : NULL;
}

static void part(leg *l, pj_bool_t is_stopping)
{
    leg *peer = l->peer;

    if (!peer)
        return;
    pthread_rwlock_wrlock(&pairs);
    __atomic_store_n(&l->peer, NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&peer->peer, NULL, __ATOMIC_RELEASE);
    l->rtcp = peer->rtcp = NULL;
    pthread_rwlock_unlock(&pairs);
    if (!is_stopping) /* else it is half gone, and its port in the conference with it */
        pjmedia_stream_set_relayed(l->stream, PJ_FALSE);
    pjmedia_stream_set_relayed(peer->stream, PJ_FALSE);
    pjmedia_conf_wake(pjsua_var.mconf);
    l->stream = peer->stream = NULL;
}

static unsigned clock_of(const pjmedia_stream_info *info)
{
    return info->fmt.pt == PJMEDIA_RTP_PT_G722 ? 8000 : info->fmt.clock_rate; /* RFC 3551 section 4.5.2 */
}

static unsigned ticks_per_packet(const pjmedia_stream_info *info)
{
    unsigned milliseconds = info->param->info.frm_ptime * PJ_MAX(1, info->param->setting.frm_per_pkt);
    unsigned ticks = clock_of(info) * milliseconds / 1000 / PJ_MAX(1, info->param->info.frm_ptime_denum);

    return PJ_MAX(1, ticks);
}

static pj_bool_t is_g711(const pjmedia_stream_info *info)
{
    return info->fmt.pt == PJMEDIA_RTP_PT_PCMU || info->fmt.pt == PJMEDIA_RTP_PT_PCMA;
}

static void map_types(leg *l, const pjmedia_stream_info *from, const pjmedia_stream_info *to)
{
    pj_bool_t is_ulaw = from->fmt.pt == PJMEDIA_RTP_PT_PCMU;

    pj_memset(l->payload_type, DROP, sizeof(l->payload_type));
    l->passes_events = PJ_FALSE;
    l->loudness = !is_g711(from) ? NULL : is_ulaw ? ulaw : alaw;
    l->to_peers_law = !is_g711(from) || from->fmt.pt == to->fmt.pt ? NULL : is_ulaw ? ulaw_to_alaw : alaw_to_ulaw;
    l->level = 0;
    l->audio_type = (pj_uint8_t)(from->rx_pt & 127);
    l->payload_type[l->audio_type] = (pj_uint8_t)to->tx_pt;
    l->passes_events = from->rx_event_pt >= 0 && to->tx_event_pt >= 0;
    if (l->passes_events)
        l->payload_type[from->rx_event_pt & 127] = (pj_uint8_t)to->tx_event_pt;
}

static pjmedia_stream *running(int call_id, pjmedia_stream_info *info)
{
    pjsua_call_media *media = audio_of(call_id);

    if (!media || media->type != PJMEDIA_TYPE_AUDIO || !media->strm.a.stream ||
        pjmedia_stream_get_info(media->strm.a.stream, info) != PJ_SUCCESS || !info->param)
        return NULL;
    return media->strm.a.stream;
}

/* `pairs` is held for writing. */
static void begin_relaying(leg *l, pjmedia_stream *stream, const pjmedia_stream_info *info, leg *peer)
{
    pjmedia_stream_rtp_sess_info sessions;

    pj_bzero(&sessions, sizeof(sessions));
    pjmedia_stream_get_rtp_session_info(stream, &sessions);
    pthread_mutex_lock(&l->out);
    l->rtcp = (pjmedia_rtcp_session *)sessions.rtcp;
    handoff_numbers_begin(&l->numbers, clock_of(info), ticks_per_packet(info), pj_htonl(info->ssrc));
    pthread_mutex_unlock(&l->out);
    if (!l->report_due.u64) { /* the first one after half the usual time */
        pj_get_timestamp(&l->report_due);
        l->report_due.u64 += tick_rate.u64 * REPORT_SECONDS / 2;
    }
    __atomic_store_n(&l->peer, peer, __ATOMIC_RELEASE);
}

/* Audio of one crosses to the other without a decoder. */
static pj_bool_t is_like(const pjmedia_stream_info *a, const pjmedia_stream_info *b)
{
    if (a->fmt.clock_rate != b->fmt.clock_rate || a->fmt.channel_cnt != b->fmt.channel_cnt)
        return PJ_FALSE;
    return pj_stricmp(&a->fmt.encoding_name, &b->fmt.encoding_name) == 0 || (is_g711(a) && is_g711(b));
}

int handoff_relay_join(int call_a, int call_b)
{
    pjmedia_stream_info info_a, info_b;
    pjmedia_stream *stream_a = running(call_a, &info_a), *stream_b = running(call_b, &info_b);
    leg *a = leg_of(call_a), *b = leg_of(call_b);

    if (!stream_a || !stream_b || !a || !b || a == b)
        return HANDOFF_RELAY_NO_STREAM;
    if ((info_a.dir & info_b.dir) != PJMEDIA_DIR_ENCODING_DECODING)
        return HANDOFF_RELAY_ON_HOLD;
    if (!is_like(&info_a, &info_b))
        return HANDOFF_RELAY_CODECS;
    if (ticks_per_packet(&info_a) != ticks_per_packet(&info_b))
        return HANDOFF_RELAY_PACKET_TIMES;
    if (a->peer || b->peer)
        return a->peer == b ? HANDOFF_RELAY_DONE : HANDOFF_RELAY_TAKEN;
    a->stream = stream_a;
    b->stream = stream_b;
    pjmedia_stream_set_relayed(stream_a, PJ_TRUE);
    pjmedia_stream_set_relayed(stream_b, PJ_TRUE);
    pthread_rwlock_wrlock(&pairs);
    map_types(a, &info_a, &info_b);
    map_types(b, &info_b, &info_a);
    begin_relaying(a, stream_a, &info_a, b);
    begin_relaying(b, stream_b, &info_b, a);
    pthread_rwlock_unlock(&pairs);
    return HANDOFF_RELAY_DONE;
}

void handoff_relay_part(int call_id)
{
    leg *l = leg_of(call_id);

    if (l)
        part(l, PJ_FALSE);
}

int handoff_relay_joined(int call_id)
{
    leg *l = leg_of(call_id);

    return l && l->peer;
}

int handoff_relay_passes_events(int call_id)
{
    leg *l = leg_of(call_id);

    return l && l->peer && l->passes_events;
}

int handoff_relay_changes_law(int call_id)
{
    leg *l = leg_of(call_id);

    return l && l->peer && l->to_peers_law;
}

int handoff_relay_level(int call_id)
{
    leg *l = leg_of(call_id);

    return l && l->peer && l->loudness ? (int)counted(&l->level) : -1;
}

const char *handoff_relay_counts(int call_id)
{
    static char text[64];
    leg *l = leg_of(call_id);

    text[0] = '\0';
    if (l)
        pj_ansi_snprintf(text, sizeof(text), "%u %u %u", counted(&l->relayed), counted(&l->dropped),
                         counted(&l->numbers.switches));
    return text;
}

int handoff_tap_on(int call_id, unsigned number)
{
    leg *l = leg_of(call_id);
    pjmedia_transport_info info;

    if (!l || !number)
        return -1;
    pjmedia_transport_info_init(&info);
    pjmedia_transport_get_info(l->below, &info);
    return handoff_tap_begin(&l->tap, number, &info.sock_info.rtp_addr_name, &info.sock_info.rtcp_addr_name);
}

void handoff_tap_off(int call_id)
{
    leg *l = leg_of(call_id);

    if (l)
        handoff_tap_end(&l->tap);
}

/* ---- The transport ------------------------------------------------------------------------------ */

static pj_status_t get_info(pjmedia_transport *transport, pjmedia_transport_info *info)
{
    return pjmedia_transport_get_info(((leg *)transport)->below, info);
}

static pj_status_t attach2(pjmedia_transport *transport, pjmedia_transport_attach_param *param)
{
    leg *l = (leg *)transport;
    pjmedia_transport_attach_param own = *param;

    part(l, PJ_FALSE);
    l->user = param->user_data;
    l->rtp_cb = param->rtp_cb;
    l->rtp_cb2 = param->rtp_cb2;
    l->rtcp_cb = param->rtcp_cb;
    own.user_data = l;
    own.rtp_cb = NULL;
    own.rtp_cb2 = &on_rtp;
    own.rtcp_cb = &on_rtcp;
    handoff_tap_towards(&l->tap, &param->rem_addr, &param->rem_rtcp);
    return pjmedia_transport_attach2(l->below, &own);
}

static void detach(pjmedia_transport *transport, void *user)
{
    leg *l = (leg *)transport;

    part(l, PJ_TRUE);
    pjmedia_transport_detach(l->below, l);
}

static pj_status_t send_rtcp2(pjmedia_transport *transport, const pj_sockaddr_t *to, unsigned length,
                              const void *packet, pj_size_t size)
{
    return pjmedia_transport_send_rtcp2(((leg *)transport)->below, to, length, packet, size);
}

static pj_status_t media_create(pjmedia_transport *transport, pj_pool_t *pool, unsigned options,
                                const pjmedia_sdp_session *remote, unsigned index)
{
    return pjmedia_transport_media_create(((leg *)transport)->below, pool, options, remote, index);
}

static pj_status_t encode_sdp(pjmedia_transport *transport, pj_pool_t *pool, pjmedia_sdp_session *local,
                              const pjmedia_sdp_session *remote, unsigned index)
{
    return pjmedia_transport_encode_sdp(((leg *)transport)->below, pool, local, remote, index);
}

static pj_status_t media_start(pjmedia_transport *transport, pj_pool_t *pool, const pjmedia_sdp_session *local,
                               const pjmedia_sdp_session *remote, unsigned index)
{
    return pjmedia_transport_media_start(((leg *)transport)->below, pool, local, remote, index);
}

static pj_status_t media_stop(pjmedia_transport *transport)
{
    part((leg *)transport, PJ_TRUE);
    return pjmedia_transport_media_stop(((leg *)transport)->below);
}

static pj_status_t simulate_lost(pjmedia_transport *transport, pjmedia_dir direction, unsigned percent)
{
    return pjmedia_transport_simulate_lost(((leg *)transport)->below, direction, percent);
}

static void on_destroy(void *argument)
{
    leg *l = argument;

    pthread_mutex_destroy(&l->out);
    pj_pool_safe_release(&l->pool);
}

static pj_status_t destroy(pjmedia_transport *transport)
{
    leg *l = (leg *)transport;
    pjmedia_transport *below = l->below;

    part(l, PJ_TRUE);
    handoff_tap_end(&l->tap);
    pj_grp_lock_dec_ref(l->base.grp_lock); /* `below` holds its own until it is closed */
    return pjmedia_transport_close(below);
}

static pjmedia_transport_op relay_op = {
    &get_info, NULL, &detach, &send_rtp, &send_rtcp, &send_rtcp2, &media_create, &encode_sdp,
    &media_start, &media_stop, &simulate_lost, &destroy, &attach2,
};

/* pjsua has made SRTP by now, so that it is below. */
static pjmedia_transport *wrap(pjsua_call_id call_id, unsigned index, pjmedia_transport *below, unsigned flags)
{
    pj_pool_t *pool;
    leg *l;

    if (!below->grp_lock || !(flags & PJSUA_MED_TP_CLOSE_MEMBER))
        return below; /* never so in 2.17 */
    pool = pjmedia_endpt_create_pool(pjsua_var.med_endpt, "relay%p", 1024, 512);
    if (!pool)
        return below; /* it is mixed, then */
    l = PJ_POOL_ZALLOC_T(pool, leg);
    l->pool = pool;
    l->below = below;
    handoff_numbers_init(&l->numbers);
    pthread_mutex_init(&l->out, NULL);
    pj_ansi_strxcpy(l->base.name, pool->obj_name, sizeof(l->base.name));
    l->base.type = (pjmedia_transport_type)(PJMEDIA_TRANSPORT_TYPE_USER + 1);
    l->base.op = &relay_op;
    l->base.grp_lock = below->grp_lock;
    pj_grp_lock_add_ref(below->grp_lock);
    pj_grp_lock_add_handler(below->grp_lock, pool, l, &on_destroy);
    return &l->base;
}

int handoff_relay_install(void)
{
    pthread_rwlockattr_t attributes;
    int i, usual = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));

    pthread_rwlockattr_init(&attributes);
    /* Or joining would wait for as long as packets come. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    if (pthread_rwlock_init(&pairs, &attributes) != 0)
        return -1;
    pthread_rwlockattr_destroy(&attributes);
    pj_get_timestamp_freq(&tick_rate);
    for (i = 0; i < 256; ++i) {
        ulaw[i] = (pj_int16_t)PJ_MIN(32767, abs(pjmedia_ulaw2linear((pj_uint8_t)i)));
        alaw[i] = (pj_int16_t)PJ_MIN(32767, abs(pjmedia_alaw2linear((pj_uint8_t)i)));
        ulaw_to_alaw[i] = pjmedia_linear2alaw(pjmedia_ulaw2linear((pj_uint8_t)i));
        alaw_to_ulaw[i] = pjmedia_linear2ulaw(pjmedia_alaw2linear((pj_uint8_t)i));
    }
    pjsua_var.ua_cfg.cb.on_create_media_transport = &wrap;
    pjsip_thread = pthread_self();
    may_raise = setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE) == 0;
    if (may_raise)
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), usual);
    return may_raise ? 0 : 1;
}
