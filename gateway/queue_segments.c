/* The files of a queue: made, appended to, removed. */
#include "clock_ns.h"
#include "queue.h"
#include "queue_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void queue_segment_name(uint64_t first, char ret_name[QUEUE_NAME_BYTES])
{
    snprintf(ret_name, QUEUE_NAME_BYTES, "batches-%016" PRIx64, first);
}

static int make_room_for_one(struct queue *queue)
{
    if (queue->segment_count < queue->segment_capacity)
        return 0;
    size_t capacity = queue->segment_capacity == 0 ? 16 : 2 * queue->segment_capacity;
    struct queue_segment *segments = realloc(queue->segments, capacity * sizeof *segments);
    if (segments == NULL)
        return -ENOMEM;
    queue->segments = segments;
    queue->segment_capacity = capacity;
    return 0;
}

int queue_segment_add(struct queue *queue, uint64_t first, uint64_t bytes)
{
    int result = make_room_for_one(queue);
    if (result < 0)
        return result;
    queue->segments[queue->segment_count++] =
        (struct queue_segment){.first = first, .bytes = bytes};
    queue->used_bytes += bytes;
    return 0;
}

static void drop_first(struct queue *queue)
{
    queue->used_bytes -= queue->segments[0].bytes;
    queue->segment_count--;
    memmove(queue->segments, queue->segments + 1, queue->segment_count * sizeof *queue->segments);
    if (queue->cursor_segment > 0) {
        queue->cursor_segment--;
        return;
    }
    queue_close(&queue->cursor_fd);
    queue->has_peeked = false;
}

/* What is removed must be known to be durable from what stays, or it would be missed after the next
 * start. Where that cannot be written, it is removed all the same: a full disk needs the room. */
static void record_durable(struct queue *queue)
{
    queue_write_mark(queue);
    if (queue->error != 0)
        return;
    queue->error = queue_file_sync(queue->active_fd);
    if (queue->error == 0)
        queue_note_synced(queue);
}

void queue_segments_trim(struct queue *queue)
{
    while (queue->segment_count > 1 && queue->segments[1].first <= queue->durable + 1) {
        if (queue->segments[1].first > queue->durable_synced + 1)
            record_durable(queue);
        char name[QUEUE_NAME_BYTES];
        queue_segment_name(queue->segments[0].first, name);
        /* One that stays is known by its number, and removed after the next start. */
        (void)queue_file_remove(queue->folder_fd, name);
        drop_first(queue);
    }
}

int queue_segment_begin(struct queue *queue)
{
    struct queue_file_header header = {
        .version = QUEUE_VERSION,
        .session = queue->session,
        .first_sequence = queue->next,
        .durable = queue->durable,
        .created_ns = clock_realtime_ns(),
    };
    memcpy(header.magic, queue_file_magic, sizeof header.magic);
    memcpy(header.boot_id, queue->boot_id, sizeof header.boot_id);
    header.crc32 = queue_file_header_crc32(&header);

    bool was_read = queue_is_read(queue);
    char name[QUEUE_NAME_BYTES];
    queue_segment_name(queue->next, name);
    int fd = -1;
    int result = make_room_for_one(queue);
    if (result == 0)
        result = queue_file_create(queue->folder_fd, name, &header, sizeof header, NULL, 0, &fd);
    if (result < 0) {
        /* It may be there: then it holds the place of the last one, and nothing may be written to
         * the one before it. */
        if (fd >= 0)
            queue->error = result;
        queue_close(&fd);
        return result;
    }
    size_t count = queue->segment_count;
    /* One without a batch in it had the same name and was replaced. */
    if (count > 0 && queue->segments[count - 1].first == queue->next) {
        queue->used_bytes -= queue->segments[count - 1].bytes;
        queue->segment_count--;
        was_read = was_read || queue->cursor_segment == count - 1;
    }
    (void)queue_segment_add(queue, queue->next, sizeof header);
    queue_close(&queue->active_fd);
    queue->active_fd = fd;
    queue->durable_written = queue->durable_synced = queue->durable;
    queue->is_torn = false;
    queue->is_closed = queue->is_closed_synced = false;
    if (was_read) {
        queue_close(&queue->cursor_fd);
        queue->cursor_segment = queue->segment_count - 1;
    }
    queue_segments_trim(queue);
    return 0;
}

int queue_segment_write(struct queue *queue, struct queue_record_header *header,
                        const uint8_t *frame)
{
    struct queue_segment *active = &queue->segments[queue->segment_count - 1];
    memcpy(header->magic, queue_record_magic, sizeof header->magic);
    header->session = queue->session;
    header->previous = queue->last;
    header->durable = queue->durable;
    header->header_crc32 = queue_record_crc32(header, active->bytes);
    int result = queue_file_write(queue->active_fd, active->bytes, header, sizeof *header, frame,
                                  header->frame_bytes);
    if (result < 0) {
        queue->is_torn = queue_file_cut(queue->active_fd, active->bytes) < 0;
        return result;
    }
    active->bytes += sizeof *header + header->frame_bytes;
    queue->used_bytes += sizeof *header + header->frame_bytes;
    queue->durable_written = queue->durable;
    queue->is_closed = header->kind == QUEUE_CLOSED;
    return 0;
}
