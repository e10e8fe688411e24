/* pooled_window.h - a window that rolls along rows of which a state each is known (--over
 * elements): what the states in it come to together.
 *
 * States are merged and never subtracted, so nothing of an outlier stays behind: the older part of
 * the window is kept as the sums from each row to the newest of that part, the newer part as one
 * sum, and when the older part is used up the newer takes its place. A row is merged three times in
 * all. After the two stacks in Tangwongsan, Hirzel, Schneider and Wu, "General Incremental
 * Sliding-Window Aggregation", PVLDB 8(7), 2015. Memory is that of the window's rows. */
#ifndef INGEST_POOLED_WINDOW_H
#define INGEST_POOLED_WINDOW_H

#include "query.h"
#include "stats_state.h"

struct pooled_window_row {
    int64_t time_ns;
    struct stats_state state; /* of the row; in the older part, of it and those after it there */
};

struct pooled_window {
    struct query_length length;
    uint64_t step;
    struct pooled_window_row *rows;
    size_t room;
    size_t begin;  /* the window's rows are [begin, end): */
    size_t middle; /* [begin, middle) the older part, [middle, end) the newer */
    size_t end;
    struct stats_state newer; /* of [middle, end) */
    struct stats_state total;
    int64_t begin_ns; /* time of the first row since the window was empty */
    uint64_t full;    /* full windows until now */
};

/* `length` and `step` as the options have them. The window is empty. */
void pooled_window_init(struct pooled_window *window, enum stats_kind kind,
                        struct query_length length, uint64_t step);
void pooled_window_free(struct pooled_window *window);

/* The rows to come do not go on those before. */
void pooled_window_clear(struct pooled_window *window);

/* The next row, and with it the next window. Returns its state, which is good until the next call;
 * NULL when the window is not full yet, or passed over by `step`. 0 or -ENOMEM. */
int pooled_window_add(struct pooled_window *window, int64_t time_ns,
                      const struct stats_state *state, const struct stats_state **ret_state);

#endif
