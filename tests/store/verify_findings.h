/* verify_findings.h - what verify finds, as text, and short ways to ask for it. */
#ifndef INGEST_VERIFY_FINDINGS_H
#define INGEST_VERIFY_FINDINGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "temporary_folder.h"
#include "verify.h"

#include <stdio.h>
#include <string.h>

static inline int make_folder(void **state)
{
    *state = temporary_folder_make();
    return 0;
}

static inline int remove_folder(void **state)
{
    temporary_folder_remove(*state);
    return 0;
}

/* Everything that was found, a line each. */
struct findings {
    char text[8192];
    uint64_t count;
    uint64_t progress;
};

static inline void add_finding(const char *file, const char *text, void *context)
{
    struct findings *findings = context;
    size_t used = strlen(findings->text);
    snprintf(findings->text + used, sizeof findings->text - used, "%s: %s\n", file, text);
    findings->count++;
}

static inline void add_progress(const struct verify_progress *progress, void *context)
{
    struct findings *findings = context;
    assert_true(progress->rows_done <= progress->rows_total);
    findings->progress = progress->rows_done;
}

static inline struct findings verify_one(const char *store, const char *name)
{
    struct findings findings = {.count = 0};
    struct verify_totals totals = {0};
    const struct verify_sink sink = {
        .finding = add_finding, .progress = add_progress, .context = &findings};
    assert_int_equal(verify_series(store, name, &sink, &totals), 0);
    assert_int_equal(totals.series, 1);
    assert_int_equal(totals.findings, findings.count);
    return findings;
}

static inline struct findings verify_rest(const char *store)
{
    struct findings findings = {.count = 0};
    const struct verify_sink sink = {.finding = add_finding, .context = &findings};
    assert_int_equal(verify_store(store, &sink, NULL), 0);
    return findings;
}

static inline void expect_nothing(const struct findings *findings)
{
    if (findings->count > 0)
        fail_msg("found, and nothing is wrong:\n%s", findings->text);
}

static inline void expect(const struct findings *findings, const char *file, const char *text)
{
    const char *line = findings->text;
    while (*line != '\0') {
        const char *end = strchr(line, '\n');
        const char *at_file = strstr(line, file);
        const char *at_text = strstr(line, text);
        if (at_file != NULL && at_file < end && at_text != NULL && at_text < end)
            return;
        line = end + 1;
    }
    fail_msg("\"%s\" of %s was not found, but:\n%s", text, file, findings->text);
}

#endif
