#include "config_table.h"

#include "config_value.h"

#include <string.h>

#define NS_PER_MS   UINT64_C(1000000)
#define NS_PER_S    UINT64_C(1000000000)
#define NS_PER_HOUR UINT64_C(3600000000000)
#define NS_PER_DAY  UINT64_C(86400000000000)
#define KIB         (UINT64_C(1) << 10)
#define MIB         (UINT64_C(1) << 20)
#define GIB         (UINT64_C(1) << 30)
#define PIB         (UINT64_C(1) << 50)
#define TEXT_BYTES  UINT64_C(255)

#define AT(member)      offsetof(struct config, member)
#define RULE_AT(member) offsetof(struct config_rule, member)

#define ENDPOINTS                                                                                  \
    "endpoints such as tcp://127.0.0.1:5570 or ipc:///run/ingestd/ingest, separated by blanks"

const struct config_setting config_settings[CONFIG_SETTING_COUNT] = {
    {"store", "path", &config_kind_text, AT(store_path), 0, 1, TEXT_BYTES, "/var/lib/ingestd",
     "the store's folder, such as /var/lib/ingestd", false},
    {"store", "max_bytes", &config_kind_share, AT(max_bytes), 0, 1, 1024 * PIB, "80%",
     "a size such as 200GiB or a share of the file system such as 80%", true},
    {"store", "min_free", &config_kind_bytes, AT(min_free_bytes), 0, 0, 1024 * PIB, "256MiB",
     "a size such as 256MiB, or 0", true},
    {"store", "max_series", &config_kind_count, AT(max_series), 0, 1, 10000000, "100000",
     "a number from 1 to 10000000", true},
    {"listen", "router", &config_kind_endpoints, AT(router), AT(router_count), 0, 0,
     "tcp://127.0.0.1:5570", ENDPOINTS, false},
    {"listen", "pull", &config_kind_endpoints, AT(pull), AT(pull_count), 0, 0, "", ENDPOINTS,
     false},
    {"listen", "max_batch", &config_kind_bytes, AT(max_batch_bytes), 0, 4 * KIB, GIB, "4MiB",
     "a size from 4KiB to 1GiB, such as 4MiB", false},
    {"flush", "interval", &config_kind_duration, AT(flush_interval_ns), 0, 10 * NS_PER_MS,
     NS_PER_HOUR, "1s", "a duration from 10ms to 1h, such as 1s", true},
    {"flush", "direct_bytes", &config_kind_bytes, AT(direct_bytes), 0, 4 * KIB, GIB, "256KiB",
     "a size from 4KiB to 1GiB, such as 256KiB", true},
    {"checkpoint", "interval", &config_kind_duration, AT(checkpoint_interval_ns), 0, NS_PER_S,
     NS_PER_DAY, "5min", "a duration from 1s to 1d, such as 5min", true},
    {"checkpoint", "journal_bytes", &config_kind_bytes, AT(journal_bytes), 0, MIB, 4 * GIB, "64MiB",
     "a size from 1MiB to 4GiB, such as 64MiB", false},
    {"security", "mode", &config_kind_security, AT(security_mode), 0, 0, 0, "none", "none or curve",
     false},
    {"security", "server_key_file", &config_kind_text, AT(server_key_file), 0, 1, TEXT_BYTES, NULL,
     "the daemon's certificate, such as /etc/ingestd/server.key_secret", false},
    {"security", "clients_dir", &config_kind_text, AT(clients_dir), 0, 1, TEXT_BYTES, NULL,
     "a folder of gateways' certificates, such as /etc/ingestd/clients", true},
    {"security", "insecure", &config_kind_yes_no, AT(insecure), 0, 0, 0, "no", "yes or no", true},
    {"clock", "max_future", &config_kind_duration, AT(max_future_ns), 0, NS_PER_MS,
     36500 * NS_PER_DAY, "1h", "a duration from 1ms to 36500d, such as 1h", true},
    {"log", "level", &config_kind_log_level, AT(log_level), 0, 0, 0, "info",
     "error, warning, notice, info or debug", true},
};

const struct config_setting config_rule_settings[CONFIG_RULE_SETTING_COUNT] = {
    {NULL, "match", &config_kind_text, RULE_AT(match), 0, 1, TEXT_BYTES, NULL,
     "a pattern of series names such as plant1/** or */temperature", true},
    {NULL, "mode", &config_kind_mode, RULE_AT(mode), 0, 0, 0, "ring", "ring, grow or refuse", true},
    {NULL, "capacity", &config_kind_capacity, RULE_AT(capacity), RULE_AT(capacity_unit), 2,
     INT64_MAX, NULL,
     "a number of samples such as 1000000, a size such as 512MiB or a time such as 30d", true},
    {NULL, "preallocate", &config_kind_yes_no, RULE_AT(preallocate), 0, 0, 0, "no", "yes or no",
     true},
    {NULL, "late", &config_kind_late, RULE_AT(late), 0, 0, 0, "drop", "drop or clamp", true},
    {NULL, "jitter", &config_kind_duration, RULE_AT(jitter_ns), 0, 0, NS_PER_DAY, "20ms",
     "a duration from 0 to 1d, such as 20ms", true},
    {NULL, "unit", &config_kind_text, RULE_AT(unit), 0, 1, TEXT_BYTES, NULL, "a unit such as degC",
     true},
    {NULL, "description", &config_kind_text, RULE_AT(description), 0, 1, TEXT_BYTES, NULL,
     "a line of text", true},
    {NULL, "elements", &config_kind_text, RULE_AT(elements), 0, 1, TEXT_BYTES, NULL,
     "names such as x y z", true},
};

const struct config_setting *config_table_find(const char *section, const char *key)
{
    if (section == NULL) {
        for (size_t i = 0; i < CONFIG_RULE_SETTING_COUNT; i++)
            if (strcmp(config_rule_settings[i].key, key) == 0)
                return &config_rule_settings[i];
        return NULL;
    }
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        if (strcmp(config_settings[i].section, section) == 0 &&
            strcmp(config_settings[i].key, key) == 0)
            return &config_settings[i];
    return NULL;
}

bool config_table_is_section(const char *section)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        if (strcmp(config_settings[i].section, section) == 0)
            return true;
    return false;
}
