/* Answers to requests that pjsip can't read; see unreadable.c. For the guard, not for Python. */
#ifndef HANDOFF_UNREADABLE_H
#define HANDOFF_UNREADABLE_H

void handoff_unreadable_install(void);

#endif
