/* queue_setup.h - a queue in a folder of its own, whose batches can be told apart, and what was
 * reported as lost. */
#ifndef INGEST_QUEUE_SETUP_H
#define INGEST_QUEUE_SETUP_H

#include "cmocka_tests.h"
#include "queue.h"
#include "random_bits.h"
#include "temporary_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SESSION    UINT64_C(0x5e55104)
#define FRAME_MAX  4096
#define LOSSES_MAX 64

struct queue_context {
    char *folder; /* holds the queue's own folder and copies of it */
    char path[300];
    struct queue queue;
    uint64_t limit_bytes;
    struct queue_loss losses[LOSSES_MAX];
    size_t loss_count;
};

static inline void note_loss(const struct queue_loss *loss, void *pointer)
{
    struct queue_context *context = pointer;
    assert_true(context->loss_count < LOSSES_MAX);
    context->losses[context->loss_count++] = *loss;
}

static inline int queue_setup(void **state)
{
    struct queue_context *context = calloc(1, sizeof *context);
    context->folder = temporary_folder_make();
    snprintf(context->path, sizeof context->path, "%s/queue", context->folder);
    context->limit_bytes = (uint64_t)1 << 20;
    *state = context;
    return 0;
}

static inline int queue_teardown(void **state)
{
    struct queue_context *context = *state;
    queue_shut(&context->queue);
    temporary_folder_remove(context->folder);
    free(context);
    return 0;
}

static inline int try_open(struct queue_context *context)
{
    const struct queue_options options = {.path = context->path,
                                          .limit_bytes = context->limit_bytes,
                                          .session = SESSION,
                                          .lost = note_loss,
                                          .lost_context = context};
    return queue_open(&options, &context->queue);
}

static inline void open_queue(struct queue_context *context)
{
    assert_int_equal(try_open(context), 0);
}

/* As a process that is killed: nothing more is written. */
static inline void drop_queue(struct queue_context *context)
{
    struct queue *queue = &context->queue;
    close(queue->active_fd);
    if (queue->cursor_fd >= 0)
        close(queue->cursor_fd);
    close(queue->folder_fd);
    close(queue->lock_fd);
    free(queue->segments);
    memset(queue, 0, sizeof *queue);
}

/* The frame of a sequence: its number tells length and content. */
static inline size_t make_frame(uint64_t sequence, uint8_t *frame)
{
    uint64_t random = sequence;
    size_t length = 32 + random_bits(&random) % 30 * 8;
    for (size_t i = 0; i < length; i++)
        frame[i] = (uint8_t)random_bits(&random);
    return length;
}

static inline int try_append(struct queue_context *context)
{
    uint8_t frame[FRAME_MAX];
    size_t length = make_frame(context->queue.next, frame);
    return queue_append(&context->queue, frame, length, (int64_t)context->queue.next * 1000, NULL);
}

static inline void append(struct queue_context *context, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(try_append(context), 0);
}

/* Takes the next batch and checks it; its sequence, or 0 at the end. */
static inline uint64_t take(struct queue_context *context)
{
    struct queue_record_header header;
    uint8_t frame[FRAME_MAX];
    uint8_t expected[FRAME_MAX];
    for (;;) {
        int result = queue_peek(&context->queue, &header);
        if (result == 0)
            return 0;
        assert_int_equal(result, 1);
        assert_true(header.frame_bytes <= sizeof frame);
        if (queue_take(&context->queue, frame) < 0)
            continue;
        assert_int_equal(make_frame(header.sequence, expected), header.frame_bytes);
        assert_memory_equal(frame, expected, header.frame_bytes);
        assert_true(header.queued_ns == (int64_t)header.sequence * 1000);
        return header.sequence;
    }
}

static inline void expect(struct queue_context *context, uint64_t first, uint64_t last)
{
    for (uint64_t sequence = first; sequence <= last; sequence++)
        assert_true(take(context) == sequence);
}

static inline void expect_end(struct queue_context *context)
{
    assert_true(take(context) == 0);
    assert_true(queue_is_read(&context->queue));
}

/* A whole file of the queue's folder; freed by the caller. */
static inline uint8_t *read_whole(const struct queue_context *context, const char *name,
                                  size_t *ret_length)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", context->path, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *ret_length = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*ret_length + 1);
    assert_int_equal(fread(bytes, 1, *ret_length, file), *ret_length);
    fclose(file);
    return bytes;
}

static inline void write_whole(const struct queue_context *context, const char *name,
                               const uint8_t *bytes, size_t length)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", context->path, name);
    mkdir(context->path, 0700);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (length > 0)
        assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* Empties the queue's folder. */
static inline void remove_queue(const struct queue_context *context)
{
    nftw(context->path, temporary_folder_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

#define FIRST_FILE "batches-0000000000000001"

#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)

#endif
