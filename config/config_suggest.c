/* What somebody who mistyped a name may have meant. */
#include "config_table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES_MAX 64u

/* Edits (a character put in, left out or changed) between two names, without regard to case; names
 * that are longer than any of ours are far from all of them. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > NAME_BYTES_MAX || b_length > NAME_BYTES_MAX)
        return NAME_BYTES_MAX;

    size_t row[NAME_BYTES_MAX + 1];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            size_t best = diagonal + (same ? 0 : 1);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_length];
}

/* A third of a name may be wrong before it is another name. */
static bool is_near(const char *written, const char *name, size_t *best)
{
    size_t distance = edit_distance(written, name);
    if (distance >= *best || distance > (strlen(name) + 2) / 3)
        return false;
    *best = distance;
    return true;
}

static void append(char *buffer, size_t buffer_bytes, const char *text)
{
    size_t used = strlen(buffer);
    snprintf(buffer + used, buffer_bytes - used, "%s", text);
}

static const struct config_setting *settings_of(const char *section, size_t *ret_count)
{
    *ret_count = section == NULL ? CONFIG_RULE_SETTING_COUNT : CONFIG_SETTING_COUNT;
    return section == NULL ? config_rule_settings : config_settings;
}

static bool in_section(const struct config_setting *setting, const char *section)
{
    return section == NULL || strcmp(setting->section, section) == 0;
}

void config_table_suggest_key(const char *section, const char *key, char *buffer,
                              size_t buffer_bytes)
{
    size_t count;
    const struct config_setting *settings = settings_of(section, &count);
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        if (strcmp(config_settings[i].key, key) == 0) {
            snprintf(buffer, buffer_bytes, "it is a key of [%s]", config_settings[i].section);
            return;
        }
    }
    if (config_table_find(NULL, key) != NULL) {
        snprintf(buffer, buffer_bytes, "it is a key of [series.LABEL]");
        return;
    }

    const char *nearest = NULL;
    size_t best = NAME_BYTES_MAX;
    for (size_t i = 0; i < count; i++)
        if (in_section(&settings[i], section) && is_near(key, settings[i].key, &best))
            nearest = settings[i].key;
    if (nearest != NULL) {
        snprintf(buffer, buffer_bytes, "did you mean %s?", nearest);
        return;
    }
    snprintf(buffer, buffer_bytes, "its keys are");
    for (size_t i = 0; i < count; i++) {
        if (in_section(&settings[i], section)) {
            append(buffer, buffer_bytes, " ");
            append(buffer, buffer_bytes, settings[i].key);
        }
    }
}

void config_table_suggest_section(const char *section, char *buffer, size_t buffer_bytes)
{
    const char *nearest = NULL;
    size_t best = NAME_BYTES_MAX;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        if (is_near(section, config_settings[i].section, &best))
            nearest = config_settings[i].section;
    if (is_near(section, "series", &best))
        nearest = "series.LABEL";
    if (nearest != NULL) {
        snprintf(buffer, buffer_bytes, "did you mean [%s]?", nearest);
        return;
    }
    snprintf(buffer, buffer_bytes, "the sections are");
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        if (i > 0 && strcmp(config_settings[i].section, config_settings[i - 1].section) == 0)
            continue;
        append(buffer, buffer_bytes, " [");
        append(buffer, buffer_bytes, config_settings[i].section);
        append(buffer, buffer_bytes, "]");
    }
    append(buffer, buffer_bytes, " [series.LABEL]");
}
