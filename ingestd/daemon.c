/* daemon.c - the daemon's beginning and end. The order of the beginning: lock, then store, then
 * endpoints. Binding an ipc path takes it away from whoever has it, so the store's lock must be
 * ours before. */
#include "daemon.h"

#include "checkpointer.h"
#include "clock_ns.h"
#include "gateways.h"
#include "log.h"
#include "recovery_report.h"
#include "replies.h"
#include "settings.h"
#include "stats_block.h"
#include "tick.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

/* Connections and files: a distribution's soft limit of 1,024 is soon reached. */
#define DESCRIPTORS_WANTED 65536

/* A frame up to this is always received: it may be too large a batch, and is answered. */
#define FRAME_BYTES_MAX_LEAST (UINT64_C(16) << 20)

/* A gateway from which nothing came for so long may have lost its place in a series. */
#define SESSION_SILENT_NS (3600 * NS_PER_S)

/* How long answers may take to get out when the daemon ends. */
#define LINGER_MS 1000

void daemon_fail(struct daemon *daemon, int exit_code)
{
    if (daemon->exit_code == 0)
        daemon->exit_code = exit_code;
}

static void daemon_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    /* Fewer connections are no reason not to start. */
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warning("the limit of open files stays as it is: %s", strerror(errno));
}

/* Signals come through a descriptor, to the main thread alone: threads that are made later inherit
 * the mask. */
static int daemon_open_signals(struct daemon *daemon)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    daemon->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return daemon->signal_fd < 0 ? -errno : 0;
}

/* What the journal knows of sessions. */
static int daemon_seed_session(uint64_t id, uint64_t stored, void *context)
{
    struct session *session = session_table_find(context, id);
    if (session == NULL)
        session = session_table_add(context, id);
    if (session == NULL)
        return -ENOMEM;
    if (session->stored < stored)
        session->stored = session->durable = session->journaled = session->flushing = stored;
    return 0;
}

/* A batch that was taken in part by a series, and that its gateway never sent again, would hold its
 * place there for ever: sixteen of them shut the series for all others. */
static bool daemon_may_forget(uint64_t id, uint64_t sequence, void *context)
{
    const struct daemon *daemon = context;
    int64_t since_ns = daemon->now_ns - SESSION_SILENT_NS;
    /* Of a session that the journal has nothing was heard yet. */
    if (since_ns < daemon->opened_ns)
        since_ns = 0;
    return session_table_may_forget(daemon->sessions, id, sequence, since_ns);
}

static int daemon_open_store(struct daemon *daemon)
{
    struct error_text error = {.text = ""};
    if (store_install_sigbus_handler() < 0)
        log_warning("cannot handle SIGBUS: an array that another program cuts ends the daemon");
    int exit_code = settings_open_store(daemon->current, &daemon->store);
    if (exit_code != 0)
        return exit_code;
    if (status_file_create(daemon->current->store_path, &daemon->status, &error) < 0) {
        log_error("%s", error.text);
        return EX_IOERR;
    }
    status_set(daemon->status, STATUS_PID, getpid());
    status_set(daemon->status, STATUS_STARTED_NS, clock_realtime_ns());
    status_set(daemon->status, STATUS_STATE, STATUS_STARTING);
    status_set(daemon->status, STATUS_FLUSH_INTERVAL_NS, daemon->current->flush_interval_ns);
    recovery_log(daemon->store);
    recovery_note(daemon->store, daemon->status);

    if (session_table_new(SESSION_TABLE_MAX, &daemon->sessions) < 0 ||
        applier_new(daemon->store, &daemon->applier) < 0 || line_protocol_new(&daemon->lines) < 0 ||
        rules_new(daemon->current, &daemon->rules) < 0 ||
        store_keep_summaries(daemon->store, stats_block_make, stats_block_merge) < 0 ||
        store_for_each_session(daemon->store, daemon_seed_session, daemon->sessions) < 0) {
        log_error("out of memory");
        return EX_TEMPFAIL;
    }
    if (gateways_open(daemon) < 0)
        return EX_IOERR;
    applier_set_rules(daemon->applier, daemon->rules, daemon->current->max_future_ns);
    applier_set_pause(daemon->applier, heartbeat_pause, daemon);
    store_set_session_oracle(daemon->store, daemon_may_forget, daemon);
    return 0;
}

static int daemon_bind_exit_code(int result)
{
    switch (result) {
    case -EADDRINUSE:
    case -EADDRNOTAVAIL:
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
        /* The other process may end, the address may yet come up. */
        return EX_TEMPFAIL;
    default:
        return EX_CONFIG;
    }
}

static int daemon_bind_all(struct daemon *daemon, enum network_kind kind, char *const *endpoints,
                           size_t endpoint_count)
{
    for (size_t i = 0; i < endpoint_count; i++) {
        struct error_text error;
        int result = network_bind(daemon->network, kind, endpoints[i], &error);
        if (result < 0) {
            log_error("%s", error.text);
            return daemon_bind_exit_code(result);
        }
    }
    return 0;
}

static int daemon_open_network(struct daemon *daemon)
{
    const struct config *config = daemon->current;
    struct error_text error;
    /* Well above the largest batch, so that a frame above that can be answered; one above this ends
     * its connection. */
    uint64_t frame_bytes_max = config->max_batch_bytes * 2;
    if (frame_bytes_max < FRAME_BYTES_MAX_LEAST)
        frame_bytes_max = FRAME_BYTES_MAX_LEAST;
    if (network_open(frame_bytes_max, &daemon->network, &error) < 0) {
        log_error("%s", error.text);
        return EX_TEMPFAIL;
    }
    int result = worker_start(tick_run, &daemon->flusher);
    if (result == 0)
        result = worker_start(checkpointer_run, &daemon->checkpointer);
    if (result < 0) {
        log_error("cannot start a thread: %s", strerror(-result));
        return EX_TEMPFAIL;
    }
    int exit_code = access_open(daemon);
    if (exit_code != 0)
        return exit_code;
    daemon->signal_watch = network_watch(daemon->network, daemon->signal_fd);
    daemon->flusher_watch = network_watch(daemon->network, worker_fd(daemon->flusher));
    daemon->checkpointer_watch = network_watch(daemon->network, worker_fd(daemon->checkpointer));
    exit_code = daemon_bind_all(daemon, NETWORK_ROUTER, config->router, config->router_count);
    if (exit_code == 0)
        exit_code = daemon_bind_all(daemon, NETWORK_PULL, config->pull, config->pull_count);
    return exit_code;
}

static void daemon_log_start(const struct daemon *daemon, int64_t began_ns)
{
    char endpoints[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < network_socket_count(daemon->network) && used < sizeof endpoints; i++) {
        bool is_router = network_socket_kind(daemon->network, i) == NETWORK_ROUTER;
        int length = snprintf(endpoints + used, sizeof endpoints - used, " %s=%s",
                              is_router ? "router" : "pull", network_endpoint(daemon->network, i));
        used += length > 0 ? (size_t)length : 0;
    }
    struct store_usage usage;
    store_usage(daemon->store, &usage);
    log_info("started version=%s store=%s series=%llu%s in %lld ms", INGEST_VERSION,
             daemon->started->store_path, (unsigned long long)usage.series_count, endpoints,
             (long long)((clock_monotonic_ns() - began_ns) / NS_PER_MS));
    if (usage.series_broken > 0)
        log_warning("%llu series are damaged and take no samples, or cannot be read for now; "
                    "ingest-query verify names them",
                    (unsigned long long)usage.series_broken);
}

int daemon_open(struct daemon *daemon, const struct options *options, struct config *config)
{
    int64_t began_ns = clock_monotonic_ns();
    *daemon = (struct daemon){.options = options,
                              .started = config,
                              .current = config,
                              .signal_fd = -1,
                              .opened_ns = began_ns};
    refusals_init(&daemon->refusals);
    if (notify_open(&daemon->notify) < 0)
        log_warning("NOTIFY_SOCKET is no address: the service manager is told nothing");
    daemon_raise_descriptors();
    if (daemon_open_signals(daemon) < 0) {
        log_error("cannot receive signals");
        return EX_OSERR;
    }
    int exit_code = daemon_open_store(daemon);
    if (exit_code == 0)
        exit_code = daemon_open_network(daemon);
    if (exit_code != 0)
        return exit_code;

    daemon->now_ns = clock_monotonic_ns();
    tick_start(daemon);
    checkpointer_start(daemon);
    heartbeat_start(daemon);
    status_set(daemon->status, STATUS_FLUSH_LAST_NS, clock_realtime_ns());
    status_set(daemon->status, STATUS_STATE, STATUS_RUNNING);
    daemon_log_start(daemon, began_ns);
    notify_send(&daemon->notify, "READY=1\nSTATUS=%zu sessions known, waiting for gateways",
                session_table_count(daemon->sessions));
    return 0;
}

void daemon_close(struct daemon *daemon)
{
    struct store_flush *flush = worker_stop(daemon->flusher);
    if (flush != NULL)
        store_flush_end(daemon->store, flush, false);
    struct store_checkpoint *checkpoint = worker_stop(daemon->checkpointer);
    if (checkpoint != NULL)
        store_checkpoint_end(daemon->store, checkpoint, false);
    network_close(daemon->network, daemon->exit_code == 0 ? LINGER_MS : 0);
    if (daemon->status != NULL)
        status_set(daemon->status, STATUS_STATE, STATUS_STOPPED);
    replies_free(daemon);
    free(daemon->tick.sessions);
    applier_free(daemon->applier);
    store_close(daemon->store);
    rules_free(daemon->rules);
    line_protocol_free(daemon->lines);
    session_table_free(daemon->sessions);
    access_close(daemon);
    status_file_close(daemon->status);
    gateways_close(daemon);
    notify_close(&daemon->notify);
    if (daemon->signal_fd >= 0)
        close(daemon->signal_fd);
    if (daemon->current != daemon->started)
        config_free(daemon->current);
    config_free(daemon->started);
}
