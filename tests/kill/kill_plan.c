#include "kill_plan.h"

#include "random_bits.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0_NS        INT64_C(1700000000000000000)
#define STEP_NS      1000 /* of explicit stamps, which vary by less */
#define PERIOD_PS    INT64_C(1000250)
#define RUN_GAP_NS   INT64_C(100000000) /* well above the rule's jitter */
#define JITTER_NS    INT64_C(5000000)   /* well below it */
#define ROWS_MAX     8000
#define BLOCKS_MAX   32
#define LATE_ONE_IN  8  /* explicit blocks begin with a stamp that was there before */
#define WRONG_ONE_IN 50 /* batches have a block of another dtype, refused for good */
#define MANY_BATCHES 4  /* each of the small series is written so many times in a row */

static const struct kill_facts kinds[] = {
    [KILL_REGULAR_RING] = {"regular-ring", "f8", INGEST_REGULAR, 1, 2000, 1, 40, 200, 500, false},
    [KILL_EXPLICIT_RING] = {"explicit-ring", "f4", INGEST_EXPLICIT, 3, 300, 1, 20, 200, 0, false},
    [KILL_REGULAR_GROW] = {"regular-grow", "u4", INGEST_REGULAR, 1, 0, 1, 30, 150, 700, false},
    [KILL_EXPLICIT_GROW] = {"explicit-grow", "i8", INGEST_EXPLICIT, 1, 0, 1, 30, 150, 0, false},
    [KILL_PREVIOUS] = {"previous-grow", "f4", INGEST_PREVIOUS, 2, 0, 1, 30, 150, 0, false},
    [KILL_ARRIVAL_RING] = {"arrival-ring", "u2", INGEST_ARRIVAL, 1, 64, 1, 1, 128, 0, true},
    [KILL_TINY_RING] = {"tiny-ring", "u1", INGEST_EXPLICIT, 1, 8, 1, 8, 128, 0, false},
    [KILL_BIG_RING] = {"big-ring", "f4", INGEST_REGULAR, 1, 20000, 1000, ROWS_MAX, 6, 50000, false},
    [KILL_UNSTAMPED_GROW] = {"unstamped-grow", "i2", INGEST_REGULAR, 1, 0, 1, 5, 60, 0, true},
    [KILL_KIND_MANY] = {"many", "f4", INGEST_EXPLICIT, 1, 40, 1, 6, 256, 0, false},
    [KILL_SHARED_ARRIVAL] = {"arrival", "u8", INGEST_ARRIVAL, 1, 4096, 1, 1, 60, 0, true},
    [KILL_SHARED_CLAMP] = {"clamp", "u8", INGEST_EXPLICIT, 1, 0, 1, 4, 60, 0, true},
};

struct kill_batch {
    struct ingest_block blocks[BLOCKS_MAX];
    size_t count;
    char names[BLOCKS_MAX][64];
    size_t used;
    uint64_t memory[(ROWS_MAX * 8 + BLOCKS_MAX * 1024) / 8];
};

enum kill_kind kill_kind_of(unsigned series)
{
    if (series < KILL_KIND_MANY)
        return (enum kill_kind)series;
    if (series < KILL_OWN)
        return KILL_KIND_MANY;
    return series == KILL_OWN ? KILL_SHARED_ARRIVAL : KILL_SHARED_CLAMP;
}

const struct kill_facts *kill_facts(unsigned series)
{
    return &kinds[kill_kind_of(series)];
}

const char *kill_series_name(unsigned gateway, unsigned series, char buffer[64])
{
    const char *label = kill_facts(series)->label;
    if (series >= KILL_OWN)
        snprintf(buffer, 64, "kill/shared/%s", label);
    else if (series >= KILL_KIND_MANY)
        snprintf(buffer, 64, "kill/%u/%s/%u", gateway, label, series - KILL_KIND_MANY);
    else
        snprintf(buffer, 64, "kill/%u/%s", gateway, label);
    return buffer;
}

/* A number that depends on all of these and on nothing else. */
static uint64_t mix(const struct kill_state *state, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t at = state->seed * UINT64_C(0x9e3779b97f4a7c15) + state->gateway;
    at = random_bits(&at) + a;
    at = random_bits(&at) + b;
    at = random_bits(&at) + c;
    return random_bits(&at);
}

void kill_state_begin(struct kill_state *state, uint64_t seed, unsigned gateway)
{
    memset(state, 0, sizeof *state);
    state->seed = seed;
    state->gateway = gateway;
}

/* Rows of a series in the batch after the state's; 0 = it has no block of it. */
static uint32_t block_rows(const struct kill_state *state, unsigned series)
{
    const struct kill_facts *facts = kill_facts(series);
    uint64_t sequence = state->sequence + 1;
    unsigned dealt = series == KILL_PREVIOUS ? KILL_EXPLICIT_GROW : series;
    uint64_t bits = mix(state, 1, sequence, dealt);
    if (series >= KILL_KIND_MANY && series < KILL_OWN) {
        if (sequence / MANY_BATCHES % KILL_MANY != series - KILL_KIND_MANY)
            return 0;
    } else if ((bits & 255) >= facts->chance) {
        return 0;
    }
    uint32_t rows =
        facts->rows_min + (uint32_t)((bits >> 8) % (facts->rows_max - facts->rows_min + 1));
    if (facts->run_rows != 0) {
        uint64_t left = facts->run_rows - state->rows[series] % facts->run_rows;
        rows = rows < left ? rows : (uint32_t)left;
    }
    return rows;
}

void kill_state_advance(struct kill_state *state)
{
    for (unsigned series = 0; series < KILL_SERIES; series++)
        state->rows[series] += block_rows(state, series);
    state->sequence++;
}

/* ---- rows ---- */

static uint64_t row_bits(const struct kill_state *state, unsigned series, uint64_t index,
                         uint32_t element)
{
    return mix(state, 1000 + series, index, element);
}

/* Writes an element; returns its bytes. */
static size_t row_value(const struct kill_state *state, unsigned series, uint64_t index,
                        uint32_t element, void *ret_value)
{
    const char *dtype = kill_facts(series)->dtype;
    uint64_t bits = row_bits(state, series, index, element);
    size_t bytes = (size_t)(dtype[1] - '0');
    if (series == KILL_EXPLICIT_GROW) {
        bits = index;
    } else if (series >= KILL_OWN) {
        bits = (uint64_t)state->gateway << 40 | index;
    } else if (dtype[0] == 'f' && bytes == 4) {
        float value = (float)(bits >> 40);
        memcpy(ret_value, &value, bytes);
        return bytes;
    } else if (dtype[0] == 'f') {
        double value = (double)(bits >> 12);
        memcpy(ret_value, &value, bytes);
        return bytes;
    }
    memcpy(ret_value, &bits, bytes); /* little-endian, as the wire is */
    return bytes;
}

bool kill_row_value_is(const struct kill_state *state, unsigned series, uint64_t index,
                       uint32_t element, const void *value)
{
    uint64_t wanted;
    size_t bytes = row_value(state, series, index, element, &wanted);
    return memcmp(&wanted, value, bytes) == 0;
}

int64_t kill_row_time_ns(const struct kill_state *state, unsigned series, uint64_t index)
{
    const struct kill_facts *facts = kill_facts(series);
    if (facts->is_stamped_on_arrival)
        return INT64_MIN;
    if (facts->run_rows == 0) {
        unsigned dealt = series == KILL_PREVIOUS ? KILL_EXPLICIT_GROW : series;
        return T0_NS + (int64_t)index * STEP_NS + (int64_t)(mix(state, 2, dealt, index) % 900);
    }
    int64_t run_ns = (int64_t)facts->run_rows * PERIOD_PS / 1000 + RUN_GAP_NS;
    return T0_NS + (int64_t)(index / facts->run_rows) * run_ns +
           (int64_t)(index % facts->run_rows) * PERIOD_PS / 1000;
}

/* ---- batches ---- */

struct kill_batch *kill_batch_new(void)
{
    struct kill_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        abort();
    return batch;
}

void kill_batch_free(struct kill_batch *batch)
{
    free(batch);
}

static void *take(struct kill_batch *batch, size_t bytes)
{
    void *memory = (char *)batch->memory + batch->used;
    batch->used += (bytes + 7) & ~(size_t)7;
    assert(batch->used <= sizeof batch->memory);
    return memory;
}

static void make_regular(const struct kill_state *state, unsigned series,
                         struct ingest_block *block)
{
    const struct kill_facts *facts = kill_facts(series);
    uint64_t first = state->rows[series];
    uint64_t bits = mix(state, 3, state->sequence + 1, series);
    block->period_ps = PERIOD_PS;
    block->t0_ns = INGEST_T0_ARRIVAL;
    if (facts->is_stamped_on_arrival)
        return;
    block->t0_ns = kill_row_time_ns(state, series, first);
    if (first % facts->run_rows != 0)
        block->t0_ns += (int64_t)(bits % (2 * JITTER_NS)) - JITTER_NS;
}

static void make_explicit(struct kill_batch *batch, const struct kill_state *state, unsigned series,
                          struct ingest_block *block)
{
    uint64_t first = state->rows[series];
    bool is_own = series < KILL_OWN;
    /* The row before the first is there already: late, and dropped. */
    bool is_late = is_own && first > 0 && series != KILL_TINY_RING &&
                   mix(state, 3, state->sequence + 1, series) % LATE_ONE_IN == 0;
    block->count += is_late;
    int64_t *times_ns = take(batch, block->count * sizeof *times_ns);
    for (uint32_t i = 0; i < block->count; i++)
        /* Of several gateways in one series most are late, and kept by the rule. */
        times_ns[i] = is_own ? kill_row_time_ns(state, series, first + i - is_late)
                             : T0_NS + (int64_t)(first + i) * STEP_NS;
    block->times_ns = times_ns;
}

static void make_block(struct kill_batch *batch, const struct kill_state *state, unsigned series,
                       uint32_t rows)
{
    const struct kill_facts *facts = kill_facts(series);
    struct ingest_block *block = &batch->blocks[batch->count];
    *block = (struct ingest_block){
        .name = kill_series_name(state->gateway, series, batch->names[batch->count]),
        .dtype = facts->dtype,
        .clock = facts->clock,
        .rank = facts->elements > 1,
        .dims = {facts->elements > 1 ? facts->elements : 0},
        .count = rows,
    };
    if (facts->clock == INGEST_PREVIOUS)
        block->count = batch->blocks[batch->count - 1].count;
    else if (facts->clock == INGEST_REGULAR)
        make_regular(state, series, block);
    else if (facts->clock == INGEST_EXPLICIT)
        make_explicit(batch, state, series, block);

    uint64_t first = state->rows[series] + rows - block->count;
    size_t element_bytes = (size_t)(facts->dtype[1] - '0');
    char *values = take(batch, (size_t)block->count * facts->elements * element_bytes);
    block->values = values;
    for (uint64_t i = 0; i < block->count; i++)
        for (uint32_t e = 0; e < facts->elements; e++)
            values += row_value(state, series, first + i, e, values);
    batch->count++;
}

const struct ingest_block *kill_batch_make(struct kill_batch *batch, struct kill_state *state,
                                           size_t *ret_block_count)
{
    batch->count = 0;
    batch->used = 0;
    for (unsigned series = 0; series < KILL_SERIES; series++) {
        uint32_t rows = block_rows(state, series);
        if (rows > 0) {
            make_block(batch, state, series, rows);
        } else if (series == KILL_ARRIVAL_RING && state->rows[series] > 0 &&
                   mix(state, 4, state->sequence + 1, 0) % WRONG_ONE_IN == 0) {
            /* Refused for good; the others of the batch are not. */
            make_block(batch, state, series, 1);
            batch->blocks[batch->count - 1].dtype = "i1";
        }
    }
    kill_state_advance(state);
    *ret_block_count = batch->count;
    return batch->blocks;
}
