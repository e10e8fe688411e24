#include "access.h"
#include "admin.h"
#include "daemon.h"
#include "keygen.h"
#include "log.h"
#include "settings.h"
#include "standard_streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static int main_print(const char *text)
{
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        return EX_OK;
    log_error("cannot write to standard output");
    return EX_IOERR;
}

static int main_version(void)
{
    char library[32];
    char text[128];
    snprintf(text, sizeof text, "ingestd %s (format %d, protocol %d, libzmq %s)\n", INGEST_VERSION,
             STORE_FORMAT_VERSION, WIRE_VERSION, network_library_version(library, sizeof library));
    return main_print(text);
}

static int main_check_config(const struct options *options, const struct config *config)
{
    const char *path = settings_path(options);
    int exit_code = access_check(config, path);
    if (exit_code != 0)
        return exit_code;
    if (options->config_path == NULL && access(path, F_OK) != 0)
        printf("%s: not there, the defaults hold: ", path);
    else
        printf("%s: ", path);
    return main_print("configuration is good\n");
}

static int main_daemon(const struct options *options, struct config *config)
{
    struct daemon daemon;
    int exit_code = daemon_open(&daemon, options, config);
    if (exit_code == 0)
        exit_code = daemon_run(&daemon);
    daemon_close(&daemon);
    return exit_code;
}

int main(int argc, char **argv)
{
    struct options options;
    struct error_text error;
    standard_streams_take();
    log_open("ingestd");
    if (options_parse(argc, argv, &options, &error) < 0) {
        log_error("%s; see ingestd --help", error.text);
        return EX_USAGE;
    }
    if (options.action == OPTIONS_HELP)
        return main_print(options_help());
    if (options.action == OPTIONS_VERSION)
        return main_version();
    if (options.action == OPTIONS_KEYGEN)
        return keygen(options.subject);

    struct config *config;
    int exit_code = settings_load(&options, &config);
    if (exit_code != 0)
        return exit_code;
    log_set_level(config->log_level);
    switch (options.action) {
    case OPTIONS_CHECK_CONFIG:
        exit_code = main_check_config(&options, config);
        break;
    case OPTIONS_DELETE:
        exit_code = admin_delete(config, options.subject);
        break;
    case OPTIONS_RENAME:
        exit_code = admin_rename(config, options.subject, options.new_name);
        break;
    case OPTIONS_REPAIR:
        exit_code = admin_repair(config);
        break;
    default:
        /* The daemon keeps the configuration, and frees it. */
        return main_daemon(&options, config);
    }
    config_free(config);
    return exit_code;
}
