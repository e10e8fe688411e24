#include "plot_envelope.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

int plot_envelope_create(int64_t low_ns, int64_t high_ns, size_t columns,
                         struct plot_envelope **ret_envelope)
{
    if (columns == 0 || columns > SIZE_MAX / sizeof(struct envelope_column) / 2 || low_ns > high_ns)
        return -EINVAL;
    struct plot_envelope *envelope =
        calloc(1, sizeof *envelope + columns * sizeof envelope->columns[0]);
    if (envelope == NULL)
        return -ENOMEM;
    envelope->low_ns = low_ns;
    envelope->high_ns = high_ns;
    envelope->columns_count = columns;
    envelope->columns_per_ns =
        (double)columns / ((double)((uint64_t)high_ns - (uint64_t)low_ns) + 1);
    *ret_envelope = envelope;
    return 0;
}

void plot_envelope_free(struct plot_envelope *envelope)
{
    free(envelope);
}

static void column_add(struct envelope_column *column, double value, int64_t time_ns, bool hole)
{
    if (column->count++ == 0) {
        column->min = column->max = column->first = column->last = column->sum = value;
        column->first_ns = column->last_ns = time_ns;
        column->hole_before = hole;
        return;
    }
    if (value < column->min)
        column->min = value;
    if (value > column->max)
        column->max = value;
    column->sum += value;
    column->last = value;
    column->last_ns = time_ns;
}

/* The column of a time that is not before low_ns. */
static size_t place_of(const struct plot_envelope *envelope, int64_t time_ns)
{
    uint64_t distance_ns = (uint64_t)time_ns - (uint64_t)envelope->low_ns;
    size_t place = (size_t)((double)distance_ns * envelope->columns_per_ns);
    return place < envelope->columns_count ? place : envelope->columns_count - 1;
}

static void note_range(struct plot_envelope *envelope, double min, double max, uint64_t count)
{
    if (envelope->finite == 0 || min < envelope->min)
        envelope->min = min;
    if (envelope->finite == 0 || max > envelope->max)
        envelope->max = max;
    envelope->finite += count;
    envelope->hole = false;
}

void plot_envelope_add(struct plot_envelope *envelope, const int64_t *times_ns,
                       const double *values, size_t stride, size_t count)
{
    for (size_t row = 0; row < count; row++) {
        int64_t time_ns = times_ns[row];
        double value = values[row * stride];
        if (time_ns < envelope->low_ns || time_ns > envelope->high_ns)
            continue;
        if (!isfinite(value)) {
            envelope->missing++;
            envelope->hole = true;
            continue;
        }
        column_add(&envelope->columns[place_of(envelope, time_ns)], value, time_ns, envelope->hole);
        note_range(envelope, value, value, 1);
    }
}

int64_t plot_envelope_column_end_ns(const struct plot_envelope *envelope, int64_t time_ns)
{
    size_t place = place_of(envelope, time_ns);
    if (place_of(envelope, envelope->high_ns) == place)
        return INT64_MAX;
    int64_t low_ns = time_ns, high_ns = envelope->high_ns;
    while ((uint64_t)high_ns - (uint64_t)low_ns > 1) {
        int64_t middle_ns = low_ns + (int64_t)(((uint64_t)high_ns - (uint64_t)low_ns) / 2);
        if (place_of(envelope, middle_ns) == place)
            low_ns = middle_ns;
        else
            high_ns = middle_ns;
    }
    return high_ns;
}

/* A pause between samples, and how many pauses of (about) that length there are. */
struct pause {
    double length_ns;
    uint64_t count;
};

static int pause_compare(const void *a, const void *b)
{
    const struct pause *left = a;
    const struct pause *right = b;
    return (left->length_ns > right->length_ns) - (left->length_ns < right->length_ns);
}

/* The pause that nine of ten are no longer than. */
static double pause_common_ns(struct pause *pauses, size_t pauses_count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < pauses_count; i++)
        total += pauses[i].count;
    qsort(pauses, pauses_count, sizeof pauses[0], pause_compare);
    uint64_t seen = 0;
    for (size_t i = 0; i < pauses_count; i++) {
        seen += pauses[i].count;
        if (seen >= total - total / 10)
            return pauses[i].length_ns;
    }
    return 0;
}

static double distance_ns(int64_t from_ns, int64_t to_ns)
{
    return (double)((uint64_t)to_ns - (uint64_t)from_ns);
}

int plot_envelope_finish(struct plot_envelope *envelope)
{
    /* How many times the common pause a pause may be before it is a gap: samples jitter, and some
     * series are sent on change. */
    static const double gap_factor = 2.5;

    struct pause *pauses = calloc(2 * envelope->columns_count, sizeof *pauses);
    if (pauses == NULL)
        return -ENOMEM;
    size_t pauses_count = 0;
    const struct envelope_column *before = NULL;
    for (size_t i = 0; i < envelope->columns_count; i++) {
        const struct envelope_column *column = &envelope->columns[i];
        if (column->count == 0)
            continue;
        if (before != NULL)
            pauses[pauses_count++] =
                (struct pause){distance_ns(before->last_ns, column->first_ns), 1};
        if (column->count > 1)
            pauses[pauses_count++] = (struct pause){distance_ns(column->first_ns, column->last_ns) /
                                                        (double)(column->count - 1),
                                                    column->count - 1};
        before = column;
    }
    assert(pauses_count <= 2 * envelope->columns_count);
    double longest_ns = gap_factor * pause_common_ns(pauses, pauses_count);
    free(pauses);

    before = NULL;
    for (size_t i = 0; i < envelope->columns_count; i++) {
        struct envelope_column *column = &envelope->columns[i];
        if (column->count == 0)
            continue;
        column->joined =
            before != NULL && (before == column - 1 ||
                               (!column->hole_before &&
                                distance_ns(before->last_ns, column->first_ns) <= longest_ns));
        before = column;
    }
    return 0;
}

/* Puts a later column behind what is there already. */
static void column_merge(struct envelope_column *into, const struct envelope_column *column)
{
    if (column->count == 0)
        return;
    if (into->count == 0) {
        *into = *column;
        return;
    }
    into->count += column->count;
    into->min = fmin(into->min, column->min);
    into->max = fmax(into->max, column->max);
    into->sum += column->sum;
    into->last = column->last;
    into->last_ns = column->last_ns;
}

void plot_envelope_add_column(struct plot_envelope *envelope, const struct envelope_column *rows)
{
    struct envelope_column column = *rows;
    column.hole_before = envelope->hole;
    column_merge(&envelope->columns[place_of(envelope, rows->first_ns)], &column);
    note_range(envelope, rows->min, rows->max, rows->count);
}

int plot_envelope_narrow(const struct plot_envelope *envelope, size_t columns,
                         struct plot_envelope **ret_envelope)
{
    if (columns > envelope->columns_count)
        return -EINVAL;
    struct plot_envelope *narrow;
    int error = plot_envelope_create(envelope->low_ns, envelope->high_ns, columns, &narrow);
    if (error < 0)
        return error;
    for (size_t i = 0; i < envelope->columns_count; i++) {
        size_t place = (2 * i + 1) * columns / (2 * envelope->columns_count);
        column_merge(&narrow->columns[place], &envelope->columns[i]);
    }
    narrow->finite = envelope->finite;
    narrow->missing = envelope->missing;
    narrow->min = envelope->min;
    narrow->max = envelope->max;
    narrow->hole = envelope->hole;
    error = plot_envelope_finish(narrow);
    if (error < 0) {
        plot_envelope_free(narrow);
        return error;
    }
    *ret_envelope = narrow;
    return 0;
}

double envelope_column_mean(const struct envelope_column *column)
{
    double mean = column->sum / (double)column->count;
    if (!isfinite(mean))
        mean = column->min / 2 + column->max / 2;
    return fmin(fmax(mean, column->min), column->max);
}
