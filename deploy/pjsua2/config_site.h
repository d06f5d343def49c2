/* Compile-time limits of the pjproject that the handoff agent ships.
 *
 * pjproject is made for a phone: 4 calls, 64 sockets, 4,000-byte packets. These values make it a
 * server: 2,000 legs up (1,000 bridged calls) with room for the slots of calls that have ended but
 * whose BYE transaction still runs (up to 32 s). Run-time settings may be lower, never higher.
 *
 * The SWIG binding is compiled with this very file, so both sides agree about every struct.
 */

/* ---- Capacity ------------------------------------------------------------------------------- */

/* A slot lingers up to 32 s after hang-up and its number is used again at once when slots are few,
 * so twice the legs. The array is sized by the run-time maxCalls, not by this ceiling. */
#define PJSUA_MAX_CALLS                         4096

/* Carriers and voice agents share a few accounts (one per transport and RTP range). */
#define PJSUA_MAX_ACC                           32

/* Comfort audio from WAV files; each player also takes a conference port. */
#define PJSUA_MAX_PLAYERS                       256
#define PJSUA_MAX_RECORDERS                     64

/* One port per leg, the master port, the players. Each port allocates 8 bytes per port of the
 * *run-time* maxMediaPorts (which pjsua lifts to at least maxCalls + 2): O(N^2), so the agent sets
 * maxMediaPorts itself. 4,098 ports in use cost about 33 kB each. */
#define PJSUA_MAX_CONF_PORTS                    4608

/* RTP and RTCP of every call slot, plus reserve. More than FD_SETSIZE, so epoll only; the process
 * needs LimitNOFILE of at least this plus its own. */
#define PJ_IOQUEUE_MAX_HANDLES                  10240

/* The SIP I/O queue holds listeners and TCP/TLS connections only. */
#define PJSIP_MAX_TRANSPORTS                    4096
#define PJSIP_TPMGR_HTABLE_SIZE                 1023

/* Hash sizes (2^n - 1) and, through them, the timer heap. Not hard limits. A transaction lives 32 s:
 * 300 calls/s keep some 20,000 entries. */
#define PJSIP_MAX_TSX_COUNT                     16383
#define PJSIP_MAX_DIALOG_COUNT                  8191

/* The stock 1 event and 10 timers a poll starve a server in a burst. */
#define PJSIP_MAX_NET_EVENTS                    32
#define PJSIP_MAX_TIMED_OUT_ENTRIES             100
#define PJ_IOQUEUE_MAX_EVENTS_IN_SINGLE_POLL    16

/* ---- Sizes of messages ---------------------------------------------------------------------- */

/* Long X-headers and SDP. Both directions; a longer UDP packet arrives cut, guard.c refuses it. */
#define PJSIP_MAX_PKT_LEN                       16000
#define PJSIP_MAX_URL_SIZE                      512     /* URIs that carry tokens */
#define PJ_MAX_HOSTNAME                         256

/* At most 64: closes the tags[64] stack overflow of CVE-2026-57162 (patches/ adds the bound too). */
#define PJMEDIA_MAX_SDP_ATTR                    60
/* m-lines beyond this are ignored by the parser, and an answer with fewer m-lines than the offer is
 * a protocol error: not the 4 that would save most memory. */
#define PJMEDIA_MAX_SDP_MEDIA                   8

/* ---- Sockets -------------------------------------------------------------------------------- */

/* Bursts; the kernel clamps to net.core.rmem_max / wmem_max. */
#define PJSIP_UDP_SO_RCVBUF_SIZE                4194304
#define PJSIP_UDP_SO_SNDBUF_SIZE                4194304
/* About 1.5 s of G.711: outlives a scheduling hiccup. */
#define PJMEDIA_TRANSPORT_SO_RCVBUF_SIZE        65536

/* An edge that is configured for UDP stays on UDP: the carrier listens nowhere else. */
#define PJSIP_DONT_SWITCH_TO_TCP                1
/* The stock backlog of 5 refuses a carrier that reconnects all its links. */
#define PJSIP_TCP_TRANSPORT_BACKLOG             128
#define PJSIP_TLS_TRANSPORT_BACKLOG             128
/* A connection that says nothing valid for 10 s holds a descriptor for no reason. */
#define PJSIP_TCP_INITIAL_TIMEOUT               10
#define PJ_MAX_SOCKOPT_PARAMS                   5       /* TCP keep-alive takes up to five */
#define PJ_HAS_IPV6                             1

/* ---- Robustness ----------------------------------------------------------------------------- */

/* Unescaping in place writes into the buffer that wholeMsg is read from, and has crashed others. */
#define PJSIP_UNESCAPE_IN_PLACE                 0
/* As Asterisk sets them: the bitwise scanner and the stack check have been the cause of faults. */
#define PJ_SCANNER_USE_BITWISE                  0
#define PJ_OS_HAS_CHECK_STACK                   0
/* Modules are registered before traffic starts, so no lock for every message. */
#define PJSIP_SAFE_MODULE                       0
/* SIP traces stay possible, levels 5 and 6 cost nothing. */
#define PJ_LOG_MAX_LEVEL                        4
/* CVE-2026-57159 needs this on. */
#define PJMEDIA_SDP_NEG_MAINTAIN_REMOTE_PT_MAP  0

/* One thread polls each queue. EPOLLEXCLUSIVE, the default, costs two more system calls for most packets that come,
 * since such an entry can't be changed: a quarter of what relaying takes. */
#define PJ_IOQUEUE_DEFAULT_EPOLL_FLAGS          0

/* ---- Media ---------------------------------------------------------------------------------- */

#define PJMEDIA_HAS_VIDEO                       0
#define PJMEDIA_HAS_SRTP                        1
#define PJMEDIA_HAS_G722_CODEC                  1
#define PJMEDIA_HAS_OPUS_CODEC                  1
/* As all others have it (WebRTC, spandsp, FFmpeg): full scale is full scale. The stock 2 is 6 dB too quiet
 * for them, and they are too loud for it. Nothing clips at 1, so nothing needs to change in mid-call. */
#define PJMEDIA_G722_DEFAULT_PCM_SHIFT          1
#define PJMEDIA_G722_STOP_PCM_SHIFT_ON_CLIPPING 0
/* Not offered, so not built: fewer parsers in reach of the wire. */
#define PJMEDIA_HAS_L16_CODEC                   0
#define PJMEDIA_HAS_ILBC_CODEC                  0
#define PJMEDIA_HAS_G7221_CODEC                 0
#define PJMEDIA_HAS_SPEEX_AEC                   0
#define PJMEDIA_HAS_WEBRTC_AEC                  0
/* Serial bridge: the parallel one of 2.17 races when ports are removed. */
#define PJMEDIA_CONF_BACKEND                    PJMEDIA_CONF_SERIAL_BRIDGE_BACKEND
#define PJMEDIA_CONF_THREADS                    1
#define PJMEDIA_CONF_USE_AGC                    0       /* legs are bridged, not mixed */
#define PJSUA_HAS_SIPREC                        0

/* ---- Ours ----------------------------------------------------------------------------------- */

/* 1: only the callbacks that the agent implements are registered with pjsua, so no other event
 * crosses into Python (see patches/0003). 0: the stock set, for other users of this build. */
#define HANDOFF_LEAN_CALLBACKS                  1
