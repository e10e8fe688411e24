/* The queue as it should be: order, numbers over restarts, bounds, full disks. */
#include "queue_setup.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void test_batches_come_back_in_order(void **state)
{
    struct queue_context *context = *state;
    open_queue(context);
    assert_true(context->queue.session == SESSION && context->queue.next == 1);
    append(context, 300);
    expect(context, 1, 100);
    assert_int_equal(queue_sync(&context->queue), 0);
    assert_true(context->queue.synced == 300);
    queue_forget(&context->queue, 40);
    queue_shut(&context->queue);

    open_queue(context);
    assert_true(context->queue.session == SESSION && context->queue.next == 301);
    assert_true(context->queue.durable == 40 && context->queue.last == 300);
    append(context, 5);
    expect(context, 41, 305);
    expect_end(context);
    append(context, 1);
    expect(context, 306, 306);
    expect_end(context);
    assert_int_equal(context->loss_count, 0);
}

static void test_a_kill_leaves_what_was_written(void **state)
{
    struct queue_context *context = *state;
    for (uint64_t life = 0; life < 20; life++) {
        open_queue(context);
        assert_true(context->queue.next == 1 + 7 * life);
        append(context, 7);
        queue_forget(&context->queue, 3 * life);
        queue_write_mark(&context->queue);
        drop_queue(context);
    }
    open_queue(context);
    assert_true(context->queue.durable == 57);
    expect(context, 58, 140);
    expect_end(context);
    assert_int_equal(context->loss_count, 0);
}

/* The reader has come to the end of the newest file; more is written to it, and then another file
 * is begun. */
static void test_a_file_that_grew_before_the_next(void **state)
{
    struct queue_context *context = *state;
    context->limit_bytes = QUEUE_BYTES_MIN;
    open_queue(context);
    append(context, 1);
    expect(context, 1, 1);
    expect_end(context);
    while (context->queue.segment_count < 3)
        append(context, 1);
    assert_true(context->queue.segments[1].first > 3);
    expect(context, 2, context->queue.last);
    expect_end(context);
    assert_int_equal(context->loss_count, 0);
}

/* What was removed is not missed, also when nothing was written after it. */
static void test_a_kill_after_files_were_removed(void **state)
{
    struct queue_context *context = *state;
    context->limit_bytes = QUEUE_BYTES_MIN;
    open_queue(context);
    while (context->queue.segment_count < 4)
        append(context, 1);
    uint64_t last = context->queue.last, durable = context->queue.segments[2].first + 3;
    queue_forget(&context->queue, durable);
    assert_int_equal(context->queue.segment_count, 2);
    drop_queue(context);
    open_queue(context);
    assert_true(context->queue.durable == durable);
    expect(context, durable + 1, last);
    expect_end(context);
    assert_int_equal(context->loss_count, 0);
}

static void test_one_has_the_queue(void **state)
{
    struct queue_context *context = *state;
    struct queue second;
    open_queue(context);
    const struct queue_options options = {
        .path = context->path, .limit_bytes = context->limit_bytes, .session = 1};
    assert_int_equal(queue_open(&options, &second), -EBUSY);
    queue_shut(&second);
    append(context, 1);
    queue_shut(&context->queue);
    assert_int_equal(queue_open(&options, &second), 0);
    assert_true(second.session == SESSION && second.next == 2);
    queue_shut(&second);
}

static void test_it_is_bounded(void **state)
{
    struct queue_context *context = *state;
    uint8_t frame[FRAME_MAX] = {0};
    context->limit_bytes = QUEUE_BYTES_MIN;
    open_queue(context);
    assert_int_equal(queue_make_room(&context->queue, QUEUE_BYTES_MIN), -EMSGSIZE);
    for (unsigned round = 0; round < 50; round++) {
        int result;
        while ((result = try_append(context)) == 0)
            assert_true(context->queue.used_bytes <= QUEUE_BYTES_MIN);
        assert_int_equal(result, -EAGAIN);
        uint64_t last = context->queue.last;
        assert_int_equal(queue_append(&context->queue, frame, FRAME_MAX, 0, NULL), -EAGAIN);
        assert_true(context->queue.last == last && context->queue.next == last + 1);
        /* The first half goes, or all of it. */
        uint64_t durable = round % 3 == 0 ? last : (context->queue.durable + last) / 2;
        queue_forget(&context->queue, durable);
        assert_int_equal(try_append(context), 0);
    }
    uint64_t first = context->queue.durable + 1, last = context->queue.last;
    queue_shut(&context->queue);
    open_queue(context);
    expect(context, first, last);
    expect_end(context);
    assert_int_equal(context->loss_count, 0);
}

static void test_a_backlog_is_streamed(void **state)
{
    struct queue_context *context = *state;
    context->limit_bytes = (uint64_t)64 << 20;
    open_queue(context);
    while (context->queue.segment_count < 3)
        append(context, 1);
    uint64_t last = context->queue.last;
    queue_shut(&context->queue);
    open_queue(context);
    for (uint64_t sequence = 1; sequence <= last; sequence++) {
        assert_true(take(context) == sequence);
        if (sequence % 1000 == 0)
            queue_forget(&context->queue, sequence - 500);
    }
    expect_end(context);
    assert_true(context->queue.segment_count < 3);
    queue_forget(&context->queue, last);
    assert_int_equal(context->queue.segment_count, 1);
    assert_int_equal(context->loss_count, 0);
}

/* Writes until the file system says no, makes room, and goes on. */
static void fill_the_disk(struct queue_context *context, int error, void (*make_room)(void *),
                          void *pointer)
{
    int result;
    open_queue(context);
    while ((result = try_append(context)) == 0)
        assert_int_equal(queue_sync(&context->queue), 0);
    assert_int_equal(result, error);
    uint64_t last = context->queue.last;
    assert_int_equal(try_append(context), error);
    assert_true(context->queue.last == last && context->queue.error == 0);
    make_room(pointer);
    append(context, 20);
    expect(context, 1, last + 20);
    queue_shut(&context->queue);
    open_queue(context);
    expect(context, 1, last + 20);
    expect_end(context);
    assert_int_equal(context->loss_count, 0);
}

static void raise_limit(void *limit)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, limit), 0);
}

static void test_a_file_that_may_not_grow(void **state)
{
    struct rlimit before, small;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    sigaction(SIGXFSZ, &ignore, &old);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 5003;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fill_the_disk(*state, -EFBIG, raise_limit, &before);
    sigaction(SIGXFSZ, &old, NULL);
}

static void remove_ballast(void *path)
{
    assert_int_equal(unlink(path), 0);
}

/* On a small file system of its own, in a child: mounts are for root in a namespace of its own. */
static int fill_small_file_system(struct queue_context *context)
{
    char ballast[400];
    snprintf(ballast, sizeof ballast, "%s/ballast", context->folder);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", context->folder, "tmpfs", 0, "size=256k") != 0)
        return 77;
    int fd = open(ballast, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(posix_fallocate(fd, 0, 128 << 10), 0);
    close(fd);
    fill_the_disk(context, -ENOSPC, remove_ballast, ballast);
    queue_shut(&context->queue);
    return 0;
}

static void test_a_full_disk(void **state)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(fill_small_file_system(*state));
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

/* As a user who may not write there; root may everywhere. */
static void test_a_folder_that_cannot_be_written(void **state)
{
    struct queue_context *context = *state;
    int status;
    assert_int_equal(mkdir(context->path, 0555), 0);
    assert_int_equal(chmod(context->folder, 0755), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(77);
        _exit(try_open(context) == -EACCES ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    snprintf(context->path, sizeof context->path, "%s/no/queue", context->folder);
    assert_int_equal(try_open(context), -ENOENT);
    snprintf(context->path, sizeof context->path, "/dev/null");
    assert_int_equal(try_open(context), -ENOTDIR);
}

static void test_what_a_crash_left_unfinished_goes(void **state)
{
    struct queue_context *context = *state;
    write_whole(context, "batches-0000000000000001.unfinished", (const uint8_t *)"half", 4);
    open_queue(context);
    append(context, 3);
    char path[400];
    snprintf(path, sizeof path, "%s/batches-0000000000000001.unfinished", context->path);
    assert_int_not_equal(access(path, F_OK), 0);
    expect(context, 1, 3);
}

/* Whatever else is in the folder is another's: it is left alone, and in nobody's way. */
static void test_names_of_others(void **state)
{
    static const char *const names[] = {"notes.unfinished", "batches-1.unfinished", "batches-x",
                                        "batches-0000000000000001.unfinished.txt"};
    struct queue_context *context = *state;
    char path[400];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        write_whole(context, names[i], (const uint8_t *)"mine", 4);
    snprintf(path, sizeof path, "%s/folder.unfinished", context->path);
    assert_int_equal(mkdir(path, 0700), 0);
    open_queue(context);
    append(context, 3);
    expect(context, 1, 3);
    assert_int_equal(access(path, F_OK), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", context->path, names[i]);
        assert_int_equal(access(path, F_OK), 0);
    }
}

static void test_a_batch_that_is_taken_back(void **state)
{
    struct queue_context *context = *state;
    open_queue(context);
    append(context, 3);
    expect(context, 1, 2);
    context->queue.error = -EIO; /* as after a sync that failed */
    queue_take_back(&context->queue);
    assert_true(context->queue.last == 2 && context->queue.next == 3);
    expect_end(context);
    assert_int_equal(try_append(context), -EIO);
    assert_int_equal(queue_sync(&context->queue), -EIO);
    queue_shut(&context->queue);
    open_queue(context);
    assert_true(context->queue.next == 3);
    append(context, 1);
    expect(context, 1, 3);
    assert_int_equal(context->loss_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(test_batches_come_back_in_order),
        QUEUE_TEST(test_a_kill_leaves_what_was_written),
        QUEUE_TEST(test_a_file_that_grew_before_the_next),
        QUEUE_TEST(test_a_kill_after_files_were_removed),
        QUEUE_TEST(test_one_has_the_queue),
        QUEUE_TEST(test_it_is_bounded),
        QUEUE_TEST(test_a_backlog_is_streamed),
        QUEUE_TEST(test_a_file_that_may_not_grow),
        QUEUE_TEST(test_a_full_disk),
        QUEUE_TEST(test_a_folder_that_cannot_be_written),
        QUEUE_TEST(test_what_a_crash_left_unfinished_goes),
        QUEUE_TEST(test_names_of_others),
        QUEUE_TEST(test_a_batch_that_is_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
