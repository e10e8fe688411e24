/* A queue of samples that knows the state of all of them at once.
 *
 *     head                      flip                 tail
 *      | front: suffix states     | back: one state    |
 *
 * New samples are added to the back's state. When the front has been used up, the back becomes the
 * front: for each chunk of it the state from the chunk's beginning to `flip` is made (coarse), and
 * within the chunk that head is in, the state from each sample to the chunk's end (fine). So the
 * window is fine[head] + coarse[next chunk] + back: three states, two merges.
 *
 * Positions count from 0 and never wrap; chunk c holds positions [c * CHUNK, (c + 1) * CHUNK) and
 * lies at slot c mod chunks. */
#include "stats_rolling.h"

#include <assert.h>

#define CHUNK    64
#define NO_CHUNK UINT64_MAX

struct stats_rolling {
    enum stats_kind kind;
    size_t chunks;              /* slots in `values` and `coarse` */
    uint64_t head, flip, tail;  /* head <= tail; front is [head, flip) where head < flip */
    size_t tail_slot;           /* index in `values` of position tail */
    uint64_t fine_chunk;        /* the chunk that `fine` is of, or NO_CHUNK */
    struct stats_state back;    /* [flip, tail) */
    struct stats_state *coarse; /* by chunk slot */
    union stats_value *values;  /* chunks x CHUNK */
    struct stats_state fine[CHUNK];
};

/* One sample more than the window, which is there before the oldest leaves; the window may begin
 * and end within chunks. */
static size_t chunks_for(size_t samples)
{
    return samples / CHUNK + 3;
}

size_t stats_rolling_bytes(size_t samples)
{
    size_t each = sizeof(struct stats_state) + CHUNK * sizeof(union stats_value);
    size_t bytes;
    if (__builtin_mul_overflow(chunks_for(samples), each, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct stats_rolling), &bytes))
        return 0;
    return bytes;
}

struct stats_rolling *stats_rolling_init(void *memory, size_t samples, enum stats_kind kind)
{
    struct stats_rolling *rolling = memory;
    rolling->kind = kind;
    rolling->chunks = chunks_for(samples);
    rolling->coarse = (void *)(rolling + 1);
    rolling->values = (void *)(rolling->coarse + rolling->chunks);
    stats_rolling_clear(rolling);
    return rolling;
}

void stats_rolling_clear(struct stats_rolling *rolling)
{
    rolling->head = rolling->flip = rolling->tail = 0;
    rolling->tail_slot = 0;
    rolling->fine_chunk = NO_CHUNK;
    stats_state_clear(&rolling->back, rolling->kind);
}

size_t stats_rolling_count(const struct stats_rolling *rolling)
{
    return (size_t)(rolling->tail - rolling->head);
}

static void push(struct stats_rolling *rolling, union stats_value value)
{
    rolling->values[rolling->tail_slot] = value;
    rolling->tail_slot++;
    if (rolling->tail_slot == rolling->chunks * CHUNK)
        rolling->tail_slot = 0;
    rolling->tail++;
    stats_state_add_one(&rolling->back, value);
}

void stats_rolling_transfer(struct stats_rolling *to, const struct stats_rolling *from)
{
    size_t slots = from->chunks * CHUNK;
    size_t slot = (size_t)(from->head % slots);
    for (uint64_t at = from->head; at < from->tail; at++) {
        push(to, from->values[slot]);
        slot = slot + 1 == slots ? 0 : slot + 1;
    }
}

/* Where the front's part of a chunk ends. */
static size_t front_part(const struct stats_rolling *rolling, uint64_t chunk)
{
    uint64_t left = rolling->flip - chunk * CHUNK;
    return left < CHUNK ? (size_t)left : CHUNK;
}

static void build_fine(struct stats_rolling *rolling, uint64_t chunk)
{
    const union stats_value *values = rolling->values + (chunk % rolling->chunks) * CHUNK;
    size_t first = (size_t)(rolling->head - chunk * CHUNK);
    struct stats_state state;
    stats_state_clear(&state, rolling->kind);
    for (size_t i = front_part(rolling, chunk); i > first; i--) {
        stats_state_add_one(&state, values[i - 1]);
        rolling->fine[i - 1] = state;
    }
    rolling->fine_chunk = chunk;
}

/* The back becomes the front. */
static void flip(struct stats_rolling *rolling)
{
    rolling->flip = rolling->tail;
    struct stats_state state;
    stats_state_clear(&state, rolling->kind);
    rolling->back = state;
    uint64_t head_chunk = rolling->head / CHUNK;
    for (uint64_t chunk = (rolling->flip - 1) / CHUNK; chunk > head_chunk; chunk--) {
        size_t slot = (size_t)(chunk % rolling->chunks);
        stats_state_add(&state, rolling->values + slot * CHUNK, front_part(rolling, chunk));
        rolling->coarse[slot] = state;
    }
    build_fine(rolling, head_chunk);
}

static void window_state(struct stats_rolling *rolling, struct stats_state *ret_state)
{
    uint64_t chunk = rolling->head / CHUNK;
    if (rolling->head >= rolling->flip)
        flip(rolling);
    else if (chunk != rolling->fine_chunk)
        build_fine(rolling, chunk);
    *ret_state = rolling->fine[rolling->head % CHUNK];
    if ((chunk + 1) * CHUNK < rolling->flip)
        stats_state_merge(ret_state, &rolling->coarse[(chunk + 1) % rolling->chunks]);
    stats_state_merge(ret_state, &rolling->back);
}

void stats_rolling_slide(struct stats_rolling *rolling, const union stats_value *values,
                         const size_t *lengths, size_t count, const struct stats_wanted *wanted,
                         size_t stride, double *ret_values, stats_i128 *ret_integers)
{
    for (size_t i = 0; i < count; i++) {
        struct stats_state state;
        push(rolling, values[i]);
        assert(lengths[i] >= 1 && lengths[i] <= rolling->tail - rolling->head);
        assert(lengths[i] <= (rolling->chunks - 2) * CHUNK);
        rolling->head = rolling->tail - lengths[i];
        window_state(rolling, &state);
        for (size_t k = 0; k < wanted->names_count; k++) {
            size_t place = i * stride + k;
            ret_values[place] = stats_state_get(&state, wanted->names[k], &wanted->rules);
            if (ret_integers != NULL)
                (void)stats_state_get_integer(&state, wanted->names[k], &wanted->rules,
                                              &ret_integers[place]);
        }
    }
}
