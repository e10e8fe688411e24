/* What a configuration file may say: every key with good values and bad ones, defaults, rules,
 * reload. */
#include "config_files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_NS INT64_C(1000000000)

static struct config *load_good(const char *text)
{
    struct reports reports;
    struct config *config;
    int result = load_text(text, &reports, &config);
    for (size_t i = 0; i < reports.count; i++)
        print_error("%s\n  in: %s\n", reports.lines[i], text);
    reports_free(&reports);
    assert_int_equal(result, 0);
    assert_non_null(config);
    return config;
}

/* Exactly one mistake, which begins as given. */
static void load_bad(const char *text, const char *expected)
{
    struct reports reports;
    struct config *config;
    int result = load_text(text, &reports, &config);
    if (result != -EINVAL || reports.count != 1 ||
        strncmp(reports.lines[0], expected, strlen(expected)) != 0) {
        print_error("%s\n  wanted: %s\n  result %d, %zu reports\n", text, expected, result,
                    reports.count);
        for (size_t i = 0; i < reports.count; i++)
            print_error("  %s\n", reports.lines[i]);
        fail();
    }
    assert_null(config);
    reports_free(&reports);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config *config = load_good("# nothing\n\n; at all\n[store]\n");
    assert_string_equal(config->store_path, "/var/lib/ingestd");
    assert_int_equal(config->max_bytes.per_mille, 800);
    assert_int_equal(config->max_bytes.bytes, 0);
    assert_int_equal(config->min_free_bytes, 256 << 20);
    assert_int_equal(config->max_series, 100000);
    assert_int_equal(config->router_count, 1);
    assert_string_equal(config->router[0], "tcp://127.0.0.1:5570");
    assert_int_equal(config->pull_count, 0);
    assert_int_equal(config->max_batch_bytes, 4 << 20);
    assert_int_equal(config->flush_interval_ns, SECOND_NS);
    assert_int_equal(config->max_future_ns, 3600 * SECOND_NS);
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_int_equal(config->rule_count, 0);
    config_free(config);
    config_free(NULL);
}

static void test_rule_defaults(void **state)
{
    (void)state;
    struct config *config = load_good("[series.a]\nmatch = **\n");
    assert_int_equal(config->rule_count, 1);
    const struct config_rule *rule = &config->rules[0];
    assert_string_equal(rule->label, "a");
    assert_string_equal(rule->match, "**");
    assert_int_equal(rule->mode, CONFIG_MODE_RING);
    assert_int_equal(rule->capacity_unit, CONFIG_CAPACITY_DEFAULT);
    assert_false(rule->preallocate);
    assert_int_equal(rule->late, CONFIG_LATE_DROP);
    assert_int_equal(rule->jitter_ns, 20000000);
    assert_null(rule->unit);
    assert_null(rule->description);
    assert_null(rule->elements);
    assert_int_equal(rule->line, 1);
    config_free(config);
}

static void test_every_setting(void **state)
{
    (void)state;
    struct config *config = load_good("[store]\n"
                                      "path = /srv/a b\n"
                                      "max_bytes=12.5%\n"
                                      "min_free = 0\n"
                                      "max_series = 7\n"
                                      "[listen]\n"
                                      "router = tcp://*:5570   ipc:///run/x/y ; two\n"
                                      "pull = tcp://[::1]:1 tcp://eth0:65535\n"
                                      "max_batch = 64KiB\n"
                                      "[flush]\ninterval = 250ms\n"
                                      "[clock]\nmax_future = 30d\n"
                                      "[security]\nmode = none\ninsecure = yes\n"
                                      "[log]\nlevel = debug\n");
    assert_string_equal(config->store_path, "/srv/a b");
    assert_int_equal(config->max_bytes.per_mille, 125);
    assert_int_equal(config->min_free_bytes, 0);
    assert_int_equal(config->max_series, 7);
    assert_int_equal(config->router_count, 2);
    assert_string_equal(config->router[0], "tcp://*:5570");
    assert_string_equal(config->router[1], "ipc:///run/x/y");
    assert_int_equal(config->pull_count, 2);
    assert_string_equal(config->pull[0], "tcp://[::1]:1");
    assert_string_equal(config->pull[1], "tcp://eth0:65535");
    assert_int_equal(config->max_batch_bytes, 65536);
    assert_int_equal(config->flush_interval_ns, SECOND_NS / 4);
    assert_int_equal(config->max_future_ns, INT64_C(30) * 86400 * SECOND_NS);
    assert_true(config->insecure);
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    config_free(config);
}

static void test_every_rule_key(void **state)
{
    (void)state;
    struct config *config = load_good("[series.fast_1]\n"
                                      "match = plant?/*/x\n"
                                      "mode = ring\ncapacity = 512MiB\npreallocate = yes\n"
                                      "late = clamp\njitter = 0\nunit = °C\n"
                                      "description = Boiler, 2 m; north ; a comment\n"
                                      "elements = x y z\n"
                                      "[series.b]\nmatch = b\ncapacity = 30d\n"
                                      "[series.c-2.d]\nmatch = c\ncapacity = 1000000\n"
                                      "[series.d]\nmatch = d\nmode = grow\npreallocate = no\n"
                                      "[series.e]\nmode = refuse\nmatch = e\n");
    assert_int_equal(config->rule_count, 5);
    const struct config_rule *rule = config->rules;
    assert_string_equal(rule[0].label, "fast_1");
    assert_string_equal(rule[0].match, "plant?/*/x");
    assert_int_equal(rule[0].mode, CONFIG_MODE_RING);
    assert_int_equal(rule[0].capacity_unit, CONFIG_CAPACITY_BYTES);
    assert_int_equal(rule[0].capacity, INT64_C(512) << 20);
    assert_true(rule[0].preallocate);
    assert_int_equal(rule[0].late, CONFIG_LATE_CLAMP);
    assert_int_equal(rule[0].jitter_ns, 0);
    assert_string_equal(rule[0].unit, "°C");
    assert_string_equal(rule[0].description, "Boiler, 2 m; north");
    assert_string_equal(rule[0].elements, "x y z");
    assert_int_equal(rule[1].capacity_unit, CONFIG_CAPACITY_NS);
    assert_int_equal(rule[1].capacity, INT64_C(30) * 86400 * SECOND_NS);
    assert_int_equal(rule[1].line, 11);
    assert_string_equal(rule[2].label, "c-2.d");
    assert_int_equal(rule[2].capacity_unit, CONFIG_CAPACITY_SAMPLES);
    assert_int_equal(rule[2].capacity, 1000000);
    assert_int_equal(rule[3].mode, CONFIG_MODE_GROW);
    assert_int_equal(rule[4].mode, CONFIG_MODE_REFUSE);
    config_free(config);
}

struct bad_value {
    const char *section;
    const char *key;
    const char *value;
};

/* Values that do not parse. An empty `value` is one too, but for lists of endpoints. */
static const struct bad_value bad_values[] = {
    {"store", "path", ""},
    {"store", "max_bytes", ""},
    {"store", "max_bytes", "0"},
    {"store", "max_bytes", "0%"},
    {"store", "max_bytes", "101%"},
    {"store", "max_bytes", "100.1%"},
    {"store", "max_bytes", "%"},
    {"store", "max_bytes", "-1%"},
    {"store", "max_bytes", "1.25%"},
    {"store", "max_bytes", "12345678901%"},
    {"store", "max_bytes", "80 %"},
    {"store", "max_bytes", "much"},
    {"store", "max_bytes", "-5GiB"},
    {"store", "min_free", ""},
    {"store", "min_free", "256 parsecs"},
    {"store", "min_free", "-1"},
    {"store", "min_free", "99999999TiB"},
    {"store", "min_free", "1s"},
    {"store", "max_series", ""},
    {"store", "max_series", "0"},
    {"store", "max_series", "10000001"},
    {"store", "max_series", "1k"},
    {"store", "max_series", "1e3"},
    {"store", "max_series", "99999999999999999999"},
    {"listen", "max_batch", ""},
    {"listen", "max_batch", "4095"},
    {"listen", "max_batch", "1025MiB"},
    {"listen", "max_batch", "4M"},
    {"listen", "router", "5570"},
    {"listen", "router", "tcp://127.0.0.1"},
    {"listen", "router", "tcp://127.0.0.1:"},
    {"listen", "router", "tcp://127.0.0.1:0"},
    {"listen", "router", "tcp://127.0.0.1:65536"},
    {"listen", "router", "tcp://127.0.0.1:*"},
    {"listen", "router", "tcp://127.0.0.1:http"},
    {"listen", "router", "tcp://:5570"},
    {"listen", "router", "tcp://::1:5570"},
    {"listen", "router", "tcp://[::1]"},
    {"listen", "router", "tcp://[]:5570"},
    {"listen", "router", "tcp://[::1%]:5570"},
    {"listen", "router", "tcp://[zz]:5570"},
    {"listen", "router", "tcp://a;b:5570"},
    {"listen", "router", "tcp://lo:1,tcp://lo:22"},
    {"listen", "router", "udp://127.0.0.1:5570"},
    {"listen", "router", "inproc://x"},
    {"listen", "router", "ipc://"},
    {"listen", "router", "ipc://relative"},
    {"listen", "router", "ipc:///run/"},
    {"listen", "router",
     "ipc:///1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/1234567890/"
     "1234567890/1234567890/1234567890"},
    {"listen", "router", "tcp://lo:1 tcp://lo:22 tcp://lo:1"},
    {"listen", "router", "tcp://lo:1 # here"},
    {"listen", "pull", "tcp://a"},
    {"listen", "pull", "tcp://127.0.0.1:5570"},
    {"flush", "interval", ""},
    {"flush", "interval", "1"},
    {"flush", "interval", "9ms"},
    {"flush", "interval", "61m"},
    {"flush", "interval", "-1s"},
    {"flush", "interval", "1 s"},
    {"flush", "interval", "soon"},
    {"security", "mode", "CURVE"},
    {"security", "mode", "plain"},
    {"security", "server_key_file", ""},
    {"security", "clients_dir", ""},
    {"security", "mode", ""},
    {"security", "insecure", "maybe"},
    {"clock", "max_future", ""},
    {"clock", "max_future", "0"},
    {"clock", "max_future", "36501d"},
    {"clock", "max_future", "1 hour"},
    {"log", "level", ""},
    {"log", "level", "INFO"},
    {"log", "level", "7"},
    {"series.x", "mode", ""},
    {"series.x", "mode", "rings"},
    {"series.x", "capacity", ""},
    {"series.x", "capacity", "0"},
    {"series.x", "capacity", "1"},
    {"series.x", "capacity", "-1"},
    {"series.x", "capacity", "30 d"},
    {"series.x", "capacity", "9223372036854775808"},
    {"series.x", "capacity", "1.5"},
    {"series.x", "preallocate", ""},
    {"series.x", "preallocate", "true"},
    {"series.x", "late", ""},
    {"series.x", "late", "keep"},
    {"series.x", "jitter", ""},
    {"series.x", "jitter", "20"},
    {"series.x", "jitter", "25h"},
    {"series.x", "unit", ""},
    {"series.x", "description", "; a comment"},
    {"series.x", "elements", ""},
};

static void test_every_bad_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_values / sizeof bad_values[0]; i++) {
        const struct bad_value *bad = &bad_values[i];
        char text[512];
        char expected[128];
        bool in_rule = strncmp(bad->section, "series.", 7) == 0;
        snprintf(text, sizeof text, "# %zu\n[%s]\n%s\n%s = %s\n", i, bad->section,
                 in_rule ? "match = **" : "", bad->key, bad->value);
        snprintf(expected, sizeof expected, "4: [%s] %s: ", bad->section, bad->key);
        load_bad(text, expected);
    }
    load_bad("[series.x]\nmatch =\n", "2: [series.x] match: has no value; give ");
}

static void test_messages_are_exact(void **state)
{
    (void)state;
    load_bad("[flush]\n\ninterval = 5 parsecs\n",
             "3: [flush] interval: \"5 parsecs\" is not a duration; give a duration from 10ms to "
             "1h, such as 1s");
    load_bad("[flush]\ninterval = 1s # fast\n",
             "2: [flush] interval: \"1s # fast\" is not a duration; give a duration from 10ms to "
             "1h, such as 1s (behind a value a comment begins with ' ;')");
    load_bad("[listen]\nrouter =\n", "2: [listen] router: is empty, and so is pull");
    load_bad("[listen]\npull = tcp://lo:1\nrouter = tcp://lo:1\n",
             "2: [listen] pull: \"tcp://lo:1\" is an endpoint of router too");
}

/* Nobody but this machine, or a choice in words. */
static void test_endpoints_that_others_can_reach(void **state)
{
    (void)state;
    static const char *const open[] = {"tcp://*:1",    "tcp://0.0.0.0:1", "tcp://127.example.org:1",
                                       "tcp://[::]:1", "tcp://eth0:1",    "tcp://locals:1"};
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        char text[128];
        char expected[128];
        snprintf(text, sizeof text, "[listen]\nrouter = %s\n", open[i]);
        snprintf(expected, sizeof expected, "2: [listen] router: \"%s\" can be reached", open[i]);
        load_bad(text, expected);
        snprintf(text, sizeof text, "[listen]\nrouter = %s\n[security]\ninsecure = yes\n", open[i]);
        config_free(load_good(text));
        snprintf(text, sizeof text,
                 "[listen]\nrouter = %s\n[security]\nmode = curve\nserver_key_file = a\n"
                 "clients_dir = b\n",
                 open[i]);
        config_free(load_good(text));
    }
    config_free(
        load_good("[listen]\nrouter = tcp://127.0.0.1:1 tcp://127.9.9.9:2 tcp://localhost:3 "
                  "tcp://lo:4\npull = tcp://[::1]:5 ipc:///run/x\n"));
}

static void test_curve_wants_its_keys(void **state)
{
    (void)state;
    load_bad("[security]\nmode = curve\nserver_key_file = a\n",
             "2: [security] clients_dir: missing;");
    load_bad("[security]\nclients_dir = a\nmode = curve\n",
             "3: [security] server_key_file: missing;");
    struct config *config = load_good("[security]\nmode = curve\nserver_key_file = a/b.key_secret\n"
                                      "clients_dir = a/clients\n");
    assert_int_equal(config->security_mode, CONFIG_SECURITY_CURVE);
    assert_string_equal(config->server_key_file, "a/b.key_secret");
    assert_string_equal(config->clients_dir, "a/clients");

    /* The mode and the daemon's own key stay; the folder can be another one. */
    struct reports reports = {.count = 0};
    struct config *other =
        load_good("[security]\nmode = none\nserver_key_file = c\nclients_dir = d\n");
    assert_int_equal(other->security_mode, CONFIG_SECURITY_NONE);
    assert_int_equal(config_report_fixed(config, other, reports_add, &reports), 2);
    assert_string_equal(reports.lines[0],
                        "[security] mode: needs a restart; the running value stays");
    assert_string_equal(reports.lines[1],
                        "[security] server_key_file: needs a restart; the running value stays");
    reports_free(&reports);
    config_free(other);
    config_free(config);
}

static void test_no_router_is_good(void **state)
{
    (void)state;
    struct config *config = load_good("[listen]\nrouter =\npull = tcp://lo:1\n");
    assert_int_equal(config->router_count, 0);
    assert_int_equal(config->pull_count, 1);
    config_free(config);
}

static void test_rules_that_contradict_themselves(void **state)
{
    (void)state;
    load_bad("\n[series.x]\nmode = grow\n[log]\n", "2: [series.x] match: missing;");
    load_bad("[series.x]\nmatch = a\ncapacity = 3\nmode = grow\n",
             "3: [series.x] capacity: a growing series has none;");
    load_bad("[series.x]\nmatch = a\nmode = grow\npreallocate = yes\n",
             "4: [series.x] preallocate: a growing series");
}

static void test_opening(void **state)
{
    (void)state;
    struct reports reports = {.path = NULL};
    struct config *config = NULL;
    assert_int_equal(config_load("/nonexistent/x.ini", reports_add, &reports, &config), -ENOENT);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.lines[0],
                        "/nonexistent/x.ini: cannot be opened: No such file or directory");
    reports_free(&reports);
    assert_int_equal(config_load("/", reports_add, &reports, &config), -EISDIR);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.lines[0], "/: cannot be read: Is a directory");
    reports_free(&reports);
    assert_null(config);
}

static void test_what_a_reload_cannot_change(void **state)
{
    (void)state;
    struct config *running = load_good("[listen]\npull = tcp://lo:1\n");
    struct config *same = load_good("[store]\nmax_bytes = 1GiB\nmin_free = 1\nmax_series = 3\n"
                                    "[listen]\npull = tcp://lo:1\n"
                                    "[flush]\ninterval = 2s\n[clock]\nmax_future = 1s\n"
                                    "[log]\nlevel = error\n[series.x]\nmatch = **\n");
    struct config *other = load_good("[store]\npath = /x\n[listen]\nmax_batch = 8MiB\n"
                                     "router = tcp://lo:2\npull = tcp://lo:1 tcp://lo:3\n");
    struct reports reports = {.path = NULL};
    assert_int_equal(config_report_fixed(running, same, reports_add, &reports), 0);
    assert_int_equal(config_report_fixed(running, other, reports_add, &reports), 4);
    assert_int_equal(reports.count, 4);
    assert_string_equal(reports.lines[0], "[store] path: needs a restart; the running value stays");
    assert_string_equal(reports.lines[1],
                        "[listen] router: needs a restart; the running value stays");
    assert_string_equal(reports.lines[2],
                        "[listen] pull: needs a restart; the running value stays");
    assert_string_equal(reports.lines[3],
                        "[listen] max_batch: needs a restart; the running value stays");
    reports_free(&reports);
    config_free(running);
    config_free(same);
    config_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_rule_defaults),
        cmocka_unit_test(test_every_setting),
        cmocka_unit_test(test_every_rule_key),
        cmocka_unit_test(test_every_bad_value),
        cmocka_unit_test(test_messages_are_exact),
        cmocka_unit_test(test_endpoints_that_others_can_reach),
        cmocka_unit_test(test_curve_wants_its_keys),
        cmocka_unit_test(test_no_router_is_good),
        cmocka_unit_test(test_rules_that_contradict_themselves),
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_what_a_reload_cannot_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
