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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;  /* an open store, locked */
struct series; /* one series in it; lives as long as the store or until it is deleted */

struct store_limits {
    uint64_t bytes_max;      /* sum of all capacities; 0 = 80 % of the file system */
    uint64_t free_bytes_min; /* of the file system: nothing is created or extended below it */
    uint64_t series_max;
};

/* Opens, and if need be creates, the store in folder `path`; takes LOCK; reads the head of every
 * series (no mapping is made: that waits for the first write). A series that cannot be used
 * (damaged head, missing column) is left alone and refused later with its reason;
 * store_series_broken() lists them. What a killed writer left half done is finished: session
 * entries that do not hold are put back, runs at or above count dropped, a short file extended to
 * its header; what it had not synced is dirty, so that the next flush covers it. -EWOULDBLOCK:
 * another process has the lock. */
int store_open(const char *path, const struct store_limits *limits, struct store **ret_store,
               struct error_text *error);

/* Unmaps and unlocks; does not flush (see store_flush_begin). NULL is allowed. */
void store_close(struct store *store);

/* Limits may change while the store is open (reload). */
int store_set_limits(struct store *store, const struct store_limits *limits,
                     struct error_text *error);

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
 * Nothing is left behind on failure. */
int store_create(struct store *store, const char *name, size_t name_bytes,
                 const struct series_type *type, const struct series_rule *rule, int64_t period_ps,
                 struct series **ret_series, struct error_text *error);

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

/* False when a block of the session would be refused with -EBUSY as things stand: a caller that
 * wants all blocks of a batch or none asks before the first one, and flushes. */
bool series_takes_session(const struct series *series, uint64_t session);

/* ---- flushing ---- */

/* What one tick makes durable: a snapshot of the dirty series at a batch boundary. */
struct store_flush;

/* Takes the snapshot (owner's thread, between batches). *ret_flush is NULL when nothing is dirty.
 * -ENOMEM. */
int store_flush_begin(struct store *store, struct store_flush **ret_flush);

/* Syncs every dirty column of the snapshot and the folders of new series (any one other thread; the
 * store may be appended to meanwhile). On failure the data on disk is unknown and a retry would
 * lie: the caller must exit. */
int store_flush_run(struct store_flush *flush, struct error_text *error);

/* Publishes `durable` of every series in the snapshot if `synced`, and frees it (owner's thread).
 */
void store_flush_end(struct store *store, struct store_flush *flush, bool synced);

struct store_flush_counts {
    uint64_t series;
    uint64_t bytes; /* of samples, times and runs that became durable */
};
void store_flush_counts(const struct store_flush *flush, struct store_flush_counts *ret_counts);

/* ---- sessions ---- */

/* What the heads know of a session after a restart (DESIGN section 4): visits every session once.
 * `stored` is the highest sequence that is known to be wholly applied: the highest one recorded, if
 * some series says that a flush came after it, else the one before, so that its batch is sent again
 * and each series drops what it has. */
int store_for_each_session(struct store *store,
                           int (*visit)(uint64_t session, uint64_t stored, void *context),
                           void *context);

/* Sequences of a session up to here are durable: an entry may be evicted from a full head only
 * then. The callback is asked when an entry must go. Without one any entry may go. */
void store_set_session_oracle(struct store *store,
                              bool (*is_durable)(uint64_t session, uint64_t sequence,
                                                 void *context),
                              void *context);

/* ---- administration ---- */

/* Retires a series: unlinks its files (a reader that has them mapped keeps them) and its empty
 * folders. Survives a power cut once the store is closed. */
int store_delete(struct store *store, struct series *series, struct error_text *error);

/* Renames a series. -EEXIST, -EINVAL (the new name). A crash in between leaves both names for one
 * series; doing it again finishes. */
int store_rename(struct store *store, struct series *series, const char *new_name,
                 struct series **ret_series, struct error_text *error);

#endif
