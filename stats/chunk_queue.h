/* chunk_queue.h - states of consecutive chunks of samples, and at once the state of all of them
 * from any chunk that is not before the last one asked for. Internal to stats/. */
#ifndef INGEST_CHUNK_QUEUE_H
#define INGEST_CHUNK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The finite samples of a chunk. Of plain sums only `lo`, which is the sum. */
struct chunk_state {
    double count;
    double hi, lo; /* mean */
    double m2;     /* sum of (x - mean) squared */
};

/* Chunks have numbers that only grow. Below `back` each slot holds its chunk with all that follow
 * it up to `back`; [back, end) are each for itself, and together in `newest`. */
struct chunk_queue {
    bool sums;
    uint64_t back, end;
    uint64_t mask; /* slots - 1, a power of two */
    struct chunk_state newest;
    struct chunk_state *slots;
};

/* Slots for `chunks` chunks at once. */
size_t chunk_queue_slots(size_t chunks);

/* Sums up all chunks from `first` on, and makes them the old ones. */
void chunk_queue_flip(struct chunk_queue *queue, uint64_t first);

/* The next chunk to come is number `next`. */
static inline void chunk_queue_clear(struct chunk_queue *queue, uint64_t next)
{
    queue->back = queue->end = next;
    queue->newest = (struct chunk_state){0};
}

/* Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
 * variances"; the difference of the means is taken from pairs. */
static inline void chunk_state_merge(struct chunk_state *a, const struct chunk_state *b, bool sums)
{
    if (b->count == 0)
        return;
    if (a->count == 0) {
        *a = *b;
        return;
    }
    if (sums) {
        a->lo += b->lo;
    } else {
        double difference = (b->hi - a->hi) + (b->lo - a->lo);
        double part = b->count / (a->count + b->count);
        a->m2 += b->m2 + difference * difference * (a->count * part);
        a->lo += difference * part;
    }
    a->count += b->count;
}

static inline void chunk_queue_push(struct chunk_queue *queue, struct chunk_state state)
{
    queue->slots[queue->end & queue->mask] = state;
    queue->end++;
    chunk_state_merge(&queue->newest, &state, queue->sums);
}

/* The state of chunks [first, end); the ones before are forgotten. */
static inline struct chunk_state chunk_queue_from(struct chunk_queue *queue, uint64_t first)
{
    if (first >= queue->end) {
        chunk_queue_clear(queue, queue->end);
        return queue->newest;
    }
    if (__builtin_expect(first > queue->back, false))
        chunk_queue_flip(queue, first);
    if (first >= queue->back)
        return queue->newest;
    struct chunk_state state = queue->slots[first & queue->mask];
    chunk_state_merge(&state, &queue->newest, queue->sums);
    return state;
}

#endif
