/* moments_internal.h - the object behind stats_moments.h, for its files. */
#ifndef INGEST_MOMENTS_INTERNAL_H
#define INGEST_MOMENTS_INTERNAL_H

#include "chunk_queue.h"
#include "stats_kernels.h"
#include "stats_moments.h"

/* Samples are numbered from 0. Chunks and tiles lie on one grid: chunk c begins at
 * origin + c * STATS_TILE. */
struct stats_moments {
    struct stats_moments_rule rule;
    const struct stats_kernels *kernels;
    size_t window;
    uint64_t origin;              /* below STATS_TILE */
    uint64_t position;            /* samples taken in */
    uint64_t bad_end;             /* one more than the last sample that is not finite; 0 = none */
    uint64_t window_begin;        /* of the newest window, while `special` is kept */
    struct stats_special special; /* of the newest window, while it may hold any */
    struct stats_tiles tiles;
};

/* The samples of one call. */
struct moments_input {
    const double *samples; /* sample number `first` */
    uint64_t first;
    const size_t *lengths; /* of sample number `first` on; NULL with a fixed window */
};

/* Windows reach back before the samples of this call. */
static inline const double *moments_sample(const struct moments_input *input, uint64_t number)
{
    return input->samples + (ptrdiff_t)(int64_t)(number - input->first);
}

static inline bool moments_has_chunks(const struct stats_moments *moments)
{
    return moments->window == 0 || moments->window > STATS_SHORT_WINDOW_MAX;
}

/* Whether sample `number` begins a tile of full windows without anything that is not finite. */
static inline bool moments_at_tile(const struct stats_moments *moments, uint64_t number)
{
    return moments->window > STATS_SHORT_WINDOW_MAX && number >= moments->window &&
           (number - moments->origin) % STATS_TILE == 0 &&
           moments->bad_end <= number + 1 - moments->window;
}

/* The first whole chunk of a tile's middle. */
static inline uint64_t moments_first_chunk(const struct stats_moments *moments, uint64_t tile)
{
    uint64_t from = tile - moments->window + STATS_TILE - moments->origin;
    return (from + STATS_TILE - 1) / STATS_TILE;
}

/* The first sample of the window that ends with sample `number`. */
static inline uint64_t moments_begin(const struct stats_moments *moments,
                                     const struct moments_input *input, uint64_t number)
{
    size_t length =
        input->lengths != NULL ? input->lengths[number - input->first] : moments->window;
    return number + 1 - length;
}

/* The state of `count` samples by two passes; what is not finite is left out. */
struct chunk_state moments_chunk(const struct stats_moments *moments, const double *samples,
                                 size_t count);

/* Results of at most STATS_TILE windows; `special` is NULL where all is finite. */
struct moments_results {
    double *means, *vars;
    struct stats_special *special;
};

/* Windows that end with samples [from, to) of the tile that begins at `tile` (tile <= from), of any
 * lengths, with or without what is not finite. `sums` are those of moments_count_special(). The
 * tile becomes a chunk where it ends at `to`. */
void moments_any_windows(struct stats_moments *moments, const struct moments_input *input,
                         uint64_t tile, uint64_t from, uint64_t to, const struct stats_sums *sums,
                         const struct moments_results *ret);

/* Counts what is not finite in the windows of samples [from, to). False when there is nothing:
 * ret_special is then not written. These samples are summed up about the first of them. */
bool moments_count_special(struct stats_moments *moments, const struct moments_input *input,
                           uint64_t from, uint64_t to, struct stats_sums *ret_sums,
                           struct stats_special *ret_special);

/* Counts what is not finite in `count` samples, at most STATS_TILE, from sample `number` on as part
 * of the newest window. */
void moments_add_special(struct stats_moments *moments, const double *samples, uint64_t number,
                         size_t count);

/* Mean (or sum) and variance of samples [begin, end), by two passes a chunk. */
void moments_window_alone(struct stats_moments *moments, const struct moments_input *input,
                          uint64_t begin, uint64_t end, double *ret_mean, double *ret_var);

/* Replaces what is to be seen of missing and infinite samples in a result. */
void moments_apply_special(const struct stats_moments *moments, const struct stats_special *special,
                           size_t length, double *mean, double *var);

#endif
