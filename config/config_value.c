#include "config_value.h"

#include "endpoint.h"
#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PER_MILLE_MAX 1000

static void *field(const struct config_setting *setting, void *base)
{
    return (char *)base + setting->offset;
}

static const void *const_field(const struct config_setting *setting, const void *base)
{
    return (const char *)base + setting->offset;
}

static int refuse(const char *fault, const char **ret_fault)
{
    *ret_fault = fault;
    return -EINVAL;
}

static bool within(const struct config_setting *setting, uint64_t value)
{
    return value >= setting->least && value <= setting->most;
}

/* ---- text ---- */

static int text_parse(const struct config_setting *setting, const char *text, void *base,
                      const char **ret_fault)
{
    char **value = field(setting, base);
    if (*text == '\0')
        return refuse("is empty", ret_fault);
    if (!within(setting, strlen(text)))
        return refuse("is too long", ret_fault);
    char *copy = strdup(text);
    if (copy == NULL)
        return -ENOMEM;
    free(*value);
    *value = copy;
    return 0;
}

static bool text_equal(const struct config_setting *setting, const void *a, const void *b)
{
    const char *const *left = const_field(setting, a);
    const char *const *right = const_field(setting, b);
    if (*left == NULL || *right == NULL)
        return *left == *right;
    return strcmp(*left, *right) == 0;
}

static void text_release(const struct config_setting *setting, void *base)
{
    char **value = field(setting, base);
    free(*value);
    *value = NULL;
}

const struct config_kind config_kind_text = {text_parse, text_equal, text_release};

/* ---- numbers ---- */

static int count_parse(const struct config_setting *setting, const char *text, void *base,
                       const char **ret_fault)
{
    uint64_t value;
    if (!units_parse_u64(text, UINT64_MAX, &value))
        return refuse("is not a whole number", ret_fault);
    if (!within(setting, value))
        return refuse("is out of range", ret_fault);
    *(uint64_t *)field(setting, base) = value;
    return 0;
}

static int bytes_parse(const struct config_setting *setting, const char *text, void *base,
                       const char **ret_fault)
{
    uint64_t value;
    if (!units_parse_bytes(text, &value))
        return refuse("is not a size", ret_fault);
    if (!within(setting, value))
        return refuse("is out of range", ret_fault);
    *(uint64_t *)field(setting, base) = value;
    return 0;
}

static bool u64_equal(const struct config_setting *setting, const void *a, const void *b)
{
    return *(const uint64_t *)const_field(setting, a) == *(const uint64_t *)const_field(setting, b);
}

const struct config_kind config_kind_count = {count_parse, NULL, NULL};
const struct config_kind config_kind_bytes = {bytes_parse, u64_equal, NULL};

static int duration_parse(const struct config_setting *setting, const char *text, void *base,
                          const char **ret_fault)
{
    int64_t value;
    if (!units_parse_duration_ns(text, &value))
        return refuse("is not a duration", ret_fault);
    if (!within(setting, (uint64_t)value))
        return refuse("is out of range", ret_fault);
    *(int64_t *)field(setting, base) = value;
    return 0;
}

const struct config_kind config_kind_duration = {duration_parse, NULL, NULL};

/* "80%" and "12.5%"; `percent` is what stands before the sign. */
static bool parse_per_mille(const char *percent, size_t percent_bytes, uint32_t *ret_per_mille)
{
    char whole[8];
    size_t whole_bytes = percent_bytes;
    uint64_t tenths = 0;
    if (percent_bytes > 2 && percent[percent_bytes - 2] == '.') {
        whole_bytes -= 2;
        if (!units_parse_u64((char[]){percent[percent_bytes - 1], '\0'}, 9, &tenths))
            return false;
    }
    if (whole_bytes >= sizeof whole)
        return false;
    memcpy(whole, percent, whole_bytes);
    whole[whole_bytes] = '\0';
    uint64_t value;
    if (!units_parse_u64(whole, PER_MILLE_MAX / 10, &value))
        return false;
    value = value * 10 + tenths;
    if (value == 0 || value > PER_MILLE_MAX)
        return false;
    *ret_per_mille = (uint32_t)value;
    return true;
}

static int share_parse(const struct config_setting *setting, const char *text, void *base,
                       const char **ret_fault)
{
    struct config_size value = {0, 0};
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '%') {
        if (!parse_per_mille(text, length - 1, &value.per_mille))
            return refuse("is not a share from 0.1% to 100%", ret_fault);
    } else if (!units_parse_bytes(text, &value.bytes)) {
        return refuse("is not a size", ret_fault);
    } else if (!within(setting, value.bytes)) {
        return refuse("is out of range", ret_fault);
    }
    *(struct config_size *)field(setting, base) = value;
    return 0;
}

const struct config_kind config_kind_share = {share_parse, NULL, NULL};

static int capacity_parse(const struct config_setting *setting, const char *text, void *base,
                          const char **ret_fault)
{
    uint64_t value;
    int64_t duration_ns;
    enum config_capacity_unit unit;
    if (units_parse_u64(text, UINT64_MAX, &value)) {
        unit = CONFIG_CAPACITY_SAMPLES;
    } else if (units_parse_bytes(text, &value)) {
        unit = CONFIG_CAPACITY_BYTES;
    } else if (units_parse_duration_ns(text, &duration_ns)) {
        unit = CONFIG_CAPACITY_NS;
        value = (uint64_t)duration_ns;
    } else {
        return refuse("is neither a number of samples, a size nor a duration", ret_fault);
    }
    if (!within(setting, value))
        return refuse("is out of range", ret_fault);
    *(uint64_t *)field(setting, base) = value;
    *(enum config_capacity_unit *)(void *)((char *)base + setting->second_offset) = unit;
    return 0;
}

const struct config_kind config_kind_capacity = {capacity_parse, NULL, NULL};

/* ---- lists of endpoints ---- */

static size_t *list_count(const struct config_setting *setting, void *base)
{
    return (void *)((char *)base + setting->second_offset);
}

static void list_free(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

/* Words of `text` (which is cut) into `list`, whose room is one pointer for each two characters. */
static int endpoints_split(char *text, char **list, size_t *count, const char **ret_fault)
{
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        const char *fault = endpoint_fault(word);
        if (fault != NULL)
            return refuse(fault, ret_fault);
        for (size_t i = 0; i < *count; i++)
            if (strcmp(list[i], word) == 0)
                return refuse("names an endpoint twice", ret_fault);
        list[*count] = strdup(word);
        if (list[*count] == NULL)
            return -ENOMEM;
        (*count)++;
    }
    return 0;
}

/* An empty text is an empty list. */
static int endpoints_parse(const struct config_setting *setting, const char *text, void *base,
                           const char **ret_fault)
{
    char ***value = field(setting, base);
    size_t count = 0;
    char *words = strdup(text);
    char **list = calloc(strlen(text) / 2 + 1, sizeof *list);
    int result = -ENOMEM;
    if (words != NULL && list != NULL)
        result = endpoints_split(words, list, &count, ret_fault);
    free(words);
    if (result < 0) {
        list_free(list, count);
        return result;
    }
    list_free(*value, *list_count(setting, base));
    *value = list;
    *list_count(setting, base) = count;
    return 0;
}

static bool endpoints_equal(const struct config_setting *setting, const void *a, const void *b)
{
    char *const *const *left = const_field(setting, a);
    char *const *const *right = const_field(setting, b);
    const size_t *left_count = (const void *)((const char *)a + setting->second_offset);
    const size_t *right_count = (const void *)((const char *)b + setting->second_offset);
    if (*left_count != *right_count)
        return false;
    for (size_t i = 0; i < *left_count; i++)
        if (strcmp((*left)[i], (*right)[i]) != 0)
            return false;
    return true;
}

static void endpoints_release(const struct config_setting *setting, void *base)
{
    char ***value = field(setting, base);
    list_free(*value, *list_count(setting, base));
    *value = NULL;
    *list_count(setting, base) = 0;
}

const struct config_kind config_kind_endpoints = {endpoints_parse, endpoints_equal,
                                                  endpoints_release};
