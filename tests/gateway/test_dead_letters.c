/* What the daemon refused is kept and sent again, once, and only what was refused. */
#include "dead_letters.h"
#include "gateway_internal.h"
#include "gateway_setup.h"
#include "temporary_folder.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

static char *folder;
static char queue_path[300];
static int last_kept;
static uint64_t last_samples;

static void on_refused_kept(const struct ingest_refusal *refusal, void *pointer)
{
    last_kept = refusal->kept;
    last_samples = refusal->refused_samples;
    on_refused(refusal, pointer);
}

static int letters_setup(void **state)
{
    folder = temporary_folder_make();
    snprintf(queue_path, sizeof queue_path, "%s/queue", folder);
    last_kept = 0;
    return setup(state);
}

static int letters_teardown(void **state)
{
    teardown(state);
    temporary_folder_remove(folder);
    return 0;
}

static void open_queued(struct context *context, struct ingest_gateway_options options)
{
    options.queue = queue_path;
    open_with(context, options);
    context->gateway->options.on_refused = on_refused_kept;
}

static unsigned count_letters(void)
{
    char path[400];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/dead-letters", queue_path);
    DIR *entries = opendir(path);
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void refuse(struct context *context, uint64_t sequence, uint32_t blocks, const char *text)
{
    context->daemon.reply.refused_blocks = blocks;
    context->daemon.reply.stored = sequence;
    fake_daemon_answer(&context->daemon, context->gateway, WIRE_TYPE_MISMATCH, sequence, text);
}

/* Six series: of each clock, and two that take the times of the block before them. */
static void push_mixed(struct context *context)
{
    static const double values[3] = {1, 2, 3};
    static const int64_t times_ns[3] = {10, 20, 40};
    const struct ingest_block blocks[] = {
        {.name = "arrival", .dtype = "f8", .count = 1, .values = values},
        {.name = "regular",
         .dtype = "f8",
         .clock = INGEST_REGULAR,
         .t0_ns = 1000,
         .period_ps = 1500,
         .count = 3,
         .values = values},
        {.name = "as-regular",
         .dtype = "f8",
         .clock = INGEST_PREVIOUS,
         .count = 3,
         .values = values},
        {.name = "explicit",
         .dtype = "f8",
         .clock = INGEST_EXPLICIT,
         .times_ns = times_ns,
         .count = 3,
         .values = values},
        {.name = "as-explicit",
         .dtype = "f8",
         .clock = INGEST_PREVIOUS,
         .count = 3,
         .values = values},
        {.name = "last",
         .dtype = "f8",
         .clock = INGEST_REGULAR,
         .t0_ns = INGEST_T0_ARRIVAL,
         .period_ps = 2000,
         .count = 2,
         .values = values},
    };
    assert_int_equal(ingest_gateway_push(context->gateway, blocks, 6, 0, NULL), 0);
}

static void expect_block(struct context *context, const char *name, enum wire_clock clock,
                         int64_t first_ns, int64_t last_ns)
{
    struct wire_block block;
    const char *reason;
    assert_int_equal(wire_batch_next(&context->daemon.batch, &block, &reason), WIRE_OK);
    assert_int_equal(block.name_bytes, strlen(name));
    assert_memory_equal(block.name, name, block.name_bytes);
    assert_int_equal(block.clock, clock);
    if (clock == WIRE_CLOCK_EXPLICIT) {
        int64_t at;
        memcpy(&at, block.times_ns, sizeof at);
        assert_true(at == first_ns);
        memcpy(&at, (const uint8_t *)block.times_ns + (size_t)8 * (block.count - 1), sizeof at);
        assert_true(at == last_ns);
    } else if (clock == WIRE_CLOCK_REGULAR) {
        assert_true(block.t0_ns == first_ns);
    }
}

static void resend(struct context *context, uint64_t letters, uint64_t samples)
{
    struct ingest_resend resent;
    assert_int_equal(ingest_gateway_resend(context->gateway, 1000, &resent), 0);
    assert_true(resent.letters == letters && resent.samples == samples);
    assert_true(resent.left == 0 && resent.unusable == 0);
}

static void test_only_the_refused_blocks_come_again(void **state)
{
    struct context *context = *state;
    open_queued(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    push_mixed(context);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    refuse(context, 1, 4, "series arrival: no [blocks 0,2,4-5]");
    assert_int_equal(last_kept, 1);
    assert_true(last_samples == 1 + 3 + 3 + 2);
    assert_int_equal(count_letters(), 1);
    assert_true(status_of(context).dead_letters == 1);
    fake_daemon_ok(&context->daemon, context->gateway, 1, 1);

    resend(context, 1, 9);
    assert_int_equal(count_letters(), 0);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 2);
    assert_int_equal(context->daemon.batch.block_count, 4);
    expect_block(context, "arrival", WIRE_CLOCK_ARRIVAL, 0, 0);
    expect_block(context, "as-regular", WIRE_CLOCK_EXPLICIT, 1000, 1003);
    expect_block(context, "as-explicit", WIRE_CLOCK_EXPLICIT, 10, 40);
    expect_block(context, "last", WIRE_CLOCK_REGULAR, INGEST_T0_ARRIVAL, 0);
}

/* Lists that no daemon of ours makes: the whole batch comes again. */
static void test_lists_that_do_not_fit(void **state)
{
    struct context *context = *state;
    static const char *const texts[] = {
        "no",
        "no [blocks ]",
        "no [blocks 0]",
        "no [blocks 0,0]",
        "no [blocks 1,0]",
        "no [blocks 5,6]",
        "no [blocks 0-]",
        "no [blocks -1]",
        "no [blocks 3-2,4]",
        "no [blocks 0,1",
        "no [blocks 0,1] and more",
        "no [blocks 99999999999999999999,1]",
        "no [blocks 0-18446744073709551615]",
    };
    open_queued(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    uint64_t sequence = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        push_mixed(context);
        fake_daemon_expect_batch(&context->daemon, context->gateway, ++sequence);
        refuse(context, sequence, 2, texts[i]);
        assert_int_equal(last_kept, 1);
        resend(context, 1, 15);
        fake_daemon_expect_batch(&context->daemon, context->gateway, ++sequence);
        assert_int_equal(context->daemon.batch.block_count, 6);
        fake_daemon_ok(&context->daemon, context->gateway, sequence, sequence);
    }
}

static void test_a_letter_is_written_once(void **state)
{
    struct context *context = *state;
    open_queued(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 3);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    refuse(context, 1, 1, "no");
    refuse(context, 1, 1, "no");
    assert_int_equal(context->refused_calls, 1);
    assert_int_equal(count_letters(), 1);
    /* A daemon that was restarted refuses it again, after a restart of the gateway too. */
    ingest_gateway_close(context->gateway);
    open_queued(context, (struct ingest_gateway_options){0});
    while (fake_daemon_receive(&context->daemon, context->gateway, 300) &&
           context->daemon.batch.block_count != 0)
        ;
    fake_daemon_ok(&context->daemon, context->gateway, 0, 0);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    refuse(context, 1, 1, "no");
    assert_int_equal(count_letters(), 1);
}

/* The process ends after a letter is in the queue and before its file is removed. */
static void test_a_crash_between_queue_and_folder(void **state)
{
    struct context *context = *state;
    open_queued(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 2);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    refuse(context, 1, 1, "no");
    struct dead_letter letter;
    const struct dead_letters letters = context->gateway->letters;
    uint64_t session = status_of(context).session;
    assert_int_equal(dead_letters_read(&letters, session, 1, &letter), 0);
    resend(context, 1, 1);
    assert_int_equal(dead_letters_put(&context->gateway->letters, &letter), 0);
    dead_letter_free(&letter);
    assert_int_equal(count_letters(), 1);
    ingest_gateway_close(context->gateway);
    open_queued(context, (struct ingest_gateway_options){0});
    assert_int_equal(count_letters(), 0);
    assert_true(status_of(context).pushed == 3);
    resend(context, 0, 0);
}

static bool removals_fail;

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
int __real_unlinkat(int folder_fd, const char *name, int flags);
int __wrap_unlinkat(int folder_fd, const char *name, int flags);
int __wrap_unlinkat(int folder_fd, const char *name, int flags)
{
    if (removals_fail) {
        errno = EACCES;
        return -1;
    }
    return __real_unlinkat(folder_fd, name, flags);
}
// NOLINTEND(bugprone-reserved-identifier)

/* A letter is in the queue and its file cannot be removed: trying again sends nothing again. */
static void test_a_letter_that_cannot_be_removed(void **state)
{
    struct context *context = *state;
    struct ingest_resend resent;
    open_queued(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 2);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    refuse(context, 1, 1, "no");
    removals_fail = true;
    for (int tries = 0; tries < 3; tries++) {
        assert_int_equal(ingest_gateway_resend(context->gateway, 1000, &resent), -EACCES);
        assert_true(resent.letters == 0 && resent.left == 1);
        assert_true(status_of(context).pushed == 3);
    }
    removals_fail = false;
    resend(context, 0, 0);
    assert_int_equal(count_letters(), 0);
    assert_true(status_of(context).pushed == 3);
}

static void test_the_folder_is_bounded(void **state)
{
    struct context *context = *state;
    open_queued(context, (struct ingest_gateway_options){.dead_letters_bytes = 500});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 6);
    for (uint64_t sequence = 1; sequence <= 6; sequence++)
        fake_daemon_expect_batch(&context->daemon, context->gateway, sequence);
    for (uint64_t sequence = 1; sequence <= 6; sequence++) {
        refuse(context, sequence, 1, "no");
        assert_int_equal(last_kept, sequence <= 3 ? 1 : -EDQUOT);
    }
    assert_int_equal(count_letters(), 3);
    assert_true(status_of(context).dead_letters == 3);
    assert_true(status_of(context).dead_letters_lost == 3);
}

static void test_a_damaged_letter_stays(void **state)
{
    struct context *context = *state;
    char path[400];
    struct ingest_resend resent;
    open_queued(context, (struct ingest_gateway_options){0});
    fake_daemon_greet(&context->daemon, context->gateway);
    push(context, 1);
    fake_daemon_expect_batch(&context->daemon, context->gateway, 1);
    refuse(context, 1, 1, "no");
    snprintf(path, sizeof path, "%s/dead-letters/refused-%016llx-0000000000000001", queue_path,
             (unsigned long long)status_of(context).session);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long length = ftell(file);
    /* Each byte in turn. */
    for (long at = 0; at < length; at++) {
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        int byte = fgetc(file);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fputc(byte ^ 0x10, file), byte ^ 0x10);
        fflush(file);
        assert_int_equal(ingest_gateway_resend(context->gateway, 0, &resent), 0);
        assert_true(resent.letters == 0 && resent.unusable == 1 && resent.left == 1);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fputc(byte, file), byte);
    }
    fclose(file);
    resend(context, 1, 1);
}

static void test_without_a_queue(void **state)
{
    struct context *context = *state;
    struct ingest_resend resent;
    open_with(context, (struct ingest_gateway_options){0});
    assert_int_equal(ingest_gateway_resend(context->gateway, 0, &resent), -EINVAL);
}

#define LETTERS_TEST(name) cmocka_unit_test_setup_teardown(name, letters_setup, letters_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LETTERS_TEST(test_only_the_refused_blocks_come_again),
        LETTERS_TEST(test_lists_that_do_not_fit),
        LETTERS_TEST(test_a_letter_is_written_once),
        LETTERS_TEST(test_a_crash_between_queue_and_folder),
        LETTERS_TEST(test_a_letter_that_cannot_be_removed),
        LETTERS_TEST(test_the_folder_is_bounded),
        LETTERS_TEST(test_a_damaged_letter_stays),
        LETTERS_TEST(test_without_a_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
