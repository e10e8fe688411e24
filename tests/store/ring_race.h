/* ring_race.h - a writer and readers at full speed, each a process of its own. */
#ifndef INGEST_RING_RACE_H
#define INGEST_RING_RACE_H

#include <stdbool.h>
#include <stdint.h>

/* How the rings are filled. */
struct ring_race {
    uint64_t block_rows; /* samples a block, at most; blocks do not cross runs */
    uint64_t run_rows;   /* samples a run of the regular series */
    uint64_t capacity;   /* samples of each ring */
    uint32_t elements;   /* of a sample */
    bool is_synced;      /* the writer takes its pages for write-protected again and again */
};

/* What the readers saw. */
struct ring_race_result {
    uint64_t rows_checked;
    uint64_t rows_wrong;
    uint64_t rows_dropped; /* overwritten while they were read */
    uint64_t rows_written;
    char text[256]; /* the first thing that was wrong, or "" */
};

/* Runs one race until the readers have checked so many rows, or one was wrong and `stop_at_wrong`,
 * or the time is up. `keep_overwritten` plants the bug: rows that were overwritten meanwhile are
 * believed. `folder` is an empty one. */
void ring_race_run(const char *folder, const struct ring_race *race, uint64_t rows_wanted,
                   int64_t duration_max_ns, bool keep_overwritten,
                   struct ring_race_result *ret_result);

#endif
