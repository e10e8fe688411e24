#include "sender_internal.h"

#include "clock_ns.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_NS (NS_PER_S / 5)

void sender_note_batch(struct sender *sender, uint64_t sequence, uint64_t samples)
{
    if (sender->point_count == SENDER_POINTS) {
        size_t kept = 0;
        for (size_t i = 1; i < SENDER_POINTS; i += 2)
            sender->points[kept++] = sender->points[i];
        sender->point_count = kept;
    }
    sender->sent_samples += samples;
    sender->points[sender->point_count++] =
        (struct sent_point){.sequence = sequence, .samples_up_to = sender->sent_samples};
}

/* Samples of this run in the batches up to there. */
static uint64_t samples_up_to(const struct sender *sender, uint64_t sequence)
{
    size_t low = 0, high = sender->point_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sender->points[middle].sequence <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? sender->points[low - 1].samples_up_to : 0;
}

/* The last batch that is durable stays: from there on is counted. */
static void forget_points(struct sender *sender, uint64_t durable)
{
    size_t first = 0;
    while (first + 1 < sender->point_count && sender->points[first + 1].sequence <= durable)
        first++;
    if (first < SENDER_POINTS / 4)
        return;
    sender->point_count -= first;
    memmove(sender->points, sender->points + first, sender->point_count * sizeof *sender->points);
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
    forget_points(sender, durable);
    if (stored > sender->stored)
        sender->stored_moved_ns = clock_monotonic_ns();
    sender->stored = stored;
}

void sender_on_refused(const struct ingest_refusal *refusal, void *context)
{
    struct sender *sender = context;
    sender->has_refusals = true;
    sender_clear_progress(sender);
    log_error("refused: %s%sbatch %" PRIu64 ": %s: %s", sender->series,
              sender->series[0] != '\0' ? ": " : "", refusal->sequence, refusal->code_name,
              refusal->text);
    if (refusal->kept < 0)
        log_error("batch %" PRIu64 " is lost: no room for it among the dead letters: %s",
                  refusal->sequence, strerror(-refusal->kept));
    /* A batch of which every sample is late is counted as late by the daemon. */
    if (refusal->code != WIRE_TIME_ORDER && refusal->sequence >= sender->first_sequence)
        sender->refused_samples += refusal->refused_samples;
}

void sender_on_lost(const struct ingest_loss *loss, void *context)
{
    struct sender *sender = context;
    sender_clear_progress(sender);
    sender->has_refusals = true;
    const char *queue = sender->options->queue;
    if (loss->first_sequence == 0)
        log_warning("%s: %" PRIu64 " bytes: %s; no batch is lost", queue, loss->bytes,
                    loss->reason);
    else if (loss->last_sequence == 0)
        log_error("%s: batches from %" PRIu64 " on, %" PRIu64 " bytes: %s", queue,
                  loss->first_sequence, loss->bytes, loss->reason);
    else
        log_error("%s: lost: batches %" PRIu64 " to %" PRIu64 ": %s", queue, loss->first_sequence,
                  loss->last_sequence, loss->reason);
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
    uint64_t stored = samples_up_to(sender, status.stored);
    uint64_t durable = samples_up_to(sender, status.durable);
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

int sender_print_summary(struct sender *sender, int status)
{
    struct sample_counts counts = count_samples(sender);
    return send_print(status,
                      "sent %" PRIu64 ", stored %" PRIu64 ", durable %" PRIu64 ", late %" PRIu64
                      ", refused %" PRIu64 "\n",
                      sender->sent_samples, counts.stored, counts.durable, counts.late,
                      sender->refused_samples + sender->bad_lines);
}
