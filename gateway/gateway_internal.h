/* gateway_internal.h - what the files of libingest-gateway share. */
#ifndef INGEST_GATEWAY_INTERNAL_H
#define INGEST_GATEWAY_INTERNAL_H

#include "batch.h"
#include "dead_letters.h"
#include "gateway_connection.h"
#include "gateway_window.h"
#include "ingest_gateway.h"
#include "line_protocol.h"
#include "queue.h"
#include "reply.h"

/* Three marks divide the sequences: durable <= stored <= sent < window.next. Up to durable nothing
 * is kept, up to stored nothing needs to be sent, up to sent everything is under way on this
 * connection. When something was lost, `sent` steps back to `stored`, and all behind it goes out
 * again.
 *
 * With a queue on disk every batch is appended to that first, and the window holds the oldest of
 * them that are not durable, read ahead as far as it has room. The window is without a gap; where
 * the queue has one, it is filled again when all before the gap is durable. */
struct ingest_gateway {
    struct gateway_connection connection;
    struct gateway_window window;
    struct queue queue;          /* on disk; unused unless has_queue */
    struct dead_letters letters; /* open if has_queue */
    uint64_t dead_letters;       /* kept */
    uint64_t dead_letters_lost;  /* could not be */
    int64_t sync_due_ns;   /* monotonic: when what was written last is synced; 0 = nothing is due */
    int64_t mark_due_ns;   /* the same for writing down what is durable */
    uint64_t lost_batches; /* of the queue, that are known by number */
    struct dead_letter_name queued_letter; /* in the queue, its file could not be removed; or 0 */
    struct line_protocol *lines;           /* made by the first push of line protocol */
    int64_t *line_times;                   /* stamps of one block of it */
    size_t line_times_capacity;
    char *endpoint;
    char name[WIRE_PEER_NAME_MAX + 1];
    bool has_queue;   /* on disk: queue and letters are open */
    bool is_greeted;  /* the daemon answered since the queue was opened */
    bool is_answered; /* on this connection: the reply to HELLO, before which no batch is sent */
    bool is_asked;    /* a HELLO asks a quiet daemon where it is */
    struct ingest_gateway_options options; /* with the defaults filled in */

    uint64_t stored;
    uint64_t durable;
    uint64_t sent;
    uint64_t sent_ever;     /* highest sequence that ever went out */
    size_t under_way_bytes; /* of the frames in (stored, sent] */

    /* What the daemon said last. */
    uint32_t credit_batches;
    uint32_t credit_kib;
    uint32_t frame_bytes_max;
    unsigned delay_code;
    int64_t answered_ns; /* monotonic; 0 = never */

    /* Timers, monotonic. */
    int64_t quiet_since_ns; /* the last reply, or when waiting for one began */
    uint64_t asked_sent;    /* `sent` when a HELLO asked a quiet daemon where it is */
    int64_t hold_until_ns;  /* no batch is sent before: the daemon asked for a pause */
    int64_t reopen_ns;      /* while closed */
    unsigned hold_attempts;
    unsigned reopen_attempts;
    uint64_t random; /* state of the generator that spreads the pauses */

    uint64_t late_last;    /* late samples as last told; begins anew when the daemon restarts */
    uint64_t late_before;  /* and those of its earlier lives */
    uint64_t late_earlier; /* of the session before the queue was opened */
    uint64_t refused_batches;
    uint64_t refused_blocks;
    uint64_t resent_batches;
    uint64_t reconnects;
};

/* gateway_protocol.c: moves everything on without waiting. True when stored, durable or refusals
 * moved. */
bool gateway_advance(struct ingest_gateway *gateway);

/* Waits until gateway_advance() may have something to do, at most until deadline_ns (monotonic). */
void gateway_wait(struct ingest_gateway *gateway, int64_t deadline_ns);

/* When a timeout as in the public functions runs out (monotonic; INT64_MAX = never). */
int64_t gateway_deadline(int timeout_ms);

/* gateway_reply.c: takes one frame from the daemon. True when stored, durable or refusals moved. */
bool gateway_take_reply(struct ingest_gateway *gateway, const void *frame, size_t length,
                        int64_t now_ns);

/* Tells the application about a refusal of a batch that it was not told about yet; with a queue the
 * batch is kept as a dead letter first. */
void gateway_refuse(struct ingest_gateway *gateway, struct ingest_refusal *refusal);

/* Steps back: everything after `stored` is sent again. */
void gateway_rewind(struct ingest_gateway *gateway);

/* Asks, or tells, the daemon where it is: HELLO with the oldest sequence held. */
int gateway_send_hello(struct ingest_gateway *gateway);

/* A random pause: [min, 3 min) doubled `attempts` times, at most about max. In nanoseconds. */
int64_t gateway_pause_ns(struct ingest_gateway *gateway, unsigned attempts);

/* gateway_queue.c. Opens the queue that the options name; before it the session is random, and
 * after it that of the queue. */
int gateway_queue_open(struct ingest_gateway *gateway);
void gateway_queue_close(struct ingest_gateway *gateway);

/* 0, or -EAGAIN, or why a frame of that length will never be taken. */
int gateway_room(struct ingest_gateway *gateway, size_t length);

/* Sequence of the next batch pushed. */
uint64_t gateway_next(const struct ingest_gateway *gateway);

/* Takes over a frame as batch gateway_next(), also when it fails. */
int gateway_take_frame(struct ingest_gateway *gateway, uint8_t *frame, size_t length,
                       const struct queue_origin *origin);

/* Brings batches from disk into the window, and syncs what is due. */
void gateway_queue_advance(struct ingest_gateway *gateway, int64_t now_ns);

/* When that has something to do by the clock. */
int64_t gateway_queue_deadline(const struct ingest_gateway *gateway);

/* All batches are stored, or durable, up to `mark`. */
bool gateway_is_done(const struct ingest_gateway *gateway, uint64_t mark);

/* The daemon's first answer may tell that the queue is an older copy of itself. */
void gateway_queue_greeted(struct ingest_gateway *gateway, uint64_t daemon_stored,
                           uint64_t late_samples);

/* gateway_letters.c. Opens the folder of dead letters, after the queue. */
int gateway_letters_open(struct ingest_gateway *gateway);

/* Keeps a refused batch, as far as there is a folder; fills in refusal->kept. */
void gateway_letters_keep(struct ingest_gateway *gateway, const struct gateway_frame *frame,
                          struct ingest_refusal *refusal);

/* Samples in the blocks that were refused. */
uint64_t gateway_samples_refused(const struct gateway_frame *frame,
                                 const struct ingest_refusal *refusal);

/* Waits until a frame of that length can be pushed. -EAGAIN, -EMSGSIZE and others. */
int gateway_wait_for_room(struct ingest_gateway *gateway, size_t length, int64_t deadline_ns);

/* gateway_push.c: where the blocks of a batch come from. Called twice for each index, in order. */
typedef int (*gateway_block_source)(void *context, size_t index, struct wire_block *ret_block);

int gateway_push_blocks(struct ingest_gateway *gateway, gateway_block_source source, void *context,
                        size_t block_count, int timeout_ms, uint64_t *ret_sequence);

#endif
