/* progress.h - a line on the terminal that says how far long work is.
 *
 * It is written to stderr, only when stderr is a terminal, at most ten times a second, not at all
 * for work that ends within half a second, and it erases itself. One meter at a time, of one
 * thread; others count for it. */
#ifndef INGEST_PROGRESS_H
#define INGEST_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

/* From now on what this thread does is no meter of its own: the rows it does are added to *total.
 */
void progress_count_into(_Atomic uint64_t *total);

/* Starts the meter. `label` says what is being done ("verifying"); it must stay until
 * progress_end(). `total` is in rows; 0: not known, then only the rate is shown. A meter that was
 * running is ended first. */
void progress_begin(const char *label, uint64_t total);

/* Rows done until now, of the total. Cheap: call it once a chunk, not once a row. */
void progress_update(uint64_t done);

/* Erases the line until the next update: for what is written to the terminal in between. */
void progress_hide(void);

/* Erases the line and ends the meter. Call it before anything else is written to the terminal. Does
 * nothing when no meter runs. */
void progress_end(void);

/* The text of the line without control characters, after `elapsed_ns`; at most `columns`
 * characters. Returns `buffer`. */
const char *progress_text(const char *label, uint64_t done, uint64_t total, int64_t elapsed_ns,
                          size_t columns, char *buffer, size_t buffer_bytes);

#endif
