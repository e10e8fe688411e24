/* gateway_window.h - the batches that are not durable yet: a ring of frames, bounded in number and
 * in bytes. */
#ifndef INGEST_GATEWAY_WINDOW_H
#define INGEST_GATEWAY_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gateway_frame {
    uint8_t *bytes; /* allocated; owned by the window */
    size_t length;
    int64_t queued_ns; /* when it was pushed first; 0 without a queue on disk */
    bool is_refused;   /* its refusal was told to the application */
};

/* Holds the sequences [first, next): empty when they are equal. */
struct gateway_window {
    struct gateway_frame *frames; /* the frame of sequence s is at s % capacity */
    uint32_t capacity;            /* frames */
    uint64_t first;
    uint64_t next;
    size_t used_bytes;
    size_t limit_bytes;
};

/* An empty window whose first sequence will be `first`. -ENOMEM. */
int gateway_window_open(struct gateway_window *window, uint32_t capacity, size_t limit_bytes,
                        uint64_t first);

/* Frees the frames. A zeroed window is allowed. */
void gateway_window_close(struct gateway_window *window);

uint32_t gateway_window_count(const struct gateway_window *window);

/* True when a frame of that length may be appended. An empty window takes a frame of any length. */
bool gateway_window_has_room(const struct gateway_window *window, size_t length);

/* Takes over `bytes` as the frame of window->next. There must be room. */
void gateway_window_append(struct gateway_window *window, uint8_t *bytes, size_t length,
                           int64_t queued_ns);

/* An empty window goes on with another sequence. */
void gateway_window_restart(struct gateway_window *window, uint64_t first);

/* The frame of a sequence, or NULL when it is not held. */
struct gateway_frame *gateway_window_find(struct gateway_window *window, uint64_t sequence);

/* Puts other bytes in the place of a held frame and takes them over. */
void gateway_window_replace(struct gateway_window *window, uint64_t sequence, uint8_t *bytes,
                            size_t length);

/* Frees the frames up to that sequence, included. */
void gateway_window_forget(struct gateway_window *window, uint64_t up_to);

#endif
