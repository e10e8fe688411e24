/* kill_plan.h - what the gateways of a run send, and so what every row of the store must be. All of
 * it follows from the seed: a gateway that was killed makes the same batches again, and a checker
 * knows any row without having kept it. */
#ifndef INGEST_KILL_PLAN_H
#define INGEST_KILL_PLAN_H

#include "ingest_gateway.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KILL_GATEWAYS_MAX 18 /* more than the sixteen sessions that a series remembers */
#define KILL_MANY         24 /* small series of each gateway, made as the load goes on */
#define KILL_OWN          (KILL_KIND_MANY + KILL_MANY)
#define KILL_SERIES       (KILL_OWN + 2) /* of a gateway: its own, then the two that all share */

enum kill_kind {
    KILL_REGULAR_RING = 0,
    KILL_EXPLICIT_RING,
    KILL_REGULAR_GROW,
    KILL_EXPLICIT_GROW, /* the value is the index */
    KILL_PREVIOUS,      /* the same times as the one before */
    KILL_ARRIVAL_RING,
    KILL_TINY_RING, /* a block may be as long as the ring */
    KILL_BIG_RING,
    KILL_UNSTAMPED_GROW, /* regular, of a sender without a clock */
    KILL_KIND_MANY,
    KILL_SHARED_ARRIVAL, /* the value is the gateway and its own count */
    KILL_SHARED_CLAMP
};

struct kill_facts {
    const char *label;
    const char *dtype;
    enum ingest_clock clock;
    uint32_t elements; /* of a sample; 1 = rank 0 */
    uint32_t capacity; /* 0 = grow */
    uint32_t rows_min; /* of a block */
    uint32_t rows_max;
    uint32_t chance;   /* of 256 that a batch has a block of it */
    uint32_t run_rows; /* regular: a gap after so many */
    bool is_stamped_on_arrival;
};
const struct kill_facts *kill_facts(unsigned series);
enum kill_kind kill_kind_of(unsigned series);

/* "kill/3/regular-ring"; the shared ones have no gateway. Returns `buffer`. */
const char *kill_series_name(unsigned gateway, unsigned series, char buffer[64]);

/* Where a gateway is: batches made, and rows of each series in them. */
struct kill_state {
    uint64_t seed;
    unsigned gateway;
    uint64_t sequence; /* of the last batch */
    uint64_t rows[KILL_SERIES];
};
void kill_state_begin(struct kill_state *state, uint64_t seed, unsigned gateway);

/* Goes on by one batch, without making it. */
void kill_state_advance(struct kill_state *state);

/* A batch and the memory that it points into. */
struct kill_batch;
struct kill_batch *kill_batch_new(void);
void kill_batch_free(struct kill_batch *batch);

/* Makes the next batch and goes on by it; the blocks hold until the next call. */
const struct ingest_block *kill_batch_make(struct kill_batch *batch, struct kill_state *state,
                                           size_t *ret_block_count);

/* True when the value at `value` (of the series' dtype) is element `element` of row `index`; not
 * for the shared ones. */
bool kill_row_value_is(const struct kill_state *state, unsigned series, uint64_t index,
                       uint32_t element, const void *value);

/* The stamp of a row; INT64_MIN for what is stamped on arrival or clamped. */
int64_t kill_row_time_ns(const struct kill_state *state, unsigned series, uint64_t index);

/* Of a value in a shared series. */
#define KILL_SHARED_GATEWAY(value) ((unsigned)((value) >> 40))
#define KILL_SHARED_INDEX(value)   ((value) & ((UINT64_C(1) << 40) - 1))

#endif
