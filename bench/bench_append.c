/* bench_append - what appending costs without a network: store_find() and series_append() by
 * themselves.
 *
 *     bench_append [FOLDER]     default /tmp
 *
 * One sample to each of a thousand series in turn, as a gateway's batch does; then blocks of 20 KB
 * into one ring, on its first lap (blocks of the file system are allocated) and on later ones; then
 * the same into two rings in turn, with summaries and without: the cost is what the processor needs
 * more in the best lap. */
#include "clock_ns.h"
#include "stats_block.h"
#include "store.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SERIES_COUNT  1000
#define BATCHES       3000
#define BLOCK_BYTES   20000
#define RING_BYTES    (UINT64_C(256) << 20)
#define LAPS          3
#define SUMMARY_LAPS  6
#define SUMMARY_RING  (UINT64_C(32) << 20)
#define PREFETCH_LEAD 8

struct name {
    char text[48];
    size_t bytes;
};

static void fail(const char *what, int result, const struct error_text *error)
{
    fprintf(stderr, "bench_append: %s: %s %s\n", what, strerror(-result), error->text);
    exit(1);
}

static struct series *create(struct store *store, const char *name, const struct series_type *type,
                             const struct series_rule *rule)
{
    struct error_text error = {0};
    struct series *series;
    int result = store_create(store, name, strlen(name), type, rule, 1000000000, &series, &error);
    if (result < 0)
        fail("create", result, &error);
    return series;
}

static void append(struct series *series, const struct series_block *block, uint64_t session,
                   uint64_t sequence, int64_t now_ns)
{
    struct series_append_result appended;
    int result = series_append(series, block, session, sequence, now_ns, &appended);
    if (result < 0 || appended.appended != block->count)
        fail("append", result, &(struct error_text){0});
}

/* One batch: all series are looked up, then each gets its sample. */
static void run_batch(struct store *store, const struct name *names, const double *values,
                      enum series_clock clock, uint64_t batch)
{
    struct series *found[SERIES_COUNT];
    int64_t now_ns = INT64_C(1700000000000000000) + (int64_t)batch * 1000000000;
    for (size_t i = 0; i < SERIES_COUNT; i++)
        found[i] = store_find(store, names[i].text, names[i].bytes);
    struct series_block block = {.times_ns = &now_ns,
                                 .count = 1,
                                 .clock = clock == SERIES_REGULAR ? BLOCK_REGULAR : BLOCK_EXPLICIT,
                                 .t0_ns = now_ns,
                                 .period_ps = INT64_C(1000000000000)};
    for (size_t i = 0; i < SERIES_COUNT; i++) {
        if (i + PREFETCH_LEAD < SERIES_COUNT)
            series_prefetch(found[i + PREFETCH_LEAD]);
        block.values = &values[i];
        append(found[i], &block, 7, batch, now_ns);
    }
}

static void bench_samples(struct store *store, enum series_clock clock, const char *label)
{
    static struct name names[SERIES_COUNT];
    static double values[SERIES_COUNT];
    struct series_type type = {.dtype = DTYPE_F8, .clock = clock};
    struct series_rule rule = series_rule_default;
    rule.capacity_unit = SERIES_CAPACITY_SAMPLES;
    rule.capacity = 2000;
    for (size_t i = 0; i < SERIES_COUNT; i++) {
        int length =
            snprintf(names[i].text, sizeof names[i].text, "plant1/%s/tag%04zu/value", label, i);
        names[i].bytes = (size_t)length;
        create(store, names[i].text, &type, &rule);
    }
    uint64_t batch = 1;
    for (; batch <= 2000; batch++)
        run_batch(store, names, values, clock, batch);

    int64_t find_ns = clock_monotonic_ns();
    for (int round = 0; round < 100; round++)
        for (size_t i = 0; i < SERIES_COUNT; i++)
            if (store_find(store, names[i].text, names[i].bytes) == NULL)
                abort();
    find_ns = clock_monotonic_ns() - find_ns;

    double best_ns = 1e9;
    int64_t total_ns = clock_monotonic_ns();
    for (uint64_t last = batch + BATCHES; batch < last; batch++) {
        int64_t start_ns = clock_monotonic_ns();
        run_batch(store, names, values, clock, batch);
        double each_ns = (double)(clock_monotonic_ns() - start_ns) / SERIES_COUNT;
        best_ns = each_ns < best_ns ? each_ns : best_ns;
    }
    total_ns = clock_monotonic_ns() - total_ns;
    printf("%-9s one sample: find + append %.1f ns (best batch %.1f ns), find alone %.1f ns\n",
           label, (double)total_ns / BATCHES / SERIES_COUNT, best_ns,
           (double)find_ns / 100 / SERIES_COUNT);
}

static void bench_blocks(struct store *store)
{
    static float values[BLOCK_BYTES / 4];
    struct series_type type = {.dtype = DTYPE_F4, .clock = SERIES_REGULAR};
    struct series_rule rule = series_rule_default;
    rule.capacity_unit = SERIES_CAPACITY_BYTES;
    rule.capacity = RING_BYTES;
    struct series *series = create(store, "blocks", &type, &rule);
    struct series_block block = {.values = values,
                                 .count = BLOCK_BYTES / 4,
                                 .clock = BLOCK_REGULAR,
                                 .t0_ns = INT64_C(1700000000000000000),
                                 .period_ps = 1000000};
    uint64_t blocks = RING_BYTES / BLOCK_BYTES + 1;
    for (int lap = 0; lap < LAPS; lap++) {
        int64_t start_ns = clock_monotonic_ns();
        for (uint64_t i = 0; i < blocks; i++) {
            append(series, &block, 7, (uint64_t)lap * blocks + i + 1, block.t0_ns);
            block.t0_ns += (int64_t)block.count * 1000;
        }
        double elapsed_ns = (double)(clock_monotonic_ns() - start_ns);
        printf("20 KB blocks, lap %d: %.2f GB/s, %.0f ns a block\n", lap + 1,
               (double)(blocks * BLOCK_BYTES) / elapsed_ns, elapsed_ns / (double)blocks);
    }
}

static double processor_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void make_folder(char path[256], const char *parent)
{
    snprintf(path, 256, "%s/bench-append-XXXXXX", parent);
    if (mkdtemp(path) == NULL) {
        perror(path);
        exit(1);
    }
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void bench_summaries(const char *parent)
{
    static float values[BLOCK_BYTES / 4];
    struct series_type type = {.dtype = DTYPE_F4, .clock = SERIES_REGULAR};
    struct series_rule rule = series_rule_default;
    struct store_limits limits = {.series_max = 10};
    struct store *stores[2];
    struct series *series[2];
    char paths[2][256];
    double best_ns[2] = {1e18, 1e18};
    rule.capacity_unit = SERIES_CAPACITY_BYTES;
    rule.capacity = SUMMARY_RING;
    for (size_t i = 0; i < BLOCK_BYTES / 4; i++)
        values[i] = (float)(i * 2654435761u % 1000) / 7;
    for (size_t s = 0; s < 2; s++) {
        struct error_text error = {0};
        make_folder(paths[s], parent);
        int result = store_open(paths[s], &limits, &stores[s], &error);
        if (result == 0 && s == 1)
            result = store_keep_summaries(stores[s], stats_block_make, stats_block_merge);
        if (result < 0)
            fail("open", result, &error);
        series[s] = create(stores[s], "blocks", &type, &rule);
    }
    uint64_t blocks = SUMMARY_RING / BLOCK_BYTES;
    struct series_block block = {.values = values,
                                 .count = BLOCK_BYTES / 4,
                                 .clock = BLOCK_REGULAR,
                                 .t0_ns = INT64_C(1700000000000000000),
                                 .period_ps = 1000000};
    for (int lap = 0; lap < SUMMARY_LAPS; lap++) {
        struct series_block begin = block;
        for (size_t s = 0; s < 2; s++) {
            block = begin;
            double elapsed_ns = processor_ns();
            for (uint64_t i = 0; i < blocks; i++) {
                append(series[s], &block, 0, 0, block.t0_ns);
                block.t0_ns += (int64_t)block.count * 1000;
                (void)store_catch_up(stores[s], 0);
            }
            elapsed_ns = processor_ns() - elapsed_ns;
            if (elapsed_ns < best_ns[s])
                best_ns[s] = elapsed_ns;
        }
    }
    double samples = (double)blocks * BLOCK_BYTES / 4;
    printf(
        "summaries, blocks of %d f4: %.3f ns a sample with them, %.3f without, %.3f their cost\n",
        BLOCK_BYTES / 4, best_ns[1] / samples, best_ns[0] / samples,
        (best_ns[1] - best_ns[0]) / samples);
    for (size_t s = 0; s < 2; s++) {
        store_close(stores[s]);
        if (nftw(paths[s], remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
            perror(paths[s]);
    }
}

int main(int argc, char **argv)
{
    char path[256];
    struct error_text error = {0};
    struct store *store;
    struct store_limits limits = {.series_max = 1000000};
    const char *parent = argc > 1 ? argv[1] : "/tmp";
    make_folder(path, parent);
    int result = store_open(path, &limits, &store, &error);
    if (result < 0)
        fail("open", result, &error);
    bench_samples(store, SERIES_EXPLICIT, "explicit");
    bench_samples(store, SERIES_REGULAR, "regular");
    bench_blocks(store);
    store_close(store);
    bench_summaries(parent);
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 1;
}
