/* cut_run.h - one life after another of one machine: a store at work, power cuts, recoveries. */
#ifndef INGEST_CUT_RUN_H
#define INGEST_CUT_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Shared by the processes of a run. */
struct cut_totals {
    atomic_uint_fast64_t states_wanted;
    atomic_int_fast64_t end_ns;  /* monotonic; nothing begins after it */
    atomic_uint_fast64_t states; /* checked; only those that mounted */
    atomic_uint_fast64_t states_ext4;
    atomic_uint_fast64_t states_xfs;
    atomic_uint_fast64_t unmountable;
    atomic_uint_fast64_t recordings;
    atomic_uint_fast64_t writes_dropped;
    atomic_uint_fast64_t writes_torn;
    atomic_uint_fast64_t recoveries_killed;
    atomic_uint_fast64_t workloads_killed;
    atomic_uint_fast64_t errors_injected; /* recordings with a failing device */
    atomic_uint_fast64_t lost;
    atomic_uint_fast64_t falsified;
    atomic_uint_fast64_t wrong;
};

struct cut_options {
    const char *tools;       /* folder of block_log */
    const char *programs;    /* folder of power_workload and power_check */
    const char *file_system; /* "ext4", "xfs"; NULL: both in turn */
    const char *keep;        /* failures are kept below this folder */
    uint64_t states_each;    /* states of one recording */
    bool stops;              /* at the first finding */
};

static inline uint64_t cut_found(const struct cut_totals *totals)
{
    return totals->lost + totals->falsified + totals->wrong;
}

/* One machine, from an empty disk through some power cuts, in `folder` (cut_machine_enter() was
 * there). 0, or -errno when the harness itself failed; findings are in the totals. */
int cut_run(const struct cut_options *options, struct cut_totals *totals, const char *folder,
            uint64_t seed);

/* Checks a state that was kept once more, and says what it found. 0 with the check's exit code, or
 * -errno. */
int cut_replay(const struct cut_options *options, struct cut_totals *totals, const char *folder,
               const char *kept, int *ret_found);

#endif
