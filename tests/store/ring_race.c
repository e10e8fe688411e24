#include "ring_race.h"

#include "clock_ns.h"
#include "reader.h"
#include "store_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READERS    2
#define SERIES     2
#define T0_NS      INT64_C(1700000000000000000)
#define PERIOD_PS  INT64_C(100250)
#define RUN_GAP_NS 50

static const char *const names[SERIES] = {"race/explicit", "race/regular"};

/* Shared by all processes of a race. */
struct shared {
    atomic_bool stop;
    atomic_bool ready;
    _Atomic uint64_t rows_checked;
    _Atomic uint64_t rows_wrong;
    _Atomic uint64_t rows_dropped;
    _Atomic uint64_t rows_written;
    atomic_flag text_taken;
    char text[256];
};

/* What each process is given. */
struct racer {
    const char *folder;
    const struct ring_race *race;
    struct shared *shared;
    bool keep_overwritten;
    unsigned number;
};

/* ---- what every row holds ---- */

static inline uint32_t row_value(unsigned series, uint64_t index, uint32_t element)
{
    uint64_t mixed =
        (index * 8 + UINT64_C(4) * series + element + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(mixed >> 32);
}

static inline int64_t row_time_ns(const struct ring_race *race, unsigned series, uint64_t index)
{
    if (series == 0)
        return T0_NS + (int64_t)(index * 512 + (row_value(0, index, 0) & 255));
    uint64_t run = index / race->run_rows;
    int64_t run_ns = (int64_t)race->run_rows * PERIOD_PS / 1000 + RUN_GAP_NS;
    return T0_NS + (int64_t)run * run_ns + (int64_t)(index % race->run_rows) * PERIOD_PS / 1000;
}

__attribute__((format(printf, 2, 3))) static void wrong(struct shared *shared, const char *format,
                                                        ...)
{
    if (!atomic_flag_test_and_set(&shared->text_taken)) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(shared->text, sizeof shared->text, format, arguments);
        va_end(arguments);
    }
    atomic_fetch_add(&shared->rows_wrong, 1);
}

static void must(bool condition, struct shared *shared, const char *what)
{
    if (condition)
        return;
    wrong(shared, "%s", what);
    atomic_store(&shared->stop, true);
    _exit(1);
}

/* ---- the writer ---- */

static void append_some(const struct racer *racer, struct series *series, unsigned number,
                        uint32_t *values, int64_t *times_ns)
{
    const struct ring_race *race = racer->race;
    uint64_t first = series_count(series);
    uint64_t to_run_end = race->run_rows - first % race->run_rows;
    uint64_t count = race->block_rows < to_run_end || number == 0 ? race->block_rows : to_run_end;
    for (uint64_t i = 0; i < count; i++) {
        for (uint32_t e = 0; e < race->elements; e++)
            values[i * race->elements + e] = row_value(number, first + i, e);
        if (number == 0)
            times_ns[i] = row_time_ns(race, 0, first + i);
    }
    const struct series_block block = {
        .values = values,
        .times_ns = times_ns,
        .count = count,
        .clock = number == 0 ? BLOCK_EXPLICIT : BLOCK_REGULAR,
        .t0_ns = number == 0 ? 0 : row_time_ns(race, 1, first),
        .period_ps = number == 0 ? 0 : PERIOD_PS,
    };
    struct series_append_result result;
    int r = series_append(series, &block, 0, 0, T0_NS, &result);
    must(r == 0 && result.appended == count && result.late == 0, racer->shared, "an append failed");
    atomic_fetch_add_explicit(&racer->shared->rows_written, count, memory_order_relaxed);
}

static void race_writer(const struct racer *racer)
{
    const struct ring_race *race = racer->race;
    struct shared *shared = racer->shared;
    struct store *store = NULL;
    struct series *series[SERIES] = {NULL};
    struct error_text error = {""};
    const struct store_limits limits = {
        .bytes_max = UINT64_C(1) << 40, .series_max = 10, .journal_bytes = 256 << 10};
    must(store_open(racer->folder, &limits, &store, &error) == 0, shared,
         "the store does not open");
    struct series_rule rule = series_rule_default;
    rule.capacity_unit = SERIES_CAPACITY_SAMPLES;
    rule.capacity = race->capacity;
    rule.jitter_ns = 0;
    for (unsigned s = 0; s < SERIES; s++) {
        struct series_type type = {.dtype = DTYPE_U4,
                                   .clock = s == 0 ? SERIES_EXPLICIT : SERIES_REGULAR,
                                   .rank = 1,
                                   .dims = {race->elements}};
        must(store_create(store, names[s], strlen(names[s]), &type, &rule, PERIOD_PS, &series[s],
                          &error) == 0,
             shared, "a series cannot be made");
    }
    uint32_t *values = calloc(race->block_rows * race->elements, sizeof *values);
    int64_t *times_ns = calloc(race->block_rows, sizeof *times_ns);
    must(values != NULL && times_ns != NULL, shared, "no memory");
    while (!atomic_load_explicit(&shared->stop, memory_order_relaxed)) {
        for (unsigned s = 0; s < SERIES; s++)
            append_some(racer, series[s], s, values, times_ns);
        for (unsigned s = 0; s < SERIES && race->is_synced; s++)
            series_pages_cleaned(series[s]);
        atomic_store_explicit(&shared->ready, true, memory_order_relaxed);
    }
    free(values);
    free(times_ns);
    store_close(store);
}

/* ---- the readers ---- */

/* A window of the snapshot, and where its rows are copied to. */
struct window {
    const struct racer *racer;
    struct reader *reader;
    struct reader_snapshot snapshot;
    unsigned series;
    uint64_t from;
    uint64_t to;
    uint32_t *values;
    int64_t *times_ns;
};

/* One past the last wrong row of [from, to), or 0. */
static uint64_t check_values(const struct window *window, const uint32_t *values, uint64_t from,
                             uint64_t to)
{
    uint32_t elements = window->racer->race->elements;
    uint64_t wrong_end = 0;
    for (uint64_t i = from; i < to; i++) {
        bool is_right = true;
        for (uint32_t e = 0; e < elements; e++)
            is_right &= values[(i - from) * elements + e] == row_value(window->series, i, e);
        if (!is_right)
            wrong_end = i + 1;
    }
    return wrong_end;
}

static uint64_t check_times(const struct window *window, const int64_t *times_ns, uint64_t from,
                            uint64_t to)
{
    uint64_t wrong_end = 0;
    for (uint64_t i = from; i < to; i++)
        if (times_ns[i - from] != row_time_ns(window->racer->race, window->series, i))
            wrong_end = i + 1;
    return wrong_end;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Looks at every row of the window; the answer counts only from the first valid one on. */
static void check_window(const struct window *window, bool by_copy)
{
    const struct racer *racer = window->racer;
    uint64_t first_valid = window->from;
    uint64_t wrong_end = 0;
    if (by_copy) {
        int r = reader_copy(window->reader, window->from, window->to, window->values,
                            window->times_ns, &first_valid);
        must(r == 0, racer->shared, "a copy failed");
        wrong_end = check_values(window, window->values, window->from, window->to);
        wrong_end =
            later(wrong_end, check_times(window, window->times_ns, window->from, window->to));
    } else {
        struct reader_span spans[2];
        reader_spans(window->reader, window->from, window->to, spans);
        for (unsigned s = 0; s < 2; s++) {
            uint64_t end = spans[s].first + spans[s].count;
            if (spans[s].count == 0)
                continue;
            wrong_end =
                later(wrong_end, check_values(window, spans[s].values, spans[s].first, end));
            if (spans[s].times_ns != NULL)
                wrong_end =
                    later(wrong_end, check_times(window, spans[s].times_ns, spans[s].first, end));
        }
        first_valid = later(first_valid, reader_first_valid(window->reader));
    }
    if (first_valid > window->to)
        first_valid = window->to;
    atomic_fetch_add_explicit(&racer->shared->rows_dropped, first_valid - window->from,
                              memory_order_relaxed);
    if (racer->keep_overwritten)
        first_valid = window->from;
    atomic_fetch_add_explicit(&racer->shared->rows_checked, window->to - first_valid,
                              memory_order_relaxed);
    if (wrong_end > first_valid)
        wrong(racer->shared, "%s: row %llu of [%llu, %llu), valid from %llu, %s",
              names[window->series], (unsigned long long)wrong_end - 1,
              (unsigned long long)window->from, (unsigned long long)window->to,
              (unsigned long long)first_valid, by_copy ? "copied" : "in place");
}

/* A time of the snapshot, both ways. */
static void check_one_time(const struct window *window, uint64_t index)
{
    const struct racer *racer = window->racer;
    int64_t wanted_ns = row_time_ns(racer->race, window->series, index);
    int64_t time_ns = 0;
    int r = reader_time_ns(window->reader, index, &time_ns);
    must(r == 0 || r == -ERANGE, racer->shared, "a time cannot be read");
    if (r == 0 && time_ns != wanted_ns)
        wrong(racer->shared, "%s: time of row %llu", names[window->series],
              (unsigned long long)index);
    uint64_t found = 0;
    must(reader_find_time(window->reader, wanted_ns, &found) == 0, racer->shared,
         "a time cannot be looked for");
    if (found != index && reader_first_valid(window->reader) <= index &&
        reader_time_ns(window->reader, index, &time_ns) == 0)
        wrong(racer->shared, "%s: the time of row %llu was found at %llu", names[window->series],
              (unsigned long long)index, (unsigned long long)found);
    if (window->snapshot.last_time_ns !=
        row_time_ns(racer->race, window->series, window->snapshot.count - 1))
        wrong(racer->shared, "%s: last time of %llu rows", names[window->series],
              (unsigned long long)window->snapshot.count);
}

static void race_reader(const struct racer *racer)
{
    const struct ring_race *race = racer->race;
    struct shared *shared = racer->shared;
    while (!atomic_load(&shared->ready) && !atomic_load(&shared->stop))
        clock_sleep_ns(NS_PER_MS);
    struct window window = {.racer = racer};
    window.values = malloc(race->capacity * race->elements * sizeof *window.values);
    window.times_ns = malloc(race->capacity * sizeof *window.times_ns);
    must(window.values != NULL && window.times_ns != NULL, shared, "no memory");
    struct reader *readers[SERIES] = {NULL};
    for (unsigned s = 0; s < SERIES && !atomic_load(&shared->stop); s++)
        must(reader_open(racer->folder, names[s], &readers[s], NULL) == 0, shared,
             "a reader does not open");

    uint64_t random = racer->number + 1;
    while (!atomic_load_explicit(&shared->stop, memory_order_relaxed)) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        window.series = (unsigned)(random >> 33) % SERIES;
        window.reader = readers[window.series];
        must(reader_snapshot(window.reader, &window.snapshot) == 0, shared, "a snapshot failed");
        uint64_t rows = window.snapshot.count - window.snapshot.first;
        must(rows <= race->capacity, shared, "a snapshot of more rows than the ring has");
        if (rows == 0)
            continue;
        /* All of it mostly, since its oldest rows are the ones in danger. */
        window.from = window.snapshot.first;
        window.to = window.snapshot.count;
        if ((random >> 40) % 4 == 0)
            window.from += (random >> 42) % rows;
        check_window(&window, (random >> 35) % 2 == 0);
        if (!racer->keep_overwritten)
            check_one_time(&window, window.snapshot.first + (random >> 20) % rows);
    }
    for (unsigned s = 0; s < SERIES; s++)
        reader_close(readers[s]);
    free(window.values);
    free(window.times_ns);
}

/* ---- the race ---- */

static pid_t start(void (*run)(const struct racer *racer), const struct racer *racer)
{
    fflush(NULL);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0)
        abort();
    if (child > 0)
        return child;
    /* None outlives a test that was stopped. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        run(racer);
    _exit(0);
}

void ring_race_run(const char *folder, const struct ring_race *race, uint64_t rows_wanted,
                   int64_t duration_max_ns, bool keep_overwritten,
                   struct ring_race_result *ret_result)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    struct racer racer = {folder, race, shared, keep_overwritten, 0};
    pid_t children[READERS + 1];
    children[0] = start(race_writer, &racer);
    for (unsigned i = 1; i <= READERS; i++) {
        racer.number = i;
        children[i] = start(race_reader, &racer);
    }
    int64_t end_ns = clock_monotonic_ns() + duration_max_ns;
    while (!atomic_load(&shared->stop) && clock_monotonic_ns() < end_ns &&
           atomic_load(&shared->rows_wrong) == 0 &&
           atomic_load(&shared->rows_checked) < rows_wanted)
        clock_sleep_ns(2 * NS_PER_MS);
    atomic_store(&shared->stop, true);
    for (unsigned i = 0; i <= READERS; i++) {
        int status = 0;
        if (waitpid(children[i], &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            wrong(shared, "a process of the race ended badly (%d)", status);
    }
    *ret_result = (struct ring_race_result){
        .rows_checked = atomic_load(&shared->rows_checked),
        .rows_wrong = atomic_load(&shared->rows_wrong),
        .rows_dropped = atomic_load(&shared->rows_dropped),
        .rows_written = atomic_load(&shared->rows_written),
    };
    memcpy(ret_result->text, shared->text, sizeof ret_result->text);
    munmap(shared, sizeof *shared);
}
