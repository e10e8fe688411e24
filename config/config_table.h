/* config_table.h - every setting, declared once: its place, kind, limits, default and whether a
 * reload takes it. */
#ifndef INGEST_CONFIG_TABLE_H
#define INGEST_CONFIG_TABLE_H

#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_setting;

/* How values of one kind are read, compared and given back. `base` is the struct config or struct
 * config_rule that holds the value at setting->offset. */
struct config_kind {
    /* Replaces the value. 0; -EINVAL with a static phrase in *ret_fault, to be put behind the text,
     * and the old value kept; -ENOMEM. */
    int (*parse)(const struct config_setting *setting, const char *text, void *base,
                 const char **ret_fault);
    /* NULL for a kind that only reloadable settings have, which are never compared. */
    bool (*equal)(const struct config_setting *setting, const void *a, const void *b);
    void (*release)(const struct config_setting *setting,
                    void *base); /* NULL when nothing is owned */
};

struct config_setting {
    const char *section; /* NULL for the keys of a rule */
    const char *key;
    const struct config_kind *kind;
    size_t offset;        /* of the value in struct config or struct config_rule */
    size_t second_offset; /* of the list's count or the capacity's unit; else 0 */
    uint64_t least;       /* limits of a number, or of a text's length in bytes */
    uint64_t most;
    const char *fallback; /* default as text; NULL = not given */
    const char *expected; /* what would be right: "give ..." is put before it */
    bool reloadable;
};

#define CONFIG_SETTING_COUNT      17
#define CONFIG_RULE_SETTING_COUNT 9

extern const struct config_setting config_settings[CONFIG_SETTING_COUNT];
extern const struct config_setting config_rule_settings[CONFIG_RULE_SETTING_COUNT];

/* The setting, or NULL. A NULL `section` looks among the keys of a rule. */
const struct config_setting *config_table_find(const char *section, const char *key);

bool config_table_is_section(const char *section);

/* What somebody who wrote `key` in `section` (NULL: a rule) may have meant, as the second half of a
 * message: "did you mean max_bytes?", "it is a key of [flush]", else every key of the section.
 * Static names into `buffer`. */
void config_table_suggest_key(const char *section, const char *key, char *buffer,
                              size_t buffer_bytes);

/* The same for sections. */
void config_table_suggest_section(const char *section, char *buffer, size_t buffer_bytes);

#endif
