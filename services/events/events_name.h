/* Names of persons as one compares them: however they are written on two lists, the same person
 * should give the same text. Pure. It must not know delegations or stores. */
#ifndef CBM_EVENTS_NAME_H
#define CBM_EVENTS_NAME_H

#include "common/base/text.h"

/* Writes the words of a name, in UTF-8 that was checked, without marks, letters lowered (of Latin,
 * Greek and Cyrillic), in order, by spaces: "NURLAN, Aliya" and "Aliya Nurlan" are the same.
 * Returns the length; a name that is too long is cut. `out` is not terminated. */
#define EVENTS_NAME_MAX 256
uint32_t events_name_plain(struct text name, char out[EVENTS_NAME_MAX]);

#endif
