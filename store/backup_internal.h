/* backup_internal.h - what the files of backup share. */
#ifndef INGEST_BACKUP_INTERNAL_H
#define INGEST_BACKUP_INTERNAL_H

#include "backup.h"
#include "reader_internal.h"

struct backup {
    char *store_path;
    char *path; /* of the copy */
    int folder_fd;
    int series_fd;
    int lock_fd; /* open from the beginning on: a sync of the whole file system tells each open file
                    of an error once */
    struct backup_totals totals;
};

/* What a series was at one moment, between two of its batches or within one. */
struct backup_moment {
    uint64_t count;
    uint64_t first; /* the oldest row that is there */
    uint64_t runs_first;
    uint64_t runs_count;
    int64_t last_time_ns;
    int64_t last_update_ns;
    int64_t sessions[HEAD_SESSION_SLOTS][HEAD_SESSION_WORDS]; /* as they hold for `count` */
};

/* ---- backup_moment.c ---- */

/* Errors as reader_snapshot(); -EBUSY: it is overwritten faster than it can be looked at. */
int backup_moment_take(struct reader *reader, struct backup_moment *ret_moment);

#endif
