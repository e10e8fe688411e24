/* Sends line protocol, as whole lines, a piece at a time. */
#include "send.h"

#include "clock_ns.h"
#include "input_stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Text of one push. Its samples take up to ten times as many bytes in a frame, which stays below
 * the usual limit. */
#define PIECE_BYTES 65536
/* A longer line is no line protocol. */
#define LINE_BYTES_MAX PIECE_BYTES
/* Lines of a live stream are sent on after that long, also when they fill no piece. */
#define IDLE_NS (100 * NS_PER_MS)

struct line_source {
    struct input_stream stream;
    struct sender *sender;
    char *text;
    size_t used;
    uint64_t line; /* number of the first line in `text` */
};

static uint64_t count_lines(const char *text, size_t length)
{
    uint64_t lines = 0;
    for (const char *end = text + length; (text = memchr(text, '\n', (size_t)(end - text))) != NULL;
         text++)
        lines++;
    return lines;
}

static int push(struct line_source *source, size_t length)
{
    int status = sender_push_lines(source->sender, source->text, length, source->line);
    source->line += count_lines(source->text, length);
    source->used -= length;
    memmove(source->text, source->text + length, source->used);
    return status;
}

/* Pushes the whole lines that are there. */
static int push_lines(struct line_source *source)
{
    const char *end = memrchr(source->text, '\n', source->used);
    if (end != NULL)
        return push(source, (size_t)(end - source->text) + 1);
    if (source->used == LINE_BYTES_MAX)
        return send_fail(EX_DATAERR, "%s:%" PRIu64 ": a line of more than %d bytes",
                         source->stream.name, source->line, LINE_BYTES_MAX);
    return 0;
}

static int read_and_push(struct line_source *source)
{
    int64_t until_ns = INT64_MAX;
    while (!source->stream.is_end) {
        size_t length;
        int status = input_read(&source->stream, source->sender, until_ns,
                                source->text + source->used, PIECE_BYTES - source->used, &length);
        source->used += length;
        if (status != 0 && status != SENDER_IDLE)
            return status;
        int64_t now_ns = clock_monotonic_ns();
        if (until_ns == INT64_MAX)
            until_ns = now_ns + IDLE_NS;
        if (source->used < PIECE_BYTES && now_ns < until_ns)
            continue;
        status = push_lines(source);
        if (status != 0)
            return status;
        until_ns = source->used > 0 ? now_ns + IDLE_NS : INT64_MAX;
    }
    return source->used > 0 ? push(source, source->used) : 0;
}

int send_lines(const struct send_options *options, struct sender *sender)
{
    struct line_source source = {.sender = sender, .line = 1};
    int status = input_open(options->file, &source.stream);
    if (status != 0)
        return status;
    source.text = malloc(PIECE_BYTES);
    status = source.text != NULL ? read_and_push(&source) : send_fail(EX_OSERR, "out of memory");
    free(source.text);
    input_close(&source.stream);
    return status;
}
