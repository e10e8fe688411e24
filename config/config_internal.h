/* config_internal.h - what the files that build a configuration share. */
#ifndef INGEST_CONFIG_INTERNAL_H
#define INGEST_CONFIG_INTERNAL_H

#include "config.h"
#include "config_table.h"

#define CONFIG_RULE_MAX 4096u

/* NULL when `label` may stand behind "series.", else what is wrong and what would be right. */
const char *config_label_fault(const char *label);

/* The rule of that label, or NULL. */
const struct config_rule *config_rule_find(const struct config *config, const char *label);

/* Adds a rule with its defaults at the end. -ENOMEM; -E2BIG above CONFIG_RULE_MAX. */
int config_rule_add(struct config *config, const char *label, int line,
                    struct config_rule **ret_rule);

void config_rule_release(struct config_rule *rule);

/* Puts the setting's default into `base`; a setting without one stays as it is (zero). -ENOMEM. */
int config_setting_default(const struct config_setting *setting, void *base);

#endif
