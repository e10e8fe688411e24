#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct worker {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards everything below */
    pthread_cond_t changed;
    int event_fd;
    worker_run *run;
    void *wanted;            /* handed over, not yet begun */
    void *done;              /* ended, not yet collected */
    int result;              /* of `done` */
    struct error_text error; /* of `done` */
    bool is_stopping;
};

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    pthread_mutex_lock(&worker->mutex);
    for (;;) {
        while (worker->wanted == NULL && !worker->is_stopping)
            pthread_cond_wait(&worker->changed, &worker->mutex);
        if (worker->wanted == NULL)
            break;
        void *job = worker->wanted;
        worker->wanted = NULL;
        pthread_mutex_unlock(&worker->mutex);

        struct error_text error = {.text = ""};
        int result = worker->run(job, &error);

        pthread_mutex_lock(&worker->mutex);
        worker->done = job;
        worker->result = result;
        worker->error = error;
        uint64_t one = 1;
        /* The counter cannot overflow: one write for each job that is collected. */
        ssize_t ignored = write(worker->event_fd, &one, sizeof one);
        (void)ignored;
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

int worker_start(worker_run *run, struct worker **ret_worker)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return -ENOMEM;
    worker->run = run;
    worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->event_fd < 0) {
        int result = -errno;
        free(worker);
        return result;
    }
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->changed, NULL);

    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int result = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) {
        close(worker->event_fd);
        pthread_cond_destroy(&worker->changed);
        pthread_mutex_destroy(&worker->mutex);
        free(worker);
        return -result;
    }
    *ret_worker = worker;
    return 0;
}

void *worker_stop(struct worker *worker)
{
    if (worker == NULL)
        return NULL;
    pthread_mutex_lock(&worker->mutex);
    worker->is_stopping = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);

    void *left = worker->done;
    close(worker->event_fd);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
    return left;
}

int worker_fd(const struct worker *worker)
{
    return worker->event_fd;
}

void worker_submit(struct worker *worker, void *job)
{
    pthread_mutex_lock(&worker->mutex);
    assert(worker->wanted == NULL && worker->done == NULL);
    worker->wanted = job;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

int worker_collect(struct worker *worker, void **ret_job, int *ret_result, struct error_text *error)
{
    int result = -EAGAIN;
    pthread_mutex_lock(&worker->mutex);
    if (worker->done != NULL) {
        uint64_t count;
        ssize_t ignored = read(worker->event_fd, &count, sizeof count);
        (void)ignored;
        *ret_job = worker->done;
        *ret_result = worker->result;
        if (error != NULL)
            *error = worker->error;
        worker->done = NULL;
        result = 0;
    }
    pthread_mutex_unlock(&worker->mutex);
    return result;
}
