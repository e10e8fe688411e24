/* jobs.h - the same work for many series by several threads; what comes out is as if it had been
 * done one after the other.
 *
 * Threads take the jobs in their order. What a job puts out and says is held back until those
 * before it are through; a job that is too far ahead waits, so that what is held back stays below
 * JOBS_HELD_BYTES, and a job whose turn it is streams. */
#ifndef INGEST_JOBS_H
#define INGEST_JOBS_H

#include "output.h"

#define JOBS_HELD_BYTES (64 << 20)

/* With --jobs. */
#define JOBS_THREADS_MAX 1024

struct jobs {
    size_t count;
    /* Does job i: its rows go to `output`, which is of this thread (NULL when jobs_run() was given
     * none). In any thread. 0 or an exit code, with its message printed. */
    int (*work)(void *context, size_t i, struct output *output);
    /* Job i has ended with this code, and all of it has been put out; in the order of the jobs, in
     * the thread that called jobs_run(). Not 0: no more jobs. */
    int (*end)(void *context, size_t i, int code);
    void *context;
};

/* Runs all of them with options->jobs threads. Returns 0, what `end` returned if that was not 0,
 * or QUERY_FAILED with its message printed. `output` may be NULL. */
int jobs_run(const struct query_options *options, const struct jobs *jobs, struct output *output);

#endif
