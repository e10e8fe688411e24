#include "network_internal.h"

#include "clock_ns.h"
#include "socket_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Messages that wait in the process for each connection. More would only move a sender's backlog
 * into our memory, less would let the receiving thread run dry between two of libzmq's batches. */
#define ROUTER_MESSAGES_MAX 128
/* A PUSH client closes when it has sent everything, and what is then still in the kernel's buffers
 * is lost: so more is taken over from it at once. */
#define PULL_MESSAGES_MAX 1000
/* Answers that wait for a client that does not read; further ones are dropped and counted. */
#define SEND_MESSAGES_MAX 1000
/* A client that connects and does not say a word of ZMTP holds a descriptor only this long. */
#define HANDSHAKE_MS            5000
#define CONNECTIONS_PENDING_MAX 512
#define KEEPALIVE_IDLE_S        60
#define KEEPALIVE_INTERVAL_S    15
#define KEEPALIVE_COUNT         4
/* How long the last answer of a connection that is cut has to get out. */
#define LAST_ANSWER_NS (50 * NS_PER_MS)

int network_errno(void)
{
    int code = zmq_errno();
    switch (code) {
    case ETERM:
    case ENOTSUP:
    case EFSM:
    case EMTHREAD:
        return -EIO;
    case ENOCOMPATPROTO:
        return -EPROTONOSUPPORT;
    default:
        return code > 0 ? -code : -EIO;
    }
}

int network_open(uint64_t frame_bytes_max, struct network **ret_network, struct error_text *error)
{
    struct network *network = calloc(1, sizeof *network);
    if (network == NULL)
        return error_set_errno(error, -ENOMEM, "sockets");
    network->items = calloc(NETWORK_WATCHES_MAX, sizeof *network->items);
    network->context = zmq_ctx_new();
    if (network->items == NULL || network->context == NULL) {
        if (network->context != NULL)
            zmq_ctx_term(network->context);
        free(network->items);
        free(network);
        return error_set_errno(error, -ENOMEM, "sockets");
    }
    network->frame_bytes_max = frame_bytes_max;
    zmq_msg_init(&network->message);
    *ret_network = network;
    return 0;
}

void network_close(struct network *network, int linger_ms)
{
    if (network == NULL)
        return;
    zmq_msg_close(&network->message);
    for (size_t i = 0; i < network->socket_count; i++) {
        /* ZeroMQ leaves it behind. While we listen there it is ours. */
        const char *path = socket_path(network->sockets[i].endpoint);
        if (path != NULL)
            unlink(path);
        zmq_setsockopt(network->sockets[i].handle, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        network_guard_close(&network->sockets[i]);
        zmq_close(network->sockets[i].handle);
    }
    if (network->door != NULL)
        zmq_close(network->door);
    while (zmq_ctx_term(network->context) != 0 && zmq_errno() == EINTR)
        ;
    peer_addresses_free(&network->addresses);
    free(network->sockets);
    free(network->items);
    explicit_bzero(network, sizeof *network);
    free(network);
}

int network_set_int(void *handle, int option, int value)
{
    return zmq_setsockopt(handle, option, &value, sizeof value) == 0 ? 0 : network_errno();
}

static int network_set_options(const struct network *network, void *handle, enum network_kind kind,
                               const char *endpoint)
{
    int64_t frame_bytes_max =
        network->frame_bytes_max > INT64_MAX ? INT64_MAX : (int64_t)network->frame_bytes_max;
    const struct {
        int option;
        int value;
    } settings[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_RCVHWM, kind == NETWORK_PULL ? PULL_MESSAGES_MAX : ROUTER_MESSAGES_MAX},
        {ZMQ_SNDHWM, SEND_MESSAGES_MAX},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        {ZMQ_BACKLOG, CONNECTIONS_PENDING_MAX},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S},
        {ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_S},
        {ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT},
        {ZMQ_IPV6, strchr(endpoint, '[') != NULL},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        int result = network_set_int(handle, settings[i].option, settings[i].value);
        if (result < 0)
            return result;
    }
    if (zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max) != 0)
        return network_errno();
    if (network->door != NULL) {
        int result = network_guard_set_options(network, handle);
        if (result < 0)
            return result;
    }
    /* Without it, what is sent to a peer that is gone or does not read vanishes without a word. */
    return kind == NETWORK_ROUTER ? network_set_int(handle, ZMQ_ROUTER_MANDATORY, 1) : 0;
}

static const char *network_bind_remedy(int code)
{
    switch (-code) {
    case EADDRINUSE:
        return "another process listens there; stop it or choose another endpoint";
    case EADDRNOTAVAIL:
    case ENODEV:
        return "this host has no such address; name one of its own, or * for all";
    case EACCES:
    case EPERM:
        return "not allowed; ports below 1024 and the folder of an ipc path need the right to use "
               "them";
    case ENOENT:
    case ENOTDIR:
        return "the folder of the ipc path is missing; create it first";
    case ENAMETOOLONG:
        return "the ipc path is too long; 107 bytes is the most";
    default:
        return "write tcp://ADDRESS:PORT or ipc:///PATH";
    }
}

int network_bind(struct network *network, enum network_kind kind, const char *endpoint,
                 struct error_text *error)
{
    size_t count = network->socket_count;
    struct network_socket *sockets = realloc(network->sockets, (count + 1) * sizeof *sockets);
    if (sockets == NULL)
        return error_set_errno(error, -ENOMEM, "%s", endpoint);
    network->sockets = sockets;
    zmq_pollitem_t *items =
        realloc(network->items, (NETWORK_WATCHES_MAX + 2 * (count + 1) + 1) * sizeof *items);
    if (items == NULL)
        return error_set_errno(error, -ENOMEM, "%s", endpoint);
    network->items = items;

    void *handle = zmq_socket(network->context, kind == NETWORK_ROUTER ? ZMQ_ROUTER : ZMQ_PULL);
    if (handle == NULL)
        return error_set_errno(error, network_errno(), "%s", endpoint);
    struct network_socket *made = &sockets[count];
    *made = (struct network_socket){.handle = handle, .kind = kind};
    int result = network_set_options(network, handle, kind, endpoint);
    if (result == 0 && socket_path_is_taken(endpoint))
        result = -EADDRINUSE;
    if (result == 0 && network->door != NULL)
        result = network_guard_open(network, made, count);
    if (result == 0 && zmq_bind(handle, endpoint) != 0)
        result = network_errno();
    if (result < 0) {
        network_guard_close(made);
        zmq_close(handle);
        return error_set(error, result, "cannot listen on %s: %s (%s)", endpoint,
                         zmq_strerror(-result), network_bind_remedy(result));
    }
    size_t endpoint_bytes = sizeof made->endpoint;
    if (zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, made->endpoint, &endpoint_bytes) != 0)
        snprintf(made->endpoint, sizeof made->endpoint, "%s", endpoint);
    network->socket_count = count + 1;
    return 0;
}

size_t network_socket_count(const struct network *network)
{
    return network->socket_count;
}

const char *network_endpoint(const struct network *network, size_t socket)
{
    return network->sockets[socket].endpoint;
}

enum network_kind network_socket_kind(const struct network *network, size_t socket)
{
    return network->sockets[socket].kind;
}

size_t network_watch(struct network *network, int fd)
{
    size_t watch = network->watch_count++;
    network->items[watch] = (zmq_pollitem_t){.fd = fd, .events = ZMQ_POLLIN};
    return watch;
}

int network_wait(struct network *network, int timeout_ms)
{
    zmq_pollitem_t *items = network->items;
    size_t count = network->watch_count;
    for (size_t i = 0; i < network->socket_count; i++)
        items[count++] =
            (zmq_pollitem_t){.socket = network->sockets[i].handle, .events = ZMQ_POLLIN};
    if (network->door != NULL) {
        items[count++] = (zmq_pollitem_t){.socket = network->door, .events = ZMQ_POLLIN};
        for (size_t i = 0; i < network->socket_count; i++)
            items[count++] =
                (zmq_pollitem_t){.socket = network->sockets[i].monitor, .events = ZMQ_POLLIN};
    }
    int result = zmq_poll(items, (int)count, timeout_ms) < 0 ? network_errno() : 0;
    if (result == -EINTR) {
        for (size_t i = 0; i < network->watch_count; i++)
            items[i].revents = 0;
        result = 0;
    }
    if (result == 0 && network->door != NULL)
        network_guard_serve(network);
    return result;
}

bool network_watch_is_ready(const struct network *network, size_t watch)
{
    return network->items[watch].revents != 0;
}

static int network_receive_part(struct network *network, void *handle, int flags)
{
    while (zmq_msg_recv(&network->message, handle, flags) < 0)
        if (zmq_errno() != EINTR)
            return network_errno();
    return 0;
}

/* A message is there whole or not at all, so the parts behind the first are taken without waiting.
 */
static int network_drop_parts(struct network *network, void *handle)
{
    while (zmq_msg_more(&network->message)) {
        int result = network_receive_part(network, handle, 0);
        if (result < 0)
            return result;
    }
    return 0;
}

void network_frame_done(struct network *network)
{
    /* At once: a frame of less than 8 KiB holds the buffer that it shares with many others. */
    zmq_msg_close(&network->message);
    zmq_msg_init(&network->message);
}

int network_receive(struct network *network, size_t socket, struct network_frame *ret_frame)
{
    const struct network_socket *from = &network->sockets[socket];
    int result = network_receive_part(network, from->handle, ZMQ_DONTWAIT);
    if (result < 0)
        return result;

    ret_frame->kind = from->kind;
    ret_frame->route.socket = (uint16_t)socket;
    ret_frame->route.id_bytes = 0;
    ret_frame->route.delimiter = false;
    if (from->kind == NETWORK_ROUTER) {
        size_t id_bytes = zmq_msg_size(&network->message);
        memcpy(ret_frame->route.id, zmq_msg_data(&network->message), id_bytes & 0xff);
        ret_frame->route.id_bytes = (uint8_t)id_bytes;
        if (zmq_msg_more(&network->message))
            result = network_receive_part(network, from->handle, 0);
        else
            network_frame_done(network);
        if (result == 0 && zmq_msg_size(&network->message) == 0 &&
            zmq_msg_more(&network->message)) {
            ret_frame->route.delimiter = true;
            result = network_receive_part(network, from->handle, 0);
        }
        if (result < 0)
            return result;
    }
    ret_frame->junk = zmq_msg_more(&network->message) != 0;
    if (ret_frame->junk) {
        result = network_drop_parts(network, from->handle);
        if (result < 0)
            return result;
    }
    ret_frame->bytes = zmq_msg_data(&network->message);
    ret_frame->byte_count = ret_frame->junk ? 0 : zmq_msg_size(&network->message);
    ret_frame->key = network->door != NULL ? zmq_msg_gets(&network->message, "User-Id") : NULL;
    return 0;
}

void network_frame_cut(struct network *network)
{
    peer_addresses_doom(&network->addresses, zmq_msg_get(&network->message, ZMQ_SRCFD),
                        clock_monotonic_ns() + LAST_ANSWER_NS);
}

const char *network_frame_peer(struct network *network, const struct network_frame *frame)
{
    const char *address = zmq_msg_gets(&network->message, "Peer-Address");
    return address != NULL && address[0] != '\0' ? address
                                                 : network->sockets[frame->route.socket].endpoint;
}

/* What is begun has to be ended: the next answer's first part would be a part of this one. */
static int network_send_part(void *handle, zmq_msg_t *part, int flags)
{
    while (zmq_msg_send(part, handle, flags | ZMQ_DONTWAIT) < 0) {
        if (zmq_errno() == EINTR)
            continue;
        int result = network_errno();
        zmq_msg_close(part);
        return result;
    }
    return 0;
}

static int network_make_part(zmq_msg_t *part, const void *bytes, size_t byte_count)
{
    if (zmq_msg_init_size(part, byte_count) < 0)
        return network_errno();
    if (byte_count > 0)
        memcpy(zmq_msg_data(part), bytes, byte_count);
    return 0;
}

int network_send(struct network *network, const struct network_route *route, const void *bytes,
                 size_t byte_count)
{
    void *handle = network->sockets[route->socket].handle;
    zmq_msg_t id, delimiter, body;
    /* All memory first: only what is taken at once can be begun. */
    int result = network_make_part(&body, bytes, byte_count);
    if (result < 0)
        return result;
    result = network_make_part(&id, route->id, route->id_bytes);
    if (result == 0)
        result = network_send_part(handle, &id, ZMQ_SNDMORE);
    zmq_msg_init(&delimiter);
    if (result == 0 && route->delimiter)
        result = network_send_part(handle, &delimiter, ZMQ_SNDMORE);
    if (result < 0) {
        zmq_msg_close(&body);
        return result;
    }
    return network_send_part(handle, &body, 0);
}

const char *network_library_version(char *buffer, size_t buffer_bytes)
{
    int major;
    int minor;
    int patch;
    zmq_version(&major, &minor, &patch);
    snprintf(buffer, buffer_bytes, "%d.%d.%d", major, minor, patch);
    return buffer;
}
