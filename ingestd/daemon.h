/* daemon.h - the running daemon: everything that its main thread owns, and the steps of its life.
 *
 * Only the main thread touches any of this. The threads that wait for the disk see one job at a
 * time, through worker.h. */
#ifndef INGEST_DAEMON_H
#define INGEST_DAEMON_H

#include "access.h"
#include "apply.h"
#include "config.h"
#include "gateways_file.h"
#include "line_protocol.h"
#include "network.h"
#include "notify.h"
#include "options.h"
#include "refusals.h"
#include "rules.h"
#include "session_table.h"
#include "status_file.h"
#include "store.h"
#include "worker.h"

struct reply_wait;

/* The tick: when the next one begins, and what waits for it. */
struct tick_state {
    int64_t next_ns;    /* monotonic: when it begins by itself */
    int64_t started_ns; /* monotonic: when the one under way began */
    uint64_t begun;     /* ticks begun; the last of them is under way while is_running */
    bool is_running;
    bool is_demanded;               /* somebody waits: begin the next one as soon as none runs */
    struct store_session *sessions; /* what goes with it into the journal */
    size_t session_capacity;
};

/* Checkpoints: see checkpointer.h. */
struct checkpoint_state {
    int64_t next_ns; /* monotonic */
    int64_t started_ns;
    bool is_running;
};

/* Answers that are not sent at once. */
struct reply_state {
    struct reply_wait *waits_first; /* answers that wait for a tick, oldest first */
    struct reply_wait *waits_last;
    size_t wait_count;
    bool has_overdue;     /* some of them are due, and their peers do not read */
    size_t sessions_live; /* heard of in the last minute: they share the credit */
    uint32_t credit_batches;
    uint32_t credit_kib;
};

/* gateways.npy: see gateways.h. */
struct gateways_state {
    struct gateways_file *file;
    int64_t beat_ns; /* monotonic: when it was last brought up to date */
    unsigned row_next;
    uint64_t owners[GATEWAYS_ROWS]; /* session of each row */
};

/* What the periodic work last did. */
struct heartbeat_state {
    int64_t second_ns;      /* monotonic: next beat */
    int64_t due_ns;         /* monotonic: next time that no answer may be held back any longer */
    int64_t watchdog_ns;    /* monotonic: next ping */
    int64_t report_ns;      /* monotonic: next STATUS= */
    int64_t reported_ns;    /* monotonic: last one */
    int64_t samples_before; /* at the last one */
};

struct daemon {
    const struct options *options;
    struct config *started; /* as it was at the start: what a reload cannot change */
    struct config *current; /* as it was last loaded */
    struct rules *rules;    /* of `current` */
    struct store *store;
    struct status_file *status;
    struct applier *applier;
    struct line_protocol *lines;
    struct session_table *sessions;
    struct network *network;
    struct worker *flusher;
    struct worker *checkpointer;
    struct notify notify;
    struct refusals refusals;
    struct access access;
    struct tick_state tick;
    struct checkpoint_state checkpoint;
    struct reply_state replies;
    struct heartbeat_state heartbeat;
    struct gateways_state gateways;
    int signal_fd;
    size_t signal_watch;
    size_t flusher_watch;
    size_t checkpointer_watch;
    const struct client *writer; /* of the frame at hand; NULL: it may not write any more */
    int64_t opened_ns;           /* monotonic */
    int64_t now_ns;              /* monotonic, taken once a round */
    int64_t catch_up_next_ns;    /* monotonic: summaries that lag have their turn */
    bool is_stopping;
    int exit_code; /* not 0: the daemon must end with it */
};

/* Takes the lock, opens the store, binds the endpoints: on success the daemon is ready. Otherwise
 * an exit code, and the reason is logged; daemon_close() frees what is there. */
int daemon_open(struct daemon *daemon, const struct options *options, struct config *config);

/* Turns until a signal or a failure ends it. Returns the exit code. */
int daemon_run(struct daemon *daemon);

void daemon_close(struct daemon *daemon);

/* The daemon cannot go on: it ends with that exit code when the frame at hand is done. */
void daemon_fail(struct daemon *daemon, int exit_code);

/* reload.c: reads the configuration again and takes over what can be taken over (SIGHUP). */
void daemon_reload(struct daemon *daemon);

/* receive.c: one frame onto the store, and its answer or a note to answer. */
void receive_frame(struct daemon *daemon, const struct network_frame *frame);

/* heartbeat.c: counters, status and watchdog. */
void heartbeat_start(struct daemon *daemon);
void heartbeat_turn(struct daemon *daemon);
void heartbeat_pause(void *context); /* within a long batch; context: the daemon */
int heartbeat_timeout_ms(const struct daemon *daemon);

#endif
