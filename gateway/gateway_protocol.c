/* The sending side of the protocol: connect, HELLO, batches as far as the credit goes, and the
 * timers. */
#include "gateway_internal.h"

#include "clock_ns.h"
#include "crc32.h"
#include "little_endian.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_DOUBLINGS_MAX 16

static uint64_t next_random(struct ingest_gateway *gateway)
{
    gateway->random ^= gateway->random << 13;
    gateway->random ^= gateway->random >> 7;
    gateway->random ^= gateway->random << 17;
    return gateway->random;
}

int64_t gateway_pause_ns(struct ingest_gateway *gateway, unsigned attempts)
{
    int64_t min_ms = gateway->options.reconnect_min_ms;
    int64_t max_ms = gateway->options.reconnect_max_ms;
    if (attempts > PAUSE_DOUBLINGS_MAX)
        attempts = PAUSE_DOUBLINGS_MAX;
    int64_t base_ms = min_ms << attempts;
    /* Also the longest pause is spread, or a fleet would come back in step. */
    if (base_ms > max_ms / 2)
        base_ms = max_ms / 2 > 0 ? max_ms / 2 : 1;
    uint64_t spread_ns = (uint64_t)base_ms * 2 * (uint64_t)NS_PER_MS;
    return base_ms * NS_PER_MS + (int64_t)(next_random(gateway) % spread_ns);
}

int64_t gateway_deadline(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX : clock_monotonic_ns() + timeout_ms * NS_PER_MS;
}

void gateway_rewind(struct ingest_gateway *gateway)
{
    gateway->sent = gateway->stored;
    gateway->under_way_bytes = 0;
}

int gateway_send_hello(struct ingest_gateway *gateway)
{
    uint8_t frame[sizeof(struct wire_batch_header) + WIRE_PEER_NAME_MAX];
    size_t length =
        wire_encode_hello(frame, gateway->options.session, gateway->window.first, gateway->name);
    return gateway_connection_send(&gateway->connection, frame, length);
}

static void schedule_reopen(struct ingest_gateway *gateway, int64_t now_ns)
{
    gateway->reopen_ns = now_ns + gateway_pause_ns(gateway, gateway->reopen_attempts);
    gateway->reopen_attempts++;
}

static void disconnect(struct ingest_gateway *gateway, int64_t now_ns)
{
    gateway_connection_close(&gateway->connection);
    gateway->is_answered = false;
    schedule_reopen(gateway, now_ns);
}

static void connect_again(struct ingest_gateway *gateway, int64_t now_ns)
{
    if (gateway_connection_open(&gateway->connection) < 0) {
        schedule_reopen(gateway, now_ns);
        return;
    }
    gateway->reconnects++;
    gateway->quiet_since_ns = now_ns;
    gateway->is_asked = false;
    gateway_rewind(gateway);
    if (gateway_send_hello(gateway) < 0)
        disconnect(gateway, now_ns);
}

/* A frame over the daemon's limit can never arrive. An empty block in its place uses up its
 * sequence, so that it does not hold up those behind it. */
static int replace_too_large(struct ingest_gateway *gateway, struct gateway_frame *frame,
                             uint64_t sequence)
{
    struct wire_batch_header header = {.version = WIRE_VERSION,
                                       .frame_bytes = sizeof(struct wire_batch_header) +
                                                      sizeof(struct wire_block_header),
                                       .block_count = 1,
                                       .session = gateway->options.session,
                                       .sequence = sequence};
    memcpy(header.magic, wire_batch_magic, sizeof header.magic);
    const struct wire_block_header block = {.block_bytes = sizeof block, .dtype = {'f', '4'}};
    uint8_t *bytes = malloc(header.frame_bytes);
    if (bytes == NULL)
        return -ENOMEM;
    memcpy(bytes, &header, sizeof header);
    memcpy(bytes + sizeof header, &block, sizeof block);
    header.crc32 =
        crc32_update(0, bytes + offsetof(struct wire_batch_header, frame_bytes),
                     header.frame_bytes - offsetof(struct wire_batch_header, frame_bytes));
    memcpy(bytes, &header, sizeof header);

    struct ingest_refusal refusal = {
        .sequence = sequence,
        .code = WIRE_TOO_LARGE,
        .code_name = wire_code_name(WIRE_TOO_LARGE),
        .text = "the batch is larger than the daemon's max_batch",
        .refused_blocks =
            le_load_u16(frame->bytes + offsetof(struct wire_batch_header, block_count)),
    };
    gateway_refuse(gateway, &refusal);
    gateway_window_replace(&gateway->window, sequence, bytes, header.frame_bytes);
    return 0;
}

/* True when the credit allows one more frame of that length. */
static bool has_credit(const struct ingest_gateway *gateway, size_t length)
{
    uint64_t under_way = gateway->sent - gateway->stored;
    if (under_way >= gateway->credit_batches)
        return false;
    /* A frame that is larger than the whole credit goes alone. */
    uint64_t limit_bytes = (uint64_t)gateway->credit_kib * 1024;
    return under_way == 0 || gateway->under_way_bytes + (uint64_t)length <= limit_bytes;
}

static void send_batches(struct ingest_gateway *gateway, int64_t now_ns)
{
    if (!gateway->is_answered || now_ns < gateway->hold_until_ns)
        return;
    while (gateway->sent + 1 < gateway->window.next) {
        uint64_t sequence = gateway->sent + 1;
        struct gateway_frame *frame = gateway_window_find(&gateway->window, sequence);
        assert(frame != NULL);
        if (!has_credit(gateway, frame->length))
            return;
        if (gateway->frame_bytes_max > 0 && frame->length > gateway->frame_bytes_max &&
            replace_too_large(gateway, frame, sequence) < 0)
            return;
        if (gateway_connection_send(&gateway->connection, frame->bytes, frame->length) < 0)
            return;
        gateway->sent = sequence;
        gateway->under_way_bytes += frame->length;
        if (sequence <= gateway->sent_ever)
            gateway->resent_batches++;
        else
            gateway->sent_ever = sequence;
    }
}

/* True while a reply is owed: something kept that is not durable, or the first HELLO. */
static bool is_waiting(const struct ingest_gateway *gateway)
{
    return !gateway->is_answered || gateway_window_count(&gateway->window) > 0;
}

/* When the next of the two silence timers runs out. */
static int64_t silence_deadline(const struct ingest_gateway *gateway)
{
    if (gateway->connection.socket == NULL || !gateway->connection.is_linked ||
        !is_waiting(gateway))
        return INT64_MAX;
    int64_t silence_ns = gateway->options.silence_ms * NS_PER_MS;
    return gateway->quiet_since_ns + (gateway->is_asked ? silence_ns : silence_ns / 2);
}

static void check_silence(struct ingest_gateway *gateway, int64_t now_ns)
{
    if (now_ns < silence_deadline(gateway))
        return;
    if (gateway->is_asked) {
        disconnect(gateway, now_ns);
        return;
    }
    gateway->is_asked = true;
    gateway->asked_sent = gateway->sent;
    if (gateway_send_hello(gateway) < 0)
        disconnect(gateway, now_ns);
}

static bool receive_replies(struct ingest_gateway *gateway, int64_t now_ns)
{
    bool has_progress = false;
    uint8_t frame[WIRE_REPLY_BYTES_MAX];
    size_t length;
    while (gateway_connection_receive(&gateway->connection, frame, sizeof frame, &length) == 0)
        has_progress |= gateway_take_reply(gateway, frame, length, now_ns);
    return has_progress;
}

bool gateway_advance(struct ingest_gateway *gateway)
{
    int64_t now_ns = clock_monotonic_ns();
    bool has_progress = false;
    if (gateway->connection.socket == NULL && now_ns >= gateway->reopen_ns)
        connect_again(gateway, now_ns);
    if (gateway->connection.socket != NULL) {
        has_progress = receive_replies(gateway, now_ns);
        bool was_linked = gateway->connection.is_linked;
        if (gateway_connection_is_lost(&gateway->connection))
            disconnect(gateway, now_ns);
        else if (!was_linked && gateway->connection.is_linked)
            gateway->quiet_since_ns = now_ns;
    }
    if (gateway->connection.socket != NULL)
        check_silence(gateway, now_ns);
    gateway_queue_advance(gateway, now_ns);
    if (gateway->connection.socket != NULL)
        send_batches(gateway, now_ns);
    assert(gateway->durable <= gateway->stored && gateway->stored <= gateway->sent);
    return has_progress;
}

void gateway_wait(struct ingest_gateway *gateway, int64_t deadline_ns)
{
    int64_t now_ns = clock_monotonic_ns();
    int64_t until_ns = deadline_ns;
    if (gateway->connection.socket == NULL && gateway->reopen_ns < until_ns)
        until_ns = gateway->reopen_ns;
    if (gateway->hold_until_ns > now_ns && gateway->hold_until_ns < until_ns)
        until_ns = gateway->hold_until_ns;
    int64_t silence_ns = silence_deadline(gateway);
    if (silence_ns < until_ns)
        until_ns = silence_ns;
    int64_t queue_ns = gateway_queue_deadline(gateway);
    if (queue_ns < until_ns)
        until_ns = queue_ns;
    if (until_ns <= now_ns)
        return;
    /* Rounded up, so that a timer that is waited for has run out. */
    int64_t timeout_ms = (until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    gateway_connection_wait(&gateway->connection, timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX);
}
