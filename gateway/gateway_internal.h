/* gateway_internal.h - what the files of libingest-gateway share. */
#ifndef INGEST_GATEWAY_INTERNAL_H
#define INGEST_GATEWAY_INTERNAL_H

#include "batch.h"
#include "gateway_connection.h"
#include "gateway_window.h"
#include "ingest_gateway.h"
#include "line_protocol.h"
#include "reply.h"

/* Three marks divide the sequences: durable <= stored <= sent < window.next. Up to durable nothing
 * is kept, up to stored nothing needs to be sent, up to sent everything is under way on this
 * connection. When something was lost, `sent` steps back to `stored`, and all behind it goes out
 * again. */
struct ingest_gateway {
    struct gateway_connection connection;
    struct gateway_window window;
    struct line_protocol *lines; /* made by the first push of line protocol */
    int64_t *line_times;         /* stamps of one block of it */
    size_t line_times_capacity;
    char *endpoint;
    char name[WIRE_PEER_NAME_MAX + 1];
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
    bool is_answered;    /* on this connection: the reply to HELLO, before which no batch is sent */
    int64_t answered_ns; /* monotonic; 0 = never */

    /* Timers, monotonic. */
    int64_t quiet_since_ns; /* the last reply, or when waiting for one began */
    bool is_asked;          /* a HELLO asks a quiet daemon where it is */
    uint64_t asked_sent;    /* `sent` at that time */
    int64_t hold_until_ns;  /* no batch is sent before: the daemon asked for a pause */
    unsigned hold_attempts;
    int64_t reopen_ns; /* while closed */
    unsigned reopen_attempts;
    uint64_t random; /* state of the generator that spreads the pauses */

    uint64_t late_last;   /* late samples as last told; begins anew when the daemon restarts */
    uint64_t late_before; /* and those of its earlier lives */
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

/* Tells the application about a refusal of a batch that it was not told about yet. */
void gateway_refuse(struct ingest_gateway *gateway, const struct ingest_refusal *refusal);

/* Steps back: everything after `stored` is sent again. */
void gateway_rewind(struct ingest_gateway *gateway);

/* Asks, or tells, the daemon where it is: HELLO with the oldest sequence held. */
int gateway_send_hello(struct ingest_gateway *gateway);

/* A random pause: [min, 3 min) doubled `attempts` times, at most about max. In nanoseconds. */
int64_t gateway_pause_ns(struct ingest_gateway *gateway, unsigned attempts);

/* gateway_push.c: where the blocks of a batch come from. Called twice for each index, in order. */
typedef int (*gateway_block_source)(void *context, size_t index, struct wire_block *ret_block);

int gateway_push_blocks(struct ingest_gateway *gateway, gateway_block_source source, void *context,
                        size_t block_count, int timeout_ms, uint64_t *ret_sequence);

#endif
