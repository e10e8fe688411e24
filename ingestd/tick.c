#include "tick.h"

#include "clock_ns.h"
#include "log.h"
#include "replies.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>

/* After a snapshot for which there was no memory. */
#define RETRY_NS (100 * NS_PER_MS)

void tick_start(struct daemon *daemon)
{
    daemon->tick = (struct tick_state){
        .next_ns = daemon->now_ns + daemon->current->flush_interval_ns,
    };
}

uint64_t tick_ticket_next(const struct daemon *daemon)
{
    return daemon->tick.begun + 1;
}

uint64_t tick_ticket_for(const struct daemon *daemon, const struct session *session,
                         uint64_t sequence)
{
    bool is_covered = daemon->tick.is_running && session->flushing >= sequence;
    return is_covered ? daemon->tick.begun : tick_ticket_next(daemon);
}

uint64_t tick_ticket_ended(const struct daemon *daemon)
{
    return daemon->tick.is_running ? daemon->tick.begun - 1 : daemon->tick.begun;
}

void tick_demand(struct daemon *daemon)
{
    daemon->tick.is_demanded = true;
}

/* Those who wait for this tick are answered first: that tells them `durable`, and their session
 * needs no second answer. */
static void tick_publish_sessions(struct daemon *daemon)
{
    struct session_table *sessions = daemon->sessions;
    struct session *session;
    for (session = session_table_unsynced_first(sessions); session != NULL;
         session = session->unsynced_next)
        if (session->durable < session->flushing)
            session->durable = session->flushing;

    replies_tick_ended(daemon, daemon->tick.begun);

    session = session_table_unsynced_first(sessions);
    while (session != NULL) {
        struct session *next = session->unsynced_next;
        replies_durable(daemon, session);
        if (session->durable >= session->stored)
            session_table_unsynced_remove(sessions, session);
        session = next;
    }
}

static void tick_count(struct daemon *daemon, uint64_t bytes)
{
    struct status_file *status = daemon->status;
    int64_t duration_ns = clock_monotonic_ns() - daemon->tick.started_ns;
    status_add(status, STATUS_FLUSH_TICKS, 1);
    status_add(status, STATUS_FLUSH_BYTES, (int64_t)bytes);
    status_set(status, STATUS_FLUSH_LAST_NS, clock_realtime_ns());
    status_set(status, STATUS_FLUSH_DURATION_NS, duration_ns);
    if (duration_ns > status_get(status, STATUS_FLUSH_DURATION_MAX_NS))
        status_set(status, STATUS_FLUSH_DURATION_MAX_NS, duration_ns);
}

/* Ends the tick under way; `flush` is NULL when nothing was dirty. */
static void tick_end(struct daemon *daemon, struct store_flush *flush, int result,
                     const struct error_text *error)
{
    struct store_flush_counts counts = {0};
    daemon->tick.is_running = false;
    if (flush != NULL) {
        store_flush_counts(flush, &counts);
        store_flush_end(daemon->store, flush, result == 0);
    }
    if (result < 0) {
        /* The kernel reports a failed write-back once: a second sync would say that all is well. */
        log_error("cannot make the store durable: %s; stopping, gateways will send again what was "
                  "not durable",
                  error->text[0] != '\0' ? error->text : strerror(-result));
        daemon_fail(daemon, EX_IOERR);
        return;
    }
    tick_count(daemon, counts.bytes);
    tick_publish_sessions(daemon);
}

static void tick_begin(struct daemon *daemon)
{
    struct store_flush *flush = NULL;
    int result = store_flush_begin(daemon->store, &flush);
    if (result < 0) {
        log_warning("no memory for a flush; trying again");
        daemon->tick.is_demanded = false;
        daemon->tick.next_ns = daemon->now_ns + RETRY_NS;
        return;
    }
    daemon->tick.is_demanded = false;
    daemon->tick.is_running = true;
    daemon->tick.begun++;
    daemon->tick.started_ns = clock_monotonic_ns();
    daemon->tick.next_ns = daemon->now_ns + daemon->current->flush_interval_ns;
    for (struct session *session = session_table_unsynced_first(daemon->sessions); session != NULL;
         session = session->unsynced_next)
        session->flushing = session->stored;
    if (flush != NULL)
        flusher_submit(daemon->flusher, flush);
    else
        tick_end(daemon, NULL, 0, NULL);
}

void tick_turn(struct daemon *daemon)
{
    if (!daemon->tick.is_running &&
        (daemon->tick.is_demanded || daemon->now_ns >= daemon->tick.next_ns))
        tick_begin(daemon);
}

void tick_collect(struct daemon *daemon)
{
    struct store_flush *flush;
    struct error_text error;
    int result;
    if (flusher_collect(daemon->flusher, &flush, &result, &error) == 0)
        tick_end(daemon, flush, result, &error);
}

/* A slow disk may need longer than the service manager gives: tell it that all is well. */
static void tick_wait(struct daemon *daemon)
{
    struct pollfd done = {.fd = flusher_fd(daemon->flusher), .events = POLLIN};
    while (daemon->tick.is_running) {
        int ready = poll(&done, 1, 1000);
        if (ready > 0)
            tick_collect(daemon);
        else
            notify_send(&daemon->notify, "EXTEND_TIMEOUT_USEC=30000000\nWATCHDOG=1");
    }
}

int tick_now(struct daemon *daemon)
{
    tick_wait(daemon);
    if (daemon->exit_code == 0) {
        daemon->now_ns = clock_monotonic_ns();
        tick_begin(daemon);
        tick_wait(daemon);
    }
    return daemon->exit_code == 0 ? 0 : -EIO;
}
