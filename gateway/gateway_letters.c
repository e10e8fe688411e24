/* Dead letters: what the daemon refused for good is kept, and sent again when it is asked for. */
#include "gateway_internal.h"

#include "clock_ns.h"
#include "little_endian.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS_FOLDER "dead-letters"

int gateway_letters_open(struct ingest_gateway *gateway)
{
    const struct ingest_gateway_options *options = &gateway->options;
    char path[PATH_MAX];
    int length = options->dead_letters != NULL
                     ? snprintf(path, sizeof path, "%s", options->dead_letters)
                     : snprintf(path, sizeof path, "%s/" LETTERS_FOLDER, options->queue);
    if (length < 0 || (size_t)length >= sizeof path)
        return -ENAMETOOLONG;
    int result = dead_letters_open(path, options->dead_letters_bytes, gateway->queue.session,
                                   &gateway->letters);
    if (result < 0)
        return result;
    /* One that was put in the queue just before the end is there, and must not come again. */
    const struct queue_record_header *newest = &gateway->queue.newest;
    if (newest->origin_session == 0)
        return 0;
    return dead_letters_remove(&gateway->letters, newest->origin_session, newest->origin_sequence);
}

/* Reads "0,3-5" into the map; how many blocks, or 0 for anything else. */
static uint32_t parse_blocks(const char *text, unsigned block_count, uint8_t *map)
{
    uint32_t count = 0;
    unsigned long next = 0;
    for (;;) {
        char *end;
        if (*text < '0' || *text > '9')
            return 0;
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (*end == '-') {
            text = end + 1;
            if (*text < '0' || *text > '9')
                return 0;
            last = strtoul(text, &end, 10);
        }
        if (first < next || last < first || last >= block_count)
            return 0;
        for (unsigned long i = first; i <= last; i++)
            map[i / 8] = (uint8_t)(map[i / 8] | 1u << i % 8);
        count += (uint32_t)(last - first + 1);
        next = last + 1;
        if (strcmp(end, "]") == 0)
            return count;
        if (*end != ',')
            return 0;
        text = end + 1;
    }
}

/* Which blocks a refusal is about: its text ends with them where it is not about all
 * (docs/protocol.md). NULL: all, or not known. */
static uint8_t *blocks_refused(const struct ingest_refusal *refusal, unsigned block_count)
{
    static const char begin[] = " [blocks ";
    if (refusal->refused_blocks >= block_count)
        return NULL;
    const char *list = NULL;
    for (const char *at = refusal->text; (at = strstr(at, begin)) != NULL; at++)
        list = at + sizeof begin - 1;
    uint8_t *map = list != NULL ? calloc(1, (block_count + 7) / 8) : NULL;
    if (map != NULL && parse_blocks(list, block_count, map) != refusal->refused_blocks) {
        free(map);
        map = NULL;
    }
    return map;
}

void gateway_letters_keep(struct ingest_gateway *gateway, const struct gateway_frame *frame,
                          struct ingest_refusal *refusal)
{
    if (!gateway->has_queue)
        return;
    const unsigned block_count =
        le_load_u16(frame->bytes + offsetof(struct wire_batch_header, block_count));
    uint8_t *map = blocks_refused(refusal, block_count);
    const struct dead_letter letter = {
        .header = {.session = gateway->options.session,
                   .sequence = refusal->sequence,
                   .queued_ns = frame->queued_ns,
                   .refused_ns = clock_realtime_ns(),
                   .code = refusal->code,
                   .refused_blocks = refusal->refused_blocks,
                   .text_bytes = (uint32_t)strlen(refusal->text),
                   .map_bytes = map != NULL ? (block_count + 7) / 8 : 0},
        .text = refusal->text,
        .map = map,
        .frame = frame->bytes,
        .frame_bytes = frame->length,
    };
    refusal->kept = dead_letters_put(&gateway->letters, &letter);
    free(map);
    if (refusal->kept == 0) {
        refusal->kept = 1;
        gateway->dead_letters++;
    } else {
        gateway->dead_letters_lost++;
    }
}

/* The times that a block had from the one before it in its batch, which is not sent with it. */
static int64_t *times_of_previous(const struct wire_block *block)
{
    int64_t *times = malloc(block->count * sizeof *times);
    if (times == NULL)
        return NULL;
    /* floor(i x period / 1000) without a product of more than 64 bits. */
    const uint64_t whole = (uint64_t)block->period_ps / 1000,
                   rest = (uint64_t)block->period_ps % 1000;
    for (uint64_t i = 0; i < block->count; i++)
        times[i] = (int64_t)(i * whole + i * rest / 1000);
    int64_t t0_ns = block->t0_ns;
    /* "The last one is now" needs a clock once the block stands alone. */
    if (t0_ns == WIRE_T0_ARRIVAL)
        t0_ns = clock_realtime_ns() - times[block->count - 1];
    for (uint32_t i = 0; i < block->count; i++)
        times[i] = (int64_t)((uint64_t)times[i] + (uint64_t)t0_ns);
    return times;
}

/* Calls back for each block of a letter that is to be sent again and can be read. */
typedef int (*block_visit)(const struct wire_block *block, void *context);

static int for_each_block(const struct dead_letter *letter, block_visit visit, void *context)
{
    struct wire_batch batch;
    const char *reason;
    if (wire_batch_open(letter->frame, letter->frame_bytes, &batch, &reason) != WIRE_OK)
        return -EBADMSG;
    for (unsigned i = 0; i < batch.block_count; i++) {
        struct wire_block block;
        if (wire_batch_next(&batch, &block, &reason) != WIRE_OK ||
            !dead_letter_has_block(letter, i))
            continue;
        int64_t *times = NULL;
        if (block.clock == WIRE_CLOCK_REGULAR && block.explicit_series) {
            times = times_of_previous(&block);
            if (times == NULL)
                return -ENOMEM;
            block.clock = WIRE_CLOCK_EXPLICIT;
            block.times_ns = times;
            block.t0_ns = block.period_ps = 0;
        }
        int result = visit(&block, context);
        free(times);
        if (result < 0)
            return result;
    }
    return 0;
}

struct block_sum {
    uint64_t bytes, samples;
    unsigned count;
};

static int sum_block(const struct wire_block *block, void *context)
{
    struct block_sum *sum = context;
    sum->bytes += wire_block_bytes(block);
    sum->samples += block->count;
    sum->count++;
    return 0;
}

static int encode_block(const struct wire_block *block, void *context)
{
    return wire_encode_block(context, block);
}

uint64_t gateway_samples_refused(const struct gateway_frame *frame,
                                 const struct ingest_refusal *refusal)
{
    const unsigned block_count =
        le_load_u16(frame->bytes + offsetof(struct wire_batch_header, block_count));
    uint8_t *map = blocks_refused(refusal, block_count);
    const struct dead_letter letter = {
        .map = map, .frame = frame->bytes, .frame_bytes = frame->length};
    struct block_sum sum = {0};
    (void)for_each_block(&letter, sum_block, &sum);
    free(map);
    if (map == NULL && refusal->refused_blocks < block_count)
        return sum.samples / block_count * refusal->refused_blocks;
    return sum.samples;
}

/* A batch of its own, with the next number, of what was refused. */
static int make_frame(struct ingest_gateway *gateway, const struct dead_letter *letter,
                      const struct block_sum *sum, uint8_t **ret_frame, size_t *ret_length)
{
    const uint64_t length = sizeof(struct wire_batch_header) + sum->bytes;
    if (sum->count == 0)
        return -EBADMSG;
    if (length > UINT32_MAX || length > SIZE_MAX)
        return -EMSGSIZE;
    uint8_t *frame = malloc((size_t)length);
    if (frame == NULL)
        return -ENOMEM;
    struct wire_encoder encoder;
    wire_encode_begin(&encoder, frame, (size_t)length);
    int result = for_each_block(letter, encode_block, &encoder);
    if (result < 0) {
        free(frame);
        return result;
    }
    *ret_length =
        wire_encode_finish(&encoder, gateway->options.session, gateway_next(gateway), 0, true);
    *ret_frame = frame;
    return 0;
}

/* Removes a letter that is safe in the queue. Where that fails it is known not to be sent again. */
static int remove_queued(struct ingest_gateway *gateway, const struct dead_letter_name *name)
{
    gateway->queued_letter = *name;
    int result = dead_letters_remove(&gateway->letters, name->session, name->sequence);
    if (result == 0)
        gateway->queued_letter = (struct dead_letter_name){0};
    return result;
}

/* Moves one letter into the queue. It is removed when it is safe there; when the process ends
 * between the two, the next start removes it, since the queue's newest batch names it. */
static int resend_letter(struct ingest_gateway *gateway, const struct dead_letter_name *name,
                         int64_t deadline_ns, struct ingest_resend *resend)
{
    struct dead_letter letter = {0};
    struct block_sum sum = {0};
    uint8_t *frame = NULL;
    size_t length = 0;
    int result = dead_letters_read(&gateway->letters, name->session, name->sequence, &letter);
    if (result == 0)
        result = for_each_block(&letter, sum_block, &sum);
    if (result == 0)
        result = gateway_wait_for_room(
            gateway, sizeof(struct wire_batch_header) + (size_t)sum.bytes, deadline_ns);
    if (result == 0)
        result = make_frame(gateway, &letter, &sum, &frame, &length);
    if (result < 0)
        goto out;
    const struct queue_origin origin = {
        .session = name->session, .sequence = name->sequence, .queued_ns = letter.header.queued_ns};
    result = gateway_take_frame(gateway, frame, length, &origin);
    if (result == 0)
        result = queue_sync(&gateway->queue);
    if (result == 0)
        result = remove_queued(gateway, name);
    if (result < 0)
        goto out;
    resend->letters++;
    resend->samples += sum.samples;
    gateway_advance(gateway);
out:
    dead_letter_free(&letter);
    return result;
}

static bool is_queued_letter(const struct ingest_gateway *gateway,
                             const struct dead_letter_name *name)
{
    return gateway->queued_letter.session == name->session &&
           gateway->queued_letter.sequence == name->sequence;
}

int ingest_gateway_resend(struct ingest_gateway *gateway, int timeout_ms,
                          struct ingest_resend *ret_resend)
{
    *ret_resend = (struct ingest_resend){0};
    if (!gateway->has_queue)
        return -EINVAL;
    struct dead_letter_name *names = NULL;
    size_t count = 0;
    int result = dead_letters_list(&gateway->letters, &names, &count);
    int64_t deadline_ns = gateway_deadline(timeout_ms);
    size_t gone = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        if (is_queued_letter(gateway, &names[i])) {
            result = remove_queued(gateway, &names[i]);
            gone += result == 0;
            continue;
        }
        result = resend_letter(gateway, &names[i], deadline_ns, ret_resend);
        if (result == -EBADMSG || result == -EMSGSIZE || result == -EPROTONOSUPPORT) {
            ret_resend->unusable++;
            result = 0;
        } else if (result == -ENOENT) { /* another one sends them too */
            result = 0;
        }
    }
    ret_resend->left = count - gone - ret_resend->letters;
    free(names);
    return result;
}
