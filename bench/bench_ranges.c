/* bench_ranges - statistics of random ranges of one long series, from block summaries.
 *
 *     bench_ranges make STORE ROWS     a growing series "f4" of that many float32, one a
 * millisecond bench_ranges read STORE QUERIES  what ranges cost in this process: microseconds at
 * the median and the 99th percentile, all pages mapped before, and when they are mapped by being
 * looked at
 *
 * Noise on a random walk of steps, so that no block is like another. */
#include "clock_ns.h"
#include "range_summary.h"
#include "stats_block.h"
#include "stats_record.h"
#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ROWS 262144
#define PERIOD_PS  INT64_C(1000000000)
#define T0_NS      INT64_C(1700000000000000000)
#define NAME       "f4"

static void check(const char *what, int result, const struct error_text *error)
{
    if (result >= 0)
        return;
    fprintf(stderr, "bench_ranges: %s: %s %s\n", what, strerror(-result), error->text);
    exit(1);
}

static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void make(const char *path, uint64_t rows)
{
    static float values[BLOCK_ROWS];
    struct store_limits limits = {.series_max = 10, .journal_bytes = 1 << 20};
    struct error_text error = {""};
    struct store *store;
    struct series *series;
    struct series_type type = {.dtype = DTYPE_F4, .clock = SERIES_REGULAR};
    struct series_rule rule = series_rule_default;
    rule.mode = SERIES_MODE_GROW;
    check("open", store_open(path, &limits, &store, &error), &error);
    check("summaries", store_keep_summaries(store, stats_block_make, stats_block_merge), &error);
    check("create",
          store_create(store, NAME, strlen(NAME), &type, &rule, PERIOD_PS, &series, &error),
          &error);
    uint64_t state = 1;
    float level = 20;
    for (uint64_t done = 0; done < rows;) {
        uint64_t count = rows - done < BLOCK_ROWS ? rows - done : BLOCK_ROWS;
        struct series_append_result result = {0};
        for (uint64_t i = 0; i < count; i += 2) {
            uint64_t bits = random_next(&state);
            values[i] = level + (float)(bits & 0xFFFFFF) * 0x1p-24F;
            values[i + 1] = level + (float)(bits >> 40) * 0x1p-24F;
        }
        level += (float)(random_next(&state) & 0xFF) / 256 - 0.498F;
        struct series_block block = {.clock = BLOCK_REGULAR,
                                     .count = count,
                                     .t0_ns = T0_NS + (int64_t)done * 1000000,
                                     .period_ps = PERIOD_PS,
                                     .values = values};
        check("append", series_append(series, &block, 0, 0, clock_realtime_ns(), &result), &error);
        while (store_catch_up(store, INT64_MAX)) {
        }
        done += count;
    }
    check("finish", store_finish(store, NULL, 0, &error), &error);
    store_close(store);
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* One query, as a program that shows a dashboard has it: from rows to numbers. */
static double query(struct range_summary *summary, const struct reader_snapshot *snapshot,
                    uint64_t from, uint64_t to)
{
    static const struct stats_rules rules = {0};
    const double *records;
    uint64_t first_valid;
    struct stats_state state;
    if (range_summary_read(summary, snapshot, from, to, &records, &first_valid) < 0)
        abort();
    stats_state_clear(&state, STATS_REAL);
    stats_state_add_record(&state, records, to - from);
    return stats_state_get(&state, STATS_MEAN, &rules) + stats_state_get(&state, STATS_VAR, &rules);
}

static void run(struct reader *reader, const struct reader_snapshot *snapshot, size_t queries,
                const char *what)
{
    struct range_summary *summary;
    int64_t *took_ns = calloc(queries, sizeof *took_ns);
    uint64_t state = 7;
    double sink = 0;
    if (took_ns == NULL || range_summary_create(reader, NULL, 1, &summary) < 0)
        abort();
    for (size_t i = 0; i < queries; i++) {
        uint64_t a = random_next(&state) % snapshot->count;
        uint64_t b = random_next(&state) % snapshot->count;
        uint64_t from = a < b ? a : b, to = a < b ? b : a;
        if (to - from < RANGE_SUMMARY_ROWS_MIN)
            continue;
        int64_t begin_ns = clock_monotonic_ns();
        sink += query(summary, snapshot, from, to);
        took_ns[i] = clock_monotonic_ns() - begin_ns;
    }
    qsort(took_ns, queries, sizeof *took_ns, compare);
    size_t median = queries / 2, last_percent = queries - queries / 100;
    printf("%s: p50 %.2f us, p99 %.2f us\n", what, (double)took_ns[median] / 1000,
           (double)took_ns[last_percent] / 1000);
    if (sink == 0)
        abort(); /* so that nothing is left out */
    range_summary_free(summary);
    free(took_ns);
}

/* Looks at a byte of every page of the series. */
static void touch(struct reader *reader, const struct reader_snapshot *snapshot)
{
    struct reader_span spans[2];
    unsigned char sum = 0;
    reader_spans(reader, 0, snapshot->count, spans);
    const unsigned char *bytes = spans[0].values;
    for (uint64_t i = 0; i < spans[0].count * sizeof(float); i += 4096)
        sum ^= bytes[i];
    if (sum == 1 && snapshot->count == 1)
        puts("");
}

static void read_ranges(const char *path, size_t queries)
{
    struct error_text error = {""};
    struct reader *reader;
    struct reader_snapshot snapshot;
    check("open", reader_open(path, NAME, &reader, &error), &error);
    check("snapshot", reader_snapshot(reader, &snapshot), &error);
    run(reader, &snapshot, queries, "pages mapped as they are looked at");
    touch(reader, &snapshot);
    run(reader, &snapshot, queries, "pages mapped before");
    reader_close(reader);
}

int main(int argc, char **argv)
{
    uint64_t number = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
    if (number >= 100 && strcmp(argv[1], "make") == 0)
        make(argv[2], number);
    else if (number >= 100 && strcmp(argv[1], "read") == 0)
        read_ranges(argv[2], (size_t)number);
    else
        return 64;
    return 0;
}
