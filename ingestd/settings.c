#include "settings.h"

#include "log.h"
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

const char *settings_path(const struct options *options)
{
    return options->config_path != NULL ? options->config_path : CONFIG_DEFAULT_PATH;
}

void settings_report_error(const char *message, void *context)
{
    (void)context;
    log_error("%s", message);
}

static int settings_exit_code(int result)
{
    switch (result) {
    case -EINVAL:
        return EX_CONFIG;
    case -ENOMEM:
        return EX_TEMPFAIL;
    case -EIO:
        return EX_IOERR;
    default:
        return EX_NOINPUT;
    }
}

static int settings_override(struct config *config, const struct options *options)
{
    if (options->store_path == NULL)
        return 0;
    char *path = strdup(options->store_path);
    if (path == NULL)
        return -ENOMEM;
    free(config->store_path);
    config->store_path = path;
    return 0;
}

int settings_load(const struct options *options, struct config **ret_config)
{
    const char *path = settings_path(options);
    struct config *config = NULL;
    int result;
    if (options->config_path == NULL && access(path, F_OK) != 0 && errno == ENOENT)
        result = config_defaults(&config);
    else
        result = config_load(path, settings_report_error, NULL, &config);
    if (result < 0)
        return settings_exit_code(result);

    size_t mistakes = rules_check(config, path, settings_report_error, NULL);
    result = settings_override(config, options);
    if (mistakes > 0 || result < 0) {
        config_free(config);
        return mistakes > 0 ? EX_CONFIG : settings_exit_code(result);
    }
    *ret_config = config;
    return 0;
}

/* The file system of a folder, or of the one above it when it is not there yet. */
static int settings_file_system(const char *path, struct statvfs *ret_status)
{
    if (statvfs(path, ret_status) == 0)
        return 0;
    int result = -errno;
    if (result != -ENOENT)
        return result;
    char *above = strdup(path);
    if (above == NULL)
        return -ENOMEM;
    size_t length = strlen(above);
    while (length > 1 && above[length - 1] == '/')
        above[--length] = '\0';
    char *slash = strrchr(above, '/');
    if (slash == NULL)
        memcpy(above, ".", 2);
    else
        slash[slash == above] = '\0';
    result = statvfs(above, ret_status) == 0 ? 0 : -errno;
    free(above);
    return result;
}

int settings_store_limits(const struct config *config, const char *store_path,
                          struct store_limits *ret_limits, struct error_text *error)
{
    uint64_t bytes_max = config->max_bytes.bytes;
    if (config->max_bytes.per_mille > 0) {
        struct statvfs status;
        int result = settings_file_system(store_path, &status);
        if (result < 0)
            return error_set_errno(error, result, "the store's folder %s", store_path);
        uint64_t unit_bytes = status.f_frsize;
        /* Divided first: a large file system times 1000 would overflow. */
        bytes_max = (uint64_t)status.f_blocks / 1000 * config->max_bytes.per_mille * unit_bytes;
    }
    *ret_limits = (struct store_limits){
        .bytes_max = bytes_max > 0 ? bytes_max : 1,
        .free_bytes_min = config->min_free_bytes,
        .series_max = config->max_series,
        .journal_bytes = config->journal_bytes,
        .direct_bytes = config->direct_bytes,
    };
    return 0;
}

int settings_store_failed(int result, const struct error_text *error)
{
    log_error("cannot open the store: %s%s",
              error->text[0] != '\0' ? error->text : strerror(-result),
              result == -ENOMEM ? "; give the daemon more memory (its journal is read whole)" : "");
    switch (result) {
    case -EWOULDBLOCK:
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
        return EX_TEMPFAIL;
    case -ENOENT:
    case -ENOTDIR:
    case -EACCES:
    case -EPERM:
    case -EROFS:
    case -ELOOP:
    case -ENAMETOOLONG:
        /* The configuration names a folder that cannot be one. */
        return EX_CONFIG;
    default:
        return EX_IOERR;
    }
}

int settings_open_store(const struct config *config, struct store **ret_store)
{
    struct error_text error = {.text = ""};
    struct store_limits limits;
    int result = settings_store_limits(config, config->store_path, &limits, &error);
    if (result == 0)
        result = store_open(config->store_path, &limits, ret_store, &error);
    return result == 0 ? 0 : settings_store_failed(result, &error);
}
