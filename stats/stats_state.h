/* stats_state.h - what is kept of a set of samples, so that every statistic of it can be told.
 *
 * States are only ever added to and merged, never subtracted from, so nothing of an outlier stays
 * behind. Floating-point samples keep their mean as an unevaluated pair hi + lo and the squares of
 * differences from it; integers keep exact sums.
 *
 * Errors: mean, sum and variance of finite doubles are within 4 units in the last place of the
 * exact statistic of those doubles (relative to the root mean square for a mean near 0); equal
 * samples give exactly themselves and exactly 0. Integers: minimum, maximum and sum are exact, mean
 * and variance are the exact value rounded once. Overflow gives infinities, as in IEEE 754.
 *
 * No I/O, no allocation, no globals; any thread. */
#ifndef INGEST_STATS_STATE_H
#define INGEST_STATS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 stats_i128;
__extension__ typedef unsigned __int128 stats_u128;

/* What the samples are. */
enum stats_kind {
    STATS_REAL,    /* double (float is widened by the caller, exactly) */
    STATS_SIGNED,  /* int64_t, sign-extended by the caller */
    STATS_UNSIGNED /* uint64_t */
};

/* One sample of any kind. */
union stats_value {
    double real;
    int64_t integer;
    uint64_t natural;
};

/* STATS_REAL: of the finite samples; the others are only counted. */
struct stats_real {
    double hi, lo;    /* mean */
    double m2, m2_lo; /* sum of (x - mean) squared */
    double sum, sum_lo;
    double min, max; /* +inf and -inf when there is none */
    uint64_t finite;
    uint64_t plus_infinite;
    uint64_t minus_infinite;
    uint64_t missing; /* NaN */
};

/* STATS_SIGNED, STATS_UNSIGNED. */
struct stats_integer {
    stats_i128 sum;
    uint64_t squares[3]; /* sum of squares, 192 bits, lowest word first */
    stats_i128 min, max;
    uint64_t count;
    /* Of those that came as records (stats_record.h): their moments and `finite`, their number. The
     * squares of these are not in `squares`; all else is in the fields above as well. */
    struct stats_real records;
    stats_i128 records_sum;
};

struct stats_state {
    enum stats_kind kind;
    union {
        struct stats_real real;
        struct stats_integer integer;
    };
};

/* The state of no samples. */
void stats_state_clear(struct stats_state *state, enum stats_kind kind);

/* Adds `count` samples, two passes a block. Not an aggregate of single additions: blocks are more
 * exact and faster. */
void stats_state_add(struct stats_state *state, const union stats_value *values, size_t count);

/* Adds one sample. */
void stats_state_add_one(struct stats_state *state, union stats_value value);

/* Adds what another state of the same kind holds. */
void stats_state_merge(struct stats_state *state, const struct stats_state *other);

/* ---- results ---- */

enum stats_name {
    STATS_MEAN,
    STATS_VAR,
    STATS_STD,
    STATS_MIN,
    STATS_MAX,
    STATS_SUM,
    STATS_RMS,
    STATS_COUNT,
    STATS_MISSING,
    STATS_NAMES, /* above are those that a state tells */
    STATS_QUANTILE = STATS_NAMES
};

/* A statistic as it is asked for. */
#define STATS_TEXT_BYTES 16
struct stats_statistic {
    enum stats_name name;
    double fraction; /* of STATS_QUANTILE: 0 to 1 */
    char text[STATS_TEXT_BYTES];
};

/* "mean", ..., "median", "p95", "p12.5" (0 to 100) in text_bytes bytes; false if it is none. */
bool stats_statistic_parse(const char *text, size_t text_bytes,
                           struct stats_statistic *ret_statistic);

/* "mean", "var", ... */
const char *stats_name_text(enum stats_name name);

/* The statistic that a text of text_bytes bytes names; false if none. */
bool stats_name_parse(const char *text, size_t text_bytes, enum stats_name *ret_name);

struct stats_rules {
    unsigned ddof;      /* variance is m2 / (count - ddof); not a number when count <= ddof */
    bool propagate_nan; /* a NaN makes every statistic but count and missing NaN, and is counted;
                           else it is skipped */
    uint64_t min_count; /* with fewer samples that are not NaN there is nothing to tell but count
                           and missing */
};

/* One statistic. Nothing to tell (no sample) is NaN; a sum of nothing is 0. An infinity makes mean,
 * sum and rms infinite (infinities of both signs: NaN) and variance NaN. */
double stats_state_get(const struct stats_state *state, enum stats_name name,
                       const struct stats_rules *rules);

/* The same where it is a whole number: count and missing always; minimum, maximum and sum of
 * integers (of at least one sample). False for all others. */
bool stats_state_get_integer(const struct stats_state *state, enum stats_name name,
                             const struct stats_rules *rules, stats_i128 *ret_integer);

#endif
