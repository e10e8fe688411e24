/* worker.h - a thread that waits for the disk, so that the main thread need not. It gets one job at
 * a time, and says through a descriptor that it is done. */
#ifndef INGEST_WORKER_H
#define INGEST_WORKER_H

#include "error_text.h"

struct worker;

/* What is done with a job, in the worker's thread. 0 or a negative errno with a sentence. */
typedef int worker_run(void *job, struct error_text *error);

/* Starts the thread, with all signals blocked. */
int worker_start(worker_run *run, struct worker **ret_worker);

/* Waits for the job under way, if any, and ends the thread; the job is handed back for freeing
 * (NULL = none). NULL is allowed. */
void *worker_stop(struct worker *worker);

/* Readable when a job has ended. */
int worker_fd(const struct worker *worker);

/* Hands over a job; only when none is under way. */
void worker_submit(struct worker *worker, void *job);

/* Takes back a job that has ended. *ret_result is what its run returned, with its sentence in
 * `error` (NULL is allowed). -EAGAIN: none has ended. */
int worker_collect(struct worker *worker, void **ret_job, int *ret_result,
                   struct error_text *error);

#endif
