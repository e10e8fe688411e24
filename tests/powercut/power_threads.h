/* power_threads.h - the threads beside the store's owner: one that does a flush or a checkpoint
 * that it is handed, and one that writes files back to the disk behind the store's back. */
#ifndef INGEST_POWER_THREADS_H
#define INGEST_POWER_THREADS_H

#include "error_text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Does one job at a time. */
struct power_worker {
    int (*run)(void *job, struct error_text *error);
    pthread_t thread;
    void *job; /* NULL: it has none */
    atomic_bool is_done;
    int result;
    struct error_text error;
};

/* Hands over a job. -EAGAIN and the like when there is no thread to be had. */
int power_worker_begin(struct power_worker *worker, int (*run)(void *, struct error_text *),
                       void *job);
/* The job, once it is done (or at once, when `wait`: then it waits); NULL otherwise. Its result and
 * error are in the worker. */
void *power_worker_end(struct power_worker *worker, bool wait);

/* Starts the adversary: now and then, a file of the folder is written back, wholly or in part, as
 * the kernel may do at any time. It ends with the process. */
int power_adversary_begin(const char *folder, uint64_t seed);

#endif
