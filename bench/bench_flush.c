/* bench_flush [FOLDER [SERIES [TICKS]]]: ticks over many slow series. Each tick appends one sample
 * of 16 bytes to every series and flushes them; meanwhile one sample after another is appended to
 * one more series, and each of these appends is timed. Then power is lost in the middle (STATE is
 * changed), with the journal as full as it gets, and recovery is timed. */
#include "clock_ns.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T0_NS INT64_C(1700000000000000000)

struct tick {
    struct store_flush *flush;
    struct store_checkpoint *checkpoint;
    atomic_bool is_done;
};

static void must(int result, const char *what, const struct error_text *error)
{
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s %s\n", what, strerror(-result), error != NULL ? error->text : "");
    exit(1);
}

static void *run_flush(void *context)
{
    struct tick *tick = context;
    struct error_text error = {.text = ""};
    must(store_flush_run(tick->flush, &error), "flush", &error);
    atomic_store(&tick->is_done, true);
    return NULL;
}

static void *run_checkpoint(void *context)
{
    struct tick *tick = context;
    struct error_text error = {.text = ""};
    must(store_checkpoint_run(tick->checkpoint, &error), "checkpoint", &error);
    atomic_store(&tick->is_done, true);
    return NULL;
}

static void append(struct series *series, int64_t stamp_ns, double value)
{
    struct series_append_result result;
    struct series_block block = {
        .values = &value, .times_ns = &stamp_ns, .count = 1, .clock = BLOCK_EXPLICIT};
    must(series_append(series, &block, 0, 0, stamp_ns, &result), "append", NULL);
}

static int compare(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;
    return *left < *right ? -1 : *left > *right;
}

static double percentile_ms(int64_t *values, size_t count, double share)
{
    qsort(values, count, sizeof values[0], compare);
    size_t at = (size_t)((double)count * share);
    return (double)values[at < count ? at : count - 1] / 1e6;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* STATE says that a daemon was at work, in another boot. */
static void lose_power(const char *path)
{
    char state[512];
    char digit = '\0';
    off_t boot_id = sizeof "running " - 1;
    snprintf(state, sizeof state, "%s/STATE", path);
    int fd = open(state, O_RDWR);
    bool is_done = fd >= 0 && pread(fd, &digit, 1, boot_id) == 1;
    digit = digit == '0' ? '1' : '0';
    if (!is_done || pwrite(fd, &digit, 1, boot_id) != 1) {
        perror(state);
        exit(1);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    char path[256];
    struct error_text error = {.text = ""};
    struct store *store;
    struct store_limits limits = {.series_max = 1000000};
    size_t series_count = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
    size_t ticks = argc > 3 ? strtoul(argv[3], NULL, 10) : 200;
    snprintf(path, sizeof path, "%s/bench-flush-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (mkdtemp(path) == NULL) {
        perror(path);
        return 1;
    }
    must(store_open(path, &limits, &store, &error), "open", &error);
    struct series **all = calloc(series_count + 1, sizeof(struct series *));
    int64_t *tick_ns = calloc(ticks, sizeof tick_ns[0]);
    size_t append_max = ticks * 4096;
    int64_t *append_ns = calloc(append_max, sizeof append_ns[0]);
    if (all == NULL || tick_ns == NULL || append_ns == NULL)
        exit(1);
    struct series_rule rule = series_rule_default;
    struct series_type type = {.dtype = DTYPE_F8, .clock = SERIES_EXPLICIT};
    rule.capacity_unit = SERIES_CAPACITY_SAMPLES;
    rule.capacity = 100000;
    for (size_t i = 0; i <= series_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "plant%zu/line%zu/sensor%zu", i / 1000, i / 10 % 100, i);
        must(store_create(store, name, strlen(name), &type, &rule, 0, &all[i], &error), name,
             &error);
    }

    size_t appended = 0;
    size_t checkpoints = 0;
    int64_t stamp_ns = T0_NS;
    struct tick checkpoint = {0};
    pthread_t checkpoint_thread = 0;
    for (size_t t = 0; t < ticks; t++) {
        stamp_ns += 1000000000;
        for (size_t i = 0; i < series_count; i++)
            append(all[i], stamp_ns, (double)t);
        struct tick tick = {0};
        pthread_t thread;
        int64_t begin_ns = clock_monotonic_ns();
        must(store_flush_begin(store, NULL, 0, &tick.flush), "begin", NULL);
        must(-pthread_create(&thread, NULL, run_flush, &tick), "thread", NULL);
        /* The time that begin takes is time that an append waits. */
        int64_t before_ns = begin_ns;
        for (int64_t extra = 1; !atomic_load(&tick.is_done) || extra < 100; extra++) {
            append(all[series_count], stamp_ns + extra, 1.0);
            int64_t now_ns = clock_monotonic_ns();
            if (appended < append_max && extra <= 4096)
                append_ns[appended++] = now_ns - before_ns;
            before_ns = now_ns;
            if (extra >= 50000)
                usleep(100), before_ns = clock_monotonic_ns();
        }
        pthread_join(thread, NULL);
        store_flush_end(store, tick.flush, true);
        tick_ns[t] = clock_monotonic_ns() - begin_ns;
        if (checkpoint.checkpoint == NULL && store_checkpoint_is_due(store)) {
            must(store_checkpoint_begin(store, &checkpoint.checkpoint), "checkpoint", NULL);
            atomic_store(&checkpoint.is_done, false);
            must(-pthread_create(&checkpoint_thread, NULL, run_checkpoint, &checkpoint), "thread",
                 NULL);
        }
        if (checkpoint.checkpoint != NULL && atomic_load(&checkpoint.is_done)) {
            pthread_join(checkpoint_thread, NULL);
            store_checkpoint_end(store, checkpoint.checkpoint, true);
            checkpoint.checkpoint = NULL;
            checkpoints++;
        }
    }
    if (checkpoint.checkpoint != NULL) {
        pthread_join(checkpoint_thread, NULL);
        store_checkpoint_end(store, checkpoint.checkpoint, true);
    }
    struct store_journal_usage usage;
    store_journal_usage(store, &usage);
    double payload = (double)ticks * (double)series_count * 16.0;
    printf(
        "%zu series, %zu ticks, %zu checkpoints: tick p50 %.2f ms, p99 %.2f ms, longest %.2f ms\n",
        series_count, ticks, checkpoints, percentile_ms(tick_ns, ticks, 0.5),
        percentile_ms(tick_ns, ticks, 0.99), percentile_ms(tick_ns, ticks, 1.0));
    printf("appends meanwhile (%zu, begin of the tick counted in): p50 %.4f ms, p99.9 %.3f ms, "
           "longest "
           "%.2f ms\n",
           appended, percentile_ms(append_ns, appended, 0.5),
           percentile_ms(append_ns, appended, 0.999), percentile_ms(append_ns, appended, 1.0));
    printf("journal: %.2f bytes a byte of samples and stamps\n",
           (double)usage.written_bytes / payload);

    store_close(store);
    lose_power(path);
    struct store_recovery recovery;
    must(store_open(path, &limits, &store, &error), "open", &error);
    store_recovery(store, &recovery);
    printf("recovery after a power cut: %.2f s (journal %.0f MiB used, %llu records, %llu rows "
           "written)\n",
           (double)recovery.duration_ns / 1e9, (double)usage.used_bytes / 1048576.0,
           (unsigned long long)recovery.records, (unsigned long long)recovery.rows_written);
    store_close(store);
    free(all);
    free(tick_ns);
    free(append_ns);
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 1;
}
