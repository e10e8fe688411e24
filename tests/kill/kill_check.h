/* kill_check.h - looks at the store while nobody writes it: is all there that was acknowledged? */
#ifndef INGEST_KILL_CHECK_H
#define INGEST_KILL_CHECK_H

#include "kill_shared.h"

#include <stdint.h>

struct kill_check;

struct kill_check *kill_check_new(struct kill_shared *shared);
void kill_check_free(struct kill_check *check);

/* After a kill: every batch acknowledged as stored is there whole, the one after it perhaps in
 * part, and nothing that was not sent. Looks at the rows of one series in `rows_one_in`. What is
 * wrong goes to kill_fail(). Returns the rows looked at. */
uint64_t kill_check_dead(struct kill_check *check, uint64_t *random, unsigned rows_one_in);

/* After a clean end: each series holds exactly what was sent. */
uint64_t kill_check_total(struct kill_check *check);

#endif
