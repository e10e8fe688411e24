/* The protocol of sd_notify(3), over sockets that the test itself is the service manager of. */
#include "notify.h"
#include "temporary_folder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static int listen_at(const char *path, size_t path_bytes)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, path_bytes);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_bytes);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, length), 0);
    return fd;
}

static void expect(int fd, const char *text)
{
    char buffer[2048];
    ssize_t length = recv(fd, buffer, sizeof buffer - 1, MSG_DONTWAIT);
    assert_true(length >= 0);
    buffer[length] = '\0';
    assert_string_equal(buffer, text);
}

static void clear(void)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void nobody_listens(void **state)
{
    (void)state;
    struct notify notify;
    clear();
    assert_int_equal(notify_open(&notify), 0);
    assert_int_equal(notify.fd, -1);
    notify_send(&notify, "READY=1");
    notify_close(&notify);
}

static void path_and_abstract_addresses(void **state)
{
    (void)state;
    char *folder = temporary_folder_make();
    char paths[2][256];
    snprintf(paths[0], sizeof paths[0], "%s/notify", folder);
    snprintf(paths[1], sizeof paths[1], "@%s/notify", folder);
    for (size_t i = 0; i < 2; i++) {
        struct notify notify;
        int fd = listen_at(paths[i], strlen(paths[i]));
        clear();
        setenv("NOTIFY_SOCKET", paths[i], 1);
        assert_int_equal(notify_open(&notify), 0);
        notify_send(&notify, "READY=1\nSTATUS=%d series", 12);
        expect(fd, "READY=1\nSTATUS=12 series");
        notify_close(&notify);
        close(fd);
    }
    temporary_folder_remove(folder);
}

static void bad_addresses_are_refused(void **state)
{
    (void)state;
    struct notify notify;
    char path[200];
    clear();
    setenv("NOTIFY_SOCKET", "relative/path", 1);
    assert_int_equal(notify_open(&notify), -EINVAL);
    assert_int_equal(notify.fd, -1);
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(notify_open(&notify), -EINVAL);
    assert_int_equal(notify.fd, -1);
}

static int64_t watchdog_of(const char *period, const char *pid)
{
    struct notify notify;
    clear();
    setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    if (period != NULL)
        setenv("WATCHDOG_USEC", period, 1);
    if (pid != NULL)
        setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_open(&notify), 0);
    notify_send(&notify, "nobody is there, and that is no harm");
    notify_close(&notify);
    return notify.watchdog_ns;
}

static void watchdog_is_for_this_process(void **state)
{
    (void)state;
    char ours[32];
    char other[32];
    snprintf(ours, sizeof ours, "%ld", (long)getpid());
    snprintf(other, sizeof other, "%ld", (long)getpid() + 1);
    assert_int_equal(watchdog_of(NULL, NULL), 0);
    assert_int_equal(watchdog_of("30000000", NULL), INT64_C(30000000000));
    assert_int_equal(watchdog_of("30000000", ours), INT64_C(30000000000));
    assert_int_equal(watchdog_of("30000000", other), 0);
    assert_int_equal(watchdog_of("soon", NULL), 0);
    assert_int_equal(watchdog_of("18446744073709551615", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(path_and_abstract_addresses),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(watchdog_is_for_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
