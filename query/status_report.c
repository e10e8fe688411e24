#include "status_report.h"

#include "clock_ns.h"
#include "reader.h"
#include "series_rows.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The daemon writes its heartbeat once a second. */
#define HEARTBEAT_OLD_NS (10 * NS_PER_S)
/* A tick may take long on a slow disk; this long, and this many intervals, without the end of one
 * is no longer slow but stuck. */
#define FLUSH_STUCK_NS        (10 * NS_PER_S)
#define FLUSH_STUCK_INTERVALS 5

__attribute__((format(printf, 4, 5))) static int add_line(struct status_report *report,
                                                          enum status_trouble trouble,
                                                          const char *detail, const char *format,
                                                          ...)
{
    struct status_line *lines =
        reallocarray(report->lines, report->lines_count + 1, sizeof *report->lines);
    if (lines == NULL)
        return -ENOMEM;
    report->lines = lines;
    struct status_line line = {.trouble = trouble};
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&line.text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return -ENOMEM;
    if (detail != NULL && (line.detail = strdup(detail)) == NULL) {
        free(line.text);
        return -ENOMEM;
    }
    lines[report->lines_count++] = line;
    return 0;
}

void status_report_free(struct status_report *report)
{
    for (size_t i = 0; i < report->lines_count; i++) {
        free(report->lines[i].text);
        free(report->lines[i].detail);
    }
    free(report->lines);
}

/* How long ago, by the clock of the host; 0 for what a clock that was set back puts ahead of us. */
static int64_t age_ns(const struct status_report *report, int64_t time_ns)
{
    int64_t age = 0;
    if (__builtin_sub_overflow(report->now_ns, time_ns, &age))
        return time_ns < 0 ? INT64_MAX : 0;
    return age > 0 ? age : 0;
}

/* In whole seconds, from the first on: the rest would only flicker. */
static const char *duration_text(int64_t duration_ns, char buffer[32])
{
    int64_t unit_ns = duration_ns >= NS_PER_S ? NS_PER_S : NS_PER_MS;
    return units_format_duration(duration_ns - duration_ns % unit_ns, buffer, 32);
}

/* A daemon that has only begun has no heartbeat and no tick yet: its start counts instead. */
static int64_t age_since_start_ns(const struct status_report *report, int64_t time_ns)
{
    int64_t started_ns = report->words[STATUS_STARTED_NS];
    return age_ns(report, time_ns > started_ns ? time_ns : started_ns);
}

static int judge_flusher(struct status_report *report)
{
    int64_t interval_ns = report->words[STATUS_FLUSH_INTERVAL_NS];
    int64_t patience_ns = FLUSH_STUCK_NS;
    if (interval_ns > INT64_MAX / FLUSH_STUCK_INTERVALS)
        patience_ns = INT64_MAX;
    else if (interval_ns * FLUSH_STUCK_INTERVALS > patience_ns)
        patience_ns = interval_ns * FLUSH_STUCK_INTERVALS;
    int64_t age = age_since_start_ns(report, report->words[STATUS_FLUSH_LAST_NS]);
    char text[32];
    if (age <= patience_ns)
        return 0;
    return add_line(report, TROUBLE_DAEMON, NULL, "the flusher is stuck: no tick has ended for %s",
                    duration_text(age, text));
}

int status_report_judge(struct status_report *report)
{
    if (!report->locked)
        return add_line(report, TROUBLE_DAEMON, NULL, "ingestd is not running");
    if (!report->has_words || (report->pid > 0 && report->words[STATUS_PID] != report->pid))
        return add_line(report, TROUBLE_DAEMON, NULL, "ingestd is starting, or has no %s",
                        "status.npy");
    int64_t state = report->words[STATUS_STATE];
    if (state == STATUS_STARTING || state == STATUS_STOPPING)
        return add_line(report, TROUBLE_DAEMON, NULL, "ingestd is %s",
                        state == STATUS_STARTING ? "starting" : "stopping");
    int error = 0;
    char text[32];
    int64_t heartbeat_age = age_since_start_ns(report, report->words[STATUS_HEARTBEAT_NS]);
    if (heartbeat_age > HEARTBEAT_OLD_NS)
        error = add_line(report, TROUBLE_DAEMON, NULL, "ingestd has shown no sign of life for %s",
                         duration_text(heartbeat_age, text));
    if (error == 0)
        error = judge_flusher(report);
    int64_t broken = report->words[STATUS_SERIES_BROKEN];
    if (error == 0 && broken > 0)
        error = add_line(report, TROUBLE_DAEMON, NULL,
                         "damage: %" PRId64 " series refuse%s samples; " PROGRAM
                         " verify and the log of ingestd say why",
                         broken, broken == 1 ? "s" : "");
    return error;
}

/* Whether something was written to the series within --max-age. What counts is when samples
 * arrived, not what times they bear: a gateway's clock may be wrong, and a gateway that catches up
 * sends old samples. */
static int judge_series(struct status_report *report, const struct query_options *options,
                        const char *name)
{
    struct error_text error = {""};
    struct reader *reader = NULL;
    struct reader_snapshot snapshot = {0};
    int result = reader_open(options->store, name, &reader, &error);
    if (result == 0 && (result = reader_snapshot(reader, &snapshot)) < 0)
        error_set_errno(&error, result, "%s", name);
    reader_close(reader);
    if (result == -ENOENT || result == -EINVAL)
        return query_error(EX_NOINPUT, "%s", error.text);
    if (result < 0)
        return add_line(report, TROUBLE_DAEMON, NULL, "damage: %s", error.text);
    char text[32];
    char detail[48];
    int64_t age = age_ns(report, snapshot.last_update_ns);
    if (snapshot.count == 0)
        return add_line(report, TROUBLE_STALE, "never written to", "%s", name);
    if (age <= options->max_age_ns)
        return 0;
    snprintf(detail, sizeof detail, "last written to %s ago", duration_text(age, text));
    return add_line(report, TROUBLE_STALE, detail, "%s", name);
}

static int judge_ages(struct status_report *report, const struct query_options *options)
{
    struct series_selection selection = {0};
    int code = series_select(options, &selection);
    for (size_t i = 0; i < selection.count && code == 0; i++)
        code = judge_series(report, options, selection.names[i]);
    series_selection_free(&selection);
    return code < 0 ? query_error(QUERY_FAILED, "%s", strerror(-code)) : code;
}

int status_report_make(const struct query_options *options, struct status_report *ret_report)
{
    struct status_report report = {.now_ns = clock_realtime_ns()};
    struct error_text error = {""};
    int locked = reader_store_is_locked(options->store, &report.pid);
    if (locked < 0)
        return query_error(query_exit_code(locked), "%s: %s", options->store, strerror(-locked));
    report.locked = locked > 0;
    int result = status_file_read(options->store, report.words, &error);
    report.has_words = result == 0;
    int code = 0;
    if (result < 0 && result != -ENOENT)
        result = add_line(&report, TROUBLE_DAEMON, NULL, "%s", error.text);
    else
        result = 0;
    if (result == 0)
        result = status_report_judge(&report);
    if (result < 0)
        code = query_error(QUERY_FAILED, "%s", strerror(-result));
    int ready = reader_store_ready(options->store, &error);
    if (code == 0 && ready == -EAGAIN)
        code = add_line(&report, TROUBLE_DAEMON, NULL, "%s", error.text) < 0
                   ? query_error(QUERY_FAILED, "out of memory")
                   : 0;
    else if (code == 0 && options->has_max_age)
        code = judge_ages(&report, options);
    if (code != 0) {
        status_report_free(&report);
        return code;
    }
    *ret_report = report;
    return 0;
}
