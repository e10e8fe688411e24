/* sender_internal.h - what the two files of the sender share: sender.c sends and waits,
 * sender_report.c counts and tells. */
#ifndef INGEST_SENDER_INTERNAL_H
#define INGEST_SENDER_INTERNAL_H

#include "sender.h"

#define SENDER_WINDOW_BATCHES     4096
#define SENDER_BATCHES_REMEMBERED ((size_t)2 * SENDER_WINDOW_BATCHES)

/* What a sequence stands for. */
struct sent_batch {
    uint64_t samples;
    uint64_t samples_up_to; /* of this and all batches before it */
    uint32_t block_count;
    char series[64]; /* of a batch with one block: its beginning */
};

struct sender {
    const struct send_options *options;
    struct ingest_gateway *gateway;
    bool is_live;
    struct sent_batch *batches; /* of sequence s: at s % SENDER_BATCHES_REMEMBERED */
    uint64_t sent_samples;
    uint64_t refused_samples;
    uint64_t bad_lines;
    uint64_t strings_skipped;
    bool has_refusals;
    int64_t opened_ns;
    int64_t stored_moved_ns; /* when `stored` last moved on */
    uint64_t stored;
    char delay_text[128]; /* why the daemon asked to wait, last */
    const char *trouble;  /* why there is no connection, as it was told last */
    bool has_progress_line;
    int64_t progress_shown_ns;
};

struct sent_batch *sender_batch(struct sender *sender, uint64_t sequence);

/* Callbacks of the gateway; `context` is the sender. */
void sender_on_progress(uint64_t stored, uint64_t durable, void *context);
void sender_on_refused(const struct ingest_refusal *refusal, void *context);
void sender_on_delayed(const struct ingest_refusal *reason, void *context);

/* Progress is one line of a terminal, written over; it is cleared before anything else is said. */
void sender_show_progress(struct sender *sender);
void sender_clear_progress(struct sender *sender);

/* The line at the end, on standard output. */
void sender_print_summary(struct sender *sender);

#endif
