/* series_files.h - files of a series as docs/format.md has them, written byte by byte and without
 * the product's writer, so that a test may put any damage into them. */
#ifndef INGEST_SERIES_FILES_H
#define INGEST_SERIES_FILES_H

#include "series_type.h"

#include <stdint.h>

struct series_files {
    const char *store;
    const char *name;
    struct series_type type;
    uint64_t capacity; /* 0 = grow */
    uint64_t count;    /* samples ever appended */
    uint64_t run_rows; /* regular: a new run begins every so many rows */
};

#define SERIES_FILES_T0_NS     INT64_C(1700000000000000000)
#define SERIES_FILES_PERIOD_PS INT64_C(1000500) /* a microsecond and half a nanosecond */
#define SERIES_FILES_GAP_NS    INT64_C(1000000) /* before each run but the first */
#define SERIES_FILES_EPOCH     INT64_C(4711)

/* Makes the folders and writes every file; aborts when it cannot. */
void series_files_write(const struct series_files *files);

/* What row `index` holds: every element of it. Small enough for each dtype. */
unsigned series_files_value(uint64_t index, uint64_t element);

/* Its time. */
int64_t series_files_time_ns(const struct series_files *files, uint64_t index);

uint64_t series_files_runs_count(const struct series_files *files);

/* Changes bytes of a file of the series. */
void series_files_patch(const struct series_files *files, const char *file, uint64_t offset,
                        const void *bytes, size_t length_bytes);
/* Changes one word of the head. */
void series_files_set_word(const struct series_files *files, unsigned word, int64_t value);
int64_t series_files_get_word(const struct series_files *files, unsigned word);
/* "STORE/series/NAME/FILE"; one static buffer. */
const char *series_files_path(const struct series_files *files, const char *file);

#endif
