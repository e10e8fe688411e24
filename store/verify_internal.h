/* verify_internal.h - what the files of verify share. */
#ifndef INGEST_VERIFY_INTERNAL_H
#define INGEST_VERIFY_INTERNAL_H

#include "reader_internal.h"
#include "verify.h"

#define VERIFY_TEXT_BYTES 512
#define VERIFY_PATH_BYTES (STORE_NAME_BYTES_MAX + 64)

/* Rows and runs of one file that are reported one by one; the others are counted. */
#define VERIFY_ROWS_REPORTED 10

/* One series under the glass. */
struct verify_work {
    const char *store_path;
    const char *name;
    const struct verify_sink *sink;
    struct verify_totals *totals;
    struct verify_progress progress;
    struct reader *reader;
    uint64_t findings;
    bool is_live; /* a daemon may be writing: what looks wrong is looked at again */
};

/* Reports a finding about a file of the series. */
__attribute__((format(printf, 3, 4))) void verify_report(struct verify_work *work, const char *file,
                                                         const char *format, ...);

/* ---- verify_head.c: the text of every header, lengths, the head's words ---- */
void verify_header(struct verify_work *work, const struct reader_column *column);
void verify_headers(struct verify_work *work); /* but those of summaries */
void verify_head_words(struct verify_work *work);

/* ---- verify_rows.c: what grows with the rows. 0, -ESTALE or -EFAULT ---- */
int verify_explicit_times(struct verify_work *work, const struct reader_snapshot *snapshot);
int verify_runs(struct verify_work *work, const struct reader_snapshot *snapshot);
/* The head's last time against the newest row's. */
void verify_last_time(struct verify_work *work);

/* ---- verify_journal.c ---- */

/* STATE and the journal, and where the store is clean the heads against it. 0, or what kept it from
 * looking. */
int verify_journal(const char *store_path, int folder, const struct verify_sink *sink,
                   struct verify_totals *totals);

struct stray_list;

/* Strays without a head that are, for all that the journal says, of a series which lost its head
 * become foreign: no creation or deletion that was cut short. */
void verify_journal_sorts(int folder, struct stray_list *strays);

/* ---- verify_summaries.c: every record against its rows. 0, -ENOMEM ---- */
int verify_summaries(struct verify_work *work, const struct reader_snapshot *snapshot);

/* ---- verify_meta.c ---- */
void verify_meta(struct verify_work *work);

#endif
