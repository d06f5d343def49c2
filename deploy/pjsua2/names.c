/* Names: how often the stack asked for the address of one. The look-up itself is refused by our patch in pjlib. */
#include "names.h"

/* In addr_resolv_sock.c, by our patch. */
extern unsigned handoff_names_refused_count;

unsigned handoff_names_refused(void)
{
    return handoff_names_refused_count;
}
