#include "rules.h"

#include "series_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct rules {
    struct series_rule *rules; /* in the file's order */
    const struct config_rule *sources;
    size_t count;
};

size_t rules_check(const struct config *config, const char *path, config_report *report,
                   void *context)
{
    size_t fault_count = 0;
    for (size_t i = 0; i < config->rule_count; i++) {
        const struct config_rule *rule = &config->rules[i];
        const char *fault = series_glob_fault(rule->match);
        if (fault == NULL)
            continue;
        char message[1024];
        snprintf(message, sizeof message, "%s:%d: [series.%s] match: '%s' can match no name: %s",
                 path, rule->match_line, rule->label, rule->match, fault);
        report(message, context);
        fault_count++;
    }
    return fault_count;
}

static enum series_mode rules_mode(enum config_series_mode mode)
{
    switch (mode) {
    case CONFIG_MODE_GROW:
        return SERIES_MODE_GROW;
    case CONFIG_MODE_REFUSE:
        return SERIES_MODE_REFUSE;
    case CONFIG_MODE_RING:
        break;
    }
    return SERIES_MODE_RING;
}

static enum series_capacity_unit rules_capacity_unit(enum config_capacity_unit unit)
{
    switch (unit) {
    case CONFIG_CAPACITY_SAMPLES:
        return SERIES_CAPACITY_SAMPLES;
    case CONFIG_CAPACITY_BYTES:
        return SERIES_CAPACITY_BYTES;
    case CONFIG_CAPACITY_NS:
        return SERIES_CAPACITY_NS;
    case CONFIG_CAPACITY_DEFAULT:
        break;
    }
    return SERIES_CAPACITY_DEFAULT;
}

int rules_new(const struct config *config, struct rules **ret_rules)
{
    struct rules *rules = calloc(1, sizeof *rules);
    if (rules == NULL)
        return -ENOMEM;
    rules->sources = config->rules;
    rules->count = config->rule_count;
    rules->rules = calloc(rules->count + 1, sizeof *rules->rules);
    if (rules->rules == NULL) {
        free(rules);
        return -ENOMEM;
    }
    for (size_t i = 0; i < rules->count; i++) {
        const struct config_rule *source = &config->rules[i];
        rules->rules[i] = (struct series_rule){
            .mode = rules_mode(source->mode),
            .capacity_unit = rules_capacity_unit(source->capacity_unit),
            .capacity = source->capacity,
            .preallocate = source->preallocate,
            .late = source->late == CONFIG_LATE_CLAMP ? SERIES_LATE_CLAMP : SERIES_LATE_DROP,
            .jitter_ns = source->jitter_ns,
            .unit = source->unit,
            .description = source->description,
            .elements = source->elements,
        };
    }
    *ret_rules = rules;
    return 0;
}

void rules_free(struct rules *rules)
{
    if (rules == NULL)
        return;
    free(rules->rules);
    free(rules);
}

const struct series_rule *rules_match(const struct rules *rules, const char *name,
                                      size_t name_bytes, const char **ret_label)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (!series_glob_match(rules->sources[i].match, name, name_bytes))
            continue;
        if (ret_label != NULL)
            *ret_label = rules->sources[i].label;
        return &rules->rules[i];
    }
    if (ret_label != NULL)
        *ret_label = NULL;
    return &series_rule_default;
}
