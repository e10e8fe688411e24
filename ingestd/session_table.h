/* session_table.h - what the daemon knows of each session: how far it is stored and durable, and
 * where it is answered.
 *
 * Bounded: when the table is full the session that was heard of least recently goes. One thread. */
#ifndef INGEST_SESSION_TABLE_H
#define INGEST_SESSION_TABLE_H

#include "curve_key.h"
#include "network.h"
#include "wire_format.h"

#include <stdbool.h>
#include <stdint.h>

#define SESSION_TABLE_MAX 65536

struct session {
    uint64_t id;
    uint64_t stored;    /* every batch up to here was applied, or refused for good */
    uint64_t durable;   /* every batch up to here survives a power cut, or was refused for good */
    uint64_t journaled; /* what the journal has of `stored` */
    uint64_t flushing;  /* what the tick under way journals */
    uint64_t refused_batches; /* likewise */
    uint64_t late_samples;    /* dropped as late since the daemon knows the session */
    int64_t heard_ns;         /* monotonic time of its last frame; 0 = not since the start */
    int64_t gap_told_ns; /* monotonic time of the last GAP; 0 = none since its last connection */
    uint64_t gap_told_stored; /* the gap that it was told: `stored` then */
    uint64_t durable_told;    /* in its last answer */
    uint64_t pending_bytes;   /* in batches stored and not yet answered */
    uint32_t pending_batches;
    bool is_due;                /* in the list of sessions with pending batches */
    bool is_unsynced;           /* in the list of sessions whose `stored` is above `journaled` */
    struct network_route route; /* of its latest connection; id_bytes = 0: none */
    unsigned row;               /* in gateways.npy, if it is its own */
    uint64_t told_durable;      /* in that row */
    char address[64];           /* of its latest connection */
    char name[WIRE_PEER_NAME_MAX + 1];    /* from its HELLO, printable */
    char owner[CURVE_KEY_TEXT_BYTES + 1]; /* the key that used it first, Z85; "" = none yet */

    /* private */
    struct session *newer, *older; /* by when they were heard of */
    struct session *due_next, *due_before;
    struct session *unsynced_next, *unsynced_before;
};

struct session_table;

int session_table_new(size_t session_max, struct session_table **ret_table); /* -ENOMEM */
void session_table_free(struct session_table *table);                        /* NULL is allowed */

size_t session_table_count(const struct session_table *table);

/* NULL when the session is not known. */
struct session *session_table_find(const struct session_table *table, uint64_t id);

/* Adds a session that is not there; the oldest goes if the table is full. NULL: no memory. */
struct session *session_table_add(struct session_table *table, uint64_t id);

/* Whether a series that needs the place may forget that it has a batch of the session: it is
 * durable, or nobody has asked for so long that the gateway is taken for gone (nothing was heard
 * since then; or the table has forgotten it, which takes longer than any tick). */
bool session_table_may_forget(const struct session_table *table, uint64_t id, uint64_t sequence,
                              int64_t since_ns);

/* The session was heard of now. */
void session_table_touch(struct session_table *table, struct session *session, int64_t now_ns);

/* Sessions heard of since then, counting no further than `limit`. */
size_t session_table_count_heard(const struct session_table *table, int64_t since_ns, size_t limit);

/* All sessions, the one heard of last first. NULL: the end. */
struct session *session_table_newest(const struct session_table *table);
struct session *session_table_older(const struct session *session);

/* Two lists of sessions: those with batches to answer, and those with batches to journal.
 * Adding or removing twice is harmless. First and next: NULL at the end; the one at hand may be
 * removed only after its next was taken. */
void session_table_due_add(struct session_table *table, struct session *session);
void session_table_due_remove(struct session_table *table, struct session *session);
struct session *session_table_due_first(const struct session_table *table);
void session_table_unsynced_add(struct session_table *table, struct session *session);
void session_table_unsynced_remove(struct session_table *table, struct session *session);
struct session *session_table_unsynced_first(const struct session_table *table);

#endif
