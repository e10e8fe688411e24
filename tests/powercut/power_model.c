#include "power_model.h"

#include "dtype.h"
#include "random_bits.h"
#include "reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define T0_NS     INT64_C(1700000000000000000)
#define PERIOD_NS INT64_C(1000000)
/* Between the runs of a regular series: well beyond the jitter that a run bears. */
#define RUN_GAP_NS INT64_C(7500000)
#define JITTER_NS  INT64_C(1000)
/* Between the lives of a series. */
#define GENERATION_NS INT64_C(1000000000000000)

static uint64_t mix(uint64_t value)
{
    return random_bits(&value);
}

static struct model_series *add(struct model *model, size_t *count, const char *name,
                                enum series_clock clock, uint64_t capacity, uint64_t session)
{
    static const enum dtype dtypes[] = {DTYPE_F8, DTYPE_I8, DTYPE_I2, DTYPE_U4, DTYPE_F4, DTYPE_U1};
    struct model_series *series = &model->series[*count];
    uint64_t random = mix(model->seed ^ ++*count);
    *series = (struct model_series){.number = *count,
                                    .session = session,
                                    .rows_max = 3,
                                    .run_rows = 2 + random_bits(&random) % 30};
    snprintf(series->names[0], sizeof series->names[0], "%s", name);
    snprintf(series->names[1], sizeof series->names[1], "moved/%s", name);
    series->type.clock = clock;
    series->type.dtype = dtypes[random_bits(&random) % (sizeof dtypes / sizeof dtypes[0])];
    if (random_bits(&random) % 4 == 0) {
        series->type.rank = 1;
        series->type.dims[0] = 3;
    }
    series->rule = series_rule_default;
    series->rule.jitter_ns = JITTER_NS;
    series->rule.mode = capacity == 0 ? SERIES_MODE_GROW : SERIES_MODE_RING;
    series->rule.capacity_unit = SERIES_CAPACITY_SAMPLES;
    series->rule.capacity = capacity;
    series->rule.preallocate = random_bits(&random) % 4 == 0;
    series->undurable_max = capacity == 0 ? UINT64_MAX : reserve_rows(capacity, RESERVE_EIGHTH);
    return series;
}

static uint64_t runs_capacity(uint64_t capacity)
{
    uint64_t runs = capacity / 64;
    return runs < 1024 ? 1024 : runs > 65536 ? 65536 : runs;
}

void model_make(struct model *model, uint64_t seed)
{
    size_t count = 0;
    uint64_t random = mix(seed);
    struct model_series *series;
    memset(model, 0, sizeof *model);
    model->seed = seed;
    model->journal_bytes = UINT64_C(65536) << seed / 2 % 3;
    model->direct_bytes = UINT64_C(256) << seed / 6 % 2 * 2;
    add(model, &count, "a/ring", SERIES_EXPLICIT, 24 + random_bits(&random) % 100, 1);
    add(model, &count, "a/ring-regular", SERIES_REGULAR, 64 + random_bits(&random) % 200, 1);
    add(model, &count, "a/grow", SERIES_EXPLICIT, 0, 1);
    add(model, &count, "a/grow-regular", SERIES_REGULAR, 0, 1);
    add(model, &count, "a/b/c/late", SERIES_EXPLICIT, 128, 1)->first_sequence = 40;
    add(model, &count, "a/later", SERIES_REGULAR, 0, 1)->first_sequence = 150;
    series = add(model, &count, "b/ring", SERIES_EXPLICIT, 512 + random_bits(&random) % 3000, 2);
    series->rows_max = series->undurable_max / 2;
    series = add(model, &count, "b/grow", SERIES_EXPLICIT, 0, 2);
    series->rows_max = 300;
    /* Its runs are what laps. */
    series = add(model, &count, "b/runs", SERIES_REGULAR, 4096, 2);
    series->run_rows = 2;
    series->undurable_max = 2 * (reserve_rows(runs_capacity(4096), RESERVE_EIGHTH) - 2);
    series->rows_max = series->undurable_max / 2;
    add(model, &count, "b/late", SERIES_REGULAR, 2000, 2)->first_sequence = 80;
    add(model, &count, "shared", SERIES_EXPLICIT, 300, MODEL_SHARED)->rows_max = 1;
    for (int i = 0; i < 2; i++) { /* they lap within a tick, a power cut may cost all their rows */
        series = add(model, &count, i == 0 ? "fast" : "fast-regular",
                     i == 0 ? SERIES_EXPLICIT : SERIES_REGULAR, 32, 0);
        series->rows_max = 24;
        series->undurable_max = UINT64_MAX;
    }
    add(model, &count, "free/grow", SERIES_REGULAR, 0, 0)->rows_max = MODEL_ROWS_MAX;
    series = add(model, &count, "free/ring", SERIES_EXPLICIT, 1000, 0);
    series->rows_max = 60;
    series->rule.preallocate = true;
    /* Some of its tails are short and some are direct. */
    model->lively = count;
    series = add(model, &count, "free/mixed", SERIES_EXPLICIT, 32, 0);
    series->type = (struct series_type){
        .dtype = DTYPE_F8, .clock = SERIES_EXPLICIT, .rank = 1, .dims = {MODEL_SAMPLE_MAX / 8}};
    series->rows_max = series->undurable_max;
    for (int i = 0; count < MODEL_SERIES; i++) {
        char name[32];
        snprintf(name, sizeof name, "gone%d/x", i);
        series = add(model, &count, name, i % 2 == 0 ? SERIES_EXPLICIT : SERIES_REGULAR,
                     i % 3 == 0 ? 0 : 64, 0);
        series->comes_and_goes = true;
    }
}

static int64_t row_time_ns(const struct model_series *series, uint32_t generation, uint64_t index)
{
    int64_t base_ns = T0_NS + (int64_t)generation * GENERATION_NS + (int64_t)index * PERIOD_NS;
    if (series->type.clock == SERIES_REGULAR)
        return base_ns + (int64_t)(index / series->run_rows) * RUN_GAP_NS;
    return base_ns + (int64_t)(mix(index ^ series->number << 40) % (PERIOD_NS / 2));
}

/* Element `element` of a row. Wide types hold the row's place in clear text, for whoever reads a
 * failure; narrow ones a hash of it. */
static void put(unsigned char *at, enum dtype dtype, uint64_t place, uint64_t element)
{
    uint64_t code = element << 48 | place; /* below 2^53: exact as f8 */
    double f8 = (double)code;
    uint64_t bits = mix(code);
    float f4 = (float)(bits >> 44); /* below 2^24: exact */
    switch (dtype) {
    case DTYPE_F8:
        memcpy(at, &f8, sizeof f8);
        break;
    case DTYPE_F4:
        memcpy(at, &f4, sizeof f4);
        break;
    case DTYPE_I8:
    case DTYPE_U8:
        memcpy(at, &code, sizeof code);
        break;
    default:
        memcpy(at, &bits, dtype_size(dtype)); /* little-endian hosts: the low bytes */
        break;
    }
}

void model_rows(const struct model_series *series, uint32_t generation, uint64_t first,
                uint64_t count, void *values, int64_t *times_ns)
{
    unsigned char *at = values;
    uint64_t elements = series_type_elements(&series->type);
    size_t element_bytes = dtype_size(series->type.dtype);
    for (uint64_t i = first; i < first + count; i++) {
        uint64_t place = series->number << 40 | (uint64_t)(generation & 0xff) << 32 | i;
        for (uint64_t e = 0; e < elements; e++, at += element_bytes)
            put(at, series->type.dtype, place, e);
        if (times_ns != NULL)
            times_ns[i - first] = row_time_ns(series, generation, i);
    }
}

uint64_t model_block_rows(const struct model_series *series, uint64_t first, uint64_t rows)
{
    if (series->type.clock == SERIES_EXPLICIT)
        return rows;
    uint64_t rest = series->run_rows - first % series->run_rows;
    return rows < rest ? rows : rest;
}

uint64_t model_next_rows(const struct model *model, const struct model_series *series,
                         const struct model_cursor *cursor)
{
    if (series->session == MODEL_SHARED)
        return 1;
    if (cursor->sequence < series->first_sequence)
        return 0;
    uint64_t bits = mix(model->seed ^ mix(series->number << 32 ^ cursor->sequence));
    if (bits % 3 == 0)
        return 0;
    return model_block_rows(series, cursor->rows, 1 + (bits >> 8) % series->rows_max);
}

void model_cursor_move(const struct model *model, const struct model_series *series,
                       struct model_cursor *cursor, uint64_t sequence)
{
    for (; cursor->sequence < sequence; cursor->sequence++)
        cursor->rows += model_next_rows(model, series, cursor);
}

uint64_t model_first_kept(const struct model_series *series, uint64_t count)
{
    uint64_t capacity = series->rule.capacity;
    if (capacity == 0)
        return 0;
    if (series->undurable_max == UINT64_MAX)
        return count;
    uint64_t reserve = reserve_rows(capacity, RESERVE_EIGHTH);
    uint64_t first = count + reserve > capacity ? count + reserve - capacity : 0;
    if (series->type.clock == SERIES_REGULAR) {
        uint64_t runs = runs_capacity(capacity);
        uint64_t kept = runs - reserve_rows(runs, RESERVE_EIGHTH);
        uint64_t begun = (count + series->run_rows - 1) / series->run_rows;
        if (begun > kept && (begun - kept) * series->run_rows > first)
            first = (begun - kept) * series->run_rows;
    }
    return first < count ? first : count;
}

int power_mark_read(const char *path, struct power_mark *ret_mark)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got = pread(fd, ret_mark, sizeof *ret_mark, 0);
    close(fd);
    return got == (ssize_t)sizeof *ret_mark && ret_mark->magic == POWER_MARK_MAGIC ? 0 : -ENODATA;
}

int power_mark_write(const char *path, const struct power_mark *mark)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int result = pwrite(fd, mark, sizeof *mark, 0) == (ssize_t)sizeof *mark ? 0 : -EIO;
    close(fd);
    return result;
}
