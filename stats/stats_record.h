/* stats_record.h - records of stats_block.h into states and out of them. Any thread. */
#ifndef INGEST_STATS_RECORD_H
#define INGEST_STATS_RECORD_H

#include "stats_block.h"
#include "stats_state.h"

/* Adds the `rows` samples that a record summarises; those that it does not count are NaN. What the
 * state then tells: count, missing, minimum and maximum as if the samples had been added (integers
 * up to 2^53 in magnitude, see stats_record_is_exact()); mean and sum of integers exactly; all else
 * within the errors of the record. */
void stats_state_add_record(struct stats_state *state, const double record[STATS_RECORD_DOUBLES],
                            uint64_t rows);

/* The record of what a state holds, which for integers is all there by itself (no records were
 * added). */
void stats_state_get_record(const struct stats_state *state,
                            double ret_record[STATS_RECORD_DOUBLES]);

/* False where minimum or maximum of integers may have been rounded. */
bool stats_record_is_exact(const double record[STATS_RECORD_DOUBLES]);

#endif
