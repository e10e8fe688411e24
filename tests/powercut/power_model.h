/* power_model.h - what the gateways of a run send, and what was promised to them.
 *
 * Every row is a function of its series and index, so a row that is false is told from one that is
 * true without a copy of the store. What a batch holds is a function of its session and sequence,
 * so that it can be sent again after a crash. */
#ifndef INGEST_POWER_MODEL_H
#define INGEST_POWER_MODEL_H

#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_SERIES   21
#define MODEL_SESSIONS 20
/* Sessions are numbered from 1; 0 is none. The first two have series of their own, the others write
 * one row a batch to one series that they share: more sessions than a head has entries. */
#define MODEL_OWN_SESSIONS 2
#define MODEL_SHARED       UINT64_C(1000)
#define MODEL_ROWS_MAX     600
#define MODEL_SAMPLE_MAX   64 /* bytes */

struct model_series {
    char names[2][32]; /* is renamed from one to the other and back */
    struct series_type type;
    struct series_rule rule;
    uint64_t number;         /* in the model, from 1 */
    uint64_t session;        /* that writes it; 0 = rows without a session; MODEL_SHARED */
    uint64_t rows_max;       /* of one block */
    uint64_t undurable_max;  /* rows that may be not durable; UINT64_MAX: it laps as it likes */
    uint64_t run_rows;       /* regular: rows of a run */
    uint64_t first_sequence; /* the batches before it do not write it */
    bool comes_and_goes;     /* is deleted and made anew */
};

struct model {
    uint64_t seed;
    uint64_t journal_bytes;
    uint64_t direct_bytes;
    size_t lively; /* the series that is written most often: it laps within one journal file */
    struct model_series series[MODEL_SERIES];
};

void model_make(struct model *model, uint64_t seed);

/* Rows [first, first + count) of one life of a series (its generation), in its dtype and shape.
 * `times_ns` may be NULL. */
void model_rows(const struct model_series *series, uint32_t generation, uint64_t first,
                uint64_t count, void *values, int64_t *times_ns);

/* A place in what a session sends to one series: rows of all batches up to `sequence`. Begin with
 * zeros. */
struct model_cursor {
    uint64_t sequence;
    uint64_t rows;
};
/* Rows of the series in the session's next batch (a block of one run at most). */
uint64_t model_next_rows(const struct model *model, const struct model_series *series,
                         const struct model_cursor *cursor);
/* Moves on to a sequence that is not below the cursor's. */
void model_cursor_move(const struct model *model, const struct model_series *series,
                       struct model_cursor *cursor, uint64_t sequence);

/* As many rows from `first` on, at most, as one block may hold: a regular one stays in its run. */
uint64_t model_block_rows(const struct model_series *series, uint64_t first, uint64_t rows);

/* The first row that a reader must still get when `count` are there, after a power cut: a ring's
 * oldest ones were overwritten or are in its reserve, or their run is. */
uint64_t model_first_kept(const struct model_series *series, uint64_t count);

/* What the gateways know to be durable at one moment: the workload writes it into the log of the
 * disk, and the check holds the store to it. */
struct power_mark {
    uint64_t magic;
    uint64_t seed;
    uint64_t number;   /* of the mark */
    uint64_t is_whole; /* no batch was cut in half by a kill, or it was sent again since */
    struct {
        uint32_t generation;  /* the newest life that there may be */
        uint32_t oldest;      /* those before it were deleted for good */
        uint64_t is_promised; /* the newest is there, with `durable` rows at least */
        uint64_t durable;
        uint32_t name;      /* which of its two it has */
        uint32_t is_moving; /* to the other one: it may have that, or both */
    } series[MODEL_SERIES];
    uint64_t sessions[MODEL_SESSIONS]; /* durable up to this sequence */
};
#define POWER_MARK_MAGIC UINT64_C(0x314b52414d525750)

/* Reads or writes one whole mark. 0 or -errno (-ENODATA: it is none). */
int power_mark_read(const char *path, struct power_mark *ret_mark);
int power_mark_write(const char *path, const struct power_mark *mark);

#endif
