/* crash_run.h - one run of the crash tests: what is written to a store, and what must be in it.
 *
 * A run follows from its seed: a plan (series, sessions, sizes), then lives of a daemon one after
 * another, each ended by a power cut, a kill or a clean stop. The gateways are modelled too: they
 * keep every batch until it is durable and send again what the store has not.
 *
 * The shadow is the truth to compare with: every row of every series, its stamp, the batch that
 * brought it, and the positions that were made durable. */
#ifndef INGEST_CRASH_RUN_H
#define INGEST_CRASH_RUN_H

#include "model_disk.h"
#include "state_file.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_STORE            "/store"
#define CRASH_SERIES_MAX       5
#define CRASH_SESSIONS_MAX     20
#define CRASH_ROWS_MAX         4096
#define CRASH_RUNS_MAX         2048
#define CRASH_BLOCK_ROWS_MAX   600
#define CRASH_BLOCKS_MAX       2048
#define CRASH_PENDING_MAX      64
#define CRASH_SAMPLE_BYTES_MAX 64
#define CRASH_STATES_MAX       6
#define CRASH_BATCH_BLOCKS_MAX 3

/* ---- the plan ---- */

struct crash_plan_series {
    const char *names[2]; /* the other one after a rename */
    struct series_type type;
    struct series_rule rule;
    uint64_t capacity; /* 0 = grow */
    uint64_t sample_bytes;
    uint64_t rows_a_block; /* at most */
    int64_t period_ps;
    unsigned run_every; /* a new run with one block of so many */
};

struct crash_plan {
    size_t series_count;
    size_t session_count;
    struct crash_plan_series series[CRASH_SERIES_MAX];
    struct store_limits limits;
    unsigned steps;        /* of a life */
    unsigned tick_every;   /* one step of so many is a tick */
    unsigned delete_every; /* lives that do nothing else */
    unsigned rename_every;
    unsigned fault_every; /* one life of so many has a failing call */
    unsigned checkpoint_every;
    unsigned whole_every; /* one block of so many fills a ring */
    unsigned many_runs;   /* blocks of one run each at the beginning */
};

/* ---- the shadow ---- */

struct crash_block {
    uint64_t session;
    uint64_t sequence;
    uint32_t begin;
    uint32_t end;
};

struct crash_series {
    bool exists;
    bool has_no_last; /* of a ring that gave up all its rows the store may forget the last time */
    bool is_dying;    /* it is being deleted: it may be there or gone */
    bool is_moving;   /* it is being renamed: it may have either name, or both */
    unsigned name;    /* of the plan's two; while it is moving: that of before */
    uint64_t id;
    uint32_t count;
    uint32_t after; /* count when the append under way is done */
    uint32_t run_count;
    uint32_t block_count;
    uint64_t frontier;      /* that a reader may find, at most */
    uint64_t runs_frontier; /* and of runs */
    uint32_t ahead;         /* not yet durable rows, at most ever */
    uint32_t runs_ahead;    /* and runs */
    int64_t times[CRASH_ROWS_MAX];
    uint64_t keys[CRASH_ROWS_MAX]; /* the values follow from them */
    uint32_t runs[CRASH_RUNS_MAX]; /* first row */
    int64_t periods_ps[CRASH_RUNS_MAX];
    struct crash_block blocks[CRASH_BLOCKS_MAX];
};

/* A state that recovery may come to. */
struct crash_state {
    struct {
        bool exists;
        uint64_t id;
        uint32_t count;
    } series[CRASH_SERIES_MAX];
    uint64_t stored[CRASH_SESSIONS_MAX];
};

/* ---- gateways ---- */

struct crash_batch_block {
    unsigned series;
    enum block_clock clock;
    uint64_t rows;
    int64_t t0_ns;
    int64_t period_ps;
};

struct crash_batch {
    uint64_t sequence;
    size_t block_count;
    struct crash_batch_block blocks[CRASH_BATCH_BLOCKS_MAX];
};

struct crash_session {
    uint64_t id;
    uint64_t generated;                            /* the highest sequence so far */
    uint64_t durable;                              /* as the daemon said */
    uint64_t stored;                               /* in this life of the daemon */
    struct crash_batch pending[CRASH_PENDING_MAX]; /* by sequence modulo */
};

/* What a gateway goes on with in a series with a regular clock. */
struct crash_source {
    int64_t t0_ns;
    int64_t period_ps;
    uint64_t steps;
};

struct crash_run {
    uint64_t seed;
    uint64_t random;
    struct crash_plan plan;
    struct store *store;
    struct crash_series series[CRASH_SERIES_MAX];
    struct crash_source sources[CRASH_SERIES_MAX];
    struct crash_session sessions[CRASH_SESSIONS_MAX];
    int64_t now_ns;
    bool in_batch;
    bool must_exit;        /* a sync failed */
    bool is_other_thread;  /* the store's flusher or its checkpoint is at work, */
    bool is_flushing;      /* a flush is under way, */
    bool is_checkpointing; /* or a checkpoint */

    /* Where a power cut may lead to: the position that was made durable last, and after it the one
     * that is being made so. */
    struct crash_state states[CRASH_STATES_MAX];
    size_t state_count;
    bool is_recovering; /* then a kill may lead there, too, */
    bool was_cut;       /* and after a power cut nowhere else */
    bool has_failed;    /* a call, in an attempt to recover before this one */
};

/* Stops the program with the seed and how to run it again. */
void crash_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- crash_plan.c ---- */
void crash_plan_make(struct crash_plan *plan, uint64_t *random);

/* ---- crash_shadow.c ---- */

void crash_shadow_copy(struct crash_run *to, const struct crash_run *from);
const char *crash_name(const struct crash_run *run, size_t series);
/* The state as of now. */
void crash_state_now(const struct crash_run *run, struct crash_state *ret_state);
bool crash_shadow_has(const struct crash_series *series, uint64_t session, uint64_t sequence);
/* Puts the rows that a block brings behind series->count and says how many those are. */
uint32_t crash_shadow_expect(struct crash_run *run, const struct crash_session *session,
                             const struct crash_batch *batch,
                             const struct crash_batch_block *block);
/* A block of so many rows is about to be sent: what it will overwrite is in danger. */
void crash_shadow_ask(struct crash_run *run, unsigned series, uint64_t rows);
/* They are there. */
void crash_shadow_commit(struct crash_series *series);
/* Forgets rows from `count` on. */
void crash_shadow_cut(struct crash_series *series, uint32_t count);
void crash_shadow_forget(struct crash_series *series);
/* Bytes of `rows` samples from key `keys[0]` on. */
void crash_values(const struct crash_plan_series *plan, const uint64_t *keys, uint64_t rows,
                  void *ret_values);
uint64_t crash_key(const struct crash_session *session, const struct crash_batch *batch,
                   unsigned series, uint64_t row);
/* Stamps of an explicit block as they are sent. */
void crash_sent_times(const struct crash_batch_block *block, int64_t *ret_times_ns);

/* ---- crash_gateway.c ---- */

enum crash_sent {
    CRASH_SENT,
    CRASH_REFUSED, /* a call failed; it is sent again later */
    CRASH_WAITS,   /* for a flush */
    CRASH_IDLE     /* the session has nothing to send, or may not */
};
/* Sends the next batch of some session: one again, or a new one. */
enum crash_sent crash_gateway_send(struct crash_run *run);
/* Sends all that the store does not have. */
void crash_gateway_resend(struct crash_run *run);
/* The daemon is back, and has the sessions as `stored` says. */
void crash_gateway_greet(struct crash_run *run, const uint64_t *stored);

/* ---- crash_daemon.c ---- */

/* A tick, a checkpoint. False: a sync failed, and the daemon must exit. */
bool crash_daemon_tick(struct crash_run *run);
bool crash_daemon_checkpoint(struct crash_run *run);
/* The clean end, but for store_close(). */
bool crash_daemon_finish(struct crash_run *run);
/* Before anything is sent. */
bool crash_daemon_delete(struct crash_run *run, unsigned series);
bool crash_daemon_rename(struct crash_run *run, unsigned series);
/* Of a store that was just opened: what a rename that was cut left under both names gets the new
 * one, as its owner is told to do. Errors are those of store_rename(). */
int crash_daemon_end_renames(struct crash_run *run, struct error_text *error);

/* ---- crash_oracle.c ---- */

enum crash_allowed {
    CRASH_ALLOW_STATES, /* power was lost: one of the states that were made durable */
    CRASH_ALLOW_OWN,    /* or, after a kill, the shadow's own */
    CRASH_ALLOW_MIXED   /* or of each series one of them: a call failed as they were recovered */
};
/* Whether a store that was just opened is in a state that is allowed. */
void crash_oracle_state(const struct crash_run *run, const struct crash_state *states,
                        size_t state_count, enum crash_allowed allowed);
/* Takes over as the shadow what a store that was just opened has. */
void crash_oracle_adopt(struct crash_run *run, bool was_cut);
/* Every series, through readers. Few rows: not all of long ones. */
void crash_oracle_read(const struct crash_run *run, bool few_rows);

/* What STATE says. */
enum store_state crash_oracle_find_state(void);
/* STATE is as wanted. */
void crash_oracle_check_state(enum store_state wanted);
/* Whether `ingest-query verify` finds anything. */
void crash_oracle_verify(const struct crash_run *run);

/* A reader that takes a snapshot now and looks at the rows later. NULL: the series is not there. */
struct crash_reader;
struct crash_reader *crash_reader_begin(const struct crash_run *run, unsigned series);
void crash_reader_end(const struct crash_run *run, struct crash_reader *reader);

/* ---- crash_summaries.c: block summaries, in some of the runs ---- */

/* The store that was just opened keeps summaries from now on. */
void crash_summaries_keep(const struct crash_run *run);
/* A daemon that has a little time for those that lag. */
void crash_summaries_catch_up(const struct crash_run *run);
/* Whether every record that a reader may use is that of the rows. */
struct reader;
void crash_summaries_check(const struct crash_run *run, unsigned series, struct reader *reader);

/* ---- crash_life.c ---- */

struct crash_totals {
    uint64_t runs;
    uint64_t lives;
    uint64_t cuts;       /* states after a power cut that were recovered and looked at */
    uint64_t kills;      /* and after a kill */
    uint64_t recovering; /* of both, in the middle of a recovery */
    uint64_t faults;     /* failing calls that came to pass */
    uint64_t resends;    /* points after which the gateways went on */
    uint64_t revived;    /* stores with series that were read again, after a call had failed */
    uint64_t rows;       /* looked at */
    uint64_t summaries;  /* records looked at */
};
extern struct crash_totals crash_totals;

/* One run. `only_point` is the one crash point of it to look at; UINT64_MAX: all. */
void crash_run_seed(uint64_t seed, uint64_t only_point);
/* The crash point that is looked at, for messages. */
extern uint64_t crash_point;

#endif
