#include "gateway_internal.h"

#include "clock_ns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define WINDOW_BATCHES_DEFAULT   1024
#define WINDOW_BATCHES_MAX       (1u << 24)
#define WINDOW_BYTES_DEFAULT     ((size_t)64 << 20)
#define RECONNECT_MIN_MS_DEFAULT 500
#define RECONNECT_MAX_MS_DEFAULT 30000
#define SILENCE_MS_DEFAULT       15000
#define MILLISECONDS_MAX         86400000
#define QUEUE_BYTES_DEFAULT      ((uint64_t)256 << 20)
#define LETTERS_BYTES_DEFAULT    ((uint64_t)64 << 20)
/* ZeroMQ holds the whole window and a few HELLO besides. */
#define QUEUE_FRAMES_EXTRA 16

static int random_u64(uint64_t *ret_value)
{
    uint64_t value = 0;
    while (value == 0) {
        ssize_t got = getrandom(&value, sizeof value, 0);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got != (ssize_t)sizeof value)
            value = 0;
    }
    *ret_value = value;
    return 0;
}

static int take_milliseconds(int *value, int default_value)
{
    if (*value == 0)
        *value = default_value;
    return *value > 0 && *value <= MILLISECONDS_MAX ? 0 : -EINVAL;
}

static int take_options(struct ingest_gateway *gateway,
                        const struct ingest_gateway_options *options)
{
    gateway->options = *options;
    struct ingest_gateway_options *own = &gateway->options;
    if (options->endpoint == NULL || options->window_batches > WINDOW_BATCHES_MAX ||
        options->first_sequence > INT64_MAX)
        return -EINVAL;
    if (own->window_batches == 0)
        own->window_batches = WINDOW_BATCHES_DEFAULT;
    if (own->window_bytes == 0)
        own->window_bytes = WINDOW_BYTES_DEFAULT;
    if (own->queue != NULL && (own->session != 0 || own->first_sequence != 0))
        return -EINVAL;
    if (own->queue_bytes == 0)
        own->queue_bytes = QUEUE_BYTES_DEFAULT;
    if (own->dead_letters_bytes == 0)
        own->dead_letters_bytes = LETTERS_BYTES_DEFAULT;
    if (own->queue_sync_ms < 0 || own->queue_sync_ms > MILLISECONDS_MAX)
        return -EINVAL;
    if (own->first_sequence == 0)
        own->first_sequence = 1;
    if (take_milliseconds(&own->reconnect_min_ms, RECONNECT_MIN_MS_DEFAULT) < 0 ||
        take_milliseconds(&own->reconnect_max_ms, RECONNECT_MAX_MS_DEFAULT) < 0 ||
        take_milliseconds(&own->silence_ms, SILENCE_MS_DEFAULT) < 0)
        return -EINVAL;
    if (own->reconnect_max_ms < own->reconnect_min_ms)
        return -EINVAL;

    if (options->name != NULL) {
        if (strlen(options->name) >= sizeof gateway->name)
            return -EINVAL;
        memcpy(gateway->name, options->name, strlen(options->name) + 1);
    } else if (gethostname(gateway->name, sizeof gateway->name) != 0) {
        gateway->name[0] = '\0';
    }
    gateway->name[sizeof gateway->name - 1] = '\0';
    gateway->endpoint = strdup(options->endpoint);
    own->endpoint = gateway->endpoint;
    own->name = gateway->name;
    return gateway->endpoint != NULL ? 0 : -ENOMEM;
}

static int open_connection(struct ingest_gateway *gateway)
{
    const struct ingest_gateway_options *options = &gateway->options;
    gateway->connection = (struct gateway_connection){
        .endpoint = options->endpoint,
        /* ZeroMQ's own attempts begin at a random pause too, and double from there. */
        .reconnect_min_ms = (int)(gateway_pause_ns(gateway, 0) / NS_PER_MS) + 1,
        .reconnect_max_ms = options->reconnect_max_ms,
        .queue_frames = (int)options->window_batches + QUEUE_FRAMES_EXTRA,
    };
    int result =
        gateway_keys_read(options->key_file, options->server_key, &gateway->connection.keys, NULL);
    if (result == 0)
        result = gateway_connection_init(&gateway->connection);
    if (result == 0)
        result = gateway_connection_open(&gateway->connection);
    if (result == 0)
        result = gateway_send_hello(gateway);
    return result;
}

int ingest_gateway_open(const struct ingest_gateway_options *options,
                        struct ingest_gateway **ret_gateway)
{
    struct ingest_gateway *gateway = calloc(1, sizeof *gateway);
    if (gateway == NULL)
        return -ENOMEM;
    int result = take_options(gateway, options);
    if (result == 0)
        result = random_u64(&gateway->random);
    if (result == 0 && gateway->options.session == 0)
        result = random_u64(&gateway->options.session);
    if (result == 0 && options->queue != NULL)
        result = gateway_queue_open(gateway);
    if (result == 0)
        result =
            gateway_window_open(&gateway->window, gateway->options.window_batches,
                                gateway->options.window_bytes, gateway->options.first_sequence);
    if (result < 0)
        goto fail;
    gateway->durable = gateway->stored = gateway->sent = gateway->sent_ever =
        gateway->options.first_sequence - 1;
    gateway->quiet_since_ns = clock_monotonic_ns();
    gateway_queue_advance(gateway, gateway->quiet_since_ns);
    result = open_connection(gateway);
    if (result < 0)
        goto fail;
    *ret_gateway = gateway;
    return 0;

fail:
    ingest_gateway_close(gateway);
    return result;
}

void ingest_gateway_close(struct ingest_gateway *gateway)
{
    if (gateway == NULL)
        return;
    gateway_connection_destroy(&gateway->connection);
    gateway_queue_close(gateway);
    gateway_window_close(&gateway->window);
    line_protocol_free(gateway->lines);
    free(gateway->line_times);
    gateway_keys_clear(&gateway->connection.keys);
    free(gateway->endpoint);
    free(gateway);
}

int ingest_gateway_poll(struct ingest_gateway *gateway, int timeout_ms)
{
    int64_t deadline_ns = gateway_deadline(timeout_ms);
    while (!gateway_advance(gateway)) {
        if (clock_monotonic_ns() >= deadline_ns)
            return 0;
        gateway_wait(gateway, deadline_ns);
    }
    return 1;
}

int ingest_gateway_drain(struct ingest_gateway *gateway, enum ingest_ack ack, int timeout_ms)
{
    int64_t deadline_ns = gateway_deadline(timeout_ms);
    for (;;) {
        gateway_advance(gateway);
        uint64_t mark = ack == INGEST_DURABLE ? gateway->durable : gateway->stored;
        if (gateway_is_done(gateway, mark))
            return 0;
        if (clock_monotonic_ns() >= deadline_ns)
            return -ETIMEDOUT;
        gateway_wait(gateway, deadline_ns);
    }
}

void ingest_gateway_status(const struct ingest_gateway *gateway,
                           struct ingest_gateway_status *ret_status)
{
    *ret_status = (struct ingest_gateway_status){
        .session = gateway->options.session,
        .pushed = gateway->has_queue ? gateway->queue.last : gateway->window.next - 1,
        .synced = gateway->has_queue ? gateway->queue.synced : 0,
        .queue_bytes = gateway->has_queue ? gateway->queue.used_bytes : 0,
        .queue_error = gateway->has_queue ? gateway->queue.error : 0,
        .lost_batches = gateway->lost_batches,
        .dead_letters = gateway->dead_letters,
        .dead_letters_lost = gateway->dead_letters_lost,
        .stored = gateway->stored,
        .durable = gateway->durable,
        .refused_batches = gateway->refused_batches,
        .refused_blocks = gateway->refused_blocks,
        .late_samples = gateway->late_before + gateway->late_last - gateway->late_earlier,
        .resent_batches = gateway->resent_batches,
        .reconnects = gateway->reconnects,
        .window_batches = gateway_window_count(&gateway->window),
        .window_bytes = gateway->window.used_bytes,
        .credit_batches = gateway->credit_batches,
        .frame_bytes_max = gateway->frame_bytes_max,
        .connected = gateway->is_answered,
        .trouble = gateway->is_answered ? NULL : gateway->connection.trouble,
        .delay_code = gateway->delay_code,
        .answered_ms = gateway->answered_ns == 0
                           ? -1
                           : (clock_monotonic_ns() - gateway->answered_ns) / NS_PER_MS,
    };
}

int ingest_gateway_fd(const struct ingest_gateway *gateway)
{
    return gateway->connection.epoll_fd;
}

const char *ingest_gateway_version(void)
{
    return INGEST_VERSION;
}
