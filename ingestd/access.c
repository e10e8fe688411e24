#include "access.h"

#include "certificate.h"
#include "clock_ns.h"
#include "daemon.h"
#include "settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define LINES_AT_ONCE 10

static int access_exit_code(int result)
{
    /* Everything else is a file that the configuration names and that cannot be used. */
    return result == -ENOMEM || result == -EMFILE || result == -ENFILE ? EX_TEMPFAIL : EX_CONFIG;
}

static void access_describe(const struct clients *clients)
{
    size_t count = clients_count(clients);
    size_t revoked = 0;
    for (size_t i = 0; i < count; i++) {
        const struct client *client = clients_at(clients, i);
        revoked += client->is_revoked;
        if (client->pattern_count == 0 && !client->is_revoked)
            log_warning("%s: %s may write nothing; say write = \"PATTERN ...\" in its metadata",
                        clients_folder(clients), client->name);
    }
    if (count == revoked)
        log_warning("%s: no gateway may connect; put their public certificates there, and reload",
                    clients_folder(clients));
    log_info("clients: %zu certificates, %zu of them revoked, in %s", count, revoked,
             clients_folder(clients));
}

/* Of what server_key_file names; `path` is the configuration's. */
static void access_key_mistake(const struct config *config, const char *path, const char *mistake)
{
    log_error("%s:%d: [security] server_key_file: %s", path, config->server_key_line, mistake);
}

static int access_load_clients(const struct config *config, const char *path, const char *folder,
                               struct clients **ret_clients)
{
    struct error_text error = {.text = ""};
    int result = clients_load(folder, settings_report_error, NULL, ret_clients, &error);
    /* A reload may leave the key out; the folder is that of before then. */
    if (error.text[0] != '\0' && config->clients_line == 0)
        log_error("%s", error.text);
    else if (error.text[0] != '\0')
        log_error("%s:%d: [security] clients_dir: %s", path, config->clients_line, error.text);
    return result;
}

int access_check(const struct config *config, const char *path)
{
    if (config->security_mode != CONFIG_SECURITY_CURVE)
        return 0;
    struct error_text error;
    struct certificate certificate;
    struct clients *clients = NULL;
    int key = certificate_read_secret(config->server_key_file, &certificate, &error);
    if (key == 0)
        certificate_clear(&certificate);
    else
        access_key_mistake(config, path, error.text);
    int result = access_load_clients(config, path, config->clients_dir, &clients);
    clients_free(clients);
    return key < 0 ? access_exit_code(key) : result < 0 ? access_exit_code(result) : 0;
}

/* ---- at the door ---- */

__attribute__((format(printf, 3, 4))) static void access_log(struct log_limit *limit,
                                                             const char *kind, const char *format,
                                                             ...)
{
    uint64_t suppressed;
    if (!log_limit_allow(limit, clock_monotonic_ns(), &suppressed))
        return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_warning("refused handshake=%s %s suppressed=%llu", kind, text,
                (unsigned long long)suppressed);
}

static enum network_answer access_ask(const char *key, const char *address, void *context)
{
    struct daemon *daemon = context;
    const struct client *client = clients_find(daemon->access.clients, key);
    if (client != NULL && !client->is_revoked)
        return NETWORK_ADMITTED;
    status_add(daemon->status, STATUS_HANDSHAKES_REFUSED, 1);
    if (client != NULL) {
        access_log(&daemon->access.revoked_limit, "REVOKED_KEY",
                   "peer=%s certificate=\"%s\" key=\"%s\"", address, client->name, key);
        return NETWORK_REVOKED;
    }
    access_log(&daemon->access.unknown_limit, "UNKNOWN_KEY", "peer=%s key=\"%s\"", address, key);
    return NETWORK_UNKNOWN;
}

static void access_failed(const char *address, enum network_fault fault, void *context)
{
    static const char *const reasons[NETWORK_FAULTS] = {
        [NETWORK_FAULT_ENDED] =
            "it ended before the handshake was done, as clients without CURVE do",
        [NETWORK_FAULT_NO_CURVE] = "it does not use CURVE; give the gateway its keys",
        [NETWORK_FAULT_WRONG_KEY] =
            "it has another public key of the daemon; give the gateway the right one",
        [NETWORK_FAULT_NONSENSE] = "it does not speak CURVE as it should",
    };
    struct daemon *daemon = context;
    status_add(daemon->status, STATUS_HANDSHAKES_FAILED, 1);
    access_log(&daemon->access.fault_limits[fault], "FAILED", "peer=%s reason=\"%s\"", address,
               reasons[fault]);
}

static void access_init_limits(struct access *access)
{
    const struct log_limit limit = {.interval_ns = NS_PER_S, .burst = LINES_AT_ONCE};
    access->unknown_limit = limit;
    access->revoked_limit = limit;
    for (unsigned i = 0; i < NETWORK_FAULTS; i++)
        access->fault_limits[i] = limit;
}

int access_open(struct daemon *daemon)
{
    const struct config *config = daemon->started;
    const char *path = settings_path(daemon->options);
    access_init_limits(&daemon->access);
    if (config->security_mode != CONFIG_SECURITY_CURVE) {
        if (config->server_key_file != NULL || config->clients_dir != NULL)
            log_warning("[security] mode = none: server_key_file and clients_dir are not used, and "
                        "nobody is asked for a key");
        return 0;
    }
    struct error_text error;
    struct certificate certificate;
    int result = certificate_read_secret(config->server_key_file, &certificate, &error);
    if (result == 0) {
        const struct network_guard guard = {
            .ask = access_ask, .failed = access_failed, .context = daemon};
        result = network_require_curve(daemon->network, certificate.public_key,
                                       certificate.secret_key, &guard, &error);
        certificate_clear(&certificate);
        if (result < 0)
            log_error("%s:%d: [security] server_key_file: %s: %s", path, config->server_key_line,
                      config->server_key_file, error.text);
    } else {
        access_key_mistake(config, path, error.text);
    }
    if (result == 0)
        result = access_load_clients(config, path, config->clients_dir, &daemon->access.clients);
    if (result < 0)
        return access_exit_code(result);
    access_describe(daemon->access.clients);
    status_set(daemon->status, STATUS_CLIENTS, (int64_t)clients_count(daemon->access.clients));
    return 0;
}

int access_read_again(const struct daemon *daemon, const struct config *config,
                      struct clients **ret_clients)
{
    *ret_clients = NULL;
    if (daemon->access.clients == NULL)
        return 0;
    /* The mode stays until a restart, and so does the door. */
    const char *folder =
        config->clients_dir != NULL ? config->clients_dir : clients_folder(daemon->access.clients);
    return access_load_clients(config, settings_path(daemon->options), folder, ret_clients);
}

void access_take(struct daemon *daemon, struct clients *clients)
{
    if (clients == NULL)
        return;
    clients_free(daemon->access.clients);
    daemon->access.clients = clients;
    access_describe(clients);
    status_set(daemon->status, STATUS_CLIENTS, (int64_t)clients_count(clients));
}

/* ---- frames ---- */

const struct client *access_writer(const struct daemon *daemon, const struct network_frame *frame)
{
    if (daemon->access.clients == NULL)
        return &client_anyone;
    if (frame->key == NULL)
        return NULL;
    const struct client *client = clients_find(daemon->access.clients, frame->key);
    return client != NULL && !client->is_revoked ? client : NULL;
}

bool access_takes_session(const struct daemon *daemon, struct session *session,
                          const struct client *writer)
{
    if (strcmp(session->owner, writer->key) == 0)
        return true;
    if (session->owner[0] != '\0') {
        const struct client *owner = clients_find(daemon->access.clients, session->owner);
        if (owner != NULL && !owner->is_revoked)
            return false;
    }
    memcpy(session->owner, writer->key, sizeof session->owner);
    return true;
}

void access_close(struct daemon *daemon)
{
    clients_free(daemon->access.clients);
    daemon->access.clients = NULL;
}
