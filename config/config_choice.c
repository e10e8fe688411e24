/* Kinds of values that are one of a few words. */
#include "config_value.h"

#include <errno.h>
#include <string.h>

/* Index of `text` among `words` (up to NULL), or -1. */
static int word_index(const char *const *words, const char *text)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return -1;
}

static int refuse(const char **ret_fault)
{
    *ret_fault = "is not one of its values";
    return -EINVAL;
}

static int log_level_parse(const struct config_setting *setting, const char *text, void *base,
                           const char **ret_fault)
{
    enum log_level level;
    if (!log_level_from_name(text, &level))
        return refuse(ret_fault);
    ((struct config *)base)->log_level = level;
    (void)setting;
    return 0;
}

const struct config_kind config_kind_log_level = {log_level_parse, NULL, NULL};

static int security_parse(const struct config_setting *setting, const char *text, void *base,
                          const char **ret_fault)
{
    static const char *const words[] = {"none", "curve", NULL};
    int index = word_index(words, text);
    if (index < 0)
        return refuse(ret_fault);
    ((struct config *)base)->security_mode =
        index == 0 ? CONFIG_SECURITY_NONE : CONFIG_SECURITY_CURVE;
    (void)setting;
    return 0;
}

static bool security_equal(const struct config_setting *setting, const void *a, const void *b)
{
    (void)setting;
    return ((const struct config *)a)->security_mode == ((const struct config *)b)->security_mode;
}

const struct config_kind config_kind_security = {security_parse, security_equal, NULL};

static int mode_parse(const struct config_setting *setting, const char *text, void *base,
                      const char **ret_fault)
{
    static const char *const words[] = {"ring", "grow", "refuse", NULL};
    static const enum config_series_mode modes[] = {CONFIG_MODE_RING, CONFIG_MODE_GROW,
                                                    CONFIG_MODE_REFUSE};
    int index = word_index(words, text);
    if (index < 0)
        return refuse(ret_fault);
    ((struct config_rule *)base)->mode = modes[index];
    (void)setting;
    return 0;
}

const struct config_kind config_kind_mode = {mode_parse, NULL, NULL};

static int late_parse(const struct config_setting *setting, const char *text, void *base,
                      const char **ret_fault)
{
    static const char *const words[] = {"drop", "clamp", NULL};
    int index = word_index(words, text);
    if (index < 0)
        return refuse(ret_fault);
    ((struct config_rule *)base)->late = index == 0 ? CONFIG_LATE_DROP : CONFIG_LATE_CLAMP;
    (void)setting;
    return 0;
}

const struct config_kind config_kind_late = {late_parse, NULL, NULL};

static int yes_no_parse(const struct config_setting *setting, const char *text, void *base,
                        const char **ret_fault)
{
    static const char *const words[] = {"no", "yes", NULL};
    int index = word_index(words, text);
    if (index < 0)
        return refuse(ret_fault);
    *(bool *)((char *)base + setting->offset) = index == 1;
    return 0;
}

const struct config_kind config_kind_yes_no = {yes_no_parse, NULL, NULL};
