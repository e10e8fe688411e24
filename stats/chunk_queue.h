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

/* The next chunk to come is number `next`. */
void chunk_queue_clear(struct chunk_queue *queue, uint64_t next);
void chunk_queue_push(struct chunk_queue *queue, struct chunk_state state);

/* The state of chunks [first, end); the ones before are forgotten. */
struct chunk_state chunk_queue_from(struct chunk_queue *queue, uint64_t first);

#endif
