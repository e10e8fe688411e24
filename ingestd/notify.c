#include "notify.h"

#include "clock_ns.h"
#include "units.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t notify_watchdog_ns(void)
{
    const char *period = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t period_us;
    uint64_t wanted_pid;

    if (period == NULL || !units_parse_u64(period, INT64_MAX / NS_PER_US, &period_us))
        return 0;
    /* The variables are inherited: they may be meant for our parent. */
    if (pid != NULL &&
        (!units_parse_u64(pid, INT32_MAX, &wanted_pid) || (pid_t)wanted_pid != getpid()))
        return 0;
    return (int64_t)period_us * NS_PER_US;
}

int notify_open(struct notify *ret_notify)
{
    *ret_notify = (struct notify){.fd = -1};

    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || path[0] == '\0')
        return 0;
    size_t path_bytes = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || path_bytes >= sizeof ret_notify->address.sun_path)
        return -EINVAL;

    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    ret_notify->fd = fd;
    ret_notify->address.sun_family = AF_UNIX;
    memcpy(ret_notify->address.sun_path, path, path_bytes);
    /* '@' stands for the zero byte of an abstract address, whose length counts. */
    if (path[0] == '@')
        ret_notify->address.sun_path[0] = '\0';
    ret_notify->address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_bytes);
    ret_notify->watchdog_ns = notify_watchdog_ns();
    return 0;
}

void notify_send(const struct notify *notify, const char *format, ...)
{
    if (notify->fd < 0)
        return;

    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length <= 0)
        return;
    size_t text_bytes = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;

    struct sockaddr_un address = notify->address;
    struct iovec part = {.iov_base = text, .iov_len = text_bytes};
    struct msghdr message = {.msg_name = &address,
                             .msg_namelen = notify->address_bytes,
                             .msg_iov = &part,
                             .msg_iovlen = 1};
    /* A manager that went away, or whose queue is full, must not hold up the daemon. */
    ssize_t ignored = sendmsg(notify->fd, &message, MSG_NOSIGNAL);
    (void)ignored;
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}
