/* series_internal.h - what the files of the writing side share about one
 * series.
 *
 * The writer keeps a shadow of every live word of the head and only ever writes
 * the mapped ones. A series that is not mapped has its shadows; they are read
 * again from the files when it is mapped. */
#ifndef INGEST_SERIES_INTERNAL_H
#define INGEST_SERIES_INTERNAL_H

#include "column.h"
#include "journal_record.h"
#include "series_time.h"
#include "store.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>

/* "plant1/boiler/values.npy" and NUL. */
#define SERIES_PATH_BYTES (STORE_NAME_BYTES_MAX + 24)
/* A growing series begins with the shape that fills a page or just passes it. */
#define SERIES_GROW_BYTES_MIN 4096

/* See store_partials.c. */
struct series_partial {
    struct series_partial *next;
    struct journal_entry entry;
};

/* The summaries of a mapped series: a column a level, each mapped when it is first written to. */
struct series_summary {
    uint64_t record_bytes;
    unsigned level_count;
    volatile bool is_lost; /* a page of one was not there; set by the handler of SIGBUS */
    struct column levels[];
};

struct series {
    /* What an append of one sample touches comes first: three cache lines, and in a regular series
     * the fourth. */
    alignas(64) _Atomic int64_t *words; /* of the mapped head; NULL = not mapped */
    char *values;                       /* the first row, mapped */
    int64_t *times;                     /* explicit series: likewise */
    uint64_t count;
    uint64_t slot;  /* count modulo ring_rows */
    uint64_t ready; /* appends up to this count need nothing made ready */
    uint64_t frontier;
    int64_t last_time_ns;

    uint64_t sample_bytes;
    uint64_t ring_rows;      /* rows in the shape; a growing series has as many now */
    uint64_t block_rows_max; /* the ring's capacity, or no limit */
    struct store *store;
    uint64_t session;          /* the session that wrote last, 0 = not known, */
    uint64_t session_sequence; /* its sequence, */
    uint32_t session_slot;     /* and where its entry is */
    bool is_dirty;             /* it is in the store's list of dirty series */
    bool is_recent;            /* written since the hand of the map cache passed */
    bool is_new;               /* its files and folders were never synced */
    bool has_new_meta;         /* nor was its meta.ini, which no journal carries */
    volatile bool is_lost;     /* a page of it was not there; set by the handler of SIGBUS */
    uint64_t user_word;
    uint64_t rows_limit; /* count may go up to here before the next flush; see reserve.h */
    uint64_t runs_limit;
    uint64_t last_block;   /* samples of the last append */
    uint64_t summary_next; /* an append that comes to this count completes a block, or no append */
    uint64_t summarised;
    struct series_summary *summary; /* NULL = none is mapped */

    struct series_type type;
    size_t name_bytes;
    char *broken; /* why it refuses appends, or NULL */
    const struct series_rule *rule;
    uint64_t capacity; /* 0 = grow */

    struct time_run run; /* regular: the current run */
    struct time_rules rules;
    uint64_t runs_count;

    struct column values_column;
    struct column stamps_column; /* times.npy, or runs.npy */
    size_t map_slot;             /* in the map cache */

    uint64_t id;
    int64_t created_ns;
    uint64_t durable; /* as the journal has it */
    uint64_t durable_runs;
    uint64_t synced; /* in the columns for sure */
    uint64_t synced_runs;
    uint8_t rows_reserve; /* enum reserve_level; as the journal has it */
    uint8_t runs_reserve;
    uint8_t rows_reserve_wanted; /* as the next flush writes it */
    uint8_t runs_reserve_wanted;
    bool is_described;   /* the journal file in use knows it, under */
    bool is_head_synced; /* its head did not change since */
    bool is_head_behind; /* could not be told what became durable */
    bool is_lagging;     /* it is in the store's list of series whose summaries lag */
    bool is_unsynced;    /* it is in the store's list of series that the next checkpoint syncs */
    bool is_unread;      /* it is broken for a reason that may pass: series_unread.c */
    bool is_unborn;      /* and nothing of it was ever flushed: see store.unborn_count */
    uint32_t journal_slot;
    struct series_partial *partials;
    uint64_t file_bytes;    /* of all its files but summaries, as reserved in the budget */
    uint64_t summary_bytes; /* of those, likewise */
    uint64_t head_inode;
    int64_t read_again_ns; /* monotonic time from which it is read again, when it is unread */
    char name[];
};

static inline bool series_is_regular(const struct series *series)
{
    return series->type.clock == SERIES_REGULAR;
}

static inline void series_word_store(struct series *series, unsigned word, int64_t value)
{
    atomic_store_explicit(&series->words[word], value, memory_order_relaxed);
}

/* The store is seen after everything that was stored before it. */
static inline void series_word_publish(struct series *series, unsigned word, int64_t value)
{
    atomic_store_explicit(&series->words[word], value, memory_order_release);
}

static inline int64_t series_word_load(const struct series *series, unsigned word)
{
    return atomic_load_explicit(&series->words[word], memory_order_relaxed);
}

/* Readers know which rows are about to be overwritten. */
static inline void series_raise_frontier(struct series *series, uint64_t frontier)
{
    if (frontier > series->frontier) {
        series->frontier = frontier;
        series_word_store(series, HEAD_FRONTIER, (int64_t)frontier);
    }
    /* A reader that sees one of the rows copied after this sees the frontier above, and drops what
     * it overwrote. */
    atomic_thread_fence(memory_order_release);
}

/* ---- series_files.c: names and shapes of the files ---- */

/* "<name>/<file>" below the folder `series`; returns `buffer`. */
const char *series_path(const char *name, const char *file, char buffer[SERIES_PATH_BYTES]);
const char *series_stamps_file(enum series_clock clock); /* "times.npy" or "runs.npy" */
/* All files that a series' folder may hold of it, one after the other, head.npy first: without it
 * the rest is no series; from SERIES_FILES_OWN on summaries, which can be made again. NULL: there
 * are no more. */
#define SERIES_FILES_OWN 6
const char *series_file(unsigned number);

struct npy_shape series_values_shape(const struct series_type *type, uint64_t rows);
struct npy_shape series_stamps_shape(enum series_clock clock, uint64_t rows);
struct npy_shape series_head_shape(void);
uint64_t series_stamp_row_bytes(enum series_clock clock);
/* Rows of runs.npy, or of times.npy, for values.npy of so many; `grows` for a
 * new file that grows. */
uint64_t series_stamps_rows(enum series_clock clock, uint64_t rows, bool grows);
/* Bytes of all files of a series. false: overflow. */
bool series_files_bytes(uint64_t sample_bytes, uint64_t rows, enum series_clock clock,
                        uint64_t stamps_rows, uint64_t *ret_bytes);

/* ---- series_open.c ---- */

/* A series that knows its name and nothing else; NULL: no memory. */
struct series *series_new(struct store *store, const char *name, size_t name_bytes);
void series_free(struct series *series); /* unmaps it; NULL is allowed */

/* Reads head and headers from the files into the shadows, without mapping; a
 * fault makes it broken. `ret_words` are the head's words, valid when it is
 * sound. -ENOMEM. */
int series_inspect(struct series *series, int64_t ret_words[HEAD_WORDS]);

/* Maps it for writing and finishes what a killed writer left. -EBADF: broken. */
int series_map(struct series *series);
void series_unmap(struct series *series);

/* Stores `durable`, also in the head of a series that is not mapped. */
void series_publish_durable(struct series *series, uint64_t durable);

/* Notes why the series is refused from now on. */
void series_break(struct series *series, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- series_unread.c ---- */

/* Whether what kept a series from being read may be over later; else it is damage. */
bool series_may_pass(int result);
/* Reads a series that is unread again, once a second at most. 0: it is sound now, and dirty;
 * -EAGAIN, -ENOMEM: not yet; -EBADF: it is damaged. */
int series_read_again(struct series *series);
void series_set_unborn(struct series *series, bool is_unborn);

/* ---- series_repair.c ---- */

/* Brings the live words and the shadows of a mapped series in line with its
 * count; or breaks it. */
void series_repair(struct series *series);

/* ---- series_room.c ---- */

/* Rows on their way into one column. */
struct series_rows {
    const void *from; /* as they will stand in the file; NULL = they are made one by one */
    bool is_written;  /* they stand there already */
};

/* Makes room for `samples` more samples (a growing file grows), and for `runs`
 * more runs. Large blocks in fresh slots are written in the course of that. */
int series_make_room(struct series *series, uint64_t samples, struct series_rows *values,
                     struct series_rows *times);
int series_make_runs_room(struct series *series, uint64_t runs);
/* Closes what stayed open for the next block. */
void series_close_files(struct series *series);
/* How far count and runs may go before the next flush, by its reserve. */
void series_limit_rows(struct series *series);
/* A sync of its files is about to begin (column_pages_cleaned). */
void series_pages_cleaned(struct series *series);
/* Brings both columns of a growing series to the same shape, if a growth was
 * cut between the two. */
int series_finish_growth(struct series *series);

/* ---- series_summary.c ---- */

/* Whether its blocks are complete up to its count; sees to it that they will be. */
void series_summary_watch(struct series *series);
/* Summarises blocks that were just completed, as far as nothing has to be opened for it. */
void series_summarise_appended(struct series *series);
/* Makes what is lacking until the clock reaches `until_ns`. 1: more is lacking; 0: nothing is;
 * negative: not now. */
int series_summarise(struct series *series, int64_t until_ns);
void series_summary_unmap(struct series *series);
/* Removes the files, as far as they are there. */
void series_summary_remove(int series_fd, const char *name);
/* Bytes of the files that its summaries must have. */
uint64_t series_summary_bytes(const struct series *series);

/* ---- series_session.c ---- */

/* Finds or chooses the session's entry. 0; 1 = the series has the sequence
 * already; -EBUSY: all entries are taken and none may go. */
int series_session_claim(struct series *series, uint64_t session, uint64_t sequence,
                         unsigned *ret_slot);
/* Writes the entry of a claim; count_after is not yet published. */
void series_session_write(struct series *series, unsigned slot, uint64_t session, uint64_t sequence,
                          uint64_t count_after);
/* Puts back the entries that count did not reach. */
void series_session_repair(struct series *series);
/* The entries that the journal has, and no others, into the words of a head. */
void series_session_restore(int64_t words[HEAD_WORDS], const struct journal_entry *entries,
                            size_t count);

/* ---- series_lost.c ---- */

/* For sigbus_set_writer(): whether the address lies in a mapping of the store's; notes which. */
bool store_owns_address(const void *address, void *store);
/* Refuses a series that lost a page from now on. True when it did. */
bool series_check_lost(struct series *series);

/* ---- series_reserve.c ---- */

/* The slow way of series_takes(): the block may pass the limits. */
bool series_reserve_takes(struct series *series, uint64_t count, int64_t period_ps);
/* For a flush that is begun because a ring had no more: dirty rings that have used up their
 * reserve, and would pass it with as much again, are raised too. Many rings that lap alike then
 * need one flush and not one each. */
void store_reserve_company(struct store *store);

#endif
