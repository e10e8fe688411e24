/* queue_power [--lives N] [--seed N] [--replay SEED]: the lives of a gateway's queue over a disk
 * that loses its power, fails, and is damaged (queue_disk.h), at random.
 *
 * After each end the queue is opened again and read. What is checked: each batch that was synced,
 * and each that was written where only the process ended, is there, once, in order and with its own
 * bytes, unless it was told durable before; no number that a batch had is given to another one. A
 * batch whose bytes were damaged may be missing. */
#include "queue.h"
#include "queue_disk.h"
#include "queue_setup.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

#define BATCHES_MAX 4096
#define REFUSED_MAX 256

struct batch {
    uint64_t sequence;
    uint64_t content; /* make_frame()'s */
    bool is_damaged;
};

/* What must be found after the end of a life. */
struct life {
    struct queue_context context;
    uint64_t random;
    uint64_t seed;
    struct batch batches[BATCHES_MAX]; /* that were taken, in order */
    size_t batch_count;
    struct batch refused[REFUSED_MAX]; /* whose append failed: they may be there all the same */
    size_t refused_count;
    uint64_t last_read; /* the highest number that may have gone out */
    uint64_t next_content;
    size_t synced_count; /* of these, from the beginning */
    uint64_t durable;    /* as the queue was told */
    bool is_open;
    bool is_suspect; /* a call failed, power was cut, or bytes changed */
};

struct totals {
    uint64_t lives, ends, power_cuts, failures, damaged, batches;
};

static struct totals totals;

static void give_up(const struct life *life, const char *what, uint64_t number)
{
    printf("FAILED, --replay %" PRIu64 ": %s (%" PRIu64 ")\n", life->seed, what, number);
    printf("its folder: %s\n", life->context.path);
    exit(1);
}

static unsigned pick(struct life *life, unsigned choices)
{
    return (unsigned)(random_bits(&life->random) % choices);
}

static void note_loss_of_life(const struct queue_loss *loss, void *pointer)
{
    const struct life *life = pointer;
    if (!life->is_suspect && !queue_disk_has_failed())
        give_up(life, "told as lost, and nothing had happened", loss->first);
}

static int open_life(struct life *life)
{
    const struct queue_options options = {.path = life->context.path,
                                          .limit_bytes = QUEUE_BYTES_MIN,
                                          .session = SESSION,
                                          .lost = note_loss_of_life,
                                          .lost_context = life};
    int result = queue_open(&options, &life->context.queue);
    life->is_open = result == 0;
    return result;
}

/* What the queue says of itself is what a gateway relies on. */
static void note_synced_batches(struct life *life)
{
    const struct queue *queue = &life->context.queue;
    while (life->synced_count < life->batch_count &&
           (life->batches[life->synced_count].sequence <= queue->synced ||
            life->batches[life->synced_count].is_damaged))
        life->synced_count++;
}

static void note_refused(struct life *life, struct batch batch)
{
    batch.is_damaged = true;
    assert(life->refused_count < REFUSED_MAX);
    life->refused[life->refused_count++] = batch;
}

static void append_some(struct life *life)
{
    struct queue *queue = &life->context.queue;
    uint8_t frame[FRAME_MAX];
    for (unsigned count = 1 + pick(life, 20); count > 0; count--) {
        if (life->batch_count == BATCHES_MAX)
            return;
        const uint64_t sequence = queue->next;
        const struct batch batch = {.sequence = sequence, .content = ++life->next_content};
        size_t length = make_frame(batch.content, frame);
        const bool had_error = queue->error != 0;
        int result = queue_append(queue, frame, length, (int64_t)sequence * 1000, NULL);
        if (result == -EAGAIN)
            return;
        if (result < 0 && !queue_disk_has_failed())
            give_up(life, "an append failed", (uint64_t)-result);
        if (result < 0 && !had_error)
            note_refused(life, batch);
        if (result < 0)
            return;
        if (life->batch_count > 0 && sequence <= life->batches[life->batch_count - 1].sequence)
            give_up(life, "a number was given twice", sequence);
        life->batches[life->batch_count++] = batch;
        totals.batches++;
        note_synced_batches(life);
    }
}

static void sync_all(struct life *life)
{
    struct queue *queue = &life->context.queue;
    const bool takes_back = pick(life, 2) == 0;
    const bool had_error = queue->error != 0;
    const uint64_t last = queue->last;
    int result = queue_sync(queue);
    note_synced_batches(life);
    if (result == 0 && life->synced_count != life->batch_count)
        give_up(life, "synced, and a batch is not", last);
    /* As a push that returns the error. */
    if (result < 0 && !had_error && takes_back && life->batch_count > life->synced_count &&
        queue->newest.sequence == last && life->last_read < last) {
        queue_take_back(queue);
        note_refused(life, life->batches[--life->batch_count]);
    }
}

/* Takes the next batch; whether its frame is whole. */
static bool take_checked(struct life *life, const struct queue_record_header *header,
                         uint64_t content)
{
    uint8_t frame[FRAME_MAX], expected[FRAME_MAX];
    if (header->frame_bytes > sizeof frame)
        give_up(life, "a frame is too long", header->sequence);
    if (queue_take(&life->context.queue, frame) < 0)
        return false;
    life->last_read = later(life->last_read, header->sequence);
    if (make_frame(content, expected) != header->frame_bytes ||
        memcmp(frame, expected, header->frame_bytes) != 0)
        give_up(life, "another batch's bytes", header->sequence);
    return true;
}

/* The batch that was taken with that number; else the one that was refused, which may be there all
 * the same. `from` is where to look first. */
static const struct batch *find_batch(const struct life *life, uint64_t sequence, size_t *from)
{
    while (*from < life->batch_count && life->batches[*from].sequence < sequence)
        (*from)++;
    if (*from < life->batch_count && life->batches[*from].sequence == sequence)
        return &life->batches[(*from)++];
    for (size_t i = life->refused_count; i > 0; i--)
        if (life->refused[i - 1].sequence == sequence)
            return &life->refused[i - 1];
    give_up(life, "a batch that was not taken", sequence);
    return NULL;
}

/* The next batches are sent, and checked. */
static void read_some(struct life *life, unsigned count)
{
    struct queue_record_header header;
    size_t at = 0;
    while (count-- > 0 && queue_peek(&life->context.queue, &header) == 1)
        (void)take_checked(life, &header, find_batch(life, header.sequence, &at)->content);
}

static void forget_some(struct life *life)
{
    struct queue *queue = &life->context.queue;
    if (queue->cursor_sequence <= queue->durable)
        return;
    uint64_t held = queue->cursor_sequence - queue->durable;
    if (held > 2000) /* over a gap */
        held = 1 + random_bits(&life->random) % held;
    uint64_t durable = queue->durable + 1 + random_bits(&life->random) % held;
    life->durable = later(life->durable, durable);
    queue_forget(queue, durable);
}

static void work(struct life *life)
{
    for (unsigned steps = pick(life, 12); steps > 0; steps--) {
        switch (pick(life, 6)) {
        case 0:
        case 1:
            append_some(life);
            break;
        case 2:
            sync_all(life);
            break;
        case 3:
            read_some(life, pick(life, 60));
            break;
        case 4:
            forget_some(life);
            break;
        default:
            queue_write_mark(&life->context.queue);
        }
        note_synced_batches(life);
    }
}

/* A byte of the newest file is another one. All that is in the file may be missing. */
static void damage(struct life *life)
{
    struct queue_context *context = &life->context;
    char name[QUEUE_NAME_BYTES], newest[QUEUE_NAME_BYTES] = "";
    struct stat status;
    char path[400];
    for (size_t i = 0; i <= life->batch_count; i++) {
        uint64_t first = i == 0 ? 1 : life->batches[i - 1].sequence + (i == life->batch_count);
        queue_segment_name(first, name);
        snprintf(path, sizeof path, "%s/%s", context->path, name);
        if (stat(path, &status) == 0)
            memcpy(newest, name, sizeof newest);
    }
    if (newest[0] == '\0')
        return;
    size_t length;
    uint8_t *bytes = read_whole(context, newest, &length);
    const uint64_t first = strtoull(newest + strlen("batches-"), NULL, 16);
    if (length > sizeof(struct queue_file_header)) {
        const size_t records = length - sizeof(struct queue_file_header);
        const size_t range = pick(life, 2) == 0 && records > 400 ? 400 : records;
        bytes[length - 1 - pick(life, (unsigned)range)] ^= (uint8_t)(1 + pick(life, 255));
        snprintf(path, sizeof path, "%s/%s", context->path, newest);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || pwrite(fd, bytes, length, 0) != (ssize_t)length)
            abort();
        close(fd);
        for (size_t i = 0; i < life->batch_count; i++)
            if (life->batches[i].sequence >= first)
                life->batches[i].is_damaged = true;
        life->is_suspect = true;
        totals.damaged++;
    }
    free(bytes);
}

static void end_life(struct life *life)
{
    const unsigned how = pick(life, 4);
    totals.ends++;
    if (life->is_open && how == 0) {
        queue_shut(&life->context.queue);
        note_synced_batches(life);
    } else if (life->is_open) {
        drop_queue(&life->context);
    }
    life->is_open = false;
    if (queue_disk_has_failed()) {
        life->is_suspect = true;
        totals.failures++;
    }
    queue_disk_fail(-1, false);
    if (pick(life, 3) == 0) {
        queue_disk_cut_power();
        totals.power_cuts++;
        life->is_suspect = true;
        /* The others may be there, and may not: their numbers are used. */
        for (size_t i = life->synced_count; i < life->batch_count; i++)
            life->batches[i].is_damaged = true;
    }
    if (pick(life, 6) == 0)
        damage(life);
}

/* These are not there. */
static void check_missing(const struct life *life, size_t from, size_t to)
{
    for (; from < to; from++)
        if (life->batches[from].sequence > life->durable && !life->batches[from].is_damaged)
            give_up(life, "a batch is missing", life->batches[from].sequence);
}

/* The queue is opened where nothing fails, and read. */
static void check(struct life *life)
{
    struct queue_record_header header;
    int result = open_life(life);
    if (result < 0)
        give_up(life, "cannot be opened", (uint64_t)-result);
    struct queue *queue = &life->context.queue;
    if (queue->next <= life->last_read ||
        (life->batch_count > 0 && queue->next <= life->batches[life->batch_count - 1].sequence))
        give_up(life, "a number is to be given again", queue->next);
    if (queue->durable > life->durable)
        give_up(life, "durable, and was not told so", queue->durable);
    size_t from = 0, at = 0;
    while (queue_peek(queue, &header) == 1) {
        const struct batch *batch = find_batch(life, header.sequence, &at);
        const bool is_taken = at > 0 && batch == &life->batches[at - 1];
        check_missing(life, from, is_taken ? at - 1 : at);
        from = at;
        if (!take_checked(life, &header, batch->content) && !batch->is_damaged)
            give_up(life, "a batch is damaged", header.sequence);
    }
    check_missing(life, from, life->batch_count);
    note_synced_batches(life);
}

static void run(uint64_t seed)
{
    struct life *life = calloc(1, sizeof *life);
    assert(life != NULL);
    life->seed = life->random = seed;
    life->context.folder = temporary_folder_make();
    snprintf(life->context.path, sizeof life->context.path, "%s/queue", life->context.folder);
    queue_disk_begin(life->context.path, &life->random);
    check(life);
    for (unsigned ends = 1 + pick(life, 8); ends > 0; ends--) {
        if (pick(life, 3) == 0)
            queue_disk_fail((int)pick(life, 60), pick(life, 3) == 0);
        else if (pick(life, 6) == 0)
            queue_disk_fail_folder_sync();
        work(life);
        end_life(life);
        /* An opening in which something fails, and perhaps an end right after it. */
        if (pick(life, 3) == 0) {
            life->is_suspect = true;
            queue_disk_fail((int)pick(life, 40), pick(life, 3) == 0);
            if (open_life(life) == 0) {
                read_some(life, pick(life, 30));
                note_synced_batches(life);
                end_life(life);
            }
            queue_disk_fail(-1, false);
        }
        check(life);
    }
    queue_shut(&life->context.queue);
    queue_disk_end();
    temporary_folder_remove(life->context.folder);
    free(life);
    totals.lives++;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"lives", required_argument, NULL, 'l'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"replay", required_argument, NULL, 'r'},
                                            {0}};
    uint64_t lives = 1000, seed = 1, replayed = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'l')
            lives = strtoull(optarg, NULL, 10);
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'r')
            replayed = strtoull(optarg, NULL, 10);
        else
            return 64;
    }
    if (replayed != 0) {
        run(replayed);
    } else {
        printf("seed %" PRIu64 "\n", seed);
        for (uint64_t i = 0; i < lives; i++)
            run(random_bits(&seed));
    }
    printf("%" PRIu64 " queues, %" PRIu64 " ends (%" PRIu64 " power cuts, %" PRIu64
           " with failed calls, %" PRIu64 " with a damaged byte), %" PRIu64
           " batches: 0 lost, 0 numbers twice\n",
           totals.lives, totals.ends, totals.power_cuts, totals.failures, totals.damaged,
           totals.batches);
    return 0;
}
