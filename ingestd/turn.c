/* turn.c - the daemon's loop, and how it comes to its end. */
#include "checkpointer.h"
#include "clock_ns.h"
#include "daemon.h"
#include "gateways.h"
#include "log.h"
#include "replies.h"
#include "tick.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

/* What one socket may take in one turn, so that the others, signals and ticks have theirs. */
#define FRAMES_PER_TURN 128
#define BYTES_PER_TURN  (UINT64_C(8) << 20)

/* Where frames come in numbers, a short rest lets several of them come together, and one waking up,
 * one answer and one call for readiness serve them all. The more of them came anyway, the shorter
 * it is; a lone client that waits for its answers never meets it. */
#define REST_NS         (200 * NS_PER_US)
#define REST_FRAMES     64
#define REST_FRAMES_MIN 2

/* Summaries that lag: what of them is made at once, which an append may wait for, and the pause
 * after it while frames come. */
#define CATCH_UP_NS       NS_PER_MS
#define CATCH_UP_PAUSE_NS (100 * NS_PER_MS)

/* At the end: what had arrived is there when nothing came for so long; or, where gateways go on
 * sending, when after so long everything was taken once. Nobody holds up the end for longer than
 * the last. */
#define DRAIN_QUIET_MS   100
#define DRAIN_SETTLED_NS (500 * NS_PER_MS)
#define DRAIN_MAX_NS     (5 * NS_PER_S)
#define LAST_TRIES       50
#define LAST_PAUSE_NS    (10 * NS_PER_MS)

/* Takes what has come in on a socket; true when it is empty now. */
static bool turn_receive(struct daemon *daemon, size_t socket, uint64_t *ret_frame_count)
{
    uint64_t byte_count = 0;
    for (unsigned i = 0; i < FRAMES_PER_TURN && byte_count < BYTES_PER_TURN; i++) {
        struct network_frame frame;
        int result = network_receive(daemon->network, socket, &frame);
        if (result == -EAGAIN)
            return true;
        if (result < 0) {
            log_error("%s: cannot receive: %s", network_endpoint(daemon->network, socket),
                      strerror(-result));
            daemon_fail(daemon, EX_IOERR);
            return true;
        }
        byte_count += frame.byte_count;
        (*ret_frame_count)++;
        receive_frame(daemon, &frame);
        network_frame_done(daemon->network);
        if (daemon->exit_code != 0)
            return true;
    }
    return false;
}

static void turn_signals(struct daemon *daemon)
{
    struct signalfd_siginfo signal;
    while (read(daemon->signal_fd, &signal, sizeof signal) == (ssize_t)sizeof signal) {
        if (signal.ssi_signo == SIGHUP) {
            daemon_reload(daemon);
        } else {
            log_info("stopping: signal %s", signal.ssi_signo == SIGINT ? "INT" : "TERM");
            daemon->is_stopping = true;
        }
    }
}

/* One turn: waits, then does everything that is to be done once. Returns how many frames came;
 * *ret_is_idle says whether all sockets are empty. */
static uint64_t turn_once(struct daemon *daemon, int timeout_ms, bool *ret_is_idle)
{
    uint64_t frame_count = 0;
    *ret_is_idle = true;
    int result = network_wait(daemon->network, timeout_ms);
    daemon->now_ns = clock_monotonic_ns();
    if (result < 0) {
        log_error("cannot wait for input: %s", strerror(-result));
        daemon_fail(daemon, EX_IOERR);
        return 0;
    }
    if (network_watch_is_ready(daemon->network, daemon->signal_watch) && !daemon->is_stopping)
        turn_signals(daemon);
    if (network_watch_is_ready(daemon->network, daemon->flusher_watch))
        tick_collect(daemon);
    if (network_watch_is_ready(daemon->network, daemon->checkpointer_watch))
        checkpointer_collect(daemon);
    for (size_t i = 0; i < network_socket_count(daemon->network) && daemon->exit_code == 0; i++) {
        if (turn_receive(daemon, i, &frame_count))
            replies_socket_idle(daemon, i);
        else
            *ret_is_idle = false;
    }
    if (daemon->exit_code == 0) {
        tick_turn(daemon);
        checkpointer_turn(daemon);
        heartbeat_turn(daemon);
    }
    return frame_count;
}

/* What gateways have sent already is stored, so that they need not send it again. The endpoints
 * stay bound: ZeroMQ ends the connections of an endpoint that is unbound, and with them what is on
 * its way in them, answers too. */
static void turn_drain(struct daemon *daemon)
{
    int64_t began_ns = clock_monotonic_ns();
    int64_t quiet_ns = began_ns + DRAIN_QUIET_MS * NS_PER_MS;
    bool is_idle = false;
    while (daemon->exit_code == 0 && daemon->now_ns < quiet_ns &&
           daemon->now_ns < began_ns + (is_idle ? DRAIN_SETTLED_NS : DRAIN_MAX_NS)) {
        uint64_t frame_count = turn_once(daemon, is_idle ? DRAIN_QUIET_MS / 10 : 0, &is_idle);
        if (frame_count > 0)
            quiet_ns = daemon->now_ns + DRAIN_QUIET_MS * NS_PER_MS;
    }
}

static int64_t turn_refused(const struct daemon *daemon)
{
    int64_t count = 0;
    for (unsigned word = STATUS_REFUSED; word < STATUS_REFUSED_END; word++)
        count += status_get(daemon->status, word);
    return count;
}

/* Leaves a store that the next start can take as it is. */
static void turn_finish_store(struct daemon *daemon)
{
    struct error_text error = {.text = ""};
    size_t session_count = 0;
    checkpointer_wait(daemon);
    if (daemon->exit_code != 0)
        return;
    notify_send(&daemon->notify, "EXTEND_TIMEOUT_USEC=120000000\nWATCHDOG=1\n"
                                 "STATUS=closing the store");
    int result = tick_gather_sessions(daemon, true, &session_count);
    if (result == 0)
        result = store_finish(daemon->store, daemon->tick.sessions, session_count, &error);
    if (result < 0) {
        log_error("cannot close the store cleanly: %s; the next start recovers",
                  error.text[0] != '\0' ? error.text : strerror(-result));
        daemon_fail(daemon, EX_IOERR);
    }
}

static void turn_stop(struct daemon *daemon)
{
    notify_send(&daemon->notify, "STOPPING=1\nSTATUS=storing what has arrived");
    status_set(daemon->status, STATUS_STATE, STATUS_STOPPING);
    turn_drain(daemon);
    if (daemon->exit_code != 0 || tick_now(daemon) < 0)
        return;
    replies_socket_idle(daemon, REPLIES_ALL_SOCKETS);
    /* Peers that are slow to read have a moment more. */
    for (int i = 0; i < LAST_TRIES && daemon->replies.has_overdue; i++) {
        clock_sleep_ns(LAST_PAUSE_NS);
        replies_tick_ended(daemon, tick_ticket_ended(daemon));
    }
    gateways_beat(daemon);
    turn_finish_store(daemon);
    if (daemon->exit_code != 0)
        return;
    log_info("stopped batches=%" PRId64 " samples=%" PRId64 " refused=%" PRId64,
             status_get(daemon->status, STATUS_BATCHES), status_get(daemon->status, STATUS_SAMPLES),
             turn_refused(daemon));
}

/* True when there is more to catch up with, and time for it. */
static bool turn_catch_up(struct daemon *daemon, bool is_quiet)
{
    int64_t now_ns = clock_monotonic_ns();
    if (!is_quiet && now_ns < daemon->catch_up_next_ns)
        return false;
    daemon->catch_up_next_ns = now_ns + CATCH_UP_PAUSE_NS;
    return store_catch_up(daemon->store, now_ns + CATCH_UP_NS) && is_quiet;
}

int daemon_run(struct daemon *daemon)
{
    bool is_idle = true;
    bool lags = false;
    uint64_t burst = 0; /* frames since the sockets were empty last */
    while (daemon->exit_code == 0 && !daemon->is_stopping) {
        int timeout_ms = is_idle && !lags ? heartbeat_timeout_ms(daemon) : 0;
        uint64_t frame_count = turn_once(daemon, timeout_ms, &is_idle);
        lags = turn_catch_up(daemon, is_idle && frame_count == 0);
        burst += frame_count;
        if (!is_idle)
            continue;
        if (burst >= REST_FRAMES_MIN)
            clock_sleep_ns(burst <= REST_FRAMES ? REST_NS : REST_NS * REST_FRAMES / (int64_t)burst);
        burst = 0;
    }
    if (daemon->exit_code == 0)
        turn_stop(daemon);
    return daemon->exit_code;
}
