/* rules.h - which [series.LABEL] of the configuration a series follows. */
#ifndef INGEST_RULES_H
#define INGEST_RULES_H

#include "config.h"
#include "store.h"

struct rules;

/* Reports each `match` that could match no name, as a mistake in file `path`; returns how many. */
size_t rules_check(const struct config *config, const char *path, config_report *report,
                   void *context);

/* The configuration's strings are kept by reference: it must outlive the rules. -ENOMEM. */
int rules_new(const struct config *config, struct rules **ret_rules);
void rules_free(struct rules *rules); /* NULL is allowed */

/* The first rule in the file's order that matches, else series_rule_default. *ret_label (may be
 * NULL) is its label, NULL for the default. The result lives as long as the rules. */
const struct series_rule *rules_match(const struct rules *rules, const char *name,
                                      size_t name_bytes, const char **ret_label);

#endif
