#include "gateway_connection.h"

#include "clock_ns.h"
#include "little_endian.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

/* A daemon that accepts and then says nothing is given up after this long. */
#define HANDSHAKE_MS      5000
#define CONNECT_MS        10000
#define KEEPALIVE_IDLE_S  60
#define REPLY_BYTES_LIMIT 65536

#define HANDSHAKE_FAILED                                                                           \
    (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |                  \
     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

static int watch(struct gateway_connection *connection, void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0)
        return -zmq_errno();
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(connection->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static void unwatch(struct gateway_connection *connection, void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0)
        (void)epoll_ctl(connection->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0 ? 0 : -zmq_errno();
}

/* The server would only see a handshake that fails. */
static int check_keys(const struct gateway_keys *keys)
{
    char secret[CURVE_KEY_TEXT_BYTES + 1];
    char public[CURVE_KEY_TEXT_BYTES + 1];
    uint8_t expected[CURVE_KEY_BYTES];
    if (!keys->is_curve)
        return 0;
    if (!zmq_has("curve"))
        return -ENOTSUP;
    curve_key_encode(keys->secret_key, secret);
    bool is_pair = zmq_curve_public(public, secret) == 0 &&
                   curve_key_decode(public, CURVE_KEY_TEXT_BYTES, expected) &&
                   memcmp(expected, keys->public_key, sizeof expected) == 0;
    explicit_bzero(secret, sizeof secret);
    return is_pair ? 0 : -EBADMSG;
}

int gateway_connection_init(struct gateway_connection *connection)
{
    int result = check_keys(&connection->keys);
    if (result < 0)
        return result;
    connection->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (connection->epoll_fd < 0)
        return -errno;
    connection->context = zmq_ctx_new();
    if (connection->context == NULL) {
        int error = zmq_errno();
        close(connection->epoll_fd);
        return -error;
    }
    return 0;
}

void gateway_connection_destroy(struct gateway_connection *connection)
{
    if (connection->context == NULL)
        return;
    gateway_connection_close(connection);
    /* Both sockets are closed and linger for nothing, so this returns at once. */
    while (zmq_ctx_term(connection->context) != 0 && zmq_errno() == EINTR)
        ;
    close(connection->epoll_fd);
    connection->context = NULL;
}

static int configure_keys(struct gateway_connection *connection)
{
    const struct gateway_keys *keys = &connection->keys;
    if (!keys->is_curve)
        return 0;
    if (zmq_setsockopt(connection->socket, ZMQ_CURVE_PUBLICKEY, keys->public_key,
                       CURVE_KEY_BYTES) != 0 ||
        zmq_setsockopt(connection->socket, ZMQ_CURVE_SECRETKEY, keys->secret_key,
                       CURVE_KEY_BYTES) != 0 ||
        zmq_setsockopt(connection->socket, ZMQ_CURVE_SERVERKEY, keys->server_key,
                       CURVE_KEY_BYTES) != 0)
        return -zmq_errno();
    return 0;
}

static int configure(struct gateway_connection *connection)
{
    const struct {
        int option, value;
    } settings[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_SNDHWM, connection->queue_frames},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        {ZMQ_CONNECT_TIMEOUT, CONNECT_MS},
        {ZMQ_RECONNECT_IVL, connection->reconnect_min_ms},
        {ZMQ_RECONNECT_IVL_MAX, connection->reconnect_max_ms},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S},
        /* Names resolve to IPv4 unless an address of the other kind is asked for. */
        {ZMQ_IPV6, strchr(connection->endpoint, '[') != NULL},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        int result = set_int(connection->socket, settings[i].option, settings[i].value);
        if (result < 0)
            return result;
    }
    int64_t limit = REPLY_BYTES_LIMIT;
    if (zmq_setsockopt(connection->socket, ZMQ_MAXMSGSIZE, &limit, sizeof limit) != 0)
        return -zmq_errno();
    return configure_keys(connection);
}

static int open_monitor(struct gateway_connection *connection)
{
    char address[40];
    snprintf(address, sizeof address, "inproc://gateway-monitor-%u",
             (unsigned)connection->monitors_opened++);
    if (zmq_socket_monitor(connection->socket, address,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                               HANDSHAKE_FAILED) != 0)
        return -zmq_errno();
    connection->monitor = zmq_socket(connection->context, ZMQ_PAIR);
    if (connection->monitor == NULL)
        return -zmq_errno();
    int result = set_int(connection->monitor, ZMQ_LINGER, 0);
    if (result == 0 && zmq_connect(connection->monitor, address) != 0)
        result = -zmq_errno();
    return result;
}

/* A transport that this libzmq has not, or not for this kind of socket, is told in numbers of its
 * own. */
static int connect_failure(int error)
{
    return error >= ZMQ_HAUSNUMERO || error == EPROTONOSUPPORT ? -EINVAL : -error;
}

int gateway_connection_open(struct gateway_connection *connection)
{
    connection->is_linked = false;
    connection->is_blocked = false;
    connection->socket = zmq_socket(connection->context, ZMQ_DEALER);
    if (connection->socket == NULL)
        return -zmq_errno();
    int result = configure(connection);
    if (result == 0)
        result = open_monitor(connection);
    if (result == 0 && zmq_connect(connection->socket, connection->endpoint) != 0)
        result = connect_failure(zmq_errno());
    if (result == 0)
        result = watch(connection, connection->socket);
    if (result == 0)
        result = watch(connection, connection->monitor);
    if (result < 0)
        gateway_connection_close(connection);
    return result;
}

void gateway_connection_close(struct gateway_connection *connection)
{
    if (connection->socket == NULL)
        return;
    (void)zmq_socket_monitor(connection->socket, NULL, 0);
    if (connection->monitor != NULL) {
        unwatch(connection, connection->monitor);
        zmq_close(connection->monitor);
    }
    unwatch(connection, connection->socket);
    zmq_close(connection->socket);
    connection->monitor = NULL;
    connection->socket = NULL;
    connection->is_linked = false;
    connection->is_blocked = false;
}

int gateway_connection_send(struct gateway_connection *connection, const void *frame, size_t length)
{
    for (;;) {
        if (zmq_send(connection->socket, frame, length, ZMQ_DONTWAIT) >= 0) {
            connection->is_blocked = false;
            return 0;
        }
        int error = zmq_errno();
        if (error == EINTR)
            continue;
        connection->is_blocked = error == EAGAIN;
        return -error;
    }
}

int gateway_connection_receive(struct gateway_connection *connection, void *buffer, size_t capacity,
                               size_t *ret_length)
{
    for (;;) {
        int length = zmq_recv(connection->socket, buffer, capacity, ZMQ_DONTWAIT);
        if (length >= 0) {
            *ret_length = (size_t)length < capacity ? (size_t)length : capacity;
            return 0;
        }
        int error = zmq_errno();
        if (error != EINTR)
            return -error;
    }
}

/* What a person can do about a handshake that failed. */
static const char *handshake_trouble(const struct gateway_connection *connection, unsigned event,
                                     uint32_t value)
{
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        return "the daemon refused this gateway's key: it is marked as revoked";
    bool is_mismatch = event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL &&
                       value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH;
    if (connection->keys.is_curve && is_mismatch)
        return "the daemon does not use CURVE: its configuration says mode = none";
    if (connection->keys.is_curve)
        return "the daemon did not finish the handshake: it does not know this gateway's key (its "
               "certificate must lie in the daemon's clients_dir, and be reloaded), or has another "
               "public key than the one given here";
    if (is_mismatch)
        return "the daemon wants CURVE: give this gateway its own key and the daemon's public key";
    return "the daemon did not finish the handshake: it may want CURVE keys, or is no ingestd";
}

bool gateway_connection_is_lost(struct gateway_connection *connection)
{
    bool is_lost = false;
    for (;;) {
        /* An event is two frames: u16 event and u32 value, then the address, which is the last one.
         */
        uint8_t event[6];
        int length = zmq_recv(connection->monitor, event, sizeof event, ZMQ_DONTWAIT);
        if (length < 0) {
            if (zmq_errno() == EINTR)
                continue;
            return is_lost;
        }
        int more = 0;
        size_t size = sizeof more;
        if (zmq_getsockopt(connection->monitor, ZMQ_RCVMORE, &more, &size) != 0 || !more ||
            length < (int)sizeof event)
            continue;
        unsigned what = le_load_u16(event);
        if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            connection->is_linked = true;
            connection->trouble = NULL;
        } else if ((what & HANDSHAKE_FAILED) != 0) {
            connection->trouble = handshake_trouble(connection, what, le_load_u32(event + 2));
            is_lost = true;
        } else if (connection->is_linked) {
            connection->is_linked = false;
            is_lost = true;
        }
    }
}

void gateway_connection_wait(struct gateway_connection *connection, int timeout_ms)
{
    if (connection->socket == NULL) {
        clock_sleep_ns(timeout_ms * NS_PER_MS);
        return;
    }
    zmq_pollitem_t items[] = {
        {.socket = connection->socket, .events = ZMQ_POLLIN},
        {.socket = connection->monitor, .events = ZMQ_POLLIN},
    };
    if (connection->is_blocked)
        items[0].events |= ZMQ_POLLOUT;
    /* The caller looks at everything afterwards, so the result tells nothing new. */
    (void)zmq_poll(items, 2, timeout_ms);
}
