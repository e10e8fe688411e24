/* kill_rows.h - rows of a series against the plan. */
#ifndef INGEST_KILL_ROWS_H
#define INGEST_KILL_ROWS_H

#include "kill_shared.h"
#include "reader.h"

/* Room for as many rows as are looked at at once. */
#define KILL_ROWS_MAX      24000
#define KILL_ROW_BYTES_MAX 16

struct kill_rows {
    struct kill_shared *shared;
    unsigned gateway; /* of the series; 0 for a shared one */
    unsigned series;
    struct reader *reader;
    uint64_t last_count; /* of an earlier snapshot: a count never falls */
    void *values;
    int64_t *times_ns;
};
int kill_rows_open(struct kill_rows *rows);   /* the reader's error */
void kill_rows_close(struct kill_rows *rows); /* the reader alone */

/* Takes a snapshot and checks its newest rows from `from` on, KILL_ROWS_MAX at most. What is wrong
 * goes to kill_fail(). 0 and the snapshot, or the reader's error. */
int kill_rows_check(struct kill_rows *rows, uint64_t from, struct reader_snapshot *ret_snapshot,
                    uint64_t *ret_rows);

/* Of a shared series: the index after the newest one of each gateway that the last check saw. */
extern uint64_t kill_rows_shared_next[KILL_GATEWAYS_MAX];

#endif
