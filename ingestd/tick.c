#include "tick.h"

#include "clock_ns.h"
#include "log.h"
#include "replies.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
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
         session = session->unsynced_next) {
        if (session->journaled < session->flushing)
            session->journaled = session->flushing;
        if (session->durable < session->journaled)
            session->durable = session->journaled;
    }

    replies_tick_ended(daemon, daemon->tick.begun);

    session = session_table_unsynced_first(sessions);
    while (session != NULL) {
        struct session *next = session->unsynced_next;
        replies_durable(daemon, session);
        if (session->journaled >= session->stored)
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

int tick_run(void *job, struct error_text *error)
{
    return store_flush_run(job, error);
}

static bool tick_add_session(struct tick_state *tick, size_t count, const struct session *session)
{
    if (count == tick->session_capacity) {
        size_t capacity = count > 0 ? count * 2 : 64;
        struct store_session *sessions = reallocarray(tick->sessions, capacity, sizeof sessions[0]);
        if (sessions == NULL)
            return false;
        tick->sessions = sessions;
        tick->session_capacity = capacity;
    }
    tick->sessions[count] = (struct store_session){session->id, session->stored};
    return true;
}

int tick_gather_sessions(struct daemon *daemon, bool all, size_t *ret_count)
{
    struct tick_state *tick = &daemon->tick;
    const struct session *session;
    size_t count = 0;
    if (!all)
        for (session = session_table_unsynced_first(daemon->sessions); session != NULL;
             session = session->unsynced_next)
            if (!tick_add_session(tick, count++, session))
                return -ENOMEM;
    if (all || store_wants_all_sessions(daemon->store, count)) {
        count = 0;
        for (session = session_table_newest(daemon->sessions); session != NULL;
             session = session_table_older(session))
            if (!tick_add_session(tick, count++, session))
                return -ENOMEM;
    }
    *ret_count = count;
    return 0;
}

/* A ring whose rows that are not durable overwrite more of it than they should. */
static void tick_tell_raised(struct daemon *daemon)
{
    struct store_raised raised;
    while (store_take_raised(daemon->store, &raised))
        log_warning(
            "series %s: %s come too fast for its capacity: a power cut may now cost %u/8 of "
            "it; a capacity of %" PRIu64 " samples or a shorter [flush] interval would do",
            series_name(raised.series), raised.is_of_runs ? "runs" : "samples", raised.share_of_8,
            raised.capacity_wanted);
}

static void tick_begin(struct daemon *daemon)
{
    struct store_flush *flush = NULL;
    size_t session_count = 0;
    int result = tick_gather_sessions(daemon, false, &session_count);
    if (result == 0)
        result = store_flush_begin(daemon->store, daemon->tick.sessions, session_count, &flush);
    tick_tell_raised(daemon);
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
        worker_submit(daemon->flusher, flush);
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
    struct error_text error;
    void *flush;
    int result;
    if (worker_collect(daemon->flusher, &flush, &result, &error) == 0)
        tick_end(daemon, flush, result, &error);
}

/* A slow disk may need longer than the service manager gives: tell it that all is well. */
static void tick_wait(struct daemon *daemon)
{
    struct pollfd done = {.fd = worker_fd(daemon->flusher), .events = POLLIN};
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
