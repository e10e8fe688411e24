/* What a queue's folder holds, at a start: which session, which numbers, where the end is. */
#include "clock_ns.h"
#include "queue.h"
#include "queue_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_BYTES_MAX ((uint64_t)8 << 20)
#define SEGMENTS_OF_LIMIT 8
#define NAME_PREFIX       "batches-"
#define UNREADABLE_PREFIX "unreadable-"

/* Numbers that are left out where batches may be missing from the end. What is written is synced at
 * the latest when a segment is full, so no more can be missing than a segment holds. */
#define SEQUENCES_SKIPPED ((uint64_t)1 << 20)
static_assert(SEGMENT_BYTES_MAX / sizeof(struct queue_record_header) < SEQUENCES_SKIPPED,
              "a segment's batches");

/* A segment's name, and then the suffix. */
static bool parse_name(const char *name, const char *suffix, uint64_t *ret_first)
{
    const size_t prefix = sizeof NAME_PREFIX - 1;
    if (strncmp(name, NAME_PREFIX, prefix) != 0 ||
        strspn(name + prefix, "0123456789abcdef") != 16 || strcmp(name + prefix + 16, suffix) != 0)
        return false;
    *ret_first = strtoull(name + prefix, NULL, 16);
    return *ret_first > 0 && *ret_first <= QUEUE_SEQUENCE_MAX;
}

static int visit(const char *name, void *context)
{
    struct queue *queue = context;
    uint64_t first;
    if (parse_name(name, QUEUE_UNFINISHED, &first))
        return queue_file_remove(queue->folder_fd, name);
    if (!parse_name(name, "", &first))
        return 0;
    int fd = -1;
    uint64_t bytes = 0;
    int result = queue_file_open(queue->folder_fd, name, false, &fd);
    if (result == -ENOENT || result == -EBADMSG || result == -ELOOP)
        return 0;
    if (result < 0)
        return result;
    result = queue_file_length(fd, &bytes);
    queue_close(&fd);
    return result < 0 ? result : queue_segment_add(queue, first, bytes);
}

static int compare_segments(const void *a, const void *b)
{
    const struct queue_segment *left = a, *right = b;
    return left->first < right->first ? -1 : left->first > right->first;
}

static void read_boot_id(uint8_t boot_id[QUEUE_BOOT_ID_BYTES])
{
    char text[64] = "";
    uint8_t id[QUEUE_BOOT_ID_BYTES] = {0};
    size_t digits = 0;
    int fd = -1;
    if (queue_file_open(AT_FDCWD, "/proc/sys/kernel/random/boot_id", false, &fd) < 0)
        return;
    (void)queue_file_read(fd, 0, text, sizeof text - 1);
    queue_close(&fd);
    for (const char *at = text; *at != '\0' && digits < sizeof id * 2; at++) {
        const char *hex = strchr("0123456789abcdef", *at);
        if (hex == NULL)
            continue;
        id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | (hex - "0123456789abcdef"));
        digits++;
    }
    if (digits == sizeof id * 2)
        memcpy(boot_id, id, sizeof id);
}

/* What the walks through the newest segments found. */
struct survey {
    uint64_t session; /* 0 = nothing readable yet */
    uint64_t durable;
    uint64_t next_at_least;
    struct queue_record_header newest; /* batch; sequence 0 = none */
    bool is_unreadable;                /* the disk failed to give something: later it may */
};

/* Of the last segment. */
struct tail {
    uint64_t end; /* of the last whole record */
    bool is_closed;
    bool is_damaged; /* somewhere, and not only behind that */
    bool is_this_boot;
};

/* A number is used also when its record is damaged: what comes behind names it. */
static void note_record(struct survey *survey, const struct queue_record_header *header,
                        bool is_whole)
{
    if (survey->session == 0)
        survey->session = header->session;
    if (header->session != survey->session)
        return;
    survey->durable = later(survey->durable, header->durable);
    survey->next_at_least =
        later(survey->next_at_least, later(header->previous, header->sequence) + 1);
    if (is_whole && header->sequence > survey->newest.sequence)
        survey->newest = *header;
}

/* Reads a segment to its end; `tail` is given for the last one, whose frames are checked too. */
static int walk(const struct queue *queue, size_t index, struct survey *survey, struct tail *tail)
{
    char name[QUEUE_NAME_BYTES];
    struct queue_reader reader;
    struct queue_file_header header;
    struct queue_record record;
    int fd = -1;
    queue_segment_name(queue->segments[index].first, name);
    int result = queue_file_open(queue->folder_fd, name, false, &fd);
    if (result < 0)
        return result;
    result = queue_reader_begin(&reader, fd, &header);
    if (result < 0 && result != -EBADMSG)
        goto out;
    if (result == 0 && (survey->session == 0 || header.session == survey->session)) {
        survey->session = header.session;
        survey->durable = later(survey->durable, header.durable);
        survey->next_at_least = later(survey->next_at_least, header.first_sequence);
        if (tail != NULL) {
            const uint8_t unknown[QUEUE_BOOT_ID_BYTES] = {0};
            tail->end = sizeof header;
            tail->is_this_boot = memcmp(header.boot_id, queue->boot_id, sizeof unknown) == 0 &&
                                 memcmp(header.boot_id, unknown, sizeof unknown) != 0;
        }
    }
    result = 0;
    while (queue_reader_next(&reader, &record) > 0) {
        bool is_whole = tail == NULL || queue_reader_check(&reader, &record);
        note_record(survey, &record.header, is_whole);
        if (tail != NULL && is_whole) {
            tail->end = reader.offset;
            tail->is_closed = record.header.kind == QUEUE_CLOSED;
            tail->is_damaged = reader.lost_bytes > 0;
        }
    }
    survey->is_unreadable = survey->is_unreadable || reader.is_unreadable;
out:
    queue_close(&fd);
    return result;
}

static void tell(const struct queue *queue, uint64_t first, uint64_t bytes, const char *reason)
{
    const struct queue_loss loss = {.first = first, .bytes = bytes, .reason = reason};
    if (queue->lost != NULL)
        queue->lost(&loss, queue->lost_context);
}

static int remove_unreadable(const char *name, void *context)
{
    const struct queue *queue = context;
    if (strncmp(name, UNREADABLE_PREFIX, sizeof UNREADABLE_PREFIX - 1) != 0)
        return 0;
    return queue_file_remove(queue->folder_fd, name);
}

/* Not one byte of it says whose it is. It is kept beside, for a person to look at, and a new queue
 * begins; what was kept so before goes. */
static int set_aside(struct queue *queue)
{
    int result = queue_folder_list(queue->folder_fd, remove_unreadable, queue);
    for (size_t i = 0; i < queue->segment_count && result >= 0; i++) {
        char name[QUEUE_NAME_BYTES];
        char aside[sizeof UNREADABLE_PREFIX + QUEUE_NAME_BYTES];
        queue_segment_name(queue->segments[i].first, name);
        snprintf(aside, sizeof aside, UNREADABLE_PREFIX "%s", name);
        result = queue_file_rename(queue->folder_fd, name, aside);
    }
    if (result < 0)
        return result;
    tell(queue, 1, queue->used_bytes,
         "damaged: nothing in the queue is readable; its files are renamed to unreadable-*");
    queue->segment_count = 0;
    queue->used_bytes = 0;
    return 0;
}

static int begin_anew(struct queue *queue, uint64_t session)
{
    queue->session = session;
    queue->next = 1;
    return queue_segment_begin(queue);
}

/* A new segment follows the last one; only then is cut off (`cut_fd`, -1 = left as it is) what is
 * not whole there: until there is another segment it says that numbers are to be left out. */
static int continue_behind(struct queue *queue, const struct tail *tail, int cut_fd)
{
    struct queue_segment *last = &queue->segments[queue->segment_count - 1];
    const bool is_cut = cut_fd >= 0 && tail->end < last->bytes;
    if (is_cut) {
        queue->used_bytes -= last->bytes - tail->end;
        last->bytes = tail->end;
    }
    int result = queue_segment_begin(queue);
    /* Should it stay, it is told again. */
    if (result == 0 && is_cut)
        (void)queue_file_cut(cut_fd, tail->end);
    return result;
}

/* Goes on in the last segment, or in a new one. */
static int continue_at(struct queue *queue, const struct tail *tail, bool is_unreadable)
{
    const struct queue_segment *last = &queue->segments[queue->segment_count - 1];
    const bool is_torn = tail->end < last->bytes;
    char name[QUEUE_NAME_BYTES];
    int fd = -1;
    queue_segment_name(last->first, name);
    int result = tail->end > 0 ? queue_file_open(queue->folder_fd, name, true, &fd) : 0;
    /* What a killed process wrote counts as synced from here on. */
    if (result == 0 && fd >= 0 && !tail->is_closed)
        result = queue_file_sync(fd);
    if (result < 0)
        goto out;
    if (is_torn)
        tell(queue, queue->last + 1, last->bytes - tail->end,
             "not whole at the end: a write that was cut off, and not accepted, or damage");
    if (is_torn || (!tail->is_closed && !tail->is_this_boot))
        queue->next += SEQUENCES_SKIPPED;
    /* What is damaged may read otherwise when bytes follow: a frame's length then fits. */
    if (tail->end == 0 || !tail->is_this_boot || is_torn || tail->is_damaged || is_unreadable) {
        result = continue_behind(queue, tail, is_unreadable ? -1 : fd);
        goto out;
    }
    /* Its name may have been given by one that was killed before it could sync that. */
    result = queue_folder_sync(queue->folder_fd);
    if (result < 0)
        goto out;
    queue->is_closed = queue->is_closed_synced = tail->is_closed;
    queue->active_fd = fd;
    return 0;
out:
    queue_close(&fd);
    return result;
}

static int find_end(struct queue *queue, uint64_t session)
{
    struct survey survey = {0};
    struct tail tail = {0};
    size_t index = queue->segment_count;
    while (index > 0) {
        index--;
        bool is_last = index + 1 == queue->segment_count;
        int result = walk(queue, index, &survey, is_last ? &tail : NULL);
        if (result < 0)
            return result;
        if (survey.newest.sequence > 0)
            break;
    }
    if (queue->segment_count == 0)
        return begin_anew(queue, session);
    if (survey.session == 0 && survey.is_unreadable)
        return -EIO;
    if (survey.session == 0) {
        int result = set_aside(queue);
        return result < 0 ? result : begin_anew(queue, session);
    }
    uint64_t named = queue->segments[queue->segment_count - 1].first;
    queue->session = survey.session;
    queue->durable = queue->durable_written = survey.durable;
    queue->newest = survey.newest;
    queue->last = queue->synced = survey.newest.sequence;
    queue_advance_next(queue, queue->last + 1);
    queue_advance_next(queue, queue->durable + 1);
    queue_advance_next(queue, survey.next_at_least);
    queue_advance_next(queue, named);
    if (queue->next > QUEUE_SEQUENCE_MAX - 2 * SEQUENCES_SKIPPED)
        return -EOVERFLOW;
    return continue_at(queue, &tail, survey.is_unreadable);
}

int queue_open(const struct queue_options *options, struct queue *ret_queue)
{
    struct queue *queue = ret_queue;
    *queue = (struct queue){.folder_fd = -1,
                            .lock_fd = -1,
                            .active_fd = -1,
                            .cursor_fd = -1,
                            .limit_bytes = options->limit_bytes,
                            .segment_bytes = options->limit_bytes / SEGMENTS_OF_LIMIT,
                            .lost = options->lost,
                            .lost_context = options->lost_context};
    if (options->limit_bytes < QUEUE_BYTES_MIN || options->session == 0)
        return -EINVAL;
    if (queue->segment_bytes > SEGMENT_BYTES_MAX)
        queue->segment_bytes = SEGMENT_BYTES_MAX;
    read_boot_id(queue->boot_id);
    int result = queue_folder_open(options->path, &queue->folder_fd);
    if (result == 0)
        result = queue_folder_lock(queue->folder_fd, &queue->lock_fd);
    if (result == 0)
        result = queue_folder_list(queue->folder_fd, visit, queue);
    if (result == 0 && queue->segment_count > 0)
        qsort(queue->segments, queue->segment_count, sizeof *queue->segments, compare_segments);
    if (result == 0)
        result = find_end(queue, options->session);
    if (result < 0) {
        free(queue->segments);
        queue->segments = NULL;
        queue_close(&queue->active_fd);
        queue_close(&queue->folder_fd);
        queue_close(&queue->lock_fd);
        return result;
    }
    queue->began_at = queue->next;
    queue_segments_trim(queue);
    return 0;
}
