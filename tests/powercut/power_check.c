/* power_check STORE MARK REPORT [--kill-at STEP] [--goes-on SEED]: recovers a store after a power
 * cut and holds it to what was promised.
 *
 * No row that was promised may be missing (but a ring's overwritten and reserved ones), no row may
 * be other than the model says, every session must be at the batch that its series end with.
 * --goes-on: sends more and looks again. The finding, if any, goes to standard output, and REPORT
 * says how many steps the recovery took. Exit codes: 0; 1 lost, 2 false, 3 anything else wrong. */
#include "power_gateways.h"
#include "power_steps.h"
#include "random_bits.h"
#include "reader.h"
#include "verify.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOUND_LOST = 1, FOUND_FALSE, FOUND_WRONG };

static struct gateways gateways;

#define MORE_BATCHES 6

__attribute__((format(printf, 2, 3))) static _Noreturn void found(int what, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%s: ", what == FOUND_LOST ? "LOST" : what == FOUND_FALSE ? "FALSE" : "WRONG");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    fflush(stdout);
    _Exit(what);
}

/* Rows [first, count) of the snapshot are those of this life of the series. */
static bool rows_are(struct reader *reader, size_t number, uint32_t generation,
                     const struct reader_snapshot *snapshot, uint64_t *ret_false)
{
    static unsigned char values[MODEL_ROWS_MAX * MODEL_SAMPLE_MAX];
    static unsigned char wanted[MODEL_ROWS_MAX * MODEL_SAMPLE_MAX];
    static int64_t times_ns[MODEL_ROWS_MAX];
    static int64_t wanted_ns[MODEL_ROWS_MAX];
    const struct model_series *series = &gateways.model.series[number];
    size_t row_bytes = series_type_sample_bytes(&series->type);
    for (uint64_t at = snapshot->first; at < snapshot->count;) {
        uint64_t rows = snapshot->count - at;
        uint64_t valid;
        if (rows > MODEL_ROWS_MAX)
            rows = MODEL_ROWS_MAX;
        int result = reader_copy(reader, at, at + rows, values, times_ns, &valid);
        if (result < 0 || valid != at)
            found(FOUND_WRONG, "%s: rows %" PRIu64 " to %" PRIu64 " cannot be read: %s",
                  gateways_name(&gateways, number), at, at + rows, strerror(-result));
        model_rows(series, generation, at, rows, wanted, wanted_ns);
        for (uint64_t i = 0; i < rows; i++) {
            *ret_false = at + i;
            if (memcmp(values + i * row_bytes, wanted + i * row_bytes, row_bytes) != 0 ||
                times_ns[i] != wanted_ns[i])
                return false;
        }
        at += rows;
    }
    return true;
}

/* How many rows the sessions' batches hold, which is how many the series must have. */
static uint64_t rows_sent(size_t number, bool *ret_is_known)
{
    const struct model_series *series = &gateways.model.series[number];
    uint64_t shared = 0;
    for (size_t i = MODEL_OWN_SESSIONS; i < MODEL_SESSIONS; i++)
        shared += gateways.stored[i];
    *ret_is_known = series->session != 0;
    return series->session == MODEL_SHARED ? shared : gateways.cursor[number].rows;
}

static void check_count(size_t number, uint64_t count, const struct power_mark *mark)
{
    const struct model_series *series = &gateways.model.series[number];
    const char *name = gateways_name(&gateways, number);
    bool is_known;
    uint64_t sent = rows_sent(number, &is_known);
    if (!is_known || count == sent)
        return;
    if (count < sent)
        found(FOUND_LOST, "%s has %" PRIu64 " rows, its sessions say %" PRIu64, name, count, sent);
    if (mark->is_whole)
        found(FOUND_FALSE, "%s has %" PRIu64 " rows, its sessions say %" PRIu64, name, count, sent);
    if (series->session == MODEL_SHARED)
        return;
    struct model_cursor cursor = gateways.cursor[number];
    while (cursor.rows < count)
        model_cursor_move(&gateways.model, series, &cursor, cursor.sequence + 1);
    if (cursor.rows != count)
        found(FOUND_FALSE, "%s ends with row %" PRIu64 ", in the middle of a batch", name, count);
}

static void check_series(const char *path, size_t number, const struct power_mark *mark)
{
    const struct model_series *series = &gateways.model.series[number];
    const char *name = gateways_name(&gateways, number);
    bool is_promised = mark->series[number].is_promised;
    uint64_t durable = mark->series[number].durable;
    struct reader *reader = NULL;
    struct reader_snapshot snapshot = {0};
    struct error_text error = {{0}};
    if (gateways.series[number] == NULL) {
        if (is_promised)
            found(FOUND_LOST, "%s is not there; %" PRIu64 " rows were durable", name, durable);
        return;
    }
    if (series_broken(gateways.series[number]) != NULL)
        found(FOUND_WRONG, "%s: %s", name, series_broken(gateways.series[number]));
    int result = reader_open(path, name, &reader, &error);
    if (result == 0)
        result = reader_snapshot(reader, &snapshot);
    if (result < 0)
        found(FOUND_WRONG, "%s cannot be read: %s %s", name, strerror(-result), error.text);
    if (snapshot.count < durable)
        found(FOUND_LOST, "%s has %" PRIu64 " rows, %" PRIu64 " were durable", name, snapshot.count,
              durable);
    if (snapshot.first > model_first_kept(series, snapshot.count))
        found(FOUND_LOST, "%s has rows %" PRIu64 " to %" PRIu64 ", and should begin with %" PRIu64,
              name, snapshot.first, snapshot.count, model_first_kept(series, snapshot.count));
    uint64_t row = 0;
    uint32_t newest = mark->series[number].generation;
    uint32_t oldest = is_promised ? newest : mark->series[number].oldest;
    uint32_t generation = newest;
    while (!rows_are(reader, number, generation, &snapshot, &row)) {
        if (generation-- == oldest)
            found(FOUND_FALSE, "%s: row %" PRIu64 " of [%" PRIu64 ", %" PRIu64 ") is false", name,
                  row, snapshot.first, snapshot.count);
    }
    gateways.generation[number] = generation;
    reader_close(reader);
    check_count(number, snapshot.count, mark);
}

static void check_store(const char *path, const struct power_mark *mark)
{
    for (size_t i = 0; i < MODEL_SESSIONS; i++)
        if (gateways.stored[i] < mark->sessions[i])
            found(FOUND_LOST, "session %zu is at %" PRIu64 ", %" PRIu64 " was durable", i + 1,
                  gateways.stored[i], mark->sessions[i]);
    for (size_t i = 0; i < MODEL_SERIES; i++)
        check_series(path, i, mark);
}

static void finding(const char *file, const char *text, void *context)
{
    (void)context;
    found(FOUND_WRONG, "verify: %s: %s", file, text);
}

static void verify(const char *path)
{
    const struct verify_sink sink = {.finding = finding};
    for (size_t i = 0; i < MODEL_SERIES; i++)
        if (gateways.series[i] != NULL)
            verify_series(path, gateways_name(&gateways, i), &sink, NULL);
}

/* The recovered store takes more, and still tells the truth. */
static void go_on(const char *path, uint64_t seed)
{
    struct power_mark mark;
    struct store_session sessions[MODEL_SESSIONS];
    int result = 0;
    for (int i = 0; i < MORE_BATCHES && result >= 0; i++) {
        result = gateways_send(&gateways, 1 + random_bits(&seed) % MODEL_SESSIONS);
        if (result == -EAGAIN)
            result = 0;
    }
    for (size_t i = 0; i < MODEL_SERIES && result >= 0; i++) {
        const struct model_series *series = &gateways.model.series[i];
        if (series->session == 0 && !series->comes_and_goes)
            result = gateways_append_free(&gateways, i, 1 + random_bits(&seed) % series->rows_max);
        if (result == -EAGAIN)
            result = 0;
    }
    if (result < 0)
        found(FOUND_WRONG, "after the recovery: %s: %s", strerror(-result), gateways.error.text);
    size_t count = gateways_sessions(&gateways, sessions);
    gateways_promise(&gateways, &mark);
    result = store_finish(gateways.store, sessions, count, &gateways.error);
    if (result < 0)
        found(FOUND_WRONG, "the clean stop: %s: %s", strerror(-result), gateways.error.text);
    check_store(path, &mark);
    store_close(gateways.store);
    verify(path);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"kill-at", required_argument, NULL, 'k'},
                                            {"goes-on", required_argument, NULL, 'g'},
                                            {NULL, 0, NULL, 0}};
    const char *goes_on = NULL;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'k')
            power_steps_kill_at(strtoull(optarg, NULL, 10));
        else if (option == 'g')
            goes_on = optarg;
        else
            return 64;
    }
    if (argc - optind != 3)
        return 64;
    const char *path = argv[optind];
    struct power_mark mark;
    if (power_mark_read(argv[optind + 1], &mark) < 0)
        return 66;
    int result = gateways_open(&gateways, path, mark.seed, &mark);
    if (result < 0)
        found(FOUND_WRONG, "the store cannot be opened: %s: %s", strerror(-result),
              gateways.error.text);
    FILE *report = fopen(argv[optind + 2], "we");
    if (report == NULL || fprintf(report, "%" PRIu64 "\n", power_steps_done()) < 0 ||
        fclose(report) != 0)
        return 74;
    check_store(path, &mark);
    if (goes_on != NULL)
        verify(path); /* what the recovery left, and below what became of it */
    if (goes_on != NULL)
        go_on(path, strtoull(goes_on, NULL, 10));
    else
        store_close(gateways.store);
    return 0;
}
