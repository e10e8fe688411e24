#include "gateway_window.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static struct gateway_frame *slot(const struct gateway_window *window, uint64_t sequence)
{
    return &window->frames[sequence % window->capacity];
}

static bool is_consistent(const struct gateway_window *window)
{
    return window->first <= window->next && window->next - window->first <= window->capacity &&
           (window->first < window->next || window->used_bytes == 0);
}

int gateway_window_open(struct gateway_window *window, uint32_t capacity, size_t limit_bytes,
                        uint64_t first)
{
    assert(capacity > 0 && first > 0);
    struct gateway_frame *frames = calloc(capacity, sizeof *frames);
    if (frames == NULL)
        return -ENOMEM;
    *window = (struct gateway_window){.frames = frames,
                                      .capacity = capacity,
                                      .first = first,
                                      .next = first,
                                      .limit_bytes = limit_bytes};
    return 0;
}

void gateway_window_close(struct gateway_window *window)
{
    if (window->frames == NULL)
        return;
    gateway_window_forget(window, UINT64_MAX);
    free(window->frames);
    window->frames = NULL;
}

uint32_t gateway_window_count(const struct gateway_window *window)
{
    return (uint32_t)(window->next - window->first);
}

bool gateway_window_has_room(const struct gateway_window *window, size_t length)
{
    uint32_t count = gateway_window_count(window);
    if (count == 0)
        return true;
    return count < window->capacity && window->used_bytes < window->limit_bytes &&
           length <= window->limit_bytes - window->used_bytes;
}

void gateway_window_append(struct gateway_window *window, uint8_t *bytes, size_t length,
                           int64_t queued_ns)
{
    assert(gateway_window_has_room(window, length));
    *slot(window, window->next) =
        (struct gateway_frame){.bytes = bytes, .length = length, .queued_ns = queued_ns};
    window->next++;
    window->used_bytes += length;
    assert(is_consistent(window));
}

void gateway_window_restart(struct gateway_window *window, uint64_t first)
{
    assert(gateway_window_count(window) == 0);
    window->first = window->next = first;
}

struct gateway_frame *gateway_window_find(struct gateway_window *window, uint64_t sequence)
{
    if (sequence < window->first || sequence >= window->next)
        return NULL;
    return slot(window, sequence);
}

void gateway_window_replace(struct gateway_window *window, uint64_t sequence, uint8_t *bytes,
                            size_t length)
{
    struct gateway_frame *frame = gateway_window_find(window, sequence);
    assert(frame != NULL);
    window->used_bytes = window->used_bytes - frame->length + length;
    free(frame->bytes);
    frame->bytes = bytes;
    frame->length = length;
}

void gateway_window_forget(struct gateway_window *window, uint64_t up_to)
{
    while (window->first < window->next && window->first <= up_to) {
        struct gateway_frame *frame = slot(window, window->first);
        window->used_bytes -= frame->length;
        free(frame->bytes);
        *frame = (struct gateway_frame){0};
        window->first++;
    }
    assert(is_consistent(window));
}
