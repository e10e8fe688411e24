/* The receiving side of the protocol: what a reply of the daemon moves. */
#include "gateway_internal.h"

#include <string.h>

void gateway_refuse(struct ingest_gateway *gateway, struct ingest_refusal *refusal)
{
    if (refusal->sequence != 0) {
        struct gateway_frame *frame = gateway_window_find(&gateway->window, refusal->sequence);
        if (frame == NULL || frame->is_refused)
            return;
        frame->is_refused = true;
        gateway->refused_batches++;
        gateway->refused_blocks += refusal->refused_blocks;
        refusal->refused_samples = gateway_samples_refused(frame, refusal);
        gateway_letters_keep(gateway, frame, refusal);
    }
    if (gateway->options.on_refused != NULL)
        gateway->options.on_refused(refusal, gateway->options.context);
}

/* The daemon wants everything after `stored` again, but not now. */
static void hold(struct ingest_gateway *gateway, const struct ingest_refusal *reason,
                 int64_t now_ns)
{
    gateway_rewind(gateway);
    /* Replies to the batches that were under way behind the first one ask for the same pause. */
    if (now_ns < gateway->hold_until_ns)
        return;
    gateway->hold_until_ns = now_ns + gateway_pause_ns(gateway, gateway->hold_attempts);
    gateway->hold_attempts++;
    gateway->delay_code = reason->code;
    if (gateway->options.on_delayed != NULL)
        gateway->options.on_delayed(reason, gateway->options.context);
}

static void take_limits(struct ingest_gateway *gateway, const struct wire_reply *reply)
{
    gateway->credit_batches = reply->credit_batches;
    gateway->credit_kib = reply->credit_kib;
    gateway->frame_bytes_max = reply->frame_bytes_max;
    if (reply->late_samples < gateway->late_last)
        gateway->late_before += gateway->late_last;
    gateway->late_last = reply->late_samples;
}

/* Moves the marks to where the daemon is. True when they moved. */
static bool take_marks(struct ingest_gateway *gateway, const struct wire_reply *reply)
{
    uint64_t durable = reply->durable > gateway->durable ? reply->durable : gateway->durable;
    uint64_t stored = reply->stored > durable ? reply->stored : durable;
    uint64_t stored_before = gateway->stored;
    bool has_moved = durable != gateway->durable || stored != stored_before;

    if (stored < gateway->stored || stored > gateway->sent) {
        gateway->stored = stored;
        gateway_rewind(gateway);
    } else {
        while (gateway->stored < stored) {
            gateway->stored++;
            struct gateway_frame *frame = gateway_window_find(&gateway->window, gateway->stored);
            if (frame != NULL)
                gateway->under_way_bytes -= frame->length;
        }
    }
    if (stored > stored_before) {
        gateway->delay_code = WIRE_OK;
        gateway->hold_attempts = 0;
    }
    gateway->durable = durable;
    gateway_window_forget(&gateway->window, durable);
    if (gateway->has_queue)
        queue_forget(&gateway->queue, durable);
    return has_moved;
}

/* A reply without a session: the daemon believed nothing in a frame, so it cannot say which one it
 * was. */
static void take_nameless(struct ingest_gateway *gateway, const struct ingest_refusal *refusal,
                          int64_t now_ns)
{
    /* Of NOT_AUTHORISED it is the key or the session that is refused, and no batch: what is kept
     * may come in when that was mended. */
    if (refusal->code == WIRE_CHECKSUM || refusal->code == WIRE_VERSION_UNKNOWN ||
        refusal->code == WIRE_NOT_AUTHORISED)
        hold(gateway, refusal, now_ns);
}

static void take_code(struct ingest_gateway *gateway, const struct ingest_refusal *refusal,
                      uint64_t daemon_stored, int64_t now_ns)
{
    switch (refusal->code) {
    case WIRE_GAP:
        gateway_rewind(gateway);
        /* It misses what is not kept any more, and learns by HELLO that this will never come. */
        if (daemon_stored + 1 < gateway->window.first)
            (void)gateway_send_hello(gateway);
        break;
    case WIRE_CHECKSUM:
    case WIRE_STORE_FULL:
    case WIRE_BUSY:
        hold(gateway, refusal, now_ns);
        break;
    default: /* OK, or permanent, which was dealt with */
        break;
    }
}

bool gateway_take_reply(struct ingest_gateway *gateway, const void *frame, size_t length,
                        int64_t now_ns)
{
    struct wire_reply reply;
    if (wire_reply_decode(frame, length, &reply) < 0)
        return false;
    char text[WIRE_REPLY_TEXT_MAX + 1];
    size_t text_bytes = reply.text_bytes < sizeof text ? reply.text_bytes : sizeof text - 1;
    memcpy(text, reply.text, text_bytes);
    text[text_bytes] = '\0';
    struct ingest_refusal refusal = {.sequence = reply.sequence,
                                     .code = (unsigned)reply.code,
                                     .code_name = wire_code_name((unsigned)reply.code),
                                     .text = text,
                                     .refused_blocks = reply.refused_blocks};
    if (reply.session != 0 && reply.session != gateway->options.session)
        return false;
    /* No gateway comes that far: counting on from there must not overflow. */
    if (reply.stored > INT64_MAX || reply.durable > INT64_MAX)
        return false;

    gateway->quiet_since_ns = now_ns;
    gateway->answered_ns = now_ns;
    if (reply.session == 0) {
        gateway->is_asked = false;
        take_nameless(gateway, &refusal, now_ns);
        return false;
    }
    gateway->is_answered = true;
    gateway->reopen_attempts = 0;
    gateway_queue_greeted(gateway, reply.stored, reply.late_samples);
    take_limits(gateway, &reply);

    uint64_t refused_before = gateway->refused_batches;
    /* Before the marks: they may let go of the batch that this is about. */
    if (reply.code != WIRE_OK && wire_code_is_permanent((unsigned)reply.code))
        gateway_refuse(gateway, &refusal);
    bool has_moved = take_marks(gateway, &reply);
    take_code(gateway, &refusal, reply.stored, now_ns);
    /* The daemon had everything that was sent before it was asked: what it did not store is lost.
     */
    if (gateway->is_asked && gateway->stored < gateway->asked_sent)
        gateway_rewind(gateway);
    gateway->is_asked = false;

    if (has_moved && gateway->options.on_progress != NULL)
        gateway->options.on_progress(gateway->stored, gateway->durable, gateway->options.context);
    return has_moved || gateway->refused_batches != refused_before;
}
