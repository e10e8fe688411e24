/* Damage to a queue's files: each is told, nothing false is read, all that is whole is read, and no
 * number is used twice. */
#include "queue_setup.h"

#include <errno.h>

/* Where each record of the first file begins, and the file's end. */
static size_t find_records(const uint8_t *bytes, size_t length, size_t *offsets, size_t limit)
{
    size_t count = 0;
    for (size_t at = sizeof(struct queue_file_header); at < length; count++) {
        struct queue_record_header header;
        assert_true(count < limit);
        memcpy(&header, bytes + at, sizeof header);
        offsets[count] = at;
        at += sizeof header + header.frame_bytes;
    }
    return count;
}

/* One file with so many batches, as a killed process leaves it. */
static uint8_t *make_file(struct queue_context *context, unsigned batches, size_t *ret_length)
{
    open_queue(context);
    append(context, batches);
    drop_queue(context);
    return read_whole(context, FIRST_FILE, ret_length);
}

static void start_from(struct queue_context *context, const uint8_t *bytes, size_t length)
{
    remove_queue(context);
    write_whole(context, FIRST_FILE, bytes, length);
    context->loss_count = 0;
}

static void test_a_tail_torn_at_each_byte(void **state)
{
    struct queue_context *context = *state;
    size_t length, offsets[8];
    uint8_t *bytes = make_file(context, 5, &length);
    assert_int_equal(find_records(bytes, length, offsets, 8), 5);
    /* What a file system leaves behind the torn place: nothing, zeros, or what was there before. */
    for (int filling = 0; filling < 3; filling++) {
        for (size_t cut = offsets[4]; cut < length; cut++) {
            uint8_t *torn = malloc(length);
            memcpy(torn, bytes, length);
            for (size_t i = cut; i < length; i++)
                torn[i] = filling == 1 ? 0 : (uint8_t)(i * 7);
            start_from(context, torn, filling == 0 ? cut : length);
            open_queue(context);
            bool is_told = filling != 0 || cut > offsets[4];
            assert_int_equal(context->loss_count, is_told ? 1 : 0);
            assert_true(!is_told ||
                        (context->losses[0].first == 5 && context->losses[0].last == 0));
            /* Nobody can tell whether the torn one ever went out. */
            assert_true(is_told ? context->queue.next > 1000 : context->queue.next == 5);
            uint64_t next = context->queue.next;
            append(context, 2);
            expect(context, 1, 4);
            expect(context, next, next + 1);
            expect_end(context);
            queue_shut(&context->queue);
            /* Told once. */
            context->loss_count = 0;
            open_queue(context);
            expect(context, 1, 4);
            expect(context, next, next + 1);
            assert_int_equal(context->loss_count, 0);
            queue_shut(&context->queue);
            free(torn);
        }
    }
    free(bytes);
}

static void test_a_damaged_byte_anywhere(void **state)
{
    struct queue_context *context = *state;
    size_t length, offsets[8];
    uint8_t *bytes = make_file(context, 5, &length);
    assert_int_equal(find_records(bytes, length, offsets, 8), 5);
    uint64_t random = 1;
    for (size_t at = 0; at < length; at++) {
        uint8_t was = bytes[at];
        bytes[at] ^= (uint8_t)(1 + random_bits(&random) % 255);
        start_from(context, bytes, length);
        bytes[at] = was;
        unsigned hurt = 0; /* the batch that the byte belongs to; 0 = the file's header */
        while (hurt < 5 && at >= offsets[hurt])
            hurt++;
        open_queue(context);
        assert_true(context->queue.session == SESSION);
        assert_true(hurt == 5 ? context->queue.next > 1000 : context->queue.next >= 6);
        uint64_t next = context->queue.next;
        append(context, 1);
        for (unsigned sequence = 1; sequence <= 5; sequence++)
            if (sequence != hurt)
                assert_true(take(context) == sequence);
        assert_true(take(context) == next);
        expect_end(context);
        assert_int_equal(context->loss_count, 1);
        assert_true(context->losses[0].first == hurt);
        assert_true(hurt == 0 || hurt == 5 || context->losses[0].last == hurt);
        assert_true(context->losses[0].bytes > 0);
        queue_shut(&context->queue);
    }
    free(bytes);
}

static void test_a_file_is_missing(void **state)
{
    struct queue_context *context = *state;
    context->limit_bytes = QUEUE_BYTES_MIN;
    open_queue(context);
    while (context->queue.segment_count < 4)
        append(context, 1);
    uint64_t second = context->queue.segments[1].first, third = context->queue.segments[2].first;
    uint64_t last = context->queue.last;
    drop_queue(context);
    char name[QUEUE_NAME_BYTES], path[400];
    queue_segment_name(second, name);
    snprintf(path, sizeof path, "%s/%s", context->path, name);
    assert_int_equal(unlink(path), 0);
    open_queue(context);
    expect(context, 1, second - 1);
    expect(context, third, last);
    expect_end(context);
    assert_int_equal(context->loss_count, 1);
    assert_true(context->losses[0].first == second && context->losses[0].last == third - 1);
    assert_true(context->losses[0].bytes == 0);
    queue_shut(&context->queue);

    /* The first one too, and a file of zeros in the place of the second. */
    context->loss_count = 0;
    snprintf(path, sizeof path, "%s/" FIRST_FILE, context->path);
    assert_int_equal(unlink(path), 0);
    write_whole(context, name, (const uint8_t[100]){0}, 100);
    open_queue(context);
    expect(context, third, last);
    expect_end(context);
    assert_int_equal(context->loss_count, 1);
    assert_true(context->losses[0].first == 1 && context->losses[0].last == third - 1);
}

/* Rewrites the header of the first file. */
static void change_header(struct queue_context *context, uint32_t version, uint8_t boot)
{
    size_t length;
    uint8_t *bytes = read_whole(context, FIRST_FILE, &length);
    struct queue_file_header header;
    memcpy(&header, bytes, sizeof header);
    header.version = version;
    header.boot_id[0] ^= boot;
    header.crc32 = queue_file_header_crc32(&header);
    memcpy(bytes, &header, sizeof header);
    write_whole(context, FIRST_FILE, bytes, length);
    free(bytes);
}

static void test_numbers_are_left_out_after_a_power_cut(void **state)
{
    struct queue_context *context = *state;
    open_queue(context);
    append(context, 3);
    drop_queue(context);
    change_header(context, QUEUE_VERSION, 1);
    open_queue(context);
    uint64_t next = context->queue.next;
    assert_true(next > 1000);
    append(context, 1);
    expect(context, 1, 3);
    expect(context, next, next);
    queue_shut(&context->queue);
    assert_int_equal(context->loss_count, 0);

    /* A queue that was closed lacks nothing. */
    remove_queue(context);
    open_queue(context);
    append(context, 3);
    queue_shut(&context->queue);
    change_header(context, QUEUE_VERSION, 1);
    open_queue(context);
    assert_true(context->queue.next == 4);
    expect(context, 1, 3);
}

static void test_another_version_is_left_alone(void **state)
{
    struct queue_context *context = *state;
    size_t length, after;
    open_queue(context);
    append(context, 3);
    queue_shut(&context->queue);
    change_header(context, QUEUE_VERSION + 1, 0);
    uint8_t *bytes = read_whole(context, FIRST_FILE, &length);
    assert_int_equal(try_open(context), -EPROTONOSUPPORT);
    uint8_t *same = read_whole(context, FIRST_FILE, &after);
    assert_int_equal(length, after);
    assert_memory_equal(bytes, same, length);
    free(bytes);
    free(same);
}

static void test_nothing_readable(void **state)
{
    struct queue_context *context = *state;
    for (size_t length = 0; length < 3000; length = 2 * length + 50) {
        uint8_t *zeros = calloc(1, length + 1);
        write_whole(context, FIRST_FILE, zeros, length);
        write_whole(context, "batches-something", zeros, length);
        free(zeros);
        context->loss_count = 0;
        open_queue(context);
        assert_int_equal(context->loss_count, 1);
        assert_true(context->losses[0].bytes == length);
        append(context, 2);
        expect(context, 1, 2);
        char path[400];
        snprintf(path, sizeof path, "%s/unreadable-" FIRST_FILE, context->path);
        assert_int_equal(access(path, F_OK), 0);
        queue_shut(&context->queue);
        snprintf(path, sizeof path, "%s/" FIRST_FILE, context->path);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_an_empty_last_file(void **state)
{
    struct queue_context *context = *state;
    open_queue(context);
    append(context, 3);
    queue_shut(&context->queue);
    write_whole(context, "batches-0000000000000009", NULL, 0);
    open_queue(context);
    assert_true(context->queue.session == SESSION);
    assert_true(context->queue.next > 1000);
    uint64_t next = context->queue.next;
    append(context, 1);
    expect(context, 1, 3);
    expect(context, next, next);
    expect_end(context);
    assert_int_equal(context->loss_count, 1);
}

/* Samples may be anything, also a piece of a queue: it is not taken for records. */
static void test_a_record_within_a_frame(void **state)
{
    struct queue_context *context = *state;
    size_t length, offsets[8] = {0};
    uint8_t *bytes = make_file(context, 3, &length);
    find_records(bytes, length, offsets, 8);
    size_t inner_bytes = offsets[2] - offsets[1];
    uint8_t frame[FRAME_MAX] = {0};
    memcpy(frame + 64, bytes + offsets[1], inner_bytes);
    open_queue(context);
    assert_int_equal(queue_append(&context->queue, frame, sizeof frame, 0, NULL), 0);
    append(context, 1);
    drop_queue(context);
    free(bytes);
    bytes = read_whole(context, FIRST_FILE, &length);
    assert_int_equal(find_records(bytes, length, offsets, 8), 5);
    bytes[offsets[3] + 30] ^= 1; /* its header */
    start_from(context, bytes, length);
    open_queue(context);
    expect(context, 1, 3);
    expect(context, 5, 5);
    expect_end(context);
    assert_int_equal(context->loss_count, 1);
    assert_true(context->losses[0].first == 4 && context->losses[0].last == 4);
    free(bytes);
}

/* Only batches have sequences. A mark that has one is no record, whatever its checksum says, and
 * the numbers go on behind the batches. */
static void test_a_mark_with_a_sequence(void **state)
{
    struct queue_context *context = *state;
    size_t length;
    uint8_t *bytes = make_file(context, 3, &length);
    struct queue_record_header mark = {
        .kind = QUEUE_MARK, .session = SESSION, .sequence = UINT64_MAX};
    memcpy(mark.magic, queue_record_magic, sizeof mark.magic);
    mark.header_crc32 = queue_record_crc32(&mark, length);
    uint8_t *longer = realloc(bytes, length + sizeof mark);
    assert_non_null(longer);
    bytes = longer;
    memcpy(bytes + length, &mark, sizeof mark);
    start_from(context, bytes, length + sizeof mark);
    open_queue(context);
    uint64_t next = context->queue.next;
    assert_true(next > 3);
    expect(context, 1, 3);
    append(context, 1);
    expect(context, next, next);
    expect_end(context);
    assert_int_equal(context->loss_count, 1);
    assert_true(context->losses[0].bytes == sizeof mark);
    free(bytes);
}

/* A damaged batch is the last one, and a mark behind it says that there was one: its number is not
 * used again, for the daemon may have it. */
static void test_the_last_batch_of_a_closed_queue(void **state)
{
    struct queue_context *context = *state;
    size_t length, offsets[8];
    open_queue(context);
    append(context, 5);
    queue_shut(&context->queue);
    uint8_t *bytes = read_whole(context, FIRST_FILE, &length);
    assert_int_equal(find_records(bytes, length, offsets, 8), 6);
    for (size_t at = offsets[4]; at < offsets[5]; at++) {
        bytes[at] ^= 1;
        start_from(context, bytes, length);
        bytes[at] ^= 1;
        open_queue(context);
        assert_true(context->queue.next == 6);
        append(context, 1);
        expect(context, 1, 4);
        expect(context, 6, 6);
        expect_end(context);
        assert_int_equal(context->loss_count, 1);
        assert_true(context->losses[0].first == 5 && context->losses[0].last == 5);
        queue_shut(&context->queue);
    }
    free(bytes);
}

/* A record whose frame would reach behind the end of its file is none, and it does not become one
 * by what is appended later: that would lie within its frame. */
static void test_a_frame_longer_than_the_file(void **state)
{
    struct queue_context *context = *state;
    size_t length, offsets[8] = {0};
    open_queue(context);
    append(context, 3);
    queue_shut(&context->queue);
    uint8_t *bytes = read_whole(context, FIRST_FILE, &length);
    assert_int_equal(find_records(bytes, length, offsets, 8), 4);
    struct queue_record_header header;
    memcpy(&header, bytes + offsets[2], sizeof header);
    header.frame_bytes = (uint32_t)(length - offsets[2]);
    header.header_crc32 = queue_record_crc32(&header, offsets[2]);
    memcpy(bytes + offsets[2], &header, sizeof header);
    start_from(context, bytes, length);
    open_queue(context);
    append(context, 2);
    drop_queue(context);
    open_queue(context);
    expect(context, 1, 2);
    expect(context, 4, 5);
    expect_end(context);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(test_a_tail_torn_at_each_byte),
        QUEUE_TEST(test_a_damaged_byte_anywhere),
        QUEUE_TEST(test_a_file_is_missing),
        QUEUE_TEST(test_numbers_are_left_out_after_a_power_cut),
        QUEUE_TEST(test_another_version_is_left_alone),
        QUEUE_TEST(test_nothing_readable),
        QUEUE_TEST(test_an_empty_last_file),
        QUEUE_TEST(test_a_record_within_a_frame),
        QUEUE_TEST(test_a_mark_with_a_sequence),
        QUEUE_TEST(test_the_last_batch_of_a_closed_queue),
        QUEUE_TEST(test_a_frame_longer_than_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
