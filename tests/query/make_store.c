/* make_store STORE - the store's own writer, told what to do on standard input, for tests of its
 * readers.
 *
 *     create NAME DTYPE SHAPE regular|explicit CAPACITY PERIOD_PS
 *         SHAPE: "-", "3", "2,3"; CAPACITY 0: grow
 *     append NAME COUNT regular T0_NS PERIOD_PS     then the values as bytes
 *     append NAME COUNT explicit                    then the times and the values
 *     delete NAME
 *     flush
 *     catch-up     summaries as far as the rows go, as a daemon makes them when it has time
 *
 * Each line is answered by "ok" or by the error. The end of the input closes the store. */
#include "clock_ns.h"
#include "stats_block.h"
#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct store *store;

static int answer(int error, const struct error_text *text)
{
    if (error == 0)
        puts("ok");
    else
        printf("%s: %s\n", strerror(-error), text != NULL ? text->text : "");
    fflush(stdout);
    return error;
}

static void create(const char *line)
{
    char name[256], dtype[8], shape[64], clock[16];
    uint64_t capacity;
    int64_t period_ps;
    struct error_text error = {""};
    struct series *series;
    /* The lines are this project's own. */
    // NOLINTNEXTLINE(cert-err34-c)
    if (sscanf(line, "create %255s %7s %63s %15s %" SCNu64 " %" SCNd64, name, dtype, shape, clock,
               &capacity, &period_ps) != 6)
        abort();
    struct series_type type = {
        .dtype = dtype_from_name(dtype),
        .clock = strcmp(clock, "regular") == 0 ? SERIES_REGULAR : SERIES_EXPLICIT,
    };
    for (char *at = shape; at[0] != '\0' && at[0] != '-';) {
        type.dims[type.rank++] = (uint32_t)strtoul(at, &at, 10);
        at += at[0] == ',';
    }
    struct series_rule rule = series_rule_default;
    rule.mode = capacity > 0 ? SERIES_MODE_RING : SERIES_MODE_GROW;
    rule.capacity_unit = SERIES_CAPACITY_SAMPLES;
    rule.capacity = capacity;
    rule.jitter_ns = 0;
    rule.unit = "°C, \"outside\"";
    rule.description = "made for a test";
    answer(store_create(store, name, strlen(name), &type, &rule, period_ps, &series, &error),
           &error);
}

static void *read_bytes(size_t bytes)
{
    void *buffer = malloc(bytes + 1);
    if (buffer == NULL || fread(buffer, 1, bytes, stdin) != bytes)
        abort();
    return buffer;
}

static void append(const char *line)
{
    char name[256], clock[16];
    struct series_block block = {.period_ps = 0};
    struct series_append_result result = {0};
    /* The lines are this project's own. */
    // NOLINTNEXTLINE(cert-err34-c)
    if (sscanf(line, "append %255s %" SCNu64 " %15s %" SCNd64 " %" SCNd64, name, &block.count,
               clock, &block.t0_ns, &block.period_ps) < 3)
        abort();
    struct series *series = store_find(store, name, strlen(name));
    if (series == NULL)
        abort();
    size_t sample_bytes = (size_t)series_type_sample_bytes(series_type(series));
    void *times = NULL;
    block.clock = strcmp(clock, "regular") == 0 ? BLOCK_REGULAR : BLOCK_EXPLICIT;
    if (block.clock == BLOCK_EXPLICIT)
        times = read_bytes((size_t)block.count * sizeof(int64_t));
    void *values = read_bytes((size_t)block.count * sample_bytes);
    block.times_ns = times;
    block.values = values;
    int error = series_append(series, &block, 0, 0, clock_realtime_ns(), &result);
    if (error == 0 && result.appended != block.count)
        error = -1;
    answer(error, NULL);
    free(times);
    free(values);
}

static void flush(void)
{
    struct store_flush *pending = NULL;
    struct error_text error = {""};
    int result = store_flush_begin(store, NULL, 0, &pending);
    if (result == 0 && pending != NULL) {
        result = store_flush_run(pending, &error);
        store_flush_end(store, pending, result == 0);
    }
    answer(result, &error);
}

static void catch_up(void)
{
    while (store_catch_up(store, INT64_MAX))
        ;
    answer(0, NULL);
}

static void delete_series(const char *name)
{
    struct series *series = store_find(store, name, strlen(name));
    struct error_text error = {""};
    answer(store_delete(store, &series, 1, NULL, NULL, &error), &error);
}

int main(int argc, char **argv)
{
    struct store_limits limits = {.series_max = 100000, .journal_bytes = 1 << 20};
    struct error_text error = {""};
    char line[1024], name[256];
    if (argc != 2 || answer(store_open(argv[1], &limits, &store, &error), &error) < 0)
        return 1;
    if (store_keep_summaries(store, stats_block_make, stats_block_merge) < 0)
        return 1;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strncmp(line, "create ", 7) == 0)
            create(line);
        else if (strncmp(line, "append ", 7) == 0)
            append(line);
        else if (strcmp(line, "catch-up\n") == 0)
            catch_up();
        else if (sscanf(line, "delete %255s", name) == 1)
            delete_series(name);
        else
            flush();
    }
    answer(store_finish(store, NULL, 0, &error), &error);
    store_close(store);
    return 0;
}
