/* raw_series.h - files of a series as docs/format.md has them, written byte by byte and without
 * the product's writer, so that a test may put any damage into them. */
#ifndef INGEST_RAW_SERIES_H
#define INGEST_RAW_SERIES_H

#include "series_type.h"

#include <stdint.h>

struct raw_series {
    const char *store;
    const char *name;
    struct series_type type;
    uint64_t capacity; /* 0 = grow */
    uint64_t count;    /* samples ever appended */
    uint64_t run_rows; /* regular: a new run begins every so many rows */
};

#define RAW_SERIES_T0_NS     INT64_C(1700000000000000000)
#define RAW_SERIES_PERIOD_PS INT64_C(1000500) /* a microsecond and half a nanosecond */
#define RAW_SERIES_GAP_NS    INT64_C(1000000) /* before each run but the first */
#define RAW_SERIES_EPOCH     INT64_C(4711)

/* Makes the folders and writes every file; aborts when it cannot. */
void raw_series_write(const struct raw_series *files);

/* What row `index` holds: every element of it. Small enough for each dtype. */
unsigned raw_series_value(uint64_t index, uint64_t element);

/* Its time. */
int64_t raw_series_time_ns(const struct raw_series *files, uint64_t index);

uint64_t raw_series_runs_count(const struct raw_series *files);

/* Changes bytes of a file of the series. */
void raw_series_patch(const struct raw_series *files, const char *file, uint64_t offset,
                      const void *bytes, size_t length_bytes);
/* Changes one word of the head. */
void raw_series_set_word(const struct raw_series *files, unsigned word, int64_t value);
int64_t raw_series_get_word(const struct raw_series *files, unsigned word);
/* "STORE/series/NAME/FILE"; one static buffer. */
const char *raw_series_path(const struct raw_series *files, const char *file);

#endif
