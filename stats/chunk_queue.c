#include "chunk_queue.h"

size_t chunk_queue_slots(size_t chunks)
{
    size_t slots = 4;
    while (slots < chunks && slots <= SIZE_MAX / 4)
        slots *= 2;
    return slots;
}

void chunk_queue_clear(struct chunk_queue *queue, uint64_t next)
{
    queue->back = queue->end = next;
    queue->newest = (struct chunk_state){0};
}

/* Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
 * variances"; the difference of the means is taken from pairs. */
static void merge(struct chunk_state *a, const struct chunk_state *b, bool sums)
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

void chunk_queue_push(struct chunk_queue *queue, struct chunk_state state)
{
    queue->slots[queue->end & queue->mask] = state;
    queue->end++;
    merge(&queue->newest, &state, queue->sums);
}

static void flip(struct chunk_queue *queue, uint64_t first)
{
    struct chunk_state all = {0};
    for (uint64_t chunk = queue->end; chunk > first;) {
        struct chunk_state *slot = &queue->slots[--chunk & queue->mask];
        merge(slot, &all, queue->sums);
        all = *slot;
    }
    queue->back = queue->end;
    queue->newest = (struct chunk_state){0};
}

struct chunk_state chunk_queue_from(struct chunk_queue *queue, uint64_t first)
{
    if (first >= queue->end) {
        chunk_queue_clear(queue, queue->end);
        return queue->newest;
    }
    if (first > queue->back)
        flip(queue, first);
    if (first >= queue->back)
        return queue->newest;
    struct chunk_state state = queue->slots[first & queue->mask];
    merge(&state, &queue->newest, queue->sums);
    return state;
}
