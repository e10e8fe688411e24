#include "power_threads.h"

#include "random_bits.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX     512
#define ROUNDS_A_LIST 200 /* files come and go */
#define PAGE_BYTES    4096u

static void *worker_main(void *context)
{
    struct power_worker *worker = context;
    worker->result = worker->run(worker->job, &worker->error);
    atomic_store(&worker->is_done, true);
    return NULL;
}

int power_worker_begin(struct power_worker *worker, int (*run)(void *, struct error_text *),
                       void *job)
{
    worker->run = run;
    worker->job = job;
    worker->error.text[0] = '\0';
    atomic_store(&worker->is_done, false);
    return -pthread_create(&worker->thread, NULL, worker_main, worker);
}

void *power_worker_end(struct power_worker *worker, bool wait)
{
    void *job = worker->job;
    if (job == NULL || (!wait && !atomic_load(&worker->is_done)))
        return NULL;
    pthread_join(worker->thread, NULL);
    worker->job = NULL;
    return job;
}

static struct {
    char *folder;
    uint64_t random;
    char *files[FILES_MAX];
    size_t file_count;
} adversary;

static int adversary_list(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)place;
    if (type == FTW_F && adversary.file_count < FILES_MAX) {
        char *copy = strdup(path);
        if (copy != NULL)
            adversary.files[adversary.file_count++] = copy;
    }
    return 0;
}

static void write_back(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat status;
    if (fd < 0)
        return;
    uint64_t dice = random_bits(&adversary.random) % 100;
    off_t from = 0;
    off_t length = 0; /* all of it */
    if (dice < 50 && fstat(fd, &status) == 0 && status.st_size > 0) {
        from = (off_t)(random_bits(&adversary.random) % (uint64_t)status.st_size / PAGE_BYTES *
                       PAGE_BYTES);
        length = PAGE_BYTES;
    }
    /* Metadata too may be committed at any time, though seldom is. */
    if (dice == 99)
        syncfs(fd);
    else
        sync_file_range(fd, from, length, SYNC_FILE_RANGE_WRITE);
    close(fd);
}

static void *adversary_main(void *context)
{
    (void)context;
    for (;;) {
        for (size_t i = 0; i < adversary.file_count; i++)
            free(adversary.files[i]);
        adversary.file_count = 0;
        nftw(adversary.folder, adversary_list, 16, FTW_PHYS);
        for (int i = 0; i < ROUNDS_A_LIST; i++) {
            usleep((useconds_t)(random_bits(&adversary.random) % 1000));
            if (adversary.file_count > 0)
                write_back(adversary.files[random_bits(&adversary.random) % adversary.file_count]);
        }
    }
    return NULL;
}

int power_adversary_begin(const char *folder, uint64_t seed)
{
    pthread_t thread;
    adversary.folder = strdup(folder);
    adversary.random = seed;
    if (adversary.folder == NULL)
        return -ENOMEM;
    int result = pthread_create(&thread, NULL, adversary_main, NULL);
    if (result == 0)
        pthread_detach(thread);
    return -result;
}
