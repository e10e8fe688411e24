#include "sender_internal.h"

#include "clock_ns.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_NS (NS_PER_S / 5)

struct sent_batch *sender_batch(struct sender *sender, uint64_t sequence)
{
    return &sender->batches[sequence % SENDER_BATCHES_REMEMBERED];
}

void sender_clear_progress(struct sender *sender)
{
    if (sender->has_progress_line)
        fputs("\r\033[K", stderr);
    sender->has_progress_line = false;
}

void sender_on_progress(uint64_t stored, uint64_t durable, void *context)
{
    struct sender *sender = context;
    (void)durable;
    if (stored > sender->stored)
        sender->stored_moved_ns = clock_monotonic_ns();
    sender->stored = stored;
}

void sender_on_refused(const struct ingest_refusal *refusal, void *context)
{
    struct sender *sender = context;
    const struct sent_batch *batch = sender_batch(sender, refusal->sequence);
    sender->has_refusals = true;
    sender_clear_progress(sender);
    log_error("refused: %s%sbatch %" PRIu64 ": %s: %s", batch->series,
              batch->series[0] != '\0' ? ": " : "", refusal->sequence, refusal->code_name,
              refusal->text);
    /* A batch of which every sample is late is counted as late by the daemon. */
    if (refusal->code == WIRE_TIME_ORDER || refusal->sequence == 0)
        return;
    /* The daemon tells how many blocks; those of one batch have the same length, but for missing
     * cells. */
    sender->refused_samples += refusal->refused_blocks >= batch->block_count
                                   ? batch->samples
                                   : batch->samples / batch->block_count * refusal->refused_blocks;
}

void sender_on_delayed(const struct ingest_refusal *reason, void *context)
{
    struct sender *sender = context;
    char text[sizeof sender->delay_text];
    snprintf(text, sizeof text, "%s: %s", reason->code_name, reason->text);
    /* Said once, not at every attempt. */
    if (strcmp(text, sender->delay_text) != 0) {
        sender_clear_progress(sender);
        log_warning("the daemon asks to wait: %s", text);
    }
    memcpy(sender->delay_text, text, sizeof text);
}

struct sample_counts {
    uint64_t stored, durable, late;
};

static struct sample_counts count_samples(struct sender *sender)
{
    struct ingest_gateway_status status;
    ingest_gateway_status(sender->gateway, &status);
    uint64_t lost = sender->refused_samples + status.late_samples;
    uint64_t stored = status.stored > 0 ? sender_batch(sender, status.stored)->samples_up_to : 0;
    uint64_t durable = status.durable > 0 ? sender_batch(sender, status.durable)->samples_up_to : 0;
    return (struct sample_counts){
        .stored = stored > lost ? stored - lost : 0,
        .durable = durable > lost ? durable - lost : 0,
        .late = status.late_samples,
    };
}

void sender_show_progress(struct sender *sender)
{
    int64_t now_ns = clock_monotonic_ns();
    if (sender->options->is_quiet || now_ns - sender->progress_shown_ns < PROGRESS_NS ||
        !isatty(STDERR_FILENO))
        return;
    struct sample_counts counts = count_samples(sender);
    fprintf(stderr, "\r\033[Ksent %" PRIu64 ", stored %" PRIu64 ", durable %" PRIu64,
            sender->sent_samples, counts.stored, counts.durable);
    fflush(stderr);
    sender->has_progress_line = true;
    sender->progress_shown_ns = now_ns;
}

void sender_print_summary(struct sender *sender)
{
    struct sample_counts counts = count_samples(sender);
    printf("sent %" PRIu64 ", stored %" PRIu64 ", durable %" PRIu64 ", late %" PRIu64
           ", refused %" PRIu64 "\n",
           sender->sent_samples, counts.stored, counts.durable, counts.late,
           sender->refused_samples + sender->bad_lines);
}
