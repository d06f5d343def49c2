/* Messages: the bytes of the latest SIP messages, in one ring of fixed size.
 *
 * A position is the number of bytes that were ever written before it, so it only grows, and what it names can be
 * found without an index: a head with that very position, then the bytes. What was written over has another head
 * there, or none. The ring is memory that is taken from the system as it is first written to. No locks: all of it
 * is on the thread that polls SIP, as the trace is.
 */
#include <pjlib.h>
#include <stdlib.h>
#include <string.h>
#include "messages.h"

struct head {
    unsigned long long position;
    unsigned length;
    pj_sockaddr local;
};

static char *ring;
static unsigned size;
static unsigned long long written;

static void put(const void *from, unsigned length)
{
    unsigned at = (unsigned)(written % size), until_end = PJ_MIN(length, size - at);

    memcpy(ring + at, from, until_end);
    memcpy(ring, (const char *)from + until_end, length - until_end);
    written += length;
}

static void get(void *to, unsigned long long position, unsigned length)
{
    unsigned at = (unsigned)(position % size), until_end = PJ_MIN(length, size - at);

    memcpy(to, ring + at, until_end);
    memcpy((char *)to + until_end, ring, length - until_end);
}

/* Whether so many bytes from this position on are those that were written there. */
static int is_there(unsigned long long position, unsigned long long length)
{
    return position <= written && length <= written - position && written - position <= size;
}

/* Any number can be asked for; one that hits the inside of a message finds no head there that names it, or else one
 * that the message's sender made up: it then gets bytes of this ring and no others. */
static int find(unsigned long long position, struct head *head)
{
    if (!ring || !is_there(position, sizeof(*head)))
        return 0;
    get(head, position, sizeof(*head));
    return head->position == position && is_there(position, sizeof(*head) + (unsigned long long)head->length);
}

int handoff_messages_reserve(unsigned bytes)
{
    if (ring)
        return 0;
    size = PJ_MAX(bytes, 2 * sizeof(struct head));
    ring = calloc(size, 1);
    return ring ? 0 : -1;
}

unsigned long long handoff_message_keep(const char *message, unsigned length, const void *local)
{
    struct head head;

    if (!ring || length > size - sizeof(head))
        return HANDOFF_MESSAGE_NOT_KEPT; /* a part of it would be taken for all */
    memset(&head, 0, sizeof(head));
    head.position = written;
    head.length = length;
    memcpy(&head.local, local, sizeof(head.local));
    put(&head, sizeof(head));
    put(message, length);
    return head.position;
}

long handoff_message_length(unsigned long long position)
{
    struct head head;

    return find(position, &head) ? (long)head.length : -1;
}

void handoff_message_copy(unsigned long long position, char *to)
{
    struct head head;

    if (find(position, &head))
        get(to, position + sizeof(head), head.length);
}

const char *handoff_message_local(unsigned long long position)
{
    static char text[PJ_INET6_ADDRSTRLEN + 10];
    struct head head;

    text[0] = '\0';
    if (find(position, &head) && (head.local.addr.sa_family == pj_AF_INET() || head.local.addr.sa_family == pj_AF_INET6()))
        pj_sockaddr_print(&head.local, text, sizeof(text), 3);
    return text;
}
