/* How often the stack asked for the address of a name; see names.c. */
#ifndef HANDOFF_NAMES_H
#define HANDOFF_NAMES_H

#ifdef __cplusplus
extern "C" {
#endif

/* Look-ups that pjsip or pjmedia wanted since the start. None is ever made. */
unsigned handoff_names_refused(void);

#ifdef __cplusplus
}
#endif
#endif
