/* heartbeat.c - what the daemon does by the clock besides ticks: counters once a second, the line
 * that `systemctl status` shows, the watchdog, and the answers that a busy socket must not hold
 * back for long. */
#include "clock_ns.h"
#include "daemon.h"
#include "gateways.h"
#include "replies.h"
#include "tick.h"
#include "units.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEAT_NS   NS_PER_S
#define REPORT_NS (10 * NS_PER_S)
#define ANSWER_NS (100 * NS_PER_MS)
/* A sync that takes longer than this, and than ten intervals, is stuck: the watchdog is told
 * nothing more. */
#define FLUSH_STUCK_NS        (30 * NS_PER_S)
#define FLUSH_STUCK_INTERVALS 10

/* What the kernel has written, or is going to write, for this process: pages that it dirtied, by
 * whatever way. Beside it only the file system's own bookkeeping. */
static int64_t heartbeat_written_bytes(void)
{
    static const char key[] = "\nwrite_bytes: ";
    char text[512];
    FILE *file = fopen("/proc/self/io", "re");
    size_t length = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    text[length] = '\0';
    if (file != NULL)
        fclose(file);
    const char *at = strstr(text, key);
    return at != NULL ? strtoll(at + sizeof key - 1, NULL, 10) : 0;
}

static void heartbeat_count(struct daemon *daemon)
{
    struct status_file *status = daemon->status;
    struct store_usage usage;
    store_usage(daemon->store, &usage);
    status_set(status, STATUS_HEARTBEAT_NS, clock_realtime_ns());
    status_set(status, STATUS_SESSIONS, (int64_t)session_table_count(daemon->sessions));
    status_set(status, STATUS_SERIES, (int64_t)usage.series_count);
    status_set(status, STATUS_SERIES_MAPPED, (int64_t)usage.series_mapped);
    status_set(status, STATUS_SERIES_BROKEN, (int64_t)usage.series_broken);
    status_set(status, STATUS_RESERVED_BYTES, (int64_t)usage.reserved_bytes);
    status_set(status, STATUS_BUDGET_BYTES, (int64_t)usage.bytes_max);
    status_set(status, STATUS_FREE_BYTES, (int64_t)usage.free_bytes);
    status_set(status, STATUS_WRITTEN_BYTES, heartbeat_written_bytes());
    struct store_journal_usage journal;
    store_journal_usage(daemon->store, &journal);
    status_set(status, STATUS_JOURNAL_FILE_BYTES, (int64_t)journal.file_bytes);
    status_set(status, STATUS_JOURNAL_USED_BYTES, (int64_t)journal.used_bytes);
    status_set(status, STATUS_JOURNAL_WRITTEN_BYTES, (int64_t)journal.written_bytes);
    status_set(status, STATUS_NEWEST_NS, store_newest_ns(daemon->store));
}

static void heartbeat_report(struct daemon *daemon)
{
    struct heartbeat_state *beat = &daemon->heartbeat;
    int64_t samples = status_get(daemon->status, STATUS_SAMPLES);
    int64_t elapsed_ns = daemon->now_ns - beat->reported_ns;
    double rate = elapsed_ns > 0 ? (double)(samples - beat->samples_before) * (double)NS_PER_S /
                                       (double)elapsed_ns
                                 : 0.0;
    char reserved[16];
    char budget[16];
    notify_send(&daemon->notify,
                "STATUS=%" PRId64 " series, %zu gateways, %.0f samples/s, %s of %s reserved",
                status_get(daemon->status, STATUS_SERIES), daemon->replies.sessions_live, rate,
                units_format_bytes((uint64_t)status_get(daemon->status, STATUS_RESERVED_BYTES),
                                   reserved, sizeof reserved),
                units_format_bytes((uint64_t)status_get(daemon->status, STATUS_BUDGET_BYTES),
                                   budget, sizeof budget));
    beat->reported_ns = daemon->now_ns;
    beat->samples_before = samples;
}

static bool heartbeat_flush_is_stuck(const struct daemon *daemon)
{
    if (!daemon->tick.is_running)
        return false;
    int64_t running_ns = daemon->now_ns - daemon->tick.started_ns;
    return running_ns > FLUSH_STUCK_NS &&
           running_ns / FLUSH_STUCK_INTERVALS > daemon->current->flush_interval_ns;
}

void heartbeat_start(struct daemon *daemon)
{
    daemon->heartbeat = (struct heartbeat_state){
        .second_ns = daemon->now_ns + BEAT_NS,
        .due_ns = daemon->now_ns + ANSWER_NS,
        .watchdog_ns = daemon->notify.watchdog_ns > 0 ? daemon->now_ns : INT64_MAX,
        .report_ns = daemon->now_ns + REPORT_NS,
        .reported_ns = daemon->now_ns,
    };
    replies_share_credit(daemon);
    heartbeat_count(daemon);
}

static void heartbeat_watchdog(struct daemon *daemon, int64_t now_ns)
{
    if (now_ns < daemon->heartbeat.watchdog_ns)
        return;
    daemon->heartbeat.watchdog_ns = now_ns + daemon->notify.watchdog_ns / 2;
    if (!heartbeat_flush_is_stuck(daemon))
        notify_send(&daemon->notify, "WATCHDOG=1");
}

void heartbeat_pause(void *context)
{
    struct daemon *daemon = context;
    struct heartbeat_state *beat = &daemon->heartbeat;
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns >= beat->second_ns) {
        beat->second_ns = now_ns + BEAT_NS;
        status_set(daemon->status, STATUS_HEARTBEAT_NS, clock_realtime_ns());
    }
    heartbeat_watchdog(daemon, now_ns);
}

void heartbeat_turn(struct daemon *daemon)
{
    struct heartbeat_state *beat = &daemon->heartbeat;
    if (daemon->now_ns >= beat->due_ns) {
        replies_socket_idle(daemon, REPLIES_ALL_SOCKETS);
        if (daemon->replies.has_overdue)
            replies_tick_ended(daemon, tick_ticket_ended(daemon));
        beat->due_ns = daemon->now_ns + ANSWER_NS;
    }
    if (daemon->now_ns >= beat->second_ns) {
        beat->second_ns = daemon->now_ns + BEAT_NS;
        replies_share_credit(daemon);
        heartbeat_count(daemon);
        gateways_beat(daemon);
    }
    if (daemon->now_ns >= beat->report_ns) {
        beat->report_ns = daemon->now_ns + REPORT_NS;
        heartbeat_report(daemon);
    }
    heartbeat_watchdog(daemon, daemon->now_ns);
}

int heartbeat_timeout_ms(const struct daemon *daemon)
{
    const struct heartbeat_state *beat = &daemon->heartbeat;
    int64_t next_ns = beat->second_ns;
    if (beat->watchdog_ns < next_ns)
        next_ns = beat->watchdog_ns;
    if (!daemon->tick.is_running && daemon->tick.next_ns < next_ns)
        next_ns = daemon->tick.next_ns;
    bool is_due = session_table_due_first(daemon->sessions) != NULL || daemon->replies.has_overdue;
    if (is_due && beat->due_ns < next_ns)
        next_ns = beat->due_ns;
    int64_t left_ns = next_ns - daemon->now_ns;
    if (left_ns <= 0)
        return 0;
    /* Rounded up: to wake a little early would be to wake twice. */
    int64_t left_ms = (left_ns + NS_PER_MS - 1) / NS_PER_MS;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}
