/* notify.h - telling the service manager how the daemon does: the protocol of sd_notify(3), which
 * is one datagram of text, spoken here without libsystemd. */
#ifndef INGEST_NOTIFY_H
#define INGEST_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* -1: nobody listens, and nothing is sent */
    struct sockaddr_un address;
    socklen_t address_bytes;
    int64_t watchdog_ns; /* the manager wants "WATCHDOG=1" at least this often; 0 = it does not */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. 0 also when there is no manager; -EINVAL for
 * an address that is none; other errors of socket(2). After an error nothing is sent, and the
 * daemon can go on. */
int notify_open(struct notify *ret_notify);

/* Sends lines such as "READY=1\nSTATUS=...". Never blocks; what cannot be sent is dropped. */
__attribute__((format(printf, 2, 3))) void notify_send(const struct notify *notify,
                                                       const char *format, ...);

void notify_close(struct notify *notify);

#endif
