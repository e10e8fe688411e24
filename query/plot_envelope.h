/* plot_envelope.h - any number of rows reduced to the columns of a picture, in one pass.
 *
 * Each column keeps the smallest and the largest value that fell into it, so a spike of one sample
 * among 10^8 is still there; memory is in proportion to the columns. Values that are not finite are
 * counted and leave a gap. */
#ifndef INGEST_PLOT_ENVELOPE_H
#define INGEST_PLOT_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct envelope_column {
    uint64_t count; /* finite values; 0: the column is empty and nothing else in it counts */
    double min;
    double max;
    double first;
    double last;
    double sum;
    int64_t first_ns;
    int64_t last_ns;
    bool hole_before; /* a value that is not finite came between the last finite one and this
                         column's first */
    bool joined;      /* to the column with values before it; set by plot_envelope_finish() */
};

struct plot_envelope {
    int64_t low_ns;
    int64_t high_ns;
    size_t columns_count;
    uint64_t finite;  /* values taken in */
    uint64_t missing; /* values that are not finite */
    double min;       /* of all finite values; 0 when there are none */
    double max;
    double columns_per_ns;
    bool hole; /* the newest value was not finite */
    struct envelope_column columns[];
};

/* An envelope of `columns` columns over times low_ns to high_ns, both included. -EINVAL for no
 * columns or low_ns > high_ns, -ENOMEM. */
int plot_envelope_create(int64_t low_ns, int64_t high_ns, size_t columns,
                         struct plot_envelope **ret_envelope);
void plot_envelope_free(struct plot_envelope *envelope); /* NULL is allowed */

/* Takes in `count` rows, with times that rise from call to call. Rows outside low_ns..high_ns are
 * left out. The value of row i is values[i x stride]. */
void plot_envelope_add(struct plot_envelope *envelope, const int64_t *times_ns,
                       const double *values, size_t stride, size_t count);

/* The first time of the column after the one that a time (from low_ns to high_ns) falls into;
 * INT64_MAX where that is the last. */
int64_t plot_envelope_column_end_ns(const struct plot_envelope *envelope, int64_t time_ns);

/* Takes in finite values that follow each other and fall into one column, all at once: `rows` says
 * what a column of theirs alone would hold. */
void plot_envelope_add_column(struct plot_envelope *envelope, const struct envelope_column *rows);

/* After the last row: decides which neighbours a line joins. Columns side by side are joined;
 * across empty ones a line is drawn where the samples simply are sparse, and left out where values
 * are missing or the pause is much longer than pauses in this series are. -ENOMEM. */
int plot_envelope_finish(struct plot_envelope *envelope);

/* The same rows in fewer columns (1 to as many as there are): a column goes, whole, where its
 * middle lies, so take four or more for each that is wanted. The result is finished. -EINVAL,
 * -ENOMEM. */
int plot_envelope_narrow(const struct plot_envelope *envelope, size_t columns,
                         struct plot_envelope **ret_envelope);

/* The mean of a column's values; it lies between min and max also where the sum left the range of
 * double. */
double envelope_column_mean(const struct envelope_column *column);

#endif
