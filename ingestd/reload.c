/* reload.c - the configuration again, while the daemon runs: all of it or nothing. */
#include "clock_ns.h"
#include "daemon.h"
#include "log.h"
#include "settings.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void reload_report_fixed(const char *message, void *context)
{
    (void)context;
    log_warning("reload: %s", message);
}

/* Takes over what can be taken over; on failure nothing has changed. */
static int reload_swap(struct daemon *daemon, struct config *config)
{
    struct error_text error = {.text = ""};
    struct store_limits limits;
    struct rules *rules;
    struct clients *clients;
    if (access_read_again(daemon, config, &clients) < 0)
        return -EINVAL;
    int result = rules_new(config, &rules);
    if (result < 0) {
        log_error("reload: out of memory");
        clients_free(clients);
        return result;
    }
    result = settings_store_limits(config, daemon->started->store_path, &limits, &error);
    if (result == 0)
        result = store_set_limits(daemon->store, &limits, &error);
    if (result < 0) {
        log_error("reload: %s", error.text[0] != '\0' ? error.text : strerror(-result));
        rules_free(rules);
        clients_free(clients);
        return result;
    }
    access_take(daemon, clients);
    /* Series hold their old rules until this has returned. */
    applier_set_rules(daemon->applier, rules, config->max_future_ns);
    rules_free(daemon->rules);
    daemon->rules = rules;
    if (daemon->current != daemon->started)
        config_free(daemon->current);
    daemon->current = config;
    daemon->tick.next_ns = daemon->now_ns + config->flush_interval_ns;
    status_set(daemon->status, STATUS_FLUSH_INTERVAL_NS, config->flush_interval_ns);
    log_set_level(config->log_level);
    return 0;
}

void daemon_reload(struct daemon *daemon)
{
    notify_send(&daemon->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                clock_monotonic_ns() / NS_PER_US);
    const char *path = settings_path(daemon->options);
    struct config *config = NULL;
    bool is_taken = settings_load(daemon->options, &config) == 0;
    if (is_taken) {
        /* The folder that --store names need not be what the file says, and neither is it a change.
         */
        config_report_fixed(daemon->started, config, reload_report_fixed, NULL);
        is_taken = reload_swap(daemon, config) == 0;
        if (!is_taken)
            config_free(config);
    }
    if (is_taken)
        log_info("reload: %s is in force", path);
    else
        log_error("reload: %s has mistakes; the configuration before it stays in force", path);
    notify_send(&daemon->notify, "READY=1");
}
