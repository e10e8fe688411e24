#include "sender_internal.h"

#include "clock_ns.h"
#include "gateway_keys.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define SLICE_MS 100
/* So long a source is held up by asking a daemon that may be away. */
#define QUEUE_ANSWER_NS (2 * NS_PER_S)
/* What is assumed of a daemon that has not answered: the default of its max_batch. */
#define FRAME_BYTES_ASSUMED  ((size_t)4 << 20)
#define DRAIN_INTERRUPTED_NS (2 * NS_PER_S)
/* A daemon that is there but busy is given this many times --timeout. */
#define SILENCE_TIMEOUTS 3
#define SILENCE_MS_MIN   1000
#define SILENCE_MS_MAX   600000

static volatile sig_atomic_t is_interrupted;

static void on_signal(int number)
{
    (void)number;
    is_interrupted = 1;
}

/* The first signal ends the input, the second the program. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Whoever waits for a daemon that has gone away may wait for ever for one that wants another key.
 */
static void tell_trouble(struct sender *sender, const char *trouble)
{
    if (trouble != NULL && trouble != sender->trouble) {
        sender_clear_progress(sender);
        log_warning("%s: no connection: %s", sender->options->endpoint, trouble);
    }
    sender->trouble = trouble;
}

static const char *what_stays(const struct sender *sender)
{
    return sender->options->queue != NULL ? "; what is in the queue is sent when it is opened again"
                                          : "";
}

/* 0, SENDER_INTERRUPTED, or the status to exit with: there is no use in waiting longer. */
static int check_patience(struct sender *sender)
{
    struct ingest_gateway_status status;
    ingest_gateway_status(sender->gateway, &status);
    int64_t now_ns = clock_monotonic_ns();
    int64_t timeout_ns = sender->options->timeout_ns;
    const bool has_queue = sender->options->queue != NULL;
    const bool is_at_end = sender->drain_began_ns != 0;
    /* Who goes on filling a queue does not wait for a daemon; at the end what is in it may stay. */
    const bool is_patient = (sender->is_live && !(has_queue && is_at_end)) ||
                            (has_queue && !is_at_end && !sender->is_held_up);
    int64_t began_ns = has_queue && is_at_end ? sender->drain_began_ns : sender->opened_ns;
    if (status.answered_ms < 0 && now_ns - began_ns > timeout_ns && !(has_queue && is_patient)) {
        sender_clear_progress(sender);
        return send_fail(EX_TEMPFAIL, "%s: no daemon answers%s%s%s", sender->options->endpoint,
                         status.trouble != NULL ? ": " : "",
                         status.trouble != NULL ? status.trouble : "", what_stays(sender));
    }
    if (is_interrupted)
        return SENDER_INTERRUPTED;
    if (status.answered_ms >= 0)
        tell_trouble(sender, status.trouble);
    if (is_patient || status.answered_ms < 0)
        return 0;
    /* While the connection stands it may be busy: the gateway asks, and breaks it when nothing
     * comes back. */
    if (status.durable < status.pushed && !status.connected &&
        status.answered_ms * NS_PER_MS > timeout_ns && now_ns - began_ns > timeout_ns) {
        sender_clear_progress(sender);
        return send_fail(EX_TEMPFAIL, "%s: the daemon does not answer any more%s%s%s",
                         sender->options->endpoint, status.trouble != NULL ? ": " : "",
                         status.trouble != NULL ? status.trouble : "", what_stays(sender));
    }
    if (status.delay_code != 0 && now_ns - sender->stored_moved_ns > timeout_ns) {
        sender_clear_progress(sender);
        return send_fail(EX_TEMPFAIL, "%s: the daemon goes on asking to wait: %s%s",
                         sender->options->endpoint, sender->delay_text, what_stays(sender));
    }
    return 0;
}

static int wait_for_answer(struct sender *sender)
{
    for (;;) {
        ingest_gateway_poll(sender->gateway, SLICE_MS);
        struct ingest_gateway_status status;
        ingest_gateway_status(sender->gateway, &status);
        if (status.connected)
            return 0;
        int result = check_patience(sender);
        if (result != 0)
            return result == SENDER_INTERRUPTED ? EX_TEMPFAIL : result;
    }
}

/* With a queue it is only about the largest batch that the daemon takes: a file waits a moment for
 * that, and then goes without. */
static void ask_for_limits(struct sender *sender)
{
    struct ingest_gateway_status status;
    int64_t limit_ns = sender->options->timeout_ns < QUEUE_ANSWER_NS ? sender->options->timeout_ns
                                                                     : QUEUE_ANSWER_NS;
    do {
        ingest_gateway_poll(sender->gateway, sender->is_live ? 0 : SLICE_MS);
        ingest_gateway_status(sender->gateway, &status);
    } while (!sender->is_live && !status.connected && !is_interrupted &&
             clock_monotonic_ns() - sender->opened_ns < limit_ns);
}

static void free_sender(struct sender *sender)
{
    ingest_gateway_close(sender->gateway);
    free(sender->points);
    free(sender);
}

/* The library says only what kind of mistake it is: here is the place for a sentence. */
static int check_keys(const struct send_options *options)
{
    struct gateway_keys keys;
    struct error_text error = {.text = ""};
    int result = gateway_keys_read(options->key_file, options->server_key, &keys, &error);
    gateway_keys_clear(&keys);
    switch (result) {
    case 0:
        return 0;
    case -ENOENT:
        return send_fail(EX_NOINPUT, "%s", error.text);
    case -ENOMEM:
        return send_fail(EX_OSERR, "%s", error.text);
    default:
        return send_fail(EX_CONFIG, "%s", error.text);
    }
}

int sender_open_failure(const struct send_options *options, int result)
{
    switch (result) {
    case 0:
        return 0;
    case -EINVAL:
        return send_fail(EX_USAGE, "--connect %s: not an endpoint, as tcp://127.0.0.1:5570",
                         options->endpoint);
    case -EBADMSG:
        return send_fail(EX_CONFIG, "--key %s: the public key is not that of the secret key",
                         options->key_file);
    case -ENOTSUP:
        return send_fail(EX_UNAVAILABLE, "--key: this libzmq was built without CURVE");
    default:
        return send_fail(EX_OSERR, "--connect %s: %s", options->endpoint, strerror(-result));
    }
}

int sender_open(const struct send_options *options, bool is_live, struct sender **ret_sender)
{
    struct sender *sender = calloc(1, sizeof *sender);
    struct sent_point *points = calloc(SENDER_POINTS, sizeof *points);
    if (sender == NULL || points == NULL) {
        free(sender);
        free(points);
        return send_fail(EX_OSERR, "out of memory");
    }
    sender->options = options;
    sender->is_live = is_live;
    sender->points = points;
    sender->opened_ns = sender->stored_moved_ns = clock_monotonic_ns();
    catch_signals();
    int64_t silence_ms = SILENCE_TIMEOUTS * options->timeout_ns / NS_PER_MS;
    struct ingest_gateway_options gateway_options = {
        .endpoint = options->endpoint,
        .name = options->name,
        .key_file = options->key_file,
        .server_key = options->server_key,
        .window_batches = SENDER_WINDOW_BATCHES,
        .silence_ms = silence_ms < SILENCE_MS_MIN   ? SILENCE_MS_MIN
                      : silence_ms > SILENCE_MS_MAX ? SILENCE_MS_MAX
                                                    : (int)silence_ms,
        .on_progress = sender_on_progress,
        .on_refused = sender_on_refused,
        .on_delayed = sender_on_delayed,
        .on_lost = sender_on_lost,
        .context = sender,
    };
    int result = check_keys(options);
    if (result == 0 && options->queue != NULL)
        result = sender_open_queue(sender, &gateway_options);
    else if (result == 0)
        result =
            sender_open_failure(options, ingest_gateway_open(&gateway_options, &sender->gateway));
    if (result == 0 && options->queue != NULL)
        ask_for_limits(sender);
    else if (result == 0)
        result = wait_for_answer(sender);
    if (result != 0) {
        if (sender->gateway != NULL)
            result = sender_print_summary(sender, result);
        free_sender(sender);
        return result;
    }
    *ret_sender = sender;
    return 0;
}

/* What a push that failed means to the program; 0: try again. */
static int push_failure(struct sender *sender, int result)
{
    sender_clear_progress(sender);
    switch (result) {
    case -EAGAIN:
        sender_show_progress(sender);
        sender->is_held_up = true;
        return check_patience(sender);
    case -EMSGSIZE:
        return send_fail(EX_DATAERR,
                         "a batch is larger than the daemon takes (%zu bytes): less with --batch, "
                         "or raise max_batch of its [listen]",
                         sender_frame_bytes_max(sender));
    case -EINVAL:
        return send_fail(EX_DATAERR, "a series' name is longer than %d bytes or empty",
                         WIRE_NAME_BYTES_MAX);
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
    case -EIO:
    case -EROFS:
        if (sender->options->queue != NULL)
            return send_fail(EX_IOERR, "--queue %s: %s", sender->options->queue, strerror(-result));
        return send_fail(EX_OSERR, "sending: %s", strerror(-result));
    default:
        return send_fail(EX_OSERR, "sending: %s", strerror(-result));
    }
}

int sender_push(struct sender *sender, const struct ingest_block *blocks, size_t block_count)
{
    uint64_t samples = 0;
    for (size_t i = 0; i < block_count; i++)
        samples += blocks[i].count;
    if (block_count == 1)
        snprintf(sender->series, sizeof sender->series, "%s", blocks[0].name);
    for (;;) {
        uint64_t sequence;
        int result = ingest_gateway_push(sender->gateway, blocks, block_count, SLICE_MS, &sequence);
        if (result == 0) {
            sender->is_held_up = false;
            sender_note_batch(sender, sequence, samples);
            sender_show_progress(sender);
            return is_interrupted ? SENDER_INTERRUPTED : 0;
        }
        int status = push_failure(sender, result);
        if (status != 0)
            return status;
    }
}

int sender_push_lines(struct sender *sender, const char *text, size_t text_bytes,
                      uint64_t first_line)
{
    struct ingest_lines lines;
    for (;;) {
        int result = ingest_gateway_push_lines(sender->gateway, text, text_bytes, SLICE_MS, &lines);
        sender->is_held_up = false;
        if (result == 0)
            break;
        int status = push_failure(sender, result);
        if (status != 0)
            return status;
    }
    if (lines.samples > 0) {
        struct ingest_gateway_status status;
        ingest_gateway_status(sender->gateway, &status);
        sender_note_batch(sender, status.pushed, lines.samples);
    }
    sender->strings_skipped += lines.strings_skipped;
    if (lines.lines_bad > 0) {
        sender_clear_progress(sender);
        for (size_t i = 0; i < lines.bad_count; i++)
            log_error("refused: line %" PRIu64 ": %s", first_line + lines.bad[i].line - 1,
                      lines.bad[i].reason);
        if (lines.lines_bad > lines.bad_count)
            log_error("refused: %zu more lines after it", lines.lines_bad - lines.bad_count);
        sender->bad_lines += lines.lines_bad;
        sender->has_refusals = true;
    }
    sender_show_progress(sender);
    return is_interrupted ? SENDER_INTERRUPTED : 0;
}

int sender_wait(struct sender *sender, int fd, int64_t until_monotonic_ns)
{
    for (;;) {
        ingest_gateway_poll(sender->gateway, 0);
        sender_show_progress(sender);
        int status = check_patience(sender);
        if (status != 0)
            return status;
        int64_t left_ns = until_monotonic_ns - clock_monotonic_ns();
        if (left_ns <= 0 && fd < 0)
            return 0;
        if (left_ns < 0)
            left_ns = 0;
        if (left_ns > SLICE_MS * NS_PER_MS)
            left_ns = SLICE_MS * NS_PER_MS;
        struct pollfd items[] = {
            {.fd = ingest_gateway_fd(sender->gateway), .events = POLLIN},
            {.fd = fd, .events = POLLIN},
        };
        const struct timespec timeout = {.tv_sec = 0, .tv_nsec = (long)left_ns};
        int ready = ppoll(items, 2, &timeout, NULL);
        if (ready > 0 && items[1].revents != 0)
            return 0;
        if (fd >= 0 && clock_monotonic_ns() >= until_monotonic_ns)
            return SENDER_IDLE;
    }
}

size_t sender_frame_bytes_max(const struct sender *sender)
{
    struct ingest_gateway_status status;
    ingest_gateway_status(sender->gateway, &status);
    return status.frame_bytes_max > 0 ? status.frame_bytes_max : FRAME_BYTES_ASSUMED;
}

/* Until everything is acknowledged: 0, or the status to exit with. */
static int drain(struct sender *sender)
{
    int64_t began_ns = sender->drain_began_ns = clock_monotonic_ns();
    enum ingest_ack ack = sender->options->is_durable ? INGEST_DURABLE : INGEST_STORED;
    for (;;) {
        if (ingest_gateway_drain(sender->gateway, ack, SLICE_MS) == 0)
            return 0;
        sender_show_progress(sender);
        int status = check_patience(sender);
        if (status > 0)
            return status;
        if (status == SENDER_INTERRUPTED &&
            clock_monotonic_ns() - began_ns > DRAIN_INTERRUPTED_NS) {
            sender_clear_progress(sender);
            return send_fail(EX_TEMPFAIL, "interrupted before everything was %s%s",
                             sender->options->is_durable ? "durable" : "stored",
                             what_stays(sender));
        }
    }
}

int sender_close(struct sender *sender, int status)
{
    /* Interrupting a source without an end is how it ends; interrupting a file leaves the rest of
     * it. */
    bool is_cut = status == SENDER_INTERRUPTED && !sender->is_live;
    if (status == SENDER_INTERRUPTED)
        status = EX_OK;
    if (status != EX_TEMPFAIL) {
        int drained = drain(sender);
        if (status == EX_OK)
            status = drained;
    }
    sender_clear_progress(sender);
    if (is_cut)
        log_error("interrupted before the end of the input");
    if (sender->strings_skipped > 0)
        log_notice("%" PRIu64 " string field%s skipped: a series holds numbers",
                   sender->strings_skipped, sender->strings_skipped == 1 ? "" : "s");
    if (status == EX_OK && (sender->has_refusals || is_cut))
        status = 1;
    status = sender_print_summary(sender, status);
    free_sender(sender);
    return status;
}
