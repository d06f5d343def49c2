/* Plain numbers about a call, for Python's hot path.
 *
 * pjsua2 answers each of these questions with an object of dozens of strings, built anew, of which we
 * read one integer: half a millisecond for each call that is set up. All of it runs on the one thread
 * that polls pjsip, inside its callbacks or between them, so nothing here is locked.
 */
#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>
#include "dialogs.h"
#include "legs.h"

static pjsua_call *call_of(int call_id)
{
    return call_id >= 0 && call_id < (int)pjsua_var.ua_cfg.max_calls ? &pjsua_var.calls[call_id] : NULL;
}

static pjsua_call_media *audio_of(int call_id)
{
    pjsua_call *call = call_of(call_id);
    int index = call ? call->audio_idx : -1;

    return index >= 0 && index < (int)call->med_cnt ? &call->media[index] : NULL;
}

static pj_bool_t has_ended(const pjsua_call *call)
{
    return call->inv && call->inv->state >= PJSIP_INV_STATE_DISCONNECTED;
}

int handoff_leg_state(int call_id)
{
    pjsua_call *call = call_of(call_id);

    if (!call)
        return -1;
    if (call->hanging_up || !call->inv) /* our hangup() reports the end before its BYE is answered */
        return PJSIP_INV_STATE_DISCONNECTED;
    return (int)call->inv->state;
}

int handoff_leg_is_ours(int call_id)
{
    pjsua_call *call = call_of(call_id);

    return call && call->inv && call->inv->role == PJSIP_ROLE_UAC;
}

int handoff_leg_status(int call_id)
{
    pjsua_call *call = call_of(call_id);

    if (!call)
        return 0;
    return has_ended(call) ? (int)call->inv->cause : (int)call->last_code;
}

const char *handoff_leg_reason(int call_id)
{
    static char text[128];
    pjsua_call *call = call_of(call_id);
    const pj_str_t *said = !call ? NULL : has_ended(call) ? &call->inv->cause_text : &call->last_text;
    int i, length = 0;

    if (said)
        length = said->slen < (pj_ssize_t)sizeof(text) ? (int)said->slen : (int)sizeof(text) - 1;
    for (i = 0; i < length; ++i) {
        char c = said->ptr[i];
        text[i] = c >= 32 && c < 127 ? c : '?'; /* a peer's words: they must be text wherever they go */
    }
    text[length] = '\0';
    return text;
}

int handoff_leg_audio(int call_id)
{
    pjsua_call_media *media = audio_of(call_id);

    if (!media || media->type != PJMEDIA_TYPE_AUDIO || !media->strm.a.stream)
        return -1;
    if (media->state != PJSUA_CALL_MEDIA_ACTIVE && media->state != PJSUA_CALL_MEDIA_REMOTE_HOLD)
        return -1;
    return media->strm.a.conf_slot;
}

int handoff_leg_held(int call_id)
{
    pjsua_call_media *media = audio_of(call_id);

    return media && media->state == PJSUA_CALL_MEDIA_REMOTE_HOLD;
}

int handoff_leg_level(int call_id)
{
    int slot = handoff_leg_audio(call_id);
    unsigned to_leg, from_leg;

    if (slot < 0 || pjsua_conf_get_signal_level(slot, &to_leg, &from_leg) != PJ_SUCCESS)
        return 0;
    return pjmedia_ulaw2linear((pj_uint8_t)(from_leg ^ 0xff)); /* as the bridge keeps it: u-law, inverted */
}

const char *handoff_leg_traffic(int call_id)
{
    static char text[128];
    pjsua_call_media *media = audio_of(call_id);
    pjmedia_rtcp_stat stat;

    text[0] = '\0';
    if (media && media->type == PJMEDIA_TYPE_AUDIO && media->strm.a.stream &&
        pjmedia_stream_get_stat(media->strm.a.stream, &stat) == PJ_SUCCESS)
        pj_ansi_snprintf(text, sizeof(text), "%u %u %u %u %d %u %u", stat.rx.pkt, stat.tx.pkt, stat.rx.loss,
                         stat.tx.loss, stat.rx.jitter.mean,
                         __atomic_load_n(&media->call->latch.heard, __ATOMIC_RELAXED),
                         __atomic_load_n(&media->call->latch.strays, __ATOMIC_RELAXED)); /* a media thread counts */
    return text;
}

int handoff_leg_round_trip(int call_id)
{
    pjsua_call_media *media = audio_of(call_id);
    pjmedia_rtcp_stat stat;

    if (!media || media->type != PJMEDIA_TYPE_AUDIO || !media->strm.a.stream ||
        pjmedia_stream_get_stat(media->strm.a.stream, &stat) != PJ_SUCCESS || !stat.rtt.n)
        return -1;
    return stat.rtt.mean;
}

/* Microseconds; the time since the last packet counts as well. -1 where no time between two was measured. */
static long long longest_gap(const pjmedia_rtp_latch *latch)
{
    pj_uint64_t last = __atomic_load_n(&latch->last_time, __ATOMIC_RELAXED);
    pj_uint64_t longest = __atomic_load_n(&latch->longest_gap, __ATOMIC_RELAXED);
    pj_timestamp now, tick_rate;

    pj_get_timestamp(&now); /* after the look at the last packet's, or that might be later */
    pj_get_timestamp_freq(&tick_rate);
    if (last && now.u64 > last && now.u64 - last > longest)
        longest = now.u64 - last;
    return longest ? (long long)(longest / (tick_rate.u64 / 1000000)) : -1;
}

const char *handoff_leg_quality(int call_id)
{
    static char text[96];
    pjsua_call_media *media = audio_of(call_id);
    pjmedia_stream_info info;

    text[0] = '\0';
    if (media && media->type == PJMEDIA_TYPE_AUDIO && media->strm.a.stream &&
        pjmedia_stream_get_info(media->strm.a.stream, &info) == PJ_SUCCESS)
        pj_ansi_snprintf(text, sizeof(text), "%u %lld %.*s",
                         __atomic_load_n(&media->call->latch.discarded, __ATOMIC_RELAXED),
                         longest_gap(&media->call->latch), (int)PJ_MIN(info.fmt.encoding_name.slen, 32),
                         info.fmt.encoding_name.ptr);
    return text;
}

void handoff_leg_latch(int call_id, int mode)
{
    pjsua_call *call = call_of(call_id);

    if (call)
        __atomic_store_n(&call->latch.mode, mode == 1 ? PJMEDIA_RTP_LATCH_ONCE
                                          : mode == 2 ? PJMEDIA_RTP_LATCH_OFF : PJMEDIA_RTP_LATCH_STRICT,
                         __ATOMIC_RELAXED);
}

void handoff_leg_hosts(int call_id, const char *addresses)
{
    pjsua_call *call = call_of(call_id);

    if (call && call->inv && call->inv->dlg)
        handoff_dialog_hosts(call->inv->dlg, addresses);
}

int handoff_audio_connect(int source, int sink, int join)
{
    if (source < 0 || sink < 0)
        return PJ_EINVAL;
    return join ? pjsua_conf_connect(source, sink) : pjsua_conf_disconnect(source, sink);
}
