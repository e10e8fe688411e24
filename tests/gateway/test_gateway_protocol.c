/* The gateway against a daemon that says exactly what the test wants. */
#include "clock_ns.h"
#include "cmocka_tests.h"
#include "fake_daemon.h"
#include "gateway_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

struct context {
    struct fake_daemon daemon;
    struct ingest_gateway *gateway;
    unsigned refused_calls;
    unsigned delayed_calls;
    unsigned progress_calls;
    uint64_t refused_sequence;
    unsigned last_code;
    char last_text[64];
};

static void on_refused(const struct ingest_refusal *refusal, void *pointer)
{
    struct context *context = pointer;
    context->refused_calls++;
    context->refused_sequence = refusal->sequence;
    context->last_code = refusal->code;
    strncpy(context->last_text, refusal->text, sizeof context->last_text - 1);
}

static void on_delayed(const struct ingest_refusal *reason, void *pointer)
{
    struct context *context = pointer;
    context->delayed_calls++;
    context->last_code = reason->code;
}

static void on_progress(uint64_t stored, uint64_t durable, void *pointer)
{
    struct context *context = pointer;
    struct ingest_gateway_status status;
    ingest_gateway_status(context->gateway, &status);
    assert_true(status.stored == stored && status.durable == durable);
    context->progress_calls++;
}

static void open_with(struct context *context, struct ingest_gateway_options options)
{
    options.endpoint = context->daemon.endpoint;
    options.name = "test";
    options.on_progress = on_progress;
    options.on_refused = on_refused;
    options.on_delayed = on_delayed;
    options.context = context;
    if (options.reconnect_min_ms == 0)
        options.reconnect_min_ms = 10;
    options.reconnect_max_ms = 100;
    assert_int_equal(ingest_gateway_open(&options, &context->gateway), 0);
}

static int setup(void **state)
{
    static struct context context;
    memset(&context, 0, sizeof context);
    fake_daemon_open(&context.daemon);
    *state = &context;
    return 0;
}

static int teardown(void **state)
{
    struct context *context = *state;
    ingest_gateway_close(context->gateway);
    fake_daemon_close(&context->daemon);
    return 0;
}

static int push_bytes(struct context *context, uint32_t count, int timeout_ms)
{
    static uint8_t values[40000];
    const struct ingest_block block = {.name = "a/b",
                                       .dtype = "u1",
                                       .clock = INGEST_REGULAR,
                                       .t0_ns = 1,
                                       .period_ps = 1000,
                                       .count = count,
                                       .values = values};
    return ingest_gateway_push(context->gateway, &block, 1, timeout_ms, NULL);
}

static void push(struct context *context, unsigned batches)
{
    for (unsigned i = 0; i < batches; i++)
        assert_int_equal(push_bytes(context, 1, 0), 0);
}

static struct ingest_gateway_status status_of(const struct context *context)
{
    struct ingest_gateway_status status;
    ingest_gateway_status(context->gateway, &status);
    return status;
}

static void test_hello_comes_first_and_alone(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){.session = 77});
    push(context, 3);
    fake_daemon_expect_hello(&context->daemon, context->gateway, 1);
    assert_int_equal(context->daemon.batch.session, 77);
    assert_int_equal(context->daemon.batch.peer_name_bytes, 4);
    assert_memory_equal(context->daemon.batch.peer_name, "test", 4);
    fake_daemon_expect_nothing(&context->daemon, context->gateway, 100);
    assert_int_equal(status_of(context).connected, 0);
    fake_daemon_ok(&context->daemon, context->gateway, 0, 0);
    assert_int_equal(status_of(context).connected, 1);
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
}

static void test_batches_stay_within_the_credit(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    push(context, 10);
    context->daemon.reply.credit_batches = 1;
    fake_daemon_greet(&context->daemon, context->gateway);
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
        fake_daemon_expect_nothing(&context->daemon, context->gateway, 50);
        fake_daemon_ok(&context->daemon, context->gateway, sequence, 0);
    }
    fake_daemon_expect_batch(&context->daemon, context->gateway, 4);
    context->daemon.reply.credit_batches = 3;
    fake_daemon_ok(&context->daemon, context->gateway, 4, 0);
    for (uint64_t sequence = 5; sequence <= 7; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    fake_daemon_expect_nothing(&context->daemon, context->gateway, 50);
}

static void test_bytes_stay_within_the_credit(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    context->daemon.reply.credit_kib = 10;
    for (int i = 0; i < 4; i++)
        assert_int_equal(push_bytes(context, 4000, 0), 0);
    assert_int_equal(push_bytes(context, 20000, 0), 0);
    fake_daemon_greet(&context->daemon, context->gateway);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 2);
    fake_daemon_expect_nothing(&context->daemon, context->gateway, 50);
    fake_daemon_ok(&context->daemon, context->gateway, 1, 0);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 3);
    fake_daemon_expect_nothing(&context->daemon, context->gateway, 50);
    fake_daemon_ok(&context->daemon, context->gateway, 3, 0);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 4);
    fake_daemon_expect_nothing(&context->daemon, context->gateway, 50);
    /* Larger than the whole credit: it goes alone. */
    fake_daemon_ok(&context->daemon, context->gateway, 4, 0);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 5);
}

static void test_batches_are_kept_until_durable(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){.window_batches = 4});
    push(context, 4);
    fake_daemon_greet(&context->daemon, context->gateway);
    for (uint64_t sequence = 1; sequence <= 4; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    fake_daemon_ok(&context->daemon, context->gateway, 4, 0);
    assert_int_equal(push_bytes(context, 1, 20), -EAGAIN);
    assert_int_equal(ingest_gateway_drain(context->gateway, INGEST_STORED, 0), 0);
    assert_int_equal(ingest_gateway_drain(context->gateway, INGEST_DURABLE, 20), -ETIMEDOUT);
    fake_daemon_ok(&context->daemon, context->gateway, 4, 3);
    assert_int_equal(status_of(context).window_batches, 1);
    push(context, 3);
    assert_int_equal(push_bytes(context, 1, 0), -EAGAIN);
    assert_int_equal(context->progress_calls, 2);
    fake_daemon_ok(&context->daemon, context->gateway, 7, 7);
    assert_int_equal(ingest_gateway_drain(context->gateway, INGEST_DURABLE, 0), 0);
}

static void test_gap_is_resent(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 5);
    for (uint64_t sequence = 1; sequence <= 5; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    context->daemon.reply.stored = 2;
    fake_daemon_answer(&context->daemon, context->gateway, WIRE_GAP, 4, "resend");
    for (uint64_t sequence = 3; sequence <= 5; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    assert_int_equal(status_of(context).resent_batches, 3);
    assert_int_equal(context->refused_calls + context->delayed_calls, 0);
}

static void test_gap_before_what_is_kept_is_answered_by_hello(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 5);
    for (uint64_t sequence = 1; sequence <= 5; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    fake_daemon_ok(&context->daemon, context->gateway, 4, 3);
    context->daemon.reply.stored = context->daemon.reply.durable = 0;
    fake_daemon_answer(&context->daemon, context->gateway, WIRE_GAP, 5, "");
    fake_daemon_expect_hello(&context->daemon, context->gateway, 4);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 4);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 5);
}

static void test_fall_of_stored_is_resent(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 5);
    for (uint64_t sequence = 1; sequence <= 5; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    fake_daemon_ok(&context->daemon, context->gateway, 5, 1);
    fake_daemon_ok(&context->daemon, context->gateway, 2, 1);
    assert_int_equal(status_of(context).stored, 2);
    for (uint64_t sequence = 3; sequence <= 5; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
}

static void test_refusal_is_told_once_and_passed_over(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 3);
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    context->daemon.reply.stored = 2;
    context->daemon.reply.refused_blocks = 1;
    fake_daemon_answer(&context->daemon, context->gateway, WIRE_TYPE_MISMATCH, 2, "a/b: f4");
    assert_int_equal(context->refused_calls, 1);
    assert_int_equal(context->refused_sequence, 2);
    assert_int_equal(context->last_code, WIRE_TYPE_MISMATCH);
    assert_string_equal(context->last_text, "a/b: f4");
    fake_daemon_answer(&context->daemon, context->gateway, WIRE_TYPE_MISMATCH, 2, "again");
    assert_int_equal(context->refused_calls, 1);
    fake_daemon_expect_nothing(&context->daemon, context->gateway, 50);
    fake_daemon_ok(&context->daemon, context->gateway, 3, 3);
    struct ingest_gateway_status status = status_of(context);
    assert_int_equal(status.refused_batches, 1);
    assert_int_equal(status.refused_blocks, 1);
    assert_int_equal(status.window_batches, 0);
}

/* A refusal that comes together with "durable" is about a batch that is let go of by the same
 * reply. */
static void test_refusal_of_a_durable_batch_is_told(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 1);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    context->daemon.reply.stored = context->daemon.reply.durable = 1;
    fake_daemon_answer(&context->daemon, context->gateway, WIRE_BAD_NAME, 1, "");
    assert_int_equal(context->refused_calls, 1);
    assert_int_equal(status_of(context).window_batches, 0);
}

static void check_pause(struct context *context, enum wire_code code)
{
    open_with(context, (struct ingest_gateway_options){.reconnect_min_ms = 50});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 3);
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    context->daemon.reply.stored = 1;
    fake_daemon_answer(&context->daemon, context->gateway, code, 2, "later");
    int64_t began_ns = clock_monotonic_ns();
    assert_int_equal(context->delayed_calls, 1);
    assert_int_equal(context->last_code, code);
    assert_int_equal(status_of(context).delay_code, code);
    uint64_t next = status_of(context).stored + 1;
    for (uint64_t sequence = next; sequence <= 3; sequence++) {
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
        assert_true(clock_monotonic_ns() - began_ns > 40 * NS_PER_MS);
    }
    fake_daemon_ok(&context->daemon, context->gateway, 3, 3);
    assert_int_equal(status_of(context).delay_code, 0);
    assert_int_equal(context->refused_calls, 0);
}

static void test_busy_is_resent_after_a_pause(void **state)
{
    check_pause(*state, WIRE_BUSY);
}

static void test_store_full_is_resent_after_a_pause(void **state)
{
    check_pause(*state, WIRE_STORE_FULL);
}

/* Nothing in the frame was believed: session and sequence are 0. */
static void test_checksum_is_resent_after_a_pause(void **state)
{
    check_pause(*state, WIRE_CHECKSUM);
}

static void test_lost_batches_are_found_by_asking(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){.silence_ms = 300});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 4);
    for (uint64_t sequence = 1; sequence <= 4; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    /* The daemon took 1 and 2, and then lost the others and its memory of the connection. */
    fake_daemon_expect_hello(&context->daemon, context->gateway, 1);
    fake_daemon_ok(&context->daemon, context->gateway, 2, 0);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 3);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 4);
    assert_int_equal(status_of(context).reconnects, 0);
}

static void test_silence_opens_a_new_connection(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){.silence_ms = 200});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 2);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 2);
    fake_daemon_expect_hello(&context->daemon, context->gateway, 1);
    uint8_t peer[256];
    size_t peer_bytes = context->daemon.peer_bytes;
    memcpy(peer, context->daemon.peer, peer_bytes);
    fake_daemon_expect_hello(&context->daemon, context->gateway, 1);
    assert_false(peer_bytes == context->daemon.peer_bytes &&
                 memcmp(peer, context->daemon.peer, peer_bytes) == 0);
    assert_int_equal(status_of(context).reconnects, 1);
    fake_daemon_ok(&context->daemon, context->gateway, 1, 0);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 2);
}

static void test_an_idle_gateway_is_silent(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){.silence_ms = 100});
    fake_daemon_greet(&context->daemon, context->gateway);
    fake_daemon_expect_nothing(&context->daemon, context->gateway, 400);
    assert_int_equal(status_of(context).reconnects, 0);
}

static void test_a_restart_is_noticed_at_once(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){.silence_ms = 60000});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 5);
    for (uint64_t sequence = 1; sequence <= 5; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    fake_daemon_ok(&context->daemon, context->gateway, 4, 2);
    fake_daemon_stop(&context->daemon);
    for (int i = 0; i < 20; i++)
        ingest_gateway_poll(context->gateway, 5);
    assert_int_equal(status_of(context).connected, 0);
    push(context, 1);
    fake_daemon_start(&context->daemon);
    fake_daemon_expect_hello(&context->daemon, context->gateway, 3);
    /* What was stored but not durable is gone. */
    fake_daemon_ok(&context->daemon, context->gateway, 2, 2);
    for (uint64_t sequence = 3; sequence <= 6; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    fake_daemon_ok(&context->daemon, context->gateway, 6, 6);
    assert_int_equal(ingest_gateway_drain(context->gateway, INGEST_DURABLE, 0), 0);
}

static void test_a_frame_over_the_limit(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    /* Not known yet: taken, and refused when the limit is. */
    assert_int_equal(push_bytes(context, 1, 0), 0);
    assert_int_equal(push_bytes(context, 33000, 0), 0);
    assert_int_equal(push_bytes(context, 1, 0), 0);
    fake_daemon_greet(&context->daemon, context->gateway);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 2);
    assert_int_equal(context->daemon.frame_bytes, 64);
    struct wire_block block;
    const char *reason;
    assert_int_equal(wire_batch_next(&context->daemon.batch, &block, &reason), WIRE_MALFORMED);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 3);
    assert_int_equal(context->refused_calls, 1);
    assert_int_equal(context->refused_sequence, 2);
    assert_int_equal(context->last_code, WIRE_TOO_LARGE);
    context->daemon.reply.stored = 2;
    fake_daemon_answer(&context->daemon, context->gateway, WIRE_MALFORMED, 2, "");
    assert_int_equal(context->refused_calls, 1);
    /* Known now. */
    assert_int_equal(push_bytes(context, 33000, 0), -EMSGSIZE);
    assert_int_equal(status_of(context).frame_bytes_max, 32768);
}

static void test_replies_to_others_are_ignored(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){.session = 5});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 2);
    uint8_t bytes[WIRE_REPLY_BYTES_MAX];
    struct wire_reply reply = context->daemon.reply;
    reply.session = 6;
    reply.stored = reply.durable = 2;
    size_t length = wire_reply_encode(&reply, bytes);
    assert_false(gateway_take_reply(context->gateway, bytes, length, 1));
    assert_false(gateway_take_reply(context->gateway, bytes, length - 1, 1));
    assert_int_equal(status_of(context).stored, 0);
    bytes[3] = 9; /* a version that nobody knows */
    assert_false(gateway_take_reply(context->gateway, bytes, length, 1));
}

static void test_late_samples_add_up_over_restarts(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    const uint64_t told[] = {3, 7, 2, 5}, total[] = {3, 7, 9, 12};
    for (size_t i = 0; i < 4; i++) {
        context->daemon.reply.late_samples = told[i];
        fake_daemon_ok(&context->daemon, context->gateway, 0, 0);
        assert_int_equal(status_of(context).late_samples, total[i]);
    }
}

static void test_a_kept_session_goes_on(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){.session = 9, .first_sequence = 101});
    fake_daemon_expect_hello(&context->daemon, context->gateway, 101);
    fake_daemon_ok(&context->daemon, context->gateway, 103, 102);
    push(context, 5);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 104);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 105);
    fake_daemon_expect_nothing(&context->daemon, context->gateway, 30);
    fake_daemon_ok(&context->daemon, context->gateway, 105, 105);
    assert_int_equal(ingest_gateway_drain(context->gateway, INGEST_DURABLE, 0), 0);
}

static void test_the_descriptor_tells_of_replies(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    int fd = ingest_gateway_fd(context->gateway);
    uint64_t progress = 0;
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 1);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    while (ingest_gateway_poll(context->gateway, 0) == 1)
        ;
    uint8_t bytes[WIRE_REPLY_BYTES_MAX];
    struct wire_reply reply = context->daemon.reply;
    reply.session = status_of(context).session;
    reply.stored = reply.durable = 1;
    struct pollfd item = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&item, 1, 0), 0);
    fake_daemon_send(&context->daemon, bytes, wire_reply_encode(&reply, bytes));
    for (int i = 0; i < 100 && progress == 0; i++) {
        assert_int_equal(poll(&item, 1, 5000), 1);
        progress = (uint64_t)ingest_gateway_poll(context->gateway, 0);
    }
    assert_int_equal(status_of(context).durable, 1);
    assert_int_equal(ingest_gateway_fd(context->gateway), fd);
}

static void test_blocks_that_no_daemon_would_take(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    const float values[4] = {0};
    const int64_t times[4] = {1, 2, 3, 4};
    const struct ingest_block good = {.name = "a",
                                      .dtype = "f4",
                                      .clock = INGEST_REGULAR,
                                      .period_ps = 1000,
                                      .count = 4,
                                      .values = values};
    struct ingest_block bad[12];
    for (size_t i = 0; i < 12; i++)
        bad[i] = good;
    char long_name[300];
    memset(long_name, 'x', sizeof long_name);
    long_name[256] = '\0';
    bad[0].name = "";
    bad[1].name = NULL;
    bad[2].name = long_name;
    bad[3].dtype = "f2";
    bad[4].count = 0;
    bad[5].period_ps = 999;
    bad[6].values = NULL;
    bad[7].rank = 5;
    bad[8].clock = INGEST_PREVIOUS;
    bad[9].clock = INGEST_ARRIVAL;
    bad[10].clock = INGEST_EXPLICIT;
    bad[11].clock = (enum ingest_clock)4;
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(ingest_gateway_push(context->gateway, &bad[i], 1, 0, NULL), -EINVAL);
    assert_int_equal(ingest_gateway_push(context->gateway, &good, 0, 0, NULL), -EINVAL);
    struct ingest_block two[2] = {good, good};
    two[0].clock = INGEST_EXPLICIT;
    two[0].times_ns = times;
    two[1].name = "b";
    two[1].clock = INGEST_PREVIOUS;
    uint64_t sequence = 0;
    assert_int_equal(ingest_gateway_push(context->gateway, two, 2, 0, &sequence), 0);
    assert_int_equal(sequence, 1);
}

static void test_options_are_checked(void **state)
{
    struct context *context = *state;
    struct ingest_gateway *gateway;
    const struct ingest_gateway_options bad[] = {
        {.endpoint = NULL},
        {.endpoint = "nonsense"},
        {.endpoint = "tcp://"},
        {.endpoint = "ipc:///x", .reconnect_min_ms = -1},
        {.endpoint = "ipc:///x", .silence_ms = -1},
        {.endpoint = "ipc:///x", .reconnect_min_ms = 20, .reconnect_max_ms = 10},
        {.endpoint = "ipc:///x", .window_batches = UINT32_MAX},
        {.endpoint = "ipc:///x",
         .name = "0123456789012345678901234567890123456789012345678901234567890123456789"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(ingest_gateway_open(&bad[i], &gateway), -EINVAL);
    ingest_gateway_close(NULL);
    assert_string_equal(ingest_gateway_version(), INGEST_VERSION);
    open_with(context, (struct ingest_gateway_options){0});
    assert_true(status_of(context).session != 0);
    assert_int_equal(status_of(context).answered_ms, -1);
}

static void test_lines_become_blocks(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    static const char text[] = "cpu,host=a use=1.5,n=3i 1000\n"
                               "cpu,host=a use=2.5 2000\n"
                               "now x=1\n"
                               "no line\n"
                               "both y=1 5\n"
                               "both y=2\n"
                               "t s=\"text\"\n";
    struct ingest_lines lines;
    int64_t before_ns = clock_realtime_ns();
    assert_int_equal(ingest_gateway_push_lines(context->gateway, text, strlen(text), 0, &lines), 0);
    assert_int_equal(lines.samples, 6);
    assert_int_equal(lines.strings_skipped, 1);
    assert_int_equal(lines.lines_bad, 1);
    assert_int_equal(lines.first_bad_line, 4);
    assert_non_null(lines.reason);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    unsigned seen = 0;
    for (unsigned i = 0; i < context->daemon.batch.block_count; i++) {
        struct wire_block block;
        const char *reason;
        char name[64] = "";
        int64_t times[2] = {0};
        assert_int_equal(wire_batch_next(&context->daemon.batch, &block, &reason), WIRE_OK);
        memcpy(name, block.name, block.name_bytes);
        if (block.times_ns != NULL)
            memcpy(times, block.times_ns, block.count * sizeof times[0]);
        if (strcmp(name, "cpu/host=a/use") == 0) {
            assert_true(block.count == 2 && times[0] == 1000 && times[1] == 2000);
            seen |= 1;
        } else if (strcmp(name, "cpu/host=a/n") == 0) {
            assert_true(block.count == 1 && times[0] == 1000 && block.dtype == DTYPE_I8);
            seen |= 2;
        } else if (strcmp(name, "now/x") == 0) {
            assert_int_equal(block.clock, WIRE_CLOCK_ARRIVAL);
            seen |= 4;
        } else if (strcmp(name, "both/y") == 0) {
            assert_true(block.count == 2 && times[0] == 5 && times[1] >= before_ns);
            seen |= 8;
        }
    }
    assert_int_equal(seen, 15);
    /* Nothing to push is no failure. */
    assert_int_equal(ingest_gateway_push_lines(context->gateway, "# note\n", 7, 0, &lines), 0);
    assert_int_equal(lines.samples, 0);
    assert_int_equal(status_of(context).pushed, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hello_comes_first_and_alone),
        TEST(test_batches_stay_within_the_credit),
        TEST(test_bytes_stay_within_the_credit),
        TEST(test_batches_are_kept_until_durable),
        TEST(test_gap_is_resent),
        TEST(test_gap_before_what_is_kept_is_answered_by_hello),
        TEST(test_fall_of_stored_is_resent),
        TEST(test_refusal_is_told_once_and_passed_over),
        TEST(test_refusal_of_a_durable_batch_is_told),
        TEST(test_busy_is_resent_after_a_pause),
        TEST(test_store_full_is_resent_after_a_pause),
        TEST(test_checksum_is_resent_after_a_pause),
        TEST(test_lost_batches_are_found_by_asking),
        TEST(test_silence_opens_a_new_connection),
        TEST(test_an_idle_gateway_is_silent),
        TEST(test_a_restart_is_noticed_at_once),
        TEST(test_a_frame_over_the_limit),
        TEST(test_replies_to_others_are_ignored),
        TEST(test_late_samples_add_up_over_restarts),
        TEST(test_a_kept_session_goes_on),
        TEST(test_the_descriptor_tells_of_replies),
        TEST(test_blocks_that_no_daemon_would_take),
        TEST(test_options_are_checked),
        TEST(test_lines_become_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
