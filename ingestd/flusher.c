#include "flusher.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct flusher {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards everything below */
    pthread_cond_t changed;
    int event_fd;
    struct store_flush *wanted; /* handed over, not yet begun */
    struct store_flush *done;   /* ended, not yet collected */
    int result;                 /* of `done` */
    struct error_text error;    /* of `done` */
    bool is_stopping;
};

static void *flusher_main(void *argument)
{
    struct flusher *flusher = argument;
    pthread_mutex_lock(&flusher->mutex);
    for (;;) {
        while (flusher->wanted == NULL && !flusher->is_stopping)
            pthread_cond_wait(&flusher->changed, &flusher->mutex);
        if (flusher->wanted == NULL)
            break;
        struct store_flush *flush = flusher->wanted;
        flusher->wanted = NULL;
        pthread_mutex_unlock(&flusher->mutex);

        struct error_text error = {.text = ""};
        int result = store_flush_run(flush, &error);

        pthread_mutex_lock(&flusher->mutex);
        flusher->done = flush;
        flusher->result = result;
        flusher->error = error;
        uint64_t one = 1;
        /* The counter cannot overflow: one write for each snapshot that is collected. */
        ssize_t ignored = write(flusher->event_fd, &one, sizeof one);
        (void)ignored;
    }
    pthread_mutex_unlock(&flusher->mutex);
    return NULL;
}

int flusher_start(struct flusher **ret_flusher)
{
    struct flusher *flusher = calloc(1, sizeof *flusher);
    if (flusher == NULL)
        return -ENOMEM;
    flusher->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (flusher->event_fd < 0) {
        int result = -errno;
        free(flusher);
        return result;
    }
    pthread_mutex_init(&flusher->mutex, NULL);
    pthread_cond_init(&flusher->changed, NULL);

    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int result = pthread_create(&flusher->thread, NULL, flusher_main, flusher);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) {
        close(flusher->event_fd);
        pthread_cond_destroy(&flusher->changed);
        pthread_mutex_destroy(&flusher->mutex);
        free(flusher);
        return -result;
    }
    *ret_flusher = flusher;
    return 0;
}

struct store_flush *flusher_stop(struct flusher *flusher)
{
    if (flusher == NULL)
        return NULL;
    pthread_mutex_lock(&flusher->mutex);
    flusher->is_stopping = true;
    pthread_cond_signal(&flusher->changed);
    pthread_mutex_unlock(&flusher->mutex);
    pthread_join(flusher->thread, NULL);

    struct store_flush *left = flusher->done;
    close(flusher->event_fd);
    pthread_cond_destroy(&flusher->changed);
    pthread_mutex_destroy(&flusher->mutex);
    free(flusher);
    return left;
}

int flusher_fd(const struct flusher *flusher)
{
    return flusher->event_fd;
}

void flusher_submit(struct flusher *flusher, struct store_flush *flush)
{
    pthread_mutex_lock(&flusher->mutex);
    assert(flusher->wanted == NULL && flusher->done == NULL);
    flusher->wanted = flush;
    pthread_cond_signal(&flusher->changed);
    pthread_mutex_unlock(&flusher->mutex);
}

int flusher_collect(struct flusher *flusher, struct store_flush **ret_flush, int *ret_result,
                    struct error_text *error)
{
    int result = -EAGAIN;
    pthread_mutex_lock(&flusher->mutex);
    if (flusher->done != NULL) {
        uint64_t count;
        ssize_t ignored = read(flusher->event_fd, &count, sizeof count);
        (void)ignored;
        *ret_flush = flusher->done;
        *ret_result = flusher->result;
        if (error != NULL)
            *error = flusher->error;
        flusher->done = NULL;
        result = 0;
    }
    pthread_mutex_unlock(&flusher->mutex);
    return result;
}
