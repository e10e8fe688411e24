/* input_stream.h - a file or standard input, read while the connection goes on. */
#ifndef INGEST_INPUT_STREAM_H
#define INGEST_INPUT_STREAM_H

#include "sender.h"

#include <stddef.h>
#include <stdint.h>

struct input_stream {
    const char *name; /* for messages */
    int fd;
    bool is_end; /* there is no more */
};

/* Opens a file, or standard input for "-". 0 or the status to exit with. */
int input_open(const char *file, struct input_stream *ret_stream);

void input_close(struct input_stream *stream);

/* Reads up to `capacity` bytes, at least one unless the end is reached: then *ret_length is 0.
 * Waits until that monotonic time (INT64_MAX = for ever). 0, SENDER_IDLE, SENDER_INTERRUPTED or the
 * status to exit with. */
int input_read(struct input_stream *stream, struct sender *sender, int64_t until_ns, void *buffer,
               size_t capacity, size_t *ret_length);

/* Reads until the buffer is full or the end is reached. As input_read(); after SENDER_IDLE
 * *ret_length is what there is, and the next call goes on with another buffer. */
int input_read_full(struct input_stream *stream, struct sender *sender, int64_t until_ns,
                    void *buffer, size_t capacity, size_t *ret_length);

#endif
