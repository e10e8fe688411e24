/* Any bytes as a configuration file: no crash, no leak, a report for each refusal and none for what
 * was taken. */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void count_report(const char *message, void *context)
{
    size_t *count = context;
    (*count)++;
    if (strchr(message, '\n') != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("config", MFD_CLOEXEC);
        if (file < 0)
            abort();
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    if (ftruncate(file, 0) < 0 || pwrite(file, data, data_bytes, 0) != (ssize_t)data_bytes)
        abort();

    size_t reports = 0;
    struct config *config = NULL;
    int result = config_load(path, count_report, &reports, &config);
    if (result == 0) {
        if (reports != 0 || config == NULL || config->router_count + config->pull_count == 0)
            abort();
        for (size_t i = 0; i < config->rule_count; i++)
            if (config->rules[i].match == NULL)
                abort();
        if (config_report_fixed(config, config, count_report, &reports) != 0)
            abort();
    } else if (reports == 0 || config != NULL) {
        abort();
    }
    config_free(config);
    return 0;
}
