/* grow_tool STORE NAME explicit|regular ROWS: appends so many rows of two f8 to a growing series,
 * beside whoever reads it. Element e of row i is 2 i + e. Its time is i microseconds after
 * 2023-11-14T22:13:20Z, and seven nanoseconds more for each thousand rows, which begin a new run.
 * It begins slowly, so that the small shapes are seen. */
#include "clock_ns.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0_NS     INT64_C(1700000000000000000)
#define BLOCK_MAX 64
#define RUN_ROWS  1000
#define SLOW_ROWS 20000

static int64_t row_time_ns(uint64_t index)
{
    return T0_NS + (int64_t)(index * 1000 + index / RUN_ROWS * 7);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 64;
    bool is_regular = strcmp(argv[3], "regular") == 0;
    uint64_t rows = strtoull(argv[4], NULL, 10);
    struct store *store = NULL;
    struct series *series = NULL;
    struct error_text error = {""};
    const struct store_limits limits = {
        .bytes_max = UINT64_C(1) << 40, .series_max = 10, .journal_bytes = 256 << 10};
    struct series_rule rule = series_rule_default;
    rule.mode = SERIES_MODE_GROW;
    rule.jitter_ns = 0;
    const struct series_type type = {.dtype = DTYPE_F8,
                                     .clock = is_regular ? SERIES_REGULAR : SERIES_EXPLICIT,
                                     .rank = 1,
                                     .dims = {2}};
    int r = store_open(argv[1], &limits, &store, &error);
    if (r == 0)
        r = store_create(store, argv[2], strlen(argv[2]), &type, &rule, 1000000, &series, &error);
    uint64_t block_rows = 1;
    for (uint64_t i = 0; r == 0 && i < rows;) {
        double values[BLOCK_MAX * 2];
        int64_t times_ns[BLOCK_MAX];
        uint64_t run_left = RUN_ROWS - i % RUN_ROWS;
        uint64_t count = block_rows < rows - i ? block_rows : rows - i;
        count = count < run_left ? count : run_left;
        for (uint64_t k = 0; k < count; k++) {
            values[2 * k] = 2.0 * (double)(i + k);
            values[2 * k + 1] = 2.0 * (double)(i + k) + 1.0;
            times_ns[k] = row_time_ns(i + k);
        }
        const struct series_block block = {
            .values = values,
            .times_ns = times_ns,
            .count = count,
            .clock = is_regular ? BLOCK_REGULAR : BLOCK_EXPLICIT,
            .t0_ns = times_ns[0],
            .period_ps = is_regular ? 1000000 : 0,
        };
        struct series_append_result result;
        r = series_append(series, &block, 0, 0, T0_NS, &result);
        if (r == 0 && result.appended != count)
            r = -1;
        i += count;
        if (i < SLOW_ROWS)
            clock_sleep_ns(NS_PER_MS / 10);
        block_rows = block_rows % BLOCK_MAX + 1;
    }
    if (r < 0)
        fprintf(stderr, "grow_tool: %d: %s\n", r, error.text);
    store_close(store);
    return r < 0;
}
