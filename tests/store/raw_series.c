#include "raw_series.h"

#include "npy_header.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

const char *raw_series_path(const struct raw_series *files, const char *file)
{
    static char path[4096];
    MUST(snprintf(path, sizeof path, "%s/%s/%s/%s", files->store, STORE_SERIES_DIR, files->name,
                  file) < (int)sizeof path);
    return path;
}

unsigned raw_series_value(uint64_t index, uint64_t element)
{
    return (unsigned)((index * 7 + element * 3) % 101);
}

int64_t raw_series_time_ns(const struct raw_series *files, uint64_t index)
{
    uint64_t run = files->type.clock == SERIES_REGULAR ? index / files->run_rows : 0;
    uint64_t first = run * files->run_rows;
    int64_t run_rows_ns = (int64_t)files->run_rows * RAW_SERIES_PERIOD_PS / 1000;
    int64_t t0_ns = RAW_SERIES_T0_NS + (int64_t)run * (run_rows_ns + RAW_SERIES_GAP_NS);
    return t0_ns + (int64_t)(index - first) * RAW_SERIES_PERIOD_PS / 1000;
}

uint64_t raw_series_runs_count(const struct raw_series *files)
{
    if (files->type.clock != SERIES_REGULAR)
        return 0;
    return (files->count + files->run_rows - 1) / files->run_rows;
}

static void store_value(enum dtype dtype, unsigned value, char *to)
{
    float f4 = (float)value;
    double f8 = (double)value;
    uint64_t whole = value;
    if (dtype == DTYPE_F4)
        memcpy(to, &f4, sizeof f4);
    else if (dtype == DTYPE_F8)
        memcpy(to, &f8, sizeof f8);
    else
        memcpy(to, &whole, dtype_size(dtype));
}

/* A column of `rows` rows; `fill` writes row by row. */
static void write_column(const struct raw_series *files, const char *file,
                         const struct npy_shape *shape, uint64_t first, uint64_t end,
                         void (*fill)(const struct raw_series *files, uint64_t number, char *row))
{
    uint64_t elements;
    uint64_t bytes;
    MUST(npy_shape_bytes(shape, &elements, &bytes));
    char *all = calloc(1, NPY_HEADER_BYTES + bytes);
    MUST(all != NULL);
    MUST(npy_header_write(shape, files->capacity == 0 ? 20 : 0, all) == 0);
    uint64_t row_bytes = bytes / shape->dims[0];
    for (uint64_t i = first; i < end; i++)
        fill(files, i, all + NPY_HEADER_BYTES + i % shape->dims[0] * row_bytes);
    int fd = open(raw_series_path(files, file), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    MUST(fd >= 0);
    MUST(write(fd, all, NPY_HEADER_BYTES + bytes) == (ssize_t)(NPY_HEADER_BYTES + bytes));
    close(fd);
    free(all);
}

static void fill_values(const struct raw_series *files, uint64_t index, char *row)
{
    uint64_t elements = series_type_elements(&files->type);
    for (uint64_t e = 0; e < elements; e++)
        store_value(files->type.dtype, raw_series_value(index, e),
                    row + e * dtype_size(files->type.dtype));
}

static void fill_times(const struct raw_series *files, uint64_t index, char *row)
{
    int64_t time_ns = raw_series_time_ns(files, index);
    memcpy(row, &time_ns, sizeof time_ns);
}

static void fill_runs(const struct raw_series *files, uint64_t number, char *row)
{
    const uint64_t first = number * files->run_rows;
    const int64_t run[RUN_WORDS] = {(int64_t)first, raw_series_time_ns(files, first),
                                    RAW_SERIES_PERIOD_PS};
    memcpy(row, run, sizeof run);
}

static void write_head(const struct raw_series *files, uint64_t rows)
{
    const struct series_type *type = &files->type;
    int64_t words[HEAD_WORDS] = {0};
    words[HEAD_MAGIC] = HEAD_MAGIC_VALUE;
    words[HEAD_VERSION] = STORE_FORMAT_VERSION;
    words[HEAD_ID] = 17;
    words[HEAD_CAPACITY] = (int64_t)files->capacity;
    words[HEAD_SAMPLE_BYTES] = (int64_t)series_type_sample_bytes(type);
    words[HEAD_DTYPE] = dtype_name(type->dtype)[0] | dtype_name(type->dtype)[1] << 8;
    words[HEAD_RANK] = type->rank;
    for (unsigned d = 0; d < type->rank; d++)
        words[HEAD_DIMS + d] = type->dims[d];
    words[HEAD_CLOCK] = (int64_t)type->clock;
    words[HEAD_CREATED_NS] = RAW_SERIES_T0_NS;
    words[HEAD_COUNT] = words[HEAD_FRONTIER] = words[HEAD_DURABLE] = (int64_t)files->count;
    words[HEAD_ROWS] = (int64_t)rows;
    words[HEAD_RUNS_COUNT] = (int64_t)raw_series_runs_count(files);
    words[HEAD_LAST_TIME_NS] =
        files->count > 0 ? raw_series_time_ns(files, files->count - 1) : INT64_MIN;
    words[HEAD_LAST_UPDATE_NS] = RAW_SERIES_T0_NS;
    words[HEAD_EPOCH] = RAW_SERIES_EPOCH;

    struct npy_shape shape = {.dtype = DTYPE_I8, .rank = 1, .dims = {HEAD_WORDS}};
    char header[NPY_HEADER_BYTES];
    MUST(npy_header_write(&shape, 0, header) == 0);
    int fd = open(raw_series_path(files, SERIES_HEAD_FILE), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    MUST(fd >= 0);
    MUST(write(fd, header, sizeof header) == (ssize_t)sizeof header);
    MUST(write(fd, words, sizeof words) == (ssize_t)sizeof words);
    close(fd);
}

static void make_folders(const struct raw_series *files)
{
    char path[4096];
    MUST(snprintf(path, sizeof path, "%s/%s/%s/", files->store, STORE_SERIES_DIR, files->name) <
         (int)sizeof path);
    for (char *slash = path + strlen(files->store); (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

void raw_series_write(const struct raw_series *files)
{
    make_folders(files);
    uint64_t rows = files->capacity > 0 ? files->capacity : npy_grow_rows(files->count);
    uint64_t first = files->count > rows ? files->count - rows : 0;

    struct npy_shape values = {
        .dtype = files->type.dtype, .rank = (uint8_t)(files->type.rank + 1), .dims = {rows}};
    for (unsigned d = 0; d < files->type.rank; d++)
        values.dims[d + 1] = files->type.dims[d];
    write_column(files, SERIES_VALUES_FILE, &values, first, files->count, fill_values);
    if (files->type.clock == SERIES_EXPLICIT) {
        struct npy_shape times = {.dtype = DTYPE_I8, .rank = 1, .dims = {rows}};
        write_column(files, SERIES_TIMES_FILE, &times, first, files->count, fill_times);
    } else {
        uint64_t runs_count = raw_series_runs_count(files);
        uint64_t runs_rows = rows / RUNS_CAPACITY_DIVISOR;
        if (runs_rows < RUNS_CAPACITY_MIN)
            runs_rows = RUNS_CAPACITY_MIN;
        if (files->capacity == 0)
            runs_rows = npy_grow_rows(runs_count);
        uint64_t runs_first = runs_count > runs_rows ? runs_count - runs_rows : 0;
        struct npy_shape runs = {.dtype = DTYPE_I8, .rank = 2, .dims = {runs_rows, RUN_WORDS}};
        write_column(files, SERIES_RUNS_FILE, &runs, runs_first, runs_count, fill_runs);
    }
    write_head(files, rows);
}

void raw_series_patch(const struct raw_series *files, const char *file, uint64_t offset,
                      const void *bytes, size_t length_bytes)
{
    int fd = open(raw_series_path(files, file), O_WRONLY);
    MUST(fd >= 0);
    MUST(pwrite(fd, bytes, length_bytes, (off_t)offset) == (ssize_t)length_bytes);
    close(fd);
}

void raw_series_set_word(const struct raw_series *files, unsigned word, int64_t value)
{
    raw_series_patch(files, SERIES_HEAD_FILE, NPY_HEADER_BYTES + word * sizeof value, &value,
                     sizeof value);
}

int64_t raw_series_get_word(const struct raw_series *files, unsigned word)
{
    int64_t value = 0;
    int fd = open(raw_series_path(files, SERIES_HEAD_FILE), O_RDONLY);
    MUST(fd >= 0);
    MUST(pread(fd, &value, sizeof value, (off_t)(NPY_HEADER_BYTES + word * sizeof value)) ==
         (ssize_t)sizeof value);
    close(fd);
    return value;
}
