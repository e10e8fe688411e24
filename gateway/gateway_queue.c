/* The window over the queue on disk: what is pushed goes through both, what was left from before is
 * read as the window has room. */
#include "gateway_internal.h"

#include "clock_ns.h"

#include <errno.h>
#include <stdlib.h>

/* How late it may be written down what is durable. */
#define MARK_NS NS_PER_S

static void tell_loss(const struct queue_loss *loss, void *context)
{
    struct ingest_gateway *gateway = context;
    const struct ingest_loss told = {.first_sequence = loss->first,
                                     .last_sequence = loss->last,
                                     .bytes = loss->bytes,
                                     .reason = loss->reason};
    if (loss->first != 0 && loss->last != 0)
        gateway->lost_batches += loss->last - loss->first + 1;
    if (gateway->options.on_lost != NULL)
        gateway->options.on_lost(&told, gateway->options.context);
}

int gateway_queue_open(struct ingest_gateway *gateway)
{
    const struct queue_options options = {.path = gateway->options.queue,
                                          .limit_bytes = gateway->options.queue_bytes,
                                          .session = gateway->options.session,
                                          .lost = tell_loss,
                                          .lost_context = gateway};
    int result = queue_open(&options, &gateway->queue);
    if (result < 0)
        return result;
    gateway->has_queue = true;
    gateway->letters.folder_fd = -1;
    gateway->options.session = gateway->queue.session;
    gateway->options.first_sequence = gateway->queue.durable + 1;
    return gateway_letters_open(gateway);
}

void gateway_queue_close(struct ingest_gateway *gateway)
{
    if (gateway->has_queue) {
        dead_letters_close(&gateway->letters);
        queue_shut(&gateway->queue);
    }
    gateway->has_queue = false;
}

int gateway_room(struct ingest_gateway *gateway, size_t length)
{
    if (gateway->has_queue)
        return queue_make_room(&gateway->queue, length);
    return gateway_window_has_room(&gateway->window, length) ? 0 : -EAGAIN;
}

uint64_t gateway_next(const struct ingest_gateway *gateway)
{
    return gateway->has_queue ? gateway->queue.next : gateway->window.next;
}

static void put_in_window(struct ingest_gateway *gateway, uint8_t *frame, size_t length,
                          int64_t queued_ns)
{
    if (gateway_window_count(&gateway->window) == 0) {
        gateway->quiet_since_ns = clock_monotonic_ns();
        gateway->is_asked = false;
    }
    gateway_window_append(&gateway->window, frame, length, queued_ns);
    /* A kept session may be pushed batches again that the daemon has for good. */
    gateway_window_forget(&gateway->window, gateway->durable);
}

/* As the options say: before the push returns, or with others a little later. */
static int sync_push(struct ingest_gateway *gateway)
{
    struct queue *queue = &gateway->queue;
    if (gateway->options.queue_sync_ms > 0) {
        if (gateway->sync_due_ns == 0)
            gateway->sync_due_ns =
                clock_monotonic_ns() + gateway->options.queue_sync_ms * NS_PER_MS;
        return 0;
    }
    int result = queue_sync(queue);
    if (result < 0)
        queue_take_back(queue);
    return result;
}

int gateway_take_frame(struct ingest_gateway *gateway, uint8_t *frame, size_t length,
                       const struct queue_origin *origin)
{
    struct queue *queue = &gateway->queue;
    if (!gateway->has_queue) {
        put_in_window(gateway, frame, length, 0);
        return 0;
    }
    const uint64_t sequence = queue->next;
    const bool is_read = queue_is_read(queue);
    int64_t now_ns = clock_realtime_ns();
    int result = queue_append(queue, frame, length, now_ns, origin);
    if (result == 0)
        result = sync_push(gateway);
    struct queue_record_header header;
    if (result == 0 && is_read && gateway->window.next == sequence &&
        gateway_window_has_room(&gateway->window, length) && queue_peek(queue, &header) == 1) {
        queue_skip(queue);
        put_in_window(gateway, frame, length, header.queued_ns);
        return 0;
    }
    free(frame);
    return result;
}

int ingest_gateway_sync(struct ingest_gateway *gateway)
{
    if (!gateway->has_queue)
        return -EINVAL;
    gateway->sync_due_ns = 0;
    return queue_sync(&gateway->queue);
}

/* The queue goes on with another number than the one that would follow. All that is before it is
 * durable, so it is the oldest that is held, and what is between is known to come never. */
static void cross_gap(struct ingest_gateway *gateway, uint64_t first)
{
    gateway_window_restart(&gateway->window, first);
    if (gateway->durable < first - 1)
        gateway->durable = first - 1;
    if (gateway->stored < gateway->durable)
        gateway->stored = gateway->durable;
    if (gateway->sent < gateway->stored)
        gateway->sent = gateway->stored;
    if (gateway->sent_ever < gateway->sent)
        gateway->sent_ever = gateway->sent;
    queue_forget(&gateway->queue, gateway->durable);
    /* Should it not get through, the daemon misses what is before the gap, and is told then. */
    if (gateway->connection.socket != NULL)
        (void)gateway_send_hello(gateway);
}

/* Reads the next batch into the window. False: not now. */
static bool refill_one(struct ingest_gateway *gateway)
{
    struct queue *queue = &gateway->queue;
    struct queue_record_header header = {0};
    int found = queue_peek(queue, &header);
    if (found < 0)
        return false;
    uint64_t first = found > 0 ? header.sequence : queue->next;
    if (first != gateway->window.next && gateway_window_count(&gateway->window) == 0)
        cross_gap(gateway, first);
    if (found == 0 || first != gateway->window.next ||
        !gateway_window_has_room(&gateway->window, header.frame_bytes))
        return false;
    uint8_t *frame = malloc(header.frame_bytes);
    if (frame == NULL)
        return false;
    if (queue_take(queue, frame) < 0) {
        free(frame);
        return true;
    }
    put_in_window(gateway, frame, header.frame_bytes, header.queued_ns);
    return true;
}

void gateway_queue_advance(struct ingest_gateway *gateway, int64_t now_ns)
{
    struct queue *queue = &gateway->queue;
    if (!gateway->has_queue)
        return;
    if (gateway->sync_due_ns != 0 && now_ns >= gateway->sync_due_ns) {
        gateway->sync_due_ns = 0;
        /* A failure is kept in queue->error, and told by the next push. */
        (void)queue_sync(queue);
    }
    if (queue->durable == queue->durable_written) {
        gateway->mark_due_ns = 0;
    } else if (gateway->mark_due_ns == 0) {
        gateway->mark_due_ns = now_ns + MARK_NS;
    } else if (now_ns >= gateway->mark_due_ns) {
        gateway->mark_due_ns = 0;
        queue_write_mark(queue);
    }
    while (refill_one(gateway))
        ;
}

int64_t gateway_queue_deadline(const struct ingest_gateway *gateway)
{
    int64_t deadline_ns = INT64_MAX;
    if (gateway->sync_due_ns != 0)
        deadline_ns = gateway->sync_due_ns;
    if (gateway->mark_due_ns != 0 && gateway->mark_due_ns < deadline_ns)
        deadline_ns = gateway->mark_due_ns;
    return deadline_ns;
}

bool gateway_is_done(const struct ingest_gateway *gateway, uint64_t mark)
{
    if (gateway->has_queue && !queue_is_read(&gateway->queue))
        return false;
    return gateway_window_count(&gateway->window) == 0 || mark + 1 >= gateway->window.next;
}

void gateway_queue_greeted(struct ingest_gateway *gateway, uint64_t daemon_stored,
                           uint64_t late_samples)
{
    struct queue *queue = &gateway->queue;
    if (!gateway->has_queue || gateway->is_greeted)
        return;
    gateway->is_greeted = true;
    gateway->late_earlier = gateway->late_last = late_samples;
    if (daemon_stored < queue->began_at)
        return;
    /* It has batches that this queue never held: it was copied, and has gone on elsewhere. */
    const struct queue_loss loss = {
        .first = queue->began_at,
        .last = queue->last < daemon_stored ? queue->last : daemon_stored,
        .reason = "the daemon has other batches under these numbers already: the queue is an older "
                  "copy of one that was used"};
    if (loss.last >= loss.first)
        tell_loss(&loss, gateway);
    queue_advance_next(queue, daemon_stored + 1);
}
