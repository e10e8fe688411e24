/* kill_round.h - one store, from its first daemon to its last. */
#ifndef INGEST_KILL_ROUND_H
#define INGEST_KILL_ROUND_H

#include "kill_daemon.h"

#include <stdbool.h>
#include <stdint.h>

struct kill_totals {
    uint64_t kills_starting;
    uint64_t kills_loaded;
    uint64_t kills_stopping;
    uint64_t kills_gateway;
    uint64_t clean_stops;
    uint64_t batches;
    uint64_t rows;      /* that the stores held in the end */
    uint64_t rows_dead; /* checked while no daemon ran */
    uint64_t rows_live; /* checked under load, by readers */
    uint64_t queries;
    uint64_t stores;
};

uint64_t kill_totals_daemon(const struct kill_totals *totals);
void kill_totals_add(struct kill_totals *sum, const struct kill_totals *totals);

/* Kills the daemon so many times, or until the time is up; then all is sent, the daemon ends
 * cleanly and the store is counted. False when something was wrong: it is told on standard error,
 * and the folder stays for a look. */
bool kill_round(const struct kill_programs *programs, uint64_t seed, uint64_t kills, int64_t end_ns,
                struct kill_totals *totals);

#endif
