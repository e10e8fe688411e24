#include "config_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *config_label_fault(const char *label)
{
    static const char characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    if (*label == '\0')
        return "has no label; write [series.LABEL]";
    if (label[strspn(label, characters)] != '\0')
        return "has a label with other characters than A-Z a-z 0-9 _ . -; rename it";
    return NULL;
}

const struct config_rule *config_rule_find(const struct config *config, const char *label)
{
    for (size_t i = 0; i < config->rule_count; i++)
        if (strcmp(config->rules[i].label, label) == 0)
            return &config->rules[i];
    return NULL;
}

int config_rule_add(struct config *config, const char *label, int line,
                    struct config_rule **ret_rule)
{
    if (config->rule_count >= CONFIG_RULE_MAX)
        return -E2BIG;
    struct config_rule *rules =
        reallocarray(config->rules, config->rule_count + 1, sizeof *config->rules);
    if (rules == NULL)
        return -ENOMEM;
    config->rules = rules;

    struct config_rule rule = {.label = strdup(label), .line = line};
    int result = rule.label == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < CONFIG_RULE_SETTING_COUNT && result == 0; i++)
        result = config_setting_default(&config_rule_settings[i], &rule);
    if (result < 0) {
        config_rule_release(&rule);
        return result;
    }
    rules[config->rule_count] = rule;
    *ret_rule = &rules[config->rule_count++];
    return 0;
}

void config_rule_release(struct config_rule *rule)
{
    for (size_t i = 0; i < CONFIG_RULE_SETTING_COUNT; i++)
        if (config_rule_settings[i].kind->release != NULL)
            config_rule_settings[i].kind->release(&config_rule_settings[i], rule);
    free(rule->label);
    rule->label = NULL;
}

int config_setting_default(const struct config_setting *setting, void *base)
{
    if (setting->fallback == NULL)
        return 0;
    const char *fault = NULL;
    int result = setting->kind->parse(setting, setting->fallback, base, &fault);
    assert(result == 0 || result == -ENOMEM); /* a default of the table that does not parse */
    return result;
}
