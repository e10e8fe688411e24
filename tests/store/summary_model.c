#include "summary_model.h"

#include "reader.h"
#include "stats_widen.h"
#include "summary_form.h"

#include <inttypes.h>
#include <math.h>

/* ---- a plain twin of the arithmetic ---- */

static double element_of(const char dtype[2], const void *rows, size_t at)
{
    double value;
    stats_widen_f8(dtype, (const char *)rows + at * stats_number_bytes(dtype), 0, 1, &value);
    return value;
}

void summary_model_records(const char dtype[2], const void *rows, size_t count, size_t elements,
                           double *ret_records)
{
    for (size_t e = 0; e < elements; e++) {
        long double sum = 0;
        long double m2 = 0;
        double *record = ret_records + e * SUMMARY_WORDS;
        double n = 0;
        double low = (double)NAN;
        double high = (double)NAN;
        for (size_t i = 0; i < count; i++) {
            double x = element_of(dtype, rows, i * elements + e);
            if (isnan(x))
                continue;
            sum += (long double)x;
            low = fmin(low, x);
            high = fmax(high, x);
            n++;
        }
        long double mean = n > 0 ? sum / (long double)n : 0;
        for (size_t i = 0; i < count; i++) {
            long double x = (long double)element_of(dtype, rows, i * elements + e);
            if (!isnan(x))
                m2 += (x - mean) * (x - mean);
        }
        record[SUMMARY_HI] = (double)mean;
        record[SUMMARY_LO] = (double)(mean - (long double)record[SUMMARY_HI]);
        record[SUMMARY_M2] = (double)m2;
        record[SUMMARY_MIN] = low;
        record[SUMMARY_MAX] = high;
        record[SUMMARY_COUNT] = n;
    }
}

void summary_model_merge(const double *records, size_t count, size_t elements, double *ret_records)
{
    for (size_t e = 0; e < elements; e++) {
        long double n = 0;
        long double sum = 0;
        long double m2 = 0;
        double low = (double)NAN;
        double high = (double)NAN;
        for (size_t i = 0; i < count; i++) {
            const double *r = records + (i * elements + e) * SUMMARY_WORDS;
            long double samples = (long double)r[SUMMARY_COUNT];
            n += samples;
            sum += samples * ((long double)r[SUMMARY_HI] + (long double)r[SUMMARY_LO]);
            low = fmin(low, r[SUMMARY_MIN]);
            high = fmax(high, r[SUMMARY_MAX]);
        }
        long double mean = n > 0 ? sum / n : 0;
        for (size_t i = 0; i < count; i++) {
            const double *r = records + (i * elements + e) * SUMMARY_WORDS;
            long double d = (long double)r[SUMMARY_HI] + (long double)r[SUMMARY_LO] - mean;
            m2 += (long double)r[SUMMARY_M2] + (long double)r[SUMMARY_COUNT] * d * d;
        }
        double *record = ret_records + e * SUMMARY_WORDS;
        record[SUMMARY_HI] = (double)mean;
        record[SUMMARY_LO] = (double)(mean - (long double)record[SUMMARY_HI]);
        record[SUMMARY_M2] = (double)m2;
        record[SUMMARY_MIN] = low;
        record[SUMMARY_MAX] = high;
        record[SUMMARY_COUNT] = (double)n;
    }
}

/* ---- the model ---- */

static bool near(double a, double b, double scale)
{
    return fabs(a - b) <= 1e-9 * scale || (isnan(a) && isnan(b));
}

static void check_record(const struct summary_model *model, unsigned level, uint64_t block,
                         const double *record)
{
    uint64_t rows = summary_block_rows(level);
    double *wanted = calloc(model->elements * SUMMARY_WORDS, sizeof *wanted);
    assert_non_null(wanted);
    summary_model_records(dtype_name(model->type.dtype),
                          model->rows + block * rows * model->sample_bytes, rows, model->elements,
                          wanted);
    for (uint64_t e = 0; e < model->elements; e++) {
        const double *w = wanted + e * SUMMARY_WORDS;
        const double *r = record + e * SUMMARY_WORDS;
        bool is_right = w[SUMMARY_COUNT] == r[SUMMARY_COUNT] &&
                        near(w[SUMMARY_MIN], r[SUMMARY_MIN], 0) &&
                        near(w[SUMMARY_MAX], r[SUMMARY_MAX], 0) &&
                        near(w[SUMMARY_HI] + w[SUMMARY_LO], r[SUMMARY_HI] + r[SUMMARY_LO],
                             1 + fabs(w[SUMMARY_HI])) &&
                        near(w[SUMMARY_M2], r[SUMMARY_M2], 1 + w[SUMMARY_M2]);
        if (!is_right)
            fail_msg("level %u block %" PRIu64 " element %" PRIu64
                     ": %g %g %g %g, and the rows say %g %g %g %g",
                     level, block, e, r[0], r[SUMMARY_M2], r[SUMMARY_MIN], r[SUMMARY_COUNT], w[0],
                     w[SUMMARY_M2], w[SUMMARY_MIN], w[SUMMARY_COUNT]);
    }
    free(wanted);
}

uint64_t summary_model_check(const struct summary_model *model)
{
    struct reader *reader = NULL;
    struct reader_snapshot snapshot;
    struct error_text error;
    uint64_t records = 0;
    assert_int_equal(reader_open(model->fixture->path, model->name, &reader, &error), 0);
    assert_int_equal(reader_snapshot(reader, &snapshot), 0);
    assert_int_equal(snapshot.count, model->count);
    for (unsigned k = 0; k < reader_summary_levels(reader); k++) {
        uint64_t rows = summary_block_rows(k);
        uint64_t first = (snapshot.first + rows - 1) / rows;
        uint64_t end = snapshot.summarised / rows;
        struct reader_summary_span spans[2];
        if (first >= end)
            break;
        assert_int_equal(reader_summaries(reader, k, first, end - first, spans), 0);
        assert_int_equal(spans[0].count + spans[1].count, end - first);
        for (unsigned s = 0; s < 2; s++)
            for (uint64_t i = 0; i < spans[s].count; i++)
                check_record(model, k, spans[s].first + i,
                             spans[s].records + i * model->elements * SUMMARY_WORDS);
        records += end - first;
        assert_int_equal(reader_summaries(reader, k, first, end - first + 1, spans), -ERANGE);
    }
    reader_close(reader);
    return records;
}

struct summary_model summary_model_create(struct fixture *fixture, const char *name,
                                          enum dtype dtype, uint8_t rank, const uint32_t *dims,
                                          enum series_clock clock, const struct series_rule *rule)
{
    struct summary_model model = {.fixture = fixture, .name = name, .seed = 88172645463325252u};
    model.type = (struct series_type){.dtype = dtype, .clock = clock, .rank = rank};
    for (unsigned d = 0; d < rank; d++)
        model.type.dims[d] = dims[d];
    model.elements = series_type_elements(&model.type);
    model.sample_bytes = series_type_sample_bytes(&model.type);
    struct series *series = NULL;
    assert_int_equal(store_create(fixture->store, name, strlen(name), &model.type, rule,
                                  INT64_C(1000000000000), &series, &fixture->error),
                     0);
    model.capacity = series_capacity(series);
    return model;
}

static void fill(struct summary_model *model, char *rows, uint64_t count)
{
    uint64_t elements = count * model->elements;
    size_t size = (size_t)(model->sample_bytes / model->elements);
    for (uint64_t i = 0; i < elements; i++) {
        uint64_t random = random_next(&model->seed);
        if (dtype_is_float(model->type.dtype)) {
            double f8 = random % 97 == 0 ? (double)NAN : (double)(random % 100000) / 7.0 - 3000;
            float f4 = (float)f8;
            memcpy(rows + i * size, size == 8 ? (void *)&f8 : (void *)&f4, size);
        } else {
            memcpy(rows + i * size, &random, size);
        }
    }
}

void summary_model_append(struct summary_model *model, uint64_t count)
{
    struct series *series = fixture_find(model->fixture, model->name);
    model->rows = realloc(model->rows, (model->count + count) * model->sample_bytes);
    int64_t *times_ns = calloc(count, sizeof *times_ns);
    assert_non_null(model->rows);
    assert_non_null(times_ns);
    char *rows = model->rows + model->count * model->sample_bytes;
    fill(model, rows, count);
    for (uint64_t i = 0; i < count; i++)
        times_ns[i] = T0_NS + (int64_t)(model->count + i) * 1000000000;
    struct series_block block = {.values = rows,
                                 .times_ns = times_ns,
                                 .count = count,
                                 .clock = model->type.clock == SERIES_REGULAR ? BLOCK_REGULAR
                                                                              : BLOCK_EXPLICIT,
                                 .t0_ns = times_ns[0],
                                 .period_ps = INT64_C(1000000000000)};
    struct series_append_result appended;
    assert_int_equal(series_append(series, &block, 0, 0, NOW_NS + times_ns[count - 1], &appended),
                     0);
    assert_int_equal(appended.appended, count);
    model->count += count;
    free(times_ns);
}

uint64_t summary_model_summarised(const struct summary_model *model)
{
    return (uint64_t)fixture_word(model->fixture, model->name, HEAD_SUMMARISED);
}

void summary_model_catch_up(const struct summary_model *model)
{
    while (store_catch_up(model->fixture->store, SUMMARY_FOREVER))
        ;
    assert_int_equal(summary_model_summarised(model),
                     model->count / SUMMARY_BLOCK_ROWS * SUMMARY_BLOCK_ROWS);
}
