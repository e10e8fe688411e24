/* sender_internal.h - what the two files of the sender share: sender.c sends and waits,
 * sender_report.c counts and tells. */
#ifndef INGEST_SENDER_INTERNAL_H
#define INGEST_SENDER_INTERNAL_H

#include "sender.h"

#define SENDER_WINDOW_BATCHES 4096
#define SENDER_POINTS         ((size_t)2 * SENDER_WINDOW_BATCHES)

/* How many samples a sequence stands for. */
struct sent_point {
    uint64_t sequence;
    uint64_t samples_up_to; /* of this and all batches of this run before it */
};

struct sender {
    const struct send_options *options;
    struct ingest_gateway *gateway;
    bool is_live;
    /* Of batches that are not durable. When there are too many every second one goes, and what is
     * shown meanwhile is a little behind. */
    struct sent_point *points;
    size_t point_count;
    uint64_t first_sequence; /* of this run: what a queue held before has lower ones */
    char series[64];         /* of batches with one block: its beginning */
    uint64_t sent_samples;
    uint64_t refused_samples;
    uint64_t bad_lines;
    uint64_t strings_skipped;
    bool has_refusals;
    bool is_held_up; /* there was no room for the last batch */
    int64_t opened_ns;
    int64_t drain_began_ns;  /* 0 = the input is not at its end */
    int64_t stored_moved_ns; /* when `stored` last moved on */
    uint64_t stored;
    char delay_text[128]; /* why the daemon asked to wait, last */
    const char *trouble;  /* why there is no connection, as it was told last */
    bool has_progress_line;
    int64_t progress_shown_ns;
};

/* Notes that the next batch, of that sequence, has so many samples. */
void sender_note_batch(struct sender *sender, uint64_t sequence, uint64_t samples);

/* What a failure of ingest_gateway_open() means: the status to exit with, said why. */
int sender_open_failure(const struct send_options *options, int result);

/* sender_queue.c: opens the gateway with the queue that the options name. */
int sender_open_queue(struct sender *sender, struct ingest_gateway_options *gateway_options);

/* Callbacks of the gateway; `context` is the sender. */
void sender_on_progress(uint64_t stored, uint64_t durable, void *context);
void sender_on_refused(const struct ingest_refusal *refusal, void *context);
void sender_on_lost(const struct ingest_loss *loss, void *context);
void sender_on_delayed(const struct ingest_refusal *reason, void *context);

/* Progress is one line of a terminal, written over; it is cleared before anything else is said. */
void sender_show_progress(struct sender *sender);
void sender_clear_progress(struct sender *sender);

/* The line at the end, on standard output. Returns the status to exit with, as send_print(). */
int sender_print_summary(struct sender *sender, int status);

#endif
