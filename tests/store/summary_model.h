/* summary_model.h - a series that keeps every sample ever appended, and plain arithmetic that says
 * what the summaries of its blocks have to be. */
#ifndef INGEST_SUMMARY_MODEL_H
#define INGEST_SUMMARY_MODEL_H

#include "store_fixture.h"

#define SUMMARY_FOREVER INT64_MAX

struct summary_model {
    struct fixture *fixture;
    const char *name;
    struct series_type type;
    uint64_t elements;
    uint64_t sample_bytes;
    uint64_t capacity;
    char *rows; /* every sample ever appended */
    uint64_t count;
    uint64_t seed;
};

/* The arithmetic, for store_keep_summaries() and verify_series(). */
void summary_model_records(const char dtype[2], const void *rows, size_t count, size_t elements,
                           double *ret_records);
void summary_model_merge(const double *records, size_t count, size_t elements, double *ret_records);

/* A new series of the fixture's store. Free `rows` at the end. */
struct summary_model summary_model_create(struct fixture *fixture, const char *name,
                                          enum dtype dtype, uint8_t rank, const uint32_t *dims,
                                          enum series_clock clock, const struct series_rule *rule);

/* So many samples of chance: floats with a NaN now and then, integers of any size. */
void summary_model_append(struct summary_model *model, uint64_t count);

/* HEAD_SUMMARISED. */
uint64_t summary_model_summarised(const struct summary_model *model);

/* Until nothing is left to do; every whole block is summarised then. */
void summary_model_catch_up(const struct summary_model *model);

/* Every record that a reader may use says what the rows say; returns how many there are. */
uint64_t summary_model_check(const struct summary_model *model);

#endif
