#include "config.h"

#include "config_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int config_defaults(struct config **ret_config)
{
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        int result = config_setting_default(&config_settings[i], config);
        if (result < 0) {
            config_free(config);
            return result;
        }
    }
    *ret_config = config;
    return 0;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->rule_count; i++)
        config_rule_release(&config->rules[i]);
    free(config->rules);
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        if (config_settings[i].kind->release != NULL)
            config_settings[i].kind->release(&config_settings[i], config);
    free(config);
}

size_t config_report_fixed(const struct config *running, const struct config *wanted,
                           config_report *report, void *context)
{
    size_t count = 0;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        const struct config_setting *setting = &config_settings[i];
        if (setting->reloadable)
            continue;
        assert(setting->kind->equal != NULL);
        if (setting->kind->equal(setting, running, wanted))
            continue;
        char message[128];
        snprintf(message, sizeof message, "[%s] %s: needs a restart; the running value stays",
                 setting->section, setting->key);
        report(message, context);
        count++;
    }
    return count;
}
