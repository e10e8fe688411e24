/* The gateway with a queue on disk, against a daemon that says what the test wants. */
#include "gateway_setup.h"
#include "temporary_folder.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder;
static char queue_path[300];
static struct ingest_loss last_loss;
static unsigned loss_calls;

static void on_lost(const struct ingest_loss *loss, void *context)
{
    (void)context;
    last_loss = *loss;
    loss_calls++;
}

static int queue_setup(void **state)
{
    folder = temporary_folder_make();
    snprintf(queue_path, sizeof queue_path, "%s/queue", folder);
    loss_calls = 0;
    return setup(state);
}

static int queue_teardown(void **state)
{
    teardown(state);
    temporary_folder_remove(folder);
    return 0;
}

static void open_queued(struct context *context, struct ingest_gateway_options options)
{
    options.queue = queue_path;
    options.on_lost = on_lost;
    open_with(context, options);
}

static void reopen(struct context *context, struct ingest_gateway_options options)
{
    ingest_gateway_close(context->gateway);
    context->gateway = NULL;
    open_queued(context, options);
}

static void test_a_restart_sends_what_was_not_durable(void **state)
{
    struct context *context = *state;
    const struct ingest_gateway_options options = {0};
    open_queued(context, options);
    uint64_t session = status_of(context).session;
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 10);
    for (uint64_t sequence = 1; sequence <= 10; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    fake_daemon_ok(&context->daemon, context->gateway, 10, 4);
    assert_true(status_of(context).synced == 10);

    reopen(context, options);
    assert_true(status_of(context).session == session && status_of(context).pushed == 10);
    fake_daemon_expect_hello(&context->daemon, context->gateway, 5);
    /* The daemon was restarted meanwhile and knows no more than what was durable. */
    fake_daemon_ok(&context->daemon, context->gateway, 4, 4);
    push(context, 1);
    for (uint64_t sequence = 5; sequence <= 11; sequence++) {
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
        assert_true(context->daemon.batch.session == session);
    }
    fake_daemon_ok(&context->daemon, context->gateway, 11, 11);
    assert_int_equal(ingest_gateway_drain(context->gateway, INGEST_DURABLE, 1000), 0);

    /* All is durable, and the queue knows it. */
    reopen(context, options);
    assert_true(status_of(context).session == session);
    fake_daemon_expect_hello(&context->daemon, context->gateway, 12);
    assert_int_equal(loss_calls, 0);
}

static void test_pushes_do_not_wait_for_a_daemon(void **state)
{
    struct context *context = *state;
    fake_daemon_stop(&context->daemon);
    open_queued(context, (struct ingest_gateway_options){.window_batches = 4});
    push(context, 50);
    struct ingest_gateway_status status = status_of(context);
    assert_true(status.pushed == 50 && status.synced == 50 && status.window_batches == 4);
    assert_int_equal(ingest_gateway_drain(context->gateway, INGEST_STORED, 10), -ETIMEDOUT);
    fake_daemon_start(&context->daemon);
    fake_daemon_expect_hello(&context->daemon, context->gateway, 1);
    fake_daemon_ok(&context->daemon, context->gateway, 0, 0);
    for (uint64_t sequence = 1; sequence <= 50; sequence++) {
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
        fake_daemon_ok(&context->daemon, context->gateway, sequence, sequence);
        assert_true(status_of(context).window_batches <= 4);
    }
    assert_int_equal(ingest_gateway_drain(context->gateway, INGEST_DURABLE, 1000), 0);
    assert_int_equal(status_of(context).resent_batches, 0);
}

static void test_a_full_queue_pushes_back(void **state)
{
    struct context *context = *state;
    open_queued(context, (struct ingest_gateway_options){.queue_bytes = 65536});
    unsigned pushed = 0;
    while (push_bytes(context, 1000, 0) == 0)
        pushed++;
    assert_true(pushed > 40 && pushed < 65);
    assert_true(status_of(context).queue_bytes <= 65536);
    assert_int_equal(push_bytes(context, 1000, 0), -EAGAIN);
    assert_int_equal(push_bytes(context, 1000, 20), -EAGAIN);
    fake_daemon_greet(&context->daemon, context->gateway);
    for (uint64_t sequence = 1; sequence <= pushed; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    fake_daemon_ok(&context->daemon, context->gateway, pushed, pushed / 2);
    assert_int_equal(push_bytes(context, 1000, 1000), 0);
    assert_true(status_of(context).pushed == pushed + 1);
}

static void test_a_gap_is_crossed_by_hello(void **state)
{
    struct context *context = *state;
    const struct ingest_gateway_options options = {0};
    open_queued(context, options);
    push(context, 5);
    fake_daemon_expect_hello(&context->daemon, context->gateway, 1);
    ingest_gateway_close(context->gateway);
    context->gateway = NULL;

    /* The third batch is damaged: all five have the same length. */
    char path[400];
    struct stat status;
    snprintf(path, sizeof path, "%s/batches-0000000000000001", queue_path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    long record = ((long)status.st_size - 64 - 80) / 5;
    assert_int_equal(fseek(file, 64 + 3 * record - 1, SEEK_SET), 0);
    assert_int_equal(fputc('x', file), 'x');
    fclose(file);

    open_queued(context, options);
    assert_int_equal(loss_calls, 1);
    assert_true(last_loss.first_sequence == 3 && last_loss.last_sequence == 3);
    assert_true(status_of(context).lost_batches == 1);
    fake_daemon_greet(&context->daemon, context->gateway);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 2);
    fake_daemon_ok(&context->daemon, context->gateway, 2, 1);
    fake_daemon_expect_nothing(&context->daemon, context->gateway, 30);
    fake_daemon_ok(&context->daemon, context->gateway, 2, 2);
    fake_daemon_expect_hello(&context->daemon, context->gateway, 4);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 4);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 5);
    fake_daemon_ok(&context->daemon, context->gateway, 5, 5);
    assert_int_equal(ingest_gateway_drain(context->gateway, INGEST_DURABLE, 1000), 0);
}

static void test_an_older_copy_is_noticed(void **state)
{
    struct context *context = *state;
    open_queued(context, (struct ingest_gateway_options){0});
    push(context, 3);
    fake_daemon_expect_hello(&context->daemon, context->gateway, 1);
    fake_daemon_ok(&context->daemon, context->gateway, 2, 2);
    assert_int_equal(loss_calls, 1);
    assert_true(last_loss.first_sequence == 1 && last_loss.last_sequence == 2);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 3);
}

static void test_syncs_at_an_interval(void **state)
{
    struct context *context = *state;
    open_queued(context, (struct ingest_gateway_options){.queue_sync_ms = 50});
    push(context, 3);
    /* A machine that is stopped for 50 ms here has synced, which is no fault. */
    ingest_gateway_poll(context->gateway, 200);
    assert_true(status_of(context).synced == 3);
    push(context, 2);
    assert_int_equal(ingest_gateway_sync(context->gateway), 0);
    assert_true(status_of(context).synced == 5);
    ingest_gateway_close(context->gateway);
    context->gateway = NULL;
    open_with(context, (struct ingest_gateway_options){0});
    assert_int_equal(ingest_gateway_sync(context->gateway), -EINVAL);
}

static void test_options(void **state)
{
    struct context *context = *state;
    struct ingest_gateway *second;
    open_queued(context, (struct ingest_gateway_options){0});
    struct ingest_gateway_options options = {.endpoint = context->daemon.endpoint,
                                             .queue = queue_path};
    assert_int_equal(ingest_gateway_open(&options, &second), -EBUSY);
    options.session = 1;
    assert_int_equal(ingest_gateway_open(&options, &second), -EINVAL);
    options.session = 0;
    options.queue_bytes = 65535;
    assert_int_equal(ingest_gateway_open(&options, &second), -EINVAL);
    options.queue_bytes = 0;
    options.queue_sync_ms = -1;
    assert_int_equal(ingest_gateway_open(&options, &second), -EINVAL);
}

#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(test_a_restart_sends_what_was_not_durable),
        QUEUE_TEST(test_pushes_do_not_wait_for_a_daemon),
        QUEUE_TEST(test_a_full_queue_pushes_back),
        QUEUE_TEST(test_a_gap_is_crossed_by_hello),
        QUEUE_TEST(test_an_older_copy_is_noticed),
        QUEUE_TEST(test_syncs_at_an_interval),
        QUEUE_TEST(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
