#include "clock_ns.h"
#include "output.h"
#include "sink.h"
#include "status_report.h"
#include "units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- for people ---- */

#define KEY "%-13s "

static const char *bytes_text(int64_t bytes, char buffer[16])
{
    return units_format_bytes(bytes > 0 ? (uint64_t)bytes : 0, buffer, 16);
}

/* "3 s ago", in whole seconds from the first on. */
static const char *ago_text(const struct status_report *report, int64_t time_ns, char buffer[48])
{
    char text[32];
    int64_t age;
    if (time_ns <= 0 || __builtin_sub_overflow(report->now_ns, time_ns, &age)) {
        snprintf(buffer, 48, "never");
        return buffer;
    }
    if (age > NS_PER_S)
        age -= age % NS_PER_S;
    else if (age > 0)
        age -= age % NS_PER_MS;
    if (age < 0)
        snprintf(buffer, 48, "in the future");
    else
        snprintf(buffer, 48, "%s ago", units_format_duration(age, text, sizeof text));
    return buffer;
}

/* A duration to the microsecond: more digits would only be noise. */
static const char *took_text(int64_t duration_ns, char buffer[32])
{
    if (duration_ns > NS_PER_MS)
        duration_ns -= duration_ns % (10 * NS_PER_US);
    return units_format_duration(duration_ns > 0 ? duration_ns : 0, buffer, 32);
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static void print_daemon(struct sink *sink, const struct status_report *report)
{
    static const char *const states[] = {"stopped", "starting", "running", "stopping"};
    const int64_t *words = report->words;
    int64_t state = report->has_words ? words[STATUS_STATE] : STATUS_STARTING;
    bool known = state >= STATUS_STOPPED && state <= STATUS_STOPPING;
    if (!report->locked)
        sink_print(sink, KEY "not running\n", "daemon");
    else if (report->pid > 0)
        sink_print(sink, KEY "%s, pid %ld\n", "daemon", known ? states[state] : "unknown",
                   report->pid);
    else
        sink_print(sink, KEY "%s\n", "daemon", known ? states[state] : "unknown");
}

static void print_work(struct sink *sink, const struct status_report *report)
{
    const int64_t *words = report->words;
    char ago[48];
    char took[32];
    char longest[32];
    char interval[32];
    char received[16];
    char flushed[16];
    char iso[TIME_TEXT_BYTES];
    time_format_iso(words[STATUS_STARTED_NS], iso);
    sink_print(sink, KEY "%.19sZ, %s\n", "started", iso,
               ago_text(report, words[STATUS_STARTED_NS], ago));
    sink_print(sink, KEY "%s\n", "heartbeat", ago_text(report, words[STATUS_HEARTBEAT_NS], ago));
    sink_print(sink, KEY "every %s; the last %s, took %s, the longest %s; %s in all\n", "flush",
               units_format_duration(words[STATUS_FLUSH_INTERVAL_NS], interval, sizeof interval),
               ago_text(report, words[STATUS_FLUSH_LAST_NS], ago),
               took_text(words[STATUS_FLUSH_DURATION_NS], took),
               took_text(words[STATUS_FLUSH_DURATION_MAX_NS], longest),
               bytes_text(words[STATUS_FLUSH_BYTES], flushed));
    double seconds = (double)(words[STATUS_HEARTBEAT_NS] - words[STATUS_STARTED_NS]) / 1e9;
    double rate = seconds > 0.5 ? (double)words[STATUS_SAMPLES] / seconds : 0;
    sink_print(sink, KEY "%" PRId64 ", %.*f a second on average\n", "samples",
               words[STATUS_SAMPLES], rate < 10 ? 2 : 0, rate);
    sink_print(sink, KEY "%" PRId64 " frame%s, %s; %" PRId64 " gateway%s in session\n", "received",
               words[STATUS_FRAMES], plural(words[STATUS_FRAMES]),
               bytes_text(words[STATUS_BYTES], received), words[STATUS_SESSIONS],
               plural(words[STATUS_SESSIONS]));
    sink_print(sink, KEY "%" PRId64 " dropped, %" PRId64 " kept with another stamp\n", "late",
               words[STATUS_LATE], words[STATUS_CLAMPED]);
    sink_print(sink, KEY "%" PRId64 " duplicate%s, %" PRId64 " behind a gap\n", "resent",
               words[STATUS_DUPLICATES], plural(words[STATUS_DUPLICATES]), words[STATUS_GAPS]);
    sink_print(sink, KEY "%" PRId64 " sent, %" PRId64 " undeliverable\n", "replies",
               words[STATUS_REPLIES], words[STATUS_REPLIES_DROPPED]);
}

static void print_refusals(struct sink *sink, const struct status_report *report)
{
    bool any = false;
    sink_print(sink, KEY, "refused");
    for (unsigned word = STATUS_REFUSED; word < STATUS_REFUSED_END; word++) {
        static const char prefix[] = "refused_";
        if (report->words[word] == 0)
            continue;
        const char *name = status_word_name(word);
        if (name != NULL && strncmp(name, prefix, sizeof prefix - 1) == 0)
            sink_print(sink, "%s%s %" PRId64, any ? ", " : "", name + sizeof prefix - 1,
                       report->words[word]);
        else
            sink_print(sink, "%scode %u %" PRId64, any ? ", " : "", word - STATUS_REFUSED,
                       report->words[word]);
        any = true;
    }
    sink_print(sink, "%s\n", any ? "" : "none");
}

/* Only of a daemon that asks for keys. */
static void print_keys(struct sink *sink, const struct status_report *report)
{
    const int64_t *words = report->words;
    if (words[STATUS_CLIENTS] == 0 && words[STATUS_HANDSHAKES_REFUSED] == 0 &&
        words[STATUS_HANDSHAKES_FAILED] == 0)
        return;
    sink_print(sink,
               KEY "%" PRId64 " certificate%s; connections: %" PRId64 " refused, %" PRId64
                   " failed; %" PRId64 " frame%s of revoked keys cut off\n",
               "keys", words[STATUS_CLIENTS], plural(words[STATUS_CLIENTS]),
               words[STATUS_HANDSHAKES_REFUSED], words[STATUS_HANDSHAKES_FAILED],
               words[STATUS_FRAMES_CUT], plural(words[STATUS_FRAMES_CUT]));
}

static void print_store(struct sink *sink, const struct status_report *report)
{
    const int64_t *words = report->words;
    char reserved[16];
    char budget[16];
    char room[16];
    char ago[48];
    char iso[TIME_TEXT_BYTES];
    sink_print(sink, KEY "%" PRId64 ", %" PRId64 " mapped, %" PRId64 " damaged\n", "series",
               words[STATUS_SERIES], words[STATUS_SERIES_MAPPED], words[STATUS_SERIES_BROKEN]);
    sink_print(sink, KEY "%s of %s reserved, %s free on the file system\n", "room",
               bytes_text(words[STATUS_RESERVED_BYTES], reserved),
               bytes_text(words[STATUS_BUDGET_BYTES], budget),
               bytes_text(words[STATUS_FREE_BYTES], room));
    if (words[STATUS_NEWEST_NS] == INT64_MIN)
        sink_print(sink, KEY "none\n", "newest sample");
    else
        sink_print(sink, KEY "%s, %s\n", "newest sample",
                   time_format_iso(words[STATUS_NEWEST_NS], iso),
                   ago_text(report, words[STATUS_NEWEST_NS], ago));
}

/* The journal, what has been written for what, and how the last start found the store. */
static void print_durability(struct sink *sink, const struct status_report *report)
{
    static const char *const starts[] = {"a new store", "closed cleanly",
                                         "the daemon before was killed: nothing was lost",
                                         "recovered from the journal"};
    const int64_t *words = report->words;
    char used[16];
    char size[16];
    char written[16];
    char flushed[16];
    char took[32];
    char ago[48];
    sink_print(sink, KEY "%s of %s used; %" PRId64 " checkpoint%s, the last %s, took %s\n",
               "journal", bytes_text(words[STATUS_JOURNAL_USED_BYTES], used),
               bytes_text(words[STATUS_JOURNAL_FILE_BYTES], size), words[STATUS_CHECKPOINTS],
               plural(words[STATUS_CHECKPOINTS]),
               ago_text(report, words[STATUS_CHECKPOINT_LAST_NS], ago),
               took_text(words[STATUS_CHECKPOINT_DURATION_NS], took));
    sink_print(sink, KEY "%s for %s that became durable", "written",
               bytes_text(words[STATUS_WRITTEN_BYTES], written),
               bytes_text(words[STATUS_FLUSH_BYTES], flushed));
    if (words[STATUS_FLUSH_BYTES] > 0 && words[STATUS_WRITTEN_BYTES] > 0)
        sink_print(sink, ": %.2f bytes a byte",
                   (double)words[STATUS_WRITTEN_BYTES] / (double)words[STATUS_FLUSH_BYTES]);
    sink_print(sink, "\n");
    int64_t start = words[STATUS_RECOVERY];
    bool known = start >= 0 && start < (int64_t)(sizeof starts / sizeof starts[0]);
    sink_print(sink, KEY "%s", "start", known ? starts[start] : "unknown");
    if (start == 3)
        sink_print(sink,
                   " in %s: %" PRId64 " rows written, at least %" PRId64 " lost, %" PRId64
                   " old rows given up, %" PRId64 " series lost",
                   took_text(words[STATUS_RECOVERY_DURATION_NS], took), words[STATUS_RECOVERY_ROWS],
                   words[STATUS_RECOVERY_LOST], words[STATUS_RECOVERY_GIVEN_UP],
                   words[STATUS_RECOVERY_SERIES_LOST]);
    sink_print(sink, "\n");
}

static int print_people(const struct query_options *options, const struct status_report *report)
{
    struct sink *sink = NULL;
    int code = sink_open(options->output_path, false, &sink);
    if (code != 0)
        return code;
    bool colour = query_may_colour(sink_descriptor(sink));
    print_daemon(sink, report);
    /* The counters of a daemon that has ended tell nothing about now, but may tell why. */
    if (report->has_words && report->words[STATUS_STARTED_NS] > 0) {
        print_work(sink, report);
        print_refusals(sink, report);
        print_keys(sink, report);
        print_store(sink, report);
        print_durability(sink, report);
    }
    if (report->lines_count == 0)
        sink_print(sink, KEY "%shealthy%s\n", "health", colour ? "\033[32m" : "",
                   colour ? "\033[0m" : "");
    for (size_t i = 0; i < report->lines_count; i++) {
        const struct status_line *line = &report->lines[i];
        sink_print(sink, KEY "%s%s%s%s%s\n", line->trouble == TROUBLE_STALE ? "stale" : "health",
                   colour ? "\033[31m" : "", line->text, line->detail != NULL ? ": " : "",
                   line->detail != NULL ? line->detail : "", colour ? "\033[0m" : "");
    }
    return sink_close(sink, true);
}

/* ---- for programs ---- */

static void put_number(struct output *output, const char *name, int64_t value)
{
    const struct cell cells[] = {{.kind = CELL_TEXT, .text = name},
                                 {.kind = CELL_INTEGER, .integer = value}};
    output_row(output, cells);
}

static void put_text(struct output *output, const char *name, const char *value)
{
    const struct cell cells[] = {{.kind = CELL_TEXT, .text = name},
                                 {.kind = CELL_TEXT, .text = value}};
    output_row(output, cells);
}

static int print_rows(const struct query_options *options, const struct status_report *report)
{
    static const struct column columns[] = {{"name", CELL_TEXT}, {"value", CELL_INTEGER}};
    struct output *output = NULL;
    int code = output_open(options, columns, sizeof columns / sizeof columns[0], &output);
    if (code != 0)
        return code;
    put_number(output, "healthy", report->lines_count == 0);
    put_number(output, "running", report->locked);
    for (unsigned word = STATUS_VERSION; report->has_words && word < STATUS_WORDS; word++) {
        const char *name = status_word_name(word);
        if (name != NULL)
            put_number(output, name, report->words[word]);
    }
    for (size_t i = 0; i < report->lines_count; i++)
        put_text(output, report->lines[i].trouble == TROUBLE_STALE ? "stale" : "problem",
                 report->lines[i].text);
    return output_close(output, 0);
}

int command_status(const struct query_options *options)
{
    if (options->gateways)
        return command_status_gateways(options);
    struct status_report report;
    int code = status_report_make(options, &report);
    if (code != 0)
        return code;
    code = options->format == FORMAT_TABLE ? print_people(options, &report)
                                           : print_rows(options, &report);
    if (code == 0 && report.lines_count > 0)
        code = QUERY_FAILED;
    status_report_free(&report);
    return code;
}
