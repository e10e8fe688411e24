/* status_report.h - what `status` found out: the daemon's words and what is wrong. */
#ifndef INGEST_STATUS_REPORT_H
#define INGEST_STATUS_REPORT_H

#include "query.h"
#include "status_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum status_trouble {
    TROUBLE_DAEMON, /* not running, or not well */
    TROUBLE_STALE   /* a series that nothing was written to for too long; `text` is its name */
};

struct status_line {
    enum status_trouble trouble;
    char *text;
    char *detail; /* TROUBLE_STALE: how long, for people; else NULL */
};

struct status_report {
    bool locked;    /* a daemon holds the store */
    long pid;       /* of whoever holds it; 0 = it could not be told */
    bool has_words; /* status.npy was read */
    int64_t words[STATUS_WORDS];
    int64_t now_ns;
    struct status_line *lines; /* nothing is wrong when there are none */
    size_t lines_count;
};

/* Looks at the daemon and, with --max-age, at the series. 0 or an exit code, with its message
 * printed: then the state is not known. */
int status_report_make(const struct query_options *options, struct status_report *ret_report);
void status_report_free(struct status_report *report);

/* Judges the words alone: adds a line for each trouble. -ENOMEM. */
int status_report_judge(struct status_report *report);

#endif
