/* cut_internal.h - what the harness's files share. */
#ifndef INGEST_CUT_INTERNAL_H
#define INGEST_CUT_INTERNAL_H

#include "cut_image.h"
#include "cut_path.h"
#include "cut_run.h"
#include "power_model.h"
#include "random_bits.h"

struct machine {
    const struct cut_options *options;
    struct cut_totals *totals;
    const char *folder;
    const char *file_system;
    uint64_t seed;
    uint64_t random;
    struct cut_image start; /* the disk when a recording begins */
    struct cut_image live;  /* while it goes on, behind block_log */
    struct cut_image base;  /* what was flushed where a crash state is made */
    struct cut_image state; /* a crash state */
    struct power_mark mark; /* what was promised when the recording begins */
    uint64_t steps;         /* of the last recovery */
};

static inline uint64_t dice(struct machine *machine, uint64_t sides)
{
    return random_bits(&machine->random) % sides;
}

/* Prints the lines of a file, indented. */
void cut_print_file(const char *path);

/* ---- cut_record.c ---- */

/* Lets the workload run on the disk `start` behind block_log, with kills and failures of the
 * device, and leaves the log in "<folder>/log". A finding of the workload's own is counted. 0 or
 * -errno. */
int cut_record(struct machine *machine);

/* ---- cut_check.c ---- */

/* How a crash state is checked. */
struct cut_check {
    uint64_t boot;
    uint64_t kill_at; /* the recovery's step; 0: it is not killed */
    uint64_t goes_on; /* 0: the recovered store is only looked at */
};

/* Mounts the image `state`, recovers the store on it and looks at it. 0 with power_check's exit
 * code (128 and more: a signal; negative: it could not be run or did not end), or -errno when the
 * state could not be mounted. */
int cut_check(struct machine *machine, const struct cut_check *check, const struct power_mark *mark,
              int *ret_found);

/* Keeps the image `state` (as it was before the check), for cut_replay(). */
void cut_keep(struct machine *machine, const struct cut_check *check,
              const struct power_mark *mark);

#endif
