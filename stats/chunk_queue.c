#include "chunk_queue.h"

size_t chunk_queue_slots(size_t chunks)
{
    size_t slots = 4;
    while (slots < chunks && slots <= SIZE_MAX / 4)
        slots *= 2;
    return slots;
}

void chunk_queue_flip(struct chunk_queue *queue, uint64_t first)
{
    struct chunk_state all = {0};
    for (uint64_t chunk = queue->end; chunk > first;) {
        struct chunk_state *slot = &queue->slots[--chunk & queue->mask];
        chunk_state_merge(slot, &all, queue->sums);
        all = *slot;
    }
    queue->back = queue->end;
    queue->newest = (struct chunk_state){0};
}
