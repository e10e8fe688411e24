/* store.h - the writing side of a store: one process, one writer.
 *
 * Threads: everything is for the one thread that owns the store, but store_flush_run(), which is
 * for one other thread. Errors: 0 or a negative errno, with a sentence in `error` where there is
 * one (NULL is allowed). Nothing here logs, exits or blocks longer than the file system does. */
#ifndef INGEST_STORE_H
#define INGEST_STORE_H

#include "error_text.h"
#include "series_type.h"
#include "store_format.h"
#include "summary_form.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;  /* an open store, locked */
struct series; /* one series in it; lives as long as the store or until it is deleted */
struct series_block;

struct store_limits {
    uint64_t bytes_max;      /* sum of all capacities; 0 = 80 % of the file system */
    uint64_t free_bytes_min; /* of the file system: nothing is created or extended below it */
    uint64_t series_max;
    uint64_t journal_bytes; /* of each journal file; 0 = 64 MiB */
    uint64_t direct_bytes;  /* tails from here on are synced in their columns, shorter ones go into
                               the journal; 0 = 256 KiB */
};

/* How far a session is: every batch up to `stored` was applied, or refused for good. */
struct store_session {
    uint64_t session; /* not 0 */
    uint64_t stored;
};

/* What opening a store found, and what it made of it. */
enum store_start {
    STORE_START_NEW,
    STORE_START_CLEAN,  /* it was closed cleanly */
    STORE_START_KILLED, /* the writer before was killed: all that it stored is there */
    STORE_START_POWER   /* power was lost, a sync failed, or it is a copy: what the journal says */
};
struct store_recovery {
    enum store_start start;
    const char *reason;        /* a sentence: how the store was found */
    uint64_t records;          /* of the journal, read */
    uint64_t rows_written;     /* from the journal into the columns */
    uint64_t rows_lost_min;    /* stored and not durable: at least so many */
    uint64_t rows_given_up;    /* of the oldest rows of rings: may have been overwritten */
    uint64_t series_made;      /* again, from the journal */
    uint64_t series_removed;   /* were being deleted: that was finished */
    uint64_t series_forgotten; /* made after the last flush: nothing in them was durable */
    uint64_t series_lost;      /* their files are missing or damaged, and the journal has not all */
    int64_t duration_ns;
};
void store_recovery(const struct store *store, struct store_recovery *ret_recovery);

/* Installs the process's SIGBUS handler, once: a file of a series that another program cuts then
 * breaks that series (series_broken()), and not the process. One store a process. 0 or -errno. */
int store_install_sigbus_handler(void);

/* Whether there is a store in folder `path`, be it a damaged one; nothing is made or locked. Errors
 * of the folder as opening it has them, but that it is not there. */
int store_is_there(const char *path, bool *ret_is_there);

/* Opens, and if need be creates, the store in folder `path`; takes LOCK; recovers it, as DESIGN
 * section 6 has it: after a kill the heads stand, after a power cut the journal alone is believed.
 * All that is there afterwards is durable. A series that cannot be used (damaged head, missing
 * column) is left alone and refused later with its reason. -EWOULDBLOCK: another process has the
 * lock. -EBADMSG: recovery is due, and the journal that it needs is missing or damaged. */
int store_open(const char *path, const struct store_limits *limits, struct store **ret_store,
               struct error_text *error);

/* Unmaps and unlocks; does not flush: without store_finish() before, this is as a kill. NULL is
 * allowed. */
void store_close(struct store *store);

/* Limits may change while the store is open (reload). */
int store_set_limits(struct store *store, const struct store_limits *limits,
                     struct error_text *error);

/* From now on summaries are kept of every series that can have them: of what is appended as it is
 * appended, of what is there already by store_catch_up(). Without this none are; those that are
 * there stay, and lag. Once a store. -ENOMEM. */
int store_keep_summaries(struct store *store, store_summary_make *make, store_summary_merge *merge);

/* Makes summaries that are lacking until the monotonic clock reaches `until_ns`, or a block longer:
 * of older stores, after a recovery, of what could not be made for want of room. True when there is
 * more to do now; what failed is tried again some seconds later. */
bool store_catch_up(struct store *store, int64_t until_ns);

/* Seen by status: bytes reserved (all capacities, and what growing files have now), the budget,
 * series, series mapped. */
struct store_usage {
    uint64_t reserved_bytes;
    uint64_t bytes_max;
    uint64_t free_bytes; /* of the file system */
    uint64_t series_count;
    uint64_t series_mapped;
    uint64_t series_broken;
};
void store_usage(const struct store *store, struct store_usage *ret_usage);

/* The newest stamp in the whole store, or INT64_MIN: a clock behind it is not to be trusted. */
int64_t store_newest_ns(const struct store *store);

/* ---- series ---- */

enum series_mode { SERIES_MODE_RING, SERIES_MODE_GROW, SERIES_MODE_REFUSE };
enum series_late { SERIES_LATE_DROP, SERIES_LATE_CLAMP };
enum series_capacity_unit {
    SERIES_CAPACITY_DEFAULT,
    SERIES_CAPACITY_SAMPLES,
    SERIES_CAPACITY_BYTES,
    SERIES_CAPACITY_NS
};

/* The rule that a series follows. Strings are kept by reference: the rule outlives the store or is
 * replaced. */
struct series_rule {
    enum series_mode mode;
    enum series_capacity_unit capacity_unit;
    uint64_t capacity; /* samples, bytes or ns; DEFAULT: 1,048,576 samples or 64 MiB, whichever is
                          less, at least 2 */
    bool preallocate;
    enum series_late late;
    int64_t jitter_ns;
    const char *unit; /* for meta.ini; NULL = none */
    const char *description;
    const char *elements;
};

/* The rule that holds where none matches: ring, default capacity, drop, 20 ms. */
extern const struct series_rule series_rule_default;

/* Finds a series by name (need not be terminated); NULL if there is none. About 10 ns when it is in
 * cache. */
struct series *store_find(const struct store *store, const char *name, size_t name_bytes);

/* A name to look for, and what was found. */
struct store_lookup {
    const char *name; /* need not be terminated */
    size_t name_bytes;
    struct series *series; /* NULL if there is none */
    uint64_t hash;         /* the store's own */
};

/* Finds all names of a batch. The look-ups overlap, so that one does not wait for the other's
 * misses of the cache. */
void store_find_all(const struct store *store, struct store_lookup *lookups, size_t count);

/* Starts loading what an append to the series will touch. */
void series_prefetch(const struct series *series);

/* Creates a series. `period_ps` is the first block's (regular clock), to turn a capacity in time
 * into samples. -EINVAL: name or type; -EEXIST; -EPERM: the rule refuses (mode = refuse); -EDOM:
 * the rule's capacity is a time and the clock is explicit, or gives fewer than 2 samples or an
 * overflow; -EDQUOT: bytes_max or series_max; -ENOSPC: free space; -EIO and others from the system.
 * Nothing is left behind on failure. `error` is about the series, without its name. */
int store_create(struct store *store, const char *name, size_t name_bytes,
                 const struct series_type *type, const struct series_rule *rule, int64_t period_ps,
                 struct series **ret_series, struct error_text *error);

/* Whether the block could be the first of the series that store_create() would make of this type
 * and rule; asked before that, so that a block which is refused for itself leaves no series behind,
 * nor fixes its type. -EFBIG: longer than the ring, whose capacity is in *ret_capacity; -ENODATA:
 * every sample of it would be late; -EOVERFLOW as series_append(). 0 also where no series would be
 * made: store_create() says why. */
int series_judge_first(const struct series_type *type, const struct series_rule *rule,
                       const struct series_block *block, int64_t now_ns, uint64_t *ret_capacity);

/* Gives an existing series its rule (jitter, late); its mode and capacity stand. `ret_disagrees`
 * (may be NULL) says whether the rule would have made another mode or capacity. */
void series_set_rule(struct series *series, const struct series_rule *rule, bool *ret_disagrees);
/* NULL until series_set_rule() or store_create(). */
const struct series_rule *series_rule(const struct series *series);

const char *series_name(const struct series *series); /* terminated */
const struct series_type *series_type(const struct series *series);
uint64_t series_id(const struct series *series);
uint64_t series_capacity(const struct series *series); /* 0 = grow */
uint64_t series_count(const struct series *series);
int64_t series_last_time_ns(const struct series *series); /* INT64_MIN when it has no sample */
/* NULL when the series is sound, else why it refuses appends. */
const char *series_broken(const struct series *series);
/* Whether that may pass (rights, descriptors, a failing disk): series_takes() tries again. */
bool series_is_unread(const struct series *series);

/* A word of the caller's own in each series (0 at first): the daemon marks the batch that it saw a
 * series in. */
uint64_t *series_user_word(struct series *series);

/* All series, in no order. Return non-zero from `visit` to stop; that is returned. The visitor must
 * not create or delete. */
int store_for_each(struct store *store, int (*visit)(struct series *series, void *context),
                   void *context);

/* ---- appending ---- */

enum block_clock { BLOCK_ARRIVAL, BLOCK_REGULAR, BLOCK_EXPLICIT };

/* A block to append. The caller has compared its type with the series'. Arrival and explicit blocks
 * are for explicit series only; a regular block goes into either (an explicit series gets its
 * computed stamps). */
struct series_block {
    const void *values;   /* count samples, any alignment */
    const void *times_ns; /* EXPLICIT: count int64, any alignment */
    uint64_t count;       /* at least 1 */
    enum block_clock clock;
    bool stamp_on_arrival; /* EXPLICIT: INT64_MIN means "now" */
    int64_t t0_ns;         /* REGULAR; INT64_MIN: the last sample is stamped on arrival */
    int64_t period_ps;     /* REGULAR */
};

struct series_append_result {
    uint64_t appended;
    uint64_t late;    /* dropped (late = drop) */
    uint64_t clamped; /* kept with another stamp (late = clamp) */
    bool duplicate;   /* the series already has this session's sequence: nothing was done */
};

/* The last stamp that a block would bring, before the rules of time (arrival: now_ns). -EOVERFLOW
 * when its times leave int64, -EINVAL for a period below RUN_PERIOD_PS_MIN with more than one
 * sample. */
int series_block_last_ns(const struct series_block *block, int64_t now_ns, int64_t *ret_last_ns);

/* Appends a block: first dedup by (session, sequence) (session 0: none), then the rules of time,
 * then the copy, as DESIGN sections 3 to 5 have them; docs/format.md, "Writing". Returns 0 also
 * when every sample was late (appended = 0); such a block leaves no entry of its session, and sent
 * again is late again. `now_ns` is the time of arrival. On failure nothing was appended:
 * -EFBIG: longer than the ring; -ENOSPC: disk full or budget (a growing file); -EINVAL, -EOVERFLOW
 * as series_block_last_ns(); -EBUSY: the session is new to the series, and no session that has an
 * entry there is durable; -EBADF: the series is broken (series_broken() says why); others from the
 * system. */
int series_append(struct series *series, const struct series_block *block, uint64_t session,
                  uint64_t sequence, int64_t now_ns, struct series_append_result *ret_result);

/* False when a block of `count` samples (regular: with that period; else 0) has to wait for a flush
 * as things stand: it would be refused with -EBUSY for its session, or its rows would overwrite
 * more of a ring than may be lost in a power cut. The next flush then makes room, or raises what
 * may be lost (reserve.h). A caller asks before the first block of a batch, and flushes. A series
 * that is unread is read again, once a second at most. */
bool series_takes(struct series *series, uint64_t count, int64_t period_ps, uint64_t session);

/* A ring that is too small for its rate gives up more of its oldest rows in a power cut: an eighth
 * at first, then a quarter, a half, all. */
struct store_raised {
    const struct series *series;
    bool is_of_runs; /* not its rows but its runs (runs.npy) came too fast */
    unsigned share_of_8;
    uint64_t capacity_wanted; /* rows with which an eighth would have done */
};
/* Takes one that was not yet told; false: there is none. */
bool store_take_raised(struct store *store, struct store_raised *ret_raised);

/* ---- flushing ---- */

/* Where a batch was taken by some series and will come again, as it was refused in part for now:
 * noted, so that those series know it again, also after a power cut. Between the batch and the next
 * flush. -ENOMEM. */
int store_note_partial(struct store *store, uint64_t session, uint64_t sequence);

/* What one tick makes durable: a snapshot of the dirty series at a batch boundary. */
struct store_flush;

/* Whether the next flush begins a new journal file, so that it needs all sessions and not only the
 * `session_count` that moved. */
bool store_wants_all_sessions(const struct store *store, size_t session_count);

/* Takes the snapshot (owner's thread, between batches), with the sessions that moved since the last
 * one, or all of them (store_wants_all_sessions()). *ret_flush is NULL when nothing is dirty and no
 * session moved. One at a time. -ENOMEM. */
int store_flush_begin(struct store *store, const struct store_session *sessions,
                      size_t session_count, struct store_flush **ret_flush);

/* Makes it durable (any one other thread; the store may be appended to meanwhile): syncs what is
 * large in its columns, and writes one record with all that is small into the journal. On failure
 * what is on disk is unknown and a retry would lie: STATE says so from now on, and the caller must
 * exit; the next store_open() recovers from the journal. */
int store_flush_run(struct store_flush *flush, struct error_text *error);

/* Publishes `durable` of every series in the snapshot if `synced`, and frees it (owner's thread).
 */
void store_flush_end(struct store *store, struct store_flush *flush, bool synced);

struct store_flush_counts {
    uint64_t series;
    uint64_t bytes; /* of samples, times and runs that became durable */
};
void store_flush_counts(const struct store_flush *flush, struct store_flush_counts *ret_counts);

/* ---- checkpoints ---- */

/* Lets go of a journal file by syncing the columns that it names. */
struct store_checkpoint;

/* The journal file in use is nearly full. */
bool store_checkpoint_is_due(const struct store *store);

/* Notes what is to be synced (owner's thread). *ret_checkpoint is NULL when the journal has nothing
 * to let go of. One at a time; flushes may begin and end meanwhile. -ENOMEM. */
int store_checkpoint_begin(struct store *store, struct store_checkpoint **ret_checkpoint);

/* Syncs it (any one other thread, at the same time as store_flush_run() in another). Failure is as
 * that of store_flush_run(). */
int store_checkpoint_run(struct store_checkpoint *checkpoint, struct error_text *error);

/* If `synced`, the next flush begins a new journal file (owner's thread). */
void store_checkpoint_end(struct store *store, struct store_checkpoint *checkpoint, bool synced);

/* The end of a store that was opened for writing: all is synced, the journal begins anew with these
 * sessions (all of them), STATE says clean. No flush and no checkpoint may be under way. */
int store_finish(struct store *store, const struct store_session *sessions, size_t session_count,
                 struct error_text *error);

struct store_journal_usage {
    uint64_t number;     /* of the file in use */
    uint64_t used_bytes; /* of it */
    uint64_t file_bytes;
    uint64_t written_bytes; /* since the store was opened */
};
void store_journal_usage(const struct store *store, struct store_journal_usage *ret_usage);

/* ---- sessions ---- */

/* Every session as the journal had it when the store was opened: `stored` was durable. Return
 * non-zero from `visit` to stop; that is returned. */
int store_for_each_session(struct store *store,
                           int (*visit)(uint64_t session, uint64_t stored, void *context),
                           void *context);

/* Asked when an entry must go from a full head: whether that of the session may, since its batch is
 * durable or nobody will send it again. Without a callback any entry may go. */
void store_set_session_oracle(struct store *store,
                              bool (*is_durable)(uint64_t session, uint64_t sequence,
                                                 void *context),
                              void *context);

/* ---- administration ---- */

/* Retires series: the journal says so first, so that a crash leaves each of them whole or gone;
 * then their files are unlinked (a reader that has them mapped keeps them), and their empty
 * folders. `done` (NULL is allowed) hears of each. Not while a flush is under way; the sessions are
 * those that the store was opened with. */
int store_delete(struct store *store, struct series *const *series, size_t count,
                 void (*done)(const char *name, int result, void *context), void *context,
                 struct error_text *error);

/* Renames a series. -EEXIST, -EINVAL (the new name). A crash in between leaves both names for one
 * series; doing it again finishes. Conditions as store_delete(). */
int store_rename(struct store *store, struct series *series, const char *new_name,
                 struct series **ret_series, struct error_text *error);

#endif
