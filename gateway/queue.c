#include "queue.h"

#include "crc32.h"
#include "queue_file.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int queue_make_room(struct queue *queue, size_t frame_bytes)
{
    const uint64_t overhead = sizeof(struct queue_file_header) + sizeof(struct queue_record_header);
    if (queue->error != 0)
        return queue->error;
    if (frame_bytes > queue->limit_bytes || frame_bytes + overhead > queue->limit_bytes)
        return -EMSGSIZE;
    for (;;) {
        if (queue->used_bytes + frame_bytes + overhead <= queue->limit_bytes)
            return 0;
        if (queue->last > queue->durable || queue->used_bytes <= sizeof(struct queue_file_header))
            return -EAGAIN;
        /* Nothing in it is needed any more. */
        int result = queue_segment_begin(queue);
        if (result < 0)
            return result;
    }
}

void queue_note_synced(struct queue *queue)
{
    queue->is_unsynced = false;
    queue->is_closed_synced = queue->is_closed;
    queue->synced = queue->last;
    queue->durable_synced = queue->durable_written;
}

int queue_sync(struct queue *queue)
{
    if (queue->error != 0)
        return queue->error;
    if (!queue->is_unsynced)
        return 0;
    queue->error = queue_file_sync(queue->active_fd);
    if (queue->error != 0)
        return queue->error;
    queue_note_synced(queue);
    return 0;
}

static int rotate(struct queue *queue, uint64_t record_bytes)
{
    const struct queue_segment *active = &queue->segments[queue->segment_count - 1];
    bool is_long = active->bytes + record_bytes > queue->segment_bytes &&
                   active->bytes > sizeof(struct queue_file_header);
    if (!queue->is_torn && !is_long)
        return 0;
    int result = queue_sync(queue);
    return result < 0 ? result : queue_segment_begin(queue);
}

int queue_append(struct queue *queue, const uint8_t *frame, size_t frame_bytes, int64_t now_ns,
                 const struct queue_origin *origin)
{
    assert(frame_bytes > 0 && frame_bytes % 8 == 0);
    int result = queue_make_room(queue, frame_bytes);
    if (result == 0)
        result = rotate(queue, sizeof(struct queue_record_header) + frame_bytes);
    if (result < 0)
        return result;
    struct queue_record_header header = {
        .frame_bytes = (uint32_t)frame_bytes,
        .frame_crc32 = crc32_update(0, frame, frame_bytes),
        .sequence = queue->next,
        .queued_ns = now_ns,
        .kind = QUEUE_BATCH,
    };
    if (origin != NULL) {
        header.origin_session = origin->session;
        header.origin_sequence = origin->sequence;
        header.queued_ns = origin->queued_ns;
    }
    result = queue_segment_write(queue, &header, frame);
    if (result < 0)
        return result;
    queue->newest = header;
    queue->last = queue->next++;
    queue->is_unsynced = true;
    if (!queue->is_closed_synced)
        return 0;
    /* A queue that reads as closed after a power cut lacks nothing: its numbers go on without a
     * gap. So it must not read so once a batch may have gone out. */
    result = queue_sync(queue);
    if (result < 0)
        queue_take_back(queue);
    return result;
}

void queue_take_back(struct queue *queue)
{
    struct queue_segment *active = &queue->segments[queue->segment_count - 1];
    const uint64_t record_bytes = sizeof queue->newest + queue->newest.frame_bytes;
    assert(queue->last == queue->newest.sequence && queue->next == queue->last + 1);
    assert(queue->error != 0);
    active->bytes -= record_bytes;
    queue->used_bytes -= record_bytes;
    queue->last = queue->newest.previous;
    queue->next--;
    queue->newest = (struct queue_record_header){0};
    (void)queue_file_cut(queue->active_fd, active->bytes);
}

void queue_forget(struct queue *queue, uint64_t durable)
{
    if (durable <= queue->durable)
        return;
    queue->durable = durable;
    queue_segments_trim(queue);
}

void queue_write_mark(struct queue *queue)
{
    struct queue_record_header header = {.kind = QUEUE_MARK};
    if (queue->error != 0 || queue->is_torn || queue->durable_written == queue->durable)
        return;
    /* Without it more is asked of the daemon after a start, and no more than that. */
    (void)queue_segment_write(queue, &header, NULL);
}

void queue_advance_next(struct queue *queue, uint64_t sequence)
{
    queue->next = later(queue->next, sequence);
}

void queue_shut(struct queue *queue)
{
    if (queue->segments != NULL) {
        struct queue_record_header header = {.kind = QUEUE_CLOSED};
        bool is_closed = queue->is_closed && queue->durable_written == queue->durable;
        if (!is_closed && queue_sync(queue) == 0 && !queue->is_torn &&
            queue_segment_write(queue, &header, NULL) == 0)
            (void)queue_file_sync(queue->active_fd);
        free(queue->segments);
        queue_close(&queue->active_fd);
        queue_close(&queue->cursor_fd);
        queue_close(&queue->folder_fd);
        /* Last: from here on the folder may be another's. */
        queue_close(&queue->lock_fd);
    }
    queue->segments = NULL;
}
