/* Thousands of series: mappings and descriptors stay within bounds, names are found, and nothing is
 * lost when a series is unmapped. */
#include "store_fixture.h"

#include <dirent.h>

#define SERIES_COUNT 1500
#define MAPPED_MAX   300

static unsigned count_mappings_of(const char *folder)
{
    char line[1024];
    unsigned count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, folder) != NULL;
    fclose(maps);
    return count;
}

static unsigned count_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static const char *name_of(unsigned number, char buffer[48])
{
    snprintf(buffer, 48, "plant%u/line%u/tag%u", number % 7, number % 50, number);
    return buffer;
}

static int count_series(struct series *series, void *context)
{
    unsigned *count = context;
    assert_null(series_broken(series));
    *count += 1;
    return 0;
}

static void append_to_all(struct fixture *fixture)
{
    char name[48];
    for (unsigned i = 0; i < SERIES_COUNT; i++) {
        struct series *series = fixture_find(fixture, name_of(i, name));
        assert_non_null(series);
        series_prefetch(series);
        assert_int_equal(append_count(series, 1), 0);
    }
}

static void test_more_series_than_mappings(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(100);
    char name[48];
    unsigned descriptors = count_descriptors();
    fixture->store->mapped_max = MAPPED_MAX;
    for (unsigned i = 0; i < SERIES_COUNT; i++)
        fixture_create(fixture, name_of(i, name), i % 2 ? SERIES_REGULAR : SERIES_EXPLICIT, &rule);
    for (int round = 0; round < 2; round++) {
        append_to_all(fixture);
        assert_in_range(count_mappings_of(fixture->folder), 3 * MAPPED_MAX - 3, 3 * MAPPED_MAX);
        assert_int_equal(count_descriptors(), descriptors);
    }
    fixture_flush(fixture);
    struct store_usage usage;
    store_usage(fixture->store, &usage);
    assert_int_equal(usage.series_mapped, MAPPED_MAX);

    fixture_reopen(fixture);
    assert_int_equal(count_mappings_of(fixture->folder), 0);
    assert_int_equal(count_descriptors(), descriptors);
    unsigned count = 0;
    assert_int_equal(store_for_each(fixture->store, count_series, &count), 0);
    assert_int_equal(count, SERIES_COUNT);
    for (unsigned i = 0; i < SERIES_COUNT; i++) {
        struct series *series = fixture_find(fixture, name_of(i, name));
        assert_int_equal(series_count(series), 2);
        assert_int_equal(fixture_word(fixture, name, HEAD_DURABLE), 2);
    }
    fixture->store->mapped_max = MAPPED_MAX;
    append_to_all(fixture);
    for (unsigned i = 0; i < SERIES_COUNT; i += 500) {
        double values[3];
        fixture_read(fixture, name_of(i, name), SERIES_VALUES_FILE, NPY_HEADER_BYTES, values,
                     sizeof values);
        for (int k = 0; k < 3; k++)
            assert_true(values[k] == (double)k);
    }
}

/* Those that are written often stay mapped; the others take turns. */
static void test_busy_series_stay_mapped(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(100);
    struct series *busy = fixture_create(fixture, "busy", SERIES_EXPLICIT, &rule);
    struct series *slow[100];
    char name[48];
    fixture->store->mapped_max = 20;
    for (unsigned i = 0; i < 100; i++)
        slow[i] = fixture_create(fixture, name_of(i, name), SERIES_EXPLICIT, &rule);
    unsigned mapped_anew = 0;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(append_count(slow[i], 1), 0);
        mapped_anew += busy->words == NULL;
        assert_int_equal(append_count(busy, 1), 0);
    }
    assert_in_range(mapped_anew, 1, 1);
    for (unsigned i = 95; i < 100; i++)
        assert_non_null(slow[i]->words);
    assert_in_range(fixture->store->mapped_count, 19, 20);
}

/* Removing from an open-addressing table must not hide what was put behind a collision. */
static void test_names_after_deletions(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(2);
    char name[48];
    for (unsigned i = 0; i < 400; i++)
        fixture_create(fixture, name_of(i, name), SERIES_EXPLICIT, &rule);
    for (unsigned i = 0; i < 400; i += 3)
        assert_int_equal(fixture_delete(fixture, fixture_find(fixture, name_of(i, name))), 0);
    for (unsigned i = 0; i < 400; i++)
        assert_int_equal(fixture_find(fixture, name_of(i, name)) == NULL, i % 3 == 0);
    assert_null(store_find(fixture->store, "plant1", 6));
    assert_null(store_find(fixture->store, "", 0));
}

/* A batch's names, some of them there and some not, of all lengths that are hashed in another way.
 */
static void test_names_of_a_batch(void **state)
{
    static const char *const odd[] = {
        "", "a", "ab", "abc", "abcd", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghabcdefgh"};
    enum { ODD = sizeof odd / sizeof odd[0], COUNT = 100 };
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(2);
    static char names[COUNT][48];
    struct store_lookup lookups[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        if (i < ODD)
            snprintf(names[i], sizeof names[i], "%s", odd[i]);
        else
            name_of(i, names[i]);
        if (i % 2 == 1)
            fixture_create(fixture, names[i], SERIES_EXPLICIT, &rule);
    }
    for (size_t count = 0; count <= COUNT; count++) {
        for (size_t i = 0; i < count; i++)
            lookups[i] = (struct store_lookup){.name = names[i], .name_bytes = strlen(names[i])};
        store_find_all(fixture->store, lookups, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(lookups[i].series == NULL, i % 2 == 0);
            assert_ptr_equal(lookups[i].series, fixture_find(fixture, names[i]));
            if (lookups[i].series != NULL)
                assert_string_equal(series_name(lookups[i].series), names[i]);
        }
    }
}

/* The hash alone proves nothing: a name that is not there may have that of one that is. */
static void test_two_names_of_one_hash(void **state)
{
    struct fixture *fixture = *state;
    struct series_rule rule = ring_of(2);
    struct series *series = fixture_create(fixture, "here", SERIES_EXPLICIT, &rule);
    struct store_lookup lookup = {.name = "elsewhere", .name_bytes = 9};
    store_find_all(fixture->store, &lookup, 1);
    assert_null(lookup.series);

    struct store_index *index = &fixture->store->index;
    size_t at = lookup.hash & index->mask;
    while (index->slots[at].hash != 0)
        at = (at + 1) & index->mask;
    index->slots[at] = (struct store_index_slot){lookup.hash, series};
    store_find_all(fixture->store, &lookup, 1);
    assert_null(lookup.series);
    index->slots[at] = (struct store_index_slot){0};
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_more_series_than_mappings), TEST(test_busy_series_stay_mapped),
        TEST(test_names_after_deletions),     TEST(test_names_of_a_batch),
        TEST(test_two_names_of_one_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
