/* The gateway against a daemon that says exactly what the test wants. */
#include "clock_ns.h"
#include "cmocka_tests.h"
#include "gateway_internal.h"
#include "gateway_setup.h"

#include <errno.h>
#include <string.h>

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
    open_with(context, (struct ingest_gateway_options){.silence_ms = 2000});
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
        TEST(test_replies_to_others_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
