/* Rules of a real configuration file: order of the file, values, faults. */
#include "rules.h"
#include "temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
    char *folder;
    char path[512];
    struct config *config;
    struct rules *rules;
    size_t reports;
    char message[1024];
};

static void note(const char *message, void *context)
{
    struct fixture *fixture = context;
    fixture->reports++;
    snprintf(fixture->message, sizeof fixture->message, "%s", message);
}

static void load(struct fixture *fixture, const char *text)
{
    snprintf(fixture->path, sizeof fixture->path, "%s/ingestd.ini", fixture->folder);
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(config_load(fixture->path, note, fixture, &fixture->config), 0);
    assert_int_equal(rules_new(fixture->config, &fixture->rules), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->folder = temporary_folder_make();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    rules_free(fixture->rules);
    config_free(fixture->config);
    temporary_folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

static const struct series_rule *match(const struct fixture *fixture, const char *name,
                                       const char **ret_label)
{
    return rules_match(fixture->rules, name, strlen(name), ret_label);
}

static void first_match_wins(void **state)
{
    struct fixture *fixture = *state;
    const char *label;
    load(fixture, "[series.narrow]\nmatch = plant/*/temp\ncapacity = 100\n"
                  "[series.wide]\nmatch = plant/**\ncapacity = 200\n");
    assert_int_equal(match(fixture, "plant/a/temp", &label)->capacity, 100);
    assert_string_equal(label, "narrow");
    assert_int_equal(match(fixture, "plant/a/b/temp", &label)->capacity, 200);
    assert_string_equal(label, "wide");
    assert_ptr_equal(match(fixture, "office/temp", &label), &series_rule_default);
    assert_null(label);
}

static void values_are_carried_over(void **state)
{
    struct fixture *fixture = *state;
    load(fixture,
         "[series.a]\nmatch = a\nmode = ring\ncapacity = 64KiB\npreallocate = yes\nlate = clamp\n"
         "jitter = 5ms\nunit = degC\ndescription = x\nelements = x y\n"
         "[series.b]\nmatch = b\nmode = grow\n"
         "[series.c]\nmatch = c\nmode = refuse\n"
         "[series.d]\nmatch = d\ncapacity = 2s\n");
    const struct series_rule *rule = match(fixture, "a", NULL);
    assert_int_equal(rule->mode, SERIES_MODE_RING);
    assert_int_equal(rule->capacity_unit, SERIES_CAPACITY_BYTES);
    assert_int_equal(rule->capacity, 65536);
    assert_true(rule->preallocate);
    assert_int_equal(rule->late, SERIES_LATE_CLAMP);
    assert_int_equal(rule->jitter_ns, 5000000);
    assert_string_equal(rule->unit, "degC");
    assert_string_equal(rule->description, "x");
    assert_string_equal(rule->elements, "x y");
    rule = match(fixture, "b", NULL);
    assert_int_equal(rule->mode, SERIES_MODE_GROW);
    assert_int_equal(rule->capacity_unit, SERIES_CAPACITY_DEFAULT);
    assert_int_equal(rule->late, SERIES_LATE_DROP);
    assert_int_equal(rule->jitter_ns, 20000000);
    assert_int_equal(match(fixture, "c", NULL)->mode, SERIES_MODE_REFUSE);
    rule = match(fixture, "d", NULL);
    assert_int_equal(rule->capacity_unit, SERIES_CAPACITY_NS);
    assert_int_equal(rule->capacity, 2000000000);
}

static void bad_patterns_are_reported(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, "[series.good]\nmatch = a/**\n[series.bad]\nmatch = a//b\n");
    assert_int_equal(rules_check(fixture->config, fixture->path, note, fixture), 1);
    assert_int_equal(fixture->reports, 1);
    assert_non_null(strstr(fixture->message, "ingestd.ini:4: [series.bad] match: 'a//b'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_match_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_are_carried_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_patterns_are_reported, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
