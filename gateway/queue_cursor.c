/* Reading held batches in order, and telling what is missing among them. */
#include "queue.h"
#include "queue_file.h"

#include <assert.h>
#include <errno.h>

#define REASON_DAMAGED "damaged: a checksum does not fit"
#define REASON_MISSING "missing: a file of the queue is not there"

bool queue_is_read(const struct queue *queue)
{
    if (queue->segment_count == 0)
        return true;
    const struct queue_segment *active = &queue->segments[queue->segment_count - 1];
    if (queue->has_peeked || queue->cursor_segment != queue->segment_count - 1)
        return false;
    uint64_t offset =
        queue->cursor_fd >= 0 ? queue->cursor.offset : sizeof(struct queue_file_header);
    return offset == active->bytes;
}

static void report(const struct queue *queue, uint64_t first, uint64_t last, uint64_t bytes)
{
    const struct queue_loss loss = {.first = first,
                                    .last = last,
                                    .bytes = bytes,
                                    .reason = bytes > 0 ? REASON_DAMAGED : REASON_MISSING};
    if (queue->lost != NULL)
        queue->lost(&loss, queue->lost_context);
}

/* Sequences up to here are not missed. */
static uint64_t passed(const struct queue *queue)
{
    return later(queue->cursor_sequence, queue->durable);
}

static int open_segment(struct queue *queue)
{
    char name[QUEUE_NAME_BYTES];
    struct queue_file_header header;
    const struct queue_segment *segment = &queue->segments[queue->cursor_segment];
    queue_segment_name(segment->first, name);
    int result = queue_file_open(queue->folder_fd, name, false, &queue->cursor_fd);
    /* One that somebody removed is missed when the batches after it come. */
    if (result == -ENOENT || result == -EBADMSG || result == -ELOOP)
        return -ENOENT;
    if (result == 0)
        result = queue_reader_begin(&queue->cursor, queue->cursor_fd, &header);
    if (result == -EBADMSG || result == -EPROTONOSUPPORT) {
        queue->cursor_lost_bytes += sizeof header;
        result = 0;
    }
    if (result < 0)
        queue_close(&queue->cursor_fd);
    return result;
}

/* The next record of any kind. 1; 0: the end. */
static int next_record(struct queue *queue, struct queue_record *ret_record)
{
    for (;;) {
        const size_t index = queue->cursor_segment;
        const bool is_last = index + 1 == queue->segment_count;
        int result = queue->cursor_fd >= 0 ? 0 : open_segment(queue);
        if (result < 0 && result != -ENOENT)
            return result;
        if (result == 0) {
            /* It may have grown since it was opened, also when another one is the last by now. */
            queue->cursor.end = queue->segments[index].bytes;
            result = queue_reader_next(&queue->cursor, ret_record);
            queue->cursor_lost_bytes += queue->cursor.lost_bytes;
            queue->cursor.lost_bytes = 0;
            if (result != 0)
                return result;
        }
        if (is_last)
            return 0;
        queue_close(&queue->cursor_fd);
        queue->cursor_segment++;
    }
}

/* Tells what is missing before a record: each names the batch before it. */
static void check_chain(struct queue *queue, const struct queue_record_header *header)
{
    uint64_t before = passed(queue);
    if (header->previous > before) {
        report(queue, before + 1, header->previous, queue->cursor_lost_bytes);
        queue->cursor_sequence = header->previous;
    } else if (queue->cursor_lost_bytes > 0) {
        report(queue, 0, 0, queue->cursor_lost_bytes);
    }
    queue->cursor_lost_bytes = 0;
}

int queue_peek(struct queue *queue, struct queue_record_header *ret_header)
{
    while (!queue->has_peeked || queue->peeked.header.sequence <= queue->durable) {
        if (queue->has_peeked)
            queue_skip(queue);
        struct queue_record record;
        int result = next_record(queue, &record);
        if (result < 0)
            return result;
        if (result == 0) {
            if (queue->cursor_lost_bytes > 0)
                report(queue, passed(queue) + 1, 0, queue->cursor_lost_bytes);
            queue->cursor_lost_bytes = 0;
            return 0;
        }
        if (record.header.session != queue->session) {
            queue->cursor_lost_bytes += queue_record_end(&record) - record.offset;
            continue;
        }
        if (record.header.kind == QUEUE_BATCH && record.header.sequence <= queue->cursor_sequence)
            continue;
        check_chain(queue, &record.header);
        if (record.header.kind != QUEUE_BATCH)
            continue;
        queue->peeked = record;
        queue->has_peeked = true;
    }
    *ret_header = queue->peeked.header;
    return 1;
}

void queue_skip(struct queue *queue)
{
    assert(queue->has_peeked);
    queue->cursor_sequence = queue->peeked.header.sequence;
    queue->has_peeked = false;
}

int queue_take(struct queue *queue, uint8_t *to)
{
    assert(queue->has_peeked);
    int result = queue_reader_frame(&queue->cursor, &queue->peeked, to);
    if (result < 0)
        report(queue, queue->peeked.header.sequence, queue->peeked.header.sequence,
               queue->peeked.header.frame_bytes);
    queue_skip(queue);
    return result;
}
