/* The sensors of a host that is a folder of files. */
#include "cmocka_tests.h"
#include "host_proc.h"
#include "host_sensors.h"
#include "temporary_folder.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>

static void write_file(const char *root, const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void write_first(const char *root)
{
    write_file(root, "/proc/stat",
               "cpu  30 0 20 100 0 0 0 0 0 0\n"
               "cpu0 10 0 10 80 0 0 0 0 0 0\n"
               "cpu1 20 0 10 20 0 0 0 0 0 0\n"
               "intr 1 2 3\n");
    write_file(root, "/proc/meminfo",
               "MemTotal:        1000 kB\nMemFree:  1 kB\n"
               "MemAvailable:     400 kB\n");
    write_file(root, "/proc/loadavg", "0.75 0.50 0.25 1/100 1234\n");
    write_file(root, "/proc/diskstats",
               "   8       0 sda 1 2 1000 4 5 6 2000 8 0 0 0\n"
               "   8       1 sda1 1 2 1000 4 5 6 2000 8 0 0 0\n"
               "   7       0 loop0 1 2 3 4 5 6 7 8 0 0 0\n");
    write_file(root, "/sys/block/sda/size", "1\n");
    write_file(root, "/sys/block/loop0/size", "1\n");
    write_file(root, "/proc/net/dev",
               "Inter-|   Receive                  |  Transmit\n"
               " face |bytes    packets errs drop fifo frame compressed multicast|bytes\n"
               "    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n"
               "eth0.7:1000 1 0 0 0 0 0 0 3000 1 0 0 0 0 0 0\n");
    write_file(root, "/sys/class/thermal/thermal_zone0/temp", "45500\n");
    write_file(root, "/sys/class/thermal/thermal_zone0/type", "x86 pkg\n");
}

static double value_of(const struct host_sensors *sensors, const double *values, const char *name)
{
    for (size_t i = 0; i < host_sensors_count(sensors); i++)
        if (strcmp(host_sensors_get(sensors, i)->name, name) == 0)
            return values[i];
    fail_msg("no sensor %s", name);
    return 0;
}

static void test_sensors_of_a_host(void **state)
{
    (void)state;
    char *root = temporary_folder_make();
    write_first(root);
    struct host_sensors *sensors;
    double values[32];
    assert_int_equal(host_sensors_open(root, "host/a", &sensors), 0);
    assert_int_equal(host_sensors_count(sensors), 12);

    host_sensors_sample(sensors, 1000000000, values);
    assert_true(isnan(value_of(sensors, values, "host/a/cpu/0/use")));
    assert_true(isnan(value_of(sensors, values, "host/a/disk/sda/read")));
    assert_true(value_of(sensors, values, "host/a/memory/available") == 400 * 1024);
    assert_true(value_of(sensors, values, "host/a/memory/used") == 600 * 1024);
    assert_true(value_of(sensors, values, "host/a/load/1m") == 0.75);
    assert_true(value_of(sensors, values, "host/a/temperature/0-x86%20pkg") == 45.5);

    write_file(root, "/proc/stat",
               "cpu  0 0 0 0\ncpu0 15 0 10 95 0 0 0 0 0 0\n"
               "cpu1 20 0 10 20 0 0 0 0 0 0\n");
    write_file(root, "/proc/diskstats", "   8       0 sda 1 2 1010 4 5 6 2000 8 0 0 0\n");
    write_file(root, "/proc/net/dev", "h\nh\n eth0.7: 1500 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0\n");
    host_sensors_sample(sensors, 1500000000, values);
    assert_true(value_of(sensors, values, "host/a/cpu/0/use") == 25);
    assert_true(value_of(sensors, values, "host/a/cpu/1/use") == 0); /* no tick went by */
    assert_true(value_of(sensors, values, "host/a/disk/sda/read") == 10 * 512 / 0.5);
    assert_true(value_of(sensors, values, "host/a/disk/sda/written") == 0);
    assert_true(value_of(sensors, values, "host/a/network/eth0.7/received") == 1000);
    assert_true(isnan(value_of(sensors, values, "host/a/network/eth0.7/sent"))); /* it fell */
    assert_true(isnan(value_of(sensors, values, "host/a/network/lo/sent")));     /* it is gone */

    write_file(root, "/proc/net/dev", "h\nh\n lo: 7 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n");
    host_sensors_sample(sensors, 2500000000, values);
    assert_true(isnan(value_of(sensors, values, "host/a/network/lo/sent"))); /* it is new */
    assert_true(value_of(sensors, values, "host/a/cpu/0/use") == 25);
    host_sensors_close(sensors);
    temporary_folder_remove(root);
}

static void test_a_host_without_proc(void **state)
{
    (void)state;
    char *root = temporary_folder_make();
    struct host_sensors *sensors;
    assert_int_equal(host_sensors_open(root, "x", &sensors), -ENOENT);
    write_file(root, "/proc/stat", "cpu0 1 2 3 4\n");
    assert_int_equal(host_sensors_open(root, "x", &sensors), 0);
    assert_int_equal(host_sensors_count(sensors), 1);
    double value;
    host_sensors_sample(sensors, 1, &value);
    host_sensors_close(sensors);
    host_sensors_close(NULL);
    temporary_folder_remove(root);
}

static void test_this_host(void **state)
{
    (void)state;
    struct host_sensors *sensors;
    assert_int_equal(host_sensors_open("", "host/here", &sensors), 0);
    size_t count = host_sensors_count(sensors);
    double *values = calloc(count, sizeof *values);
    assert_non_null(values);
    host_sensors_sample(sensors, 1000000000, values);
    host_sensors_sample(sensors, 1010000000, values);
    double use = value_of(sensors, values, "host/here/cpu/0/use");
    assert_true(use >= 0 && use <= 100);
    assert_true(value_of(sensors, values, "host/here/memory/available") > 1e6);
    free(values);
    host_sensors_close(sensors);
}

static void test_lines_that_are_damaged(void **state)
{
    (void)state;
    unsigned core;
    uint64_t a, b;
    double load;
    char name[HOST_NAME_BYTES];
    assert_false(host_proc_cpu("cpu  1 2 3 4 5", &core, &a, &b));
    assert_false(host_proc_cpu("cpu3 1 2 3", &core, &a, &b));
    assert_false(host_proc_cpu("", &core, &a, &b));
    assert_true(host_proc_cpu("cpu3 1 2 3 4", &core, &a, &b) && core == 3 && a == 6 && b == 10);
    assert_false(host_proc_memory("MemTotal", name, &a));
    assert_false(host_proc_disk("8 0 sda 1 2", name, &a, &b));
    assert_false(host_proc_network(" face |bytes", name, &a, &b));
    assert_false(host_proc_load("x", &load));
    const char *text = "one\n\ntwo", *expected[] = {"one", "", "tw"};
    char line[3 + 1];
    for (size_t i = 0; i < 3; i++) {
        assert_true(host_proc_line(&text, line, i < 2 ? 4 : 3));
        assert_string_equal(line, expected[i]);
    }
    assert_false(host_proc_line(&text, line, sizeof line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sensors_of_a_host),
        cmocka_unit_test(test_a_host_without_proc),
        cmocka_unit_test(test_this_host),
        cmocka_unit_test(test_lines_that_are_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
