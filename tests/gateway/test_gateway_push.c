/* What goes into a gateway, and what it tells. */
#include "clock_ns.h"
#include "gateway_internal.h"
#include "gateway_setup.h"

#include <errno.h>
#include <poll.h>

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
                               "t s=\"text\"\n"
                               "two z=1\n"
                               "two z=2\n";
    struct ingest_lines lines;
    int64_t before_ns = clock_realtime_ns();
    assert_int_equal(ingest_gateway_push_lines(context->gateway, text, strlen(text), 0, &lines), 0);
    assert_int_equal(lines.samples, 8);
    assert_int_equal(lines.strings_skipped, 1);
    assert_int_equal(lines.lines_bad, 1);
    assert_int_equal(lines.bad_count, 1);
    assert_int_equal(lines.bad[0].line, 4);
    assert_non_null(lines.bad[0].reason);
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
        } else if (strcmp(name, "two/z") == 0) {
            assert_true(block.count == 2 && times[0] >= before_ns && times[1] == times[0] + 1);
            seen |= 16;
        }
    }
    assert_int_equal(seen, 31);
    /* Nothing to push is no failure. */
    assert_int_equal(ingest_gateway_push_lines(context->gateway, "# note\n", 7, 0, &lines), 0);
    assert_int_equal(lines.samples, 0);
    assert_int_equal(status_of(context).pushed, 1);
}

static void test_a_kept_session_goes_on(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){.session = 9, .first_sequence = 101});
    fake_daemon_expect_hello(&context->daemon, context->gateway, 101);
    fake_daemon_ok(&context->daemon, context->gateway, 103, 102);
    push(context, 5);
    assert_int_equal(status_of(context).window_batches, 3); /* 101 and 102 are durable */
    fake_daemon_expect_batch(&context->daemon, context->gateway, 104);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 105);
    fake_daemon_expect_nothing(&context->daemon, context->gateway, 30);
    fake_daemon_ok(&context->daemon, context->gateway, 105, 105);
    assert_int_equal(ingest_gateway_drain(context->gateway, INGEST_DURABLE, 0), 0);
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

/* Whatever a daemon says, the gateway neither breaks nor lets go of what is not durable. */
static void test_replies_at_random(void **state)
{
    struct context *context = *state;
    open_with(context, (struct ingest_gateway_options){.window_batches = 16});
    fake_daemon_greet(&context->daemon, context->gateway);
    uint64_t random = 1, durable = 0;
    for (int i = 0; i < 20000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned bits = (unsigned)(random >> 33);
        uint64_t pushed = status_of(context).pushed;
        struct wire_reply reply = {.session = bits % 8 ? status_of(context).session : 0,
                                   .code = (enum wire_code)(bits / 8 % 16),
                                   .sequence = pushed - bits / 128 % 20,
                                   .stored = pushed - bits / 4096 % 20,
                                   .durable = pushed - bits / 65536 % 40,
                                   .credit_batches = bits % 5,
                                   .credit_kib = bits % 3,
                                   .frame_bytes_max = bits % 7 ? 32768 : 0,
                                   .refused_blocks = bits % 2};
        if ((int64_t)reply.durable < 0)
            reply.durable = bits % 50 ? 0 : UINT64_MAX;
        if ((int64_t)reply.stored < 0)
            reply.stored = bits % 50 ? 0 : UINT64_MAX - 1;
        uint8_t bytes[WIRE_REPLY_BYTES_MAX];
        gateway_take_reply(context->gateway, bytes, wire_reply_encode(&reply, bytes),
                           clock_monotonic_ns());
        if (reply.session != 0 && reply.durable <= pushed && reply.durable > durable &&
            reply.stored <= pushed)
            durable = reply.durable;
        (void)push_bytes(context, 1, 0);
        struct ingest_gateway_status status = status_of(context);
        assert_int_equal(status.durable, durable);
        assert_int_equal(status.window_batches, status.pushed - durable);
    }
    assert_true(status_of(context).pushed > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_frame_over_the_limit),
        TEST(test_the_descriptor_tells_of_replies),
        TEST(test_blocks_that_no_daemon_would_take),
        TEST(test_options_are_checked),
        TEST(test_lines_become_blocks),
        TEST(test_a_kept_session_goes_on),
        TEST(test_replies_at_random),
        TEST(test_late_samples_add_up_over_restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
