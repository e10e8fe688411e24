/* store_fixture.h - a store in a folder of the test's own, and short ways to use it. */
#ifndef INGEST_STORE_FIXTURE_H
#define INGEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "file_system.h"
#include "journal_format.h"
#include "state_file.h"
#include "store.h"
#include "store_internal.h"
#include "temporary_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A time to begin at, and the arrival of everything that does not say another. */
#define T0_NS  INT64_C(1700000000000000000)
#define NOW_NS (T0_NS + INT64_C(3600000000000))

struct fixture {
    char *folder; /* removed at the end */
    char *path;   /* of the store */
    struct store *store;
    struct error_text error;
};

/* A small journal, so that its files are made in no time. */
static const struct store_limits fixture_limits = {.series_max = 100000,
                                                   .journal_bytes = 256 << 10};

static inline void fixture_open(struct fixture *fixture)
{
    int result = store_open(fixture->path, &fixture_limits, &fixture->store, &fixture->error);
    if (result < 0)
        fail_msg("store_open: %s", fixture->error.text);
}

static inline void fixture_reopen(struct fixture *fixture)
{
    store_close(fixture->store);
    fixture_open(fixture);
}

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return -1;
    fixture->folder = temporary_folder_make();
    if (asprintf(&fixture->path, "%s/store", fixture->folder) < 0)
        return -1;
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    temporary_folder_remove(fixture->folder);
    free(fixture->path);
    free(fixture);
    return 0;
}

static inline struct series_rule ring_of(uint64_t samples)
{
    struct series_rule rule = series_rule_default;
    rule.capacity_unit = SERIES_CAPACITY_SAMPLES;
    rule.capacity = samples;
    return rule;
}

static inline struct series_rule growing(void)
{
    struct series_rule rule = series_rule_default;
    rule.mode = SERIES_MODE_GROW;
    return rule;
}

static inline struct series_type scalar_type(enum dtype dtype, enum series_clock clock)
{
    return (struct series_type){.dtype = dtype, .clock = clock};
}

/* A series of f8 scalars; `rule` must live as long as the store. */
static inline struct series *fixture_create(struct fixture *fixture, const char *name,
                                            enum series_clock clock, const struct series_rule *rule)
{
    struct series_type type = scalar_type(DTYPE_F8, clock);
    struct series *series = NULL;
    int result = store_create(fixture->store, name, strlen(name), &type, rule,
                              INT64_C(1000000000000), &series, &fixture->error);
    if (result < 0)
        fail_msg("store_create %s: %s", name, fixture->error.text);
    return series;
}

static inline struct series *fixture_find(const struct fixture *fixture, const char *name)
{
    return store_find(fixture->store, name, strlen(name));
}

/* One f8 sample with a stamp; the result of series_append(). */
static inline int append_stamped(struct series *series, int64_t stamp_ns, double value,
                                 uint64_t session, uint64_t sequence,
                                 struct series_append_result *ret_result)
{
    struct series_block block = {
        .values = &value, .times_ns = &stamp_ns, .count = 1, .clock = BLOCK_EXPLICIT};
    return series_append(series, &block, session, sequence, NOW_NS, ret_result);
}

/* `count` f8 samples with rising stamps that go on after the series' last; value = index. */
static inline int append_count(struct series *series, uint64_t count)
{
    double *values = calloc(count, sizeof *values);
    int64_t *times_ns = calloc(count, sizeof *times_ns);
    assert_non_null(values);
    assert_non_null(times_ns);
    for (uint64_t i = 0; i < count; i++) {
        values[i] = (double)(series_count(series) + i);
        times_ns[i] = T0_NS + (int64_t)(series_count(series) + i) * 1000000000;
    }
    struct series_block block = {.values = values,
                                 .times_ns = times_ns,
                                 .count = count,
                                 .clock = BLOCK_EXPLICIT,
                                 .t0_ns = times_ns[0],
                                 .period_ps = INT64_C(1000000000000)};
    if (series_type(series)->clock == SERIES_REGULAR)
        block.clock = BLOCK_REGULAR;
    struct series_append_result appended;
    int result = series_append(series, &block, 0, 0, NOW_NS, &appended);
    free(values);
    free(times_ns);
    if (result == 0)
        assert_int_equal(appended.appended, count);
    return result;
}

static inline void fixture_flush(struct fixture *fixture)
{
    struct store_flush *flush = NULL;
    assert_int_equal(store_flush_begin(fixture->store, NULL, 0, &flush), 0);
    if (flush == NULL)
        return;
    assert_int_equal(store_flush_run(flush, &fixture->error), 0);
    store_flush_end(fixture->store, flush, true);
}

static inline int fixture_delete(struct fixture *fixture, struct series *series)
{
    return store_delete(fixture->store, &series, 1, NULL, NULL, &fixture->error);
}

/* "<store>/series/<name>/<file>"; free it. */
static inline char *fixture_file(const struct fixture *fixture, const char *name, const char *file)
{
    char *path;
    if (asprintf(&path, "%s/series/%s/%s", fixture->path, name, file) < 0)
        abort();
    return path;
}

static inline bool fixture_has_file(const struct fixture *fixture, const char *name,
                                    const char *file)
{
    char *path = fixture_file(fixture, name, file);
    bool is_there = access(path, F_OK) == 0;
    free(path);
    return is_there;
}

/* Reads or changes bytes of a file of a series behind the store's back. */
static inline void fixture_read(const struct fixture *fixture, const char *name, const char *file,
                                uint64_t offset, void *bytes, size_t length)
{
    char *path = fixture_file(fixture, name, file);
    size_t read_bytes = 0;
    int fd = fs_open_read_at(FS_HERE, path);
    assert_true(fd >= 0);
    assert_int_equal(fs_read_at(fd, bytes, length, offset, &read_bytes), 0);
    assert_int_equal(read_bytes, length);
    fs_close(fd);
    free(path);
}

static inline void fixture_write(const struct fixture *fixture, const char *name, const char *file,
                                 uint64_t offset, const void *bytes, size_t length)
{
    char *path = fixture_file(fixture, name, file);
    int fd = fs_open_write_at(FS_HERE, path);
    assert_true(fd >= 0);
    assert_int_equal(fs_write_at(fd, bytes, length, offset), 0);
    fs_close(fd);
    free(path);
}

static inline int64_t fixture_word(const struct fixture *fixture, const char *name, unsigned word)
{
    int64_t value;
    fixture_read(fixture, name, SERIES_HEAD_FILE, NPY_HEADER_BYTES + word * 8, &value, 8);
    return value;
}

static inline void fixture_set_word(const struct fixture *fixture, const char *name, unsigned word,
                                    int64_t value)
{
    fixture_write(fixture, name, SERIES_HEAD_FILE, NPY_HEADER_BYTES + word * 8, &value, 8);
}

static inline struct npy_shape fixture_shape(const struct fixture *fixture, const char *name,
                                             const char *file)
{
    char header[NPY_HEADER_BYTES];
    struct npy_shape shape;
    fixture_read(fixture, name, file, 0, header, sizeof header);
    assert_int_equal(npy_header_parse(header, sizeof header, &shape), 0);
    return shape;
}

static inline uint64_t fixture_file_bytes(const struct fixture *fixture, const char *name,
                                          const char *file)
{
    struct stat status;
    char *path = fixture_file(fixture, name, file);
    assert_int_equal(stat(path, &status), 0);
    free(path);
    return (uint64_t)status.st_size;
}

/* STATE as another boot of this machine would have left it. */
static inline void fixture_state_of_another_boot(const struct fixture *fixture)
{
    char *path;
    char text[STATE_FILE_BYTES];
    char line[STATE_FILE_BYTES + 1];
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    snprintf(text, sizeof text, "running 00000000-0000-0000-0000-000000000000 %ju %ju",
             (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    snprintf(line, sizeof line, "%-*s\n", STATE_FILE_BYTES - 1, text);
    if (asprintf(&path, "%s/STATE", fixture->path) < 0)
        abort();
    int fd = fs_open_write_at(FS_HERE, path);
    assert_true(fd >= 0);
    assert_int_equal(fs_write_at(fd, line, STATE_FILE_BYTES, 0), 0);
    fs_close(fd);
    free(path);
}

/* The next fixture_open() believes the journal alone. */
static inline void fixture_cut_power(struct fixture *fixture)
{
    store_close(fixture->store);
    fixture->store = NULL;
    fixture_state_of_another_boot(fixture);
}

/* Likewise, as after a sync that failed. */
static inline void fixture_distrust(struct fixture *fixture)
{
    store_close(fixture->store);
    fixture->store = NULL;
    int folder = fs_open_folder_at(FS_HERE, fixture->path);
    assert_int_equal(state_file_write(folder, STORE_STATE_RECOVERING), 0);
    fs_close(folder);
}

static inline struct store_recovery fixture_recovery(const struct fixture *fixture)
{
    struct store_recovery recovery;
    store_recovery(fixture->store, &recovery);
    return recovery;
}

/* A small, repeatable generator: a failing seed can be given again. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
