/* The guard of sockets with CURVE: libzmq asks at a door of its own (ZAP) who may connect, and
 * tells by a monitor of each socket which handshakes failed. Both are served where the daemon
 * waits, so that its decisions need no second thread. */
#include "network_internal.h"

#include "clock_ns.h"
#include "little_endian.h"
#include "zap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Declared among the drafts of zmq.h, but every libzmq from 4.3 on has it. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

/* What the monitors of sockets with CURVE tell. */
#define MONITOR_EVENTS                                                                             \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |          \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)

/* Each of these is needed: without the domain nobody is asked who may connect, and without its
 * enforcement everybody may, should there be nobody to ask. */
int network_guard_set_options(const struct network *network, void *handle)
{
    static const char domain[] = ZAP_DOMAIN;
    if (zmq_setsockopt(handle, ZMQ_ZAP_DOMAIN, domain, sizeof domain - 1) != 0)
        return network_errno();
    int result = network_set_int(handle, ZMQ_ZAP_ENFORCE_DOMAIN, 1);
    if (result == 0)
        result = network_set_int(handle, ZMQ_CURVE_SERVER, 1);
    if (result < 0)
        return result;
    return zmq_setsockopt(handle, ZMQ_CURVE_SECRETKEY, network->secret_key,
                          sizeof network->secret_key) == 0
               ? 0
               : network_errno();
}

/* Tells of the connections that get no further than their handshake. */
int network_guard_open(struct network *network, struct network_socket *socket, size_t number)
{
    char address[40];
    snprintf(address, sizeof address, "inproc://network-monitor-%zu", number);
    if (zmq_socket_monitor(socket->handle, address, MONITOR_EVENTS) != 0)
        return network_errno();
    socket->monitor = zmq_socket(network->context, ZMQ_PAIR);
    if (socket->monitor == NULL)
        return network_errno();
    /* libzmq's own thread would wait for room. */
    int result = network_set_int(socket->monitor, ZMQ_RCVHWM, 0);
    if (result == 0)
        result = network_set_int(socket->monitor, ZMQ_LINGER, 0);
    if (result == 0 && zmq_connect(socket->monitor, address) != 0)
        result = network_errno();
    return result;
}

void network_guard_close(struct network_socket *socket)
{
    if (socket->monitor == NULL)
        return;
    zmq_socket_monitor(socket->handle, NULL, 0);
    zmq_close(socket->monitor);
    socket->monitor = NULL;
}

static void guard_answer(void *door, const struct zap_request *request, enum zap_code code)
{
    struct zap_part parts[ZAP_ANSWER_PARTS];
    zap_answer_make(request, code, parts);
    for (size_t i = 0; i < ZAP_ANSWER_PARTS; i++) {
        int flags = i + 1 < ZAP_ANSWER_PARTS ? ZMQ_SNDMORE : 0;
        while (zmq_send(door, parts[i].bytes, parts[i].byte_count, flags) < 0 &&
               zmq_errno() == EINTR)
            continue;
    }
}

static enum zap_code guard_judge(struct network *network, const struct zap_request *request)
{
    switch (network->guard.ask(request->key, request->address, network->guard.context)) {
    case NETWORK_ADMITTED:
        return ZAP_ADMIT;
    case NETWORK_REVOKED:
        return ZAP_REFUSE;
    case NETWORK_UNKNOWN:
        break;
    }
    return ZAP_TRY_LATER;
}

/* One question and its answer; false when there is none. */
static bool guard_serve_door(struct network *network)
{
    /* What is longer, or more, is no request of CURVE: its key, the last part, has 32 bytes. */
    uint8_t bytes[ZAP_REQUEST_PARTS + 1][256];
    struct zap_part parts[ZAP_REQUEST_PARTS + 1];
    size_t count = 0;
    for (int has_more = 1; has_more;) {
        size_t at = count < ZAP_REQUEST_PARTS ? count : ZAP_REQUEST_PARTS;
        int length = zmq_recv(network->door, bytes[at], sizeof bytes[at], ZMQ_DONTWAIT);
        if (length < 0 && zmq_errno() == EINTR)
            continue;
        if (length < 0)
            return false;
        size_t length_max = sizeof bytes[at];
        parts[at] = (struct zap_part){.bytes = bytes[at],
                                      .byte_count = (size_t)length < length_max ? (size_t)length
                                                                                : length_max};
        count = at + 1;
        size_t size = sizeof has_more;
        if (zmq_getsockopt(network->door, ZMQ_RCVMORE, &has_more, &size) != 0)
            return false;
    }
    struct zap_request request;
    bool is_good = zap_request_read(parts, count, &request);
    guard_answer(network->door, &request, is_good ? guard_judge(network, &request) : ZAP_ERROR);
    return true;
}

static enum network_fault guard_fault(unsigned event, uint32_t value)
{
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
        return NETWORK_FAULT_ENDED;
    switch (value) {
    case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
        return NETWORK_FAULT_NO_CURVE;
    case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
        return NETWORK_FAULT_WRONG_KEY;
    default:
        return NETWORK_FAULT_NONSENSE;
    }
}

/* One event of a monitor: u16 event and u32 value, then the endpoint; false when there is none. */
static bool guard_serve_monitor(struct network *network, struct network_socket *socket)
{
    uint8_t bytes[6] = {0};
    char endpoint[sizeof socket->endpoint];
    int length;
    while ((length = zmq_recv(socket->monitor, bytes, sizeof bytes, ZMQ_DONTWAIT)) < 0)
        if (zmq_errno() != EINTR)
            return false;
    zmq_recv(socket->monitor, endpoint, sizeof endpoint, ZMQ_DONTWAIT);
    if (length != (int)sizeof bytes)
        return true;

    unsigned event = le_load_u16(bytes);
    uint32_t value = le_load_u32(bytes + 2);
    char address[PEER_ADDRESS_BYTES];
    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        peer_addresses_add(&network->addresses, (int)value);
        break;
    case ZMQ_EVENT_DISCONNECTED: {
        const char *peer =
            peer_addresses_remove(&network->addresses, (int)value, socket->endpoint, address);
        if (socket->fault != NETWORK_FAULT_NONE)
            network->guard.failed(peer, socket->fault, network->guard.context);
        socket->fault = NETWORK_FAULT_NONE;
        break;
    }
    default:
        socket->fault = guard_fault(event, value);
        break;
    }
    return true;
}

void network_guard_serve(struct network *network)
{
    if (network->addresses.doomed_count > 0)
        peer_addresses_shut_doomed(&network->addresses, clock_monotonic_ns());
    while (guard_serve_door(network))
        ;
    for (size_t i = 0; i < network->socket_count; i++)
        while (guard_serve_monitor(network, &network->sockets[i]))
            ;
}

int network_require_curve(struct network *network, const uint8_t public_key[CURVE_KEY_BYTES],
                          const uint8_t secret_key[CURVE_KEY_BYTES],
                          const struct network_guard *guard, struct error_text *error)
{
    char text[CURVE_KEY_TEXT_BYTES + 1];
    char expected[CURVE_KEY_TEXT_BYTES + 1];
    char computed[CURVE_KEY_TEXT_BYTES + 1];
    if (!network_has_curve())
        return error_set(error, -ENOTSUP, "%s", NETWORK_NO_CURVE);
    curve_key_encode(secret_key, text);
    curve_key_encode(public_key, expected);
    bool is_pair = zmq_curve_public(computed, text) == 0 && strcmp(computed, expected) == 0;
    explicit_bzero(text, sizeof text);
    if (!is_pair)
        return error_set(error, -EINVAL, "the public key is not that of the secret key");

    void *door = zmq_socket(network->context, ZMQ_REP);
    if (door == NULL)
        return error_set_errno(error, network_errno(), "sockets");
    int result = network_set_int(door, ZMQ_LINGER, 0);
    if (result == 0 && zmq_bind(door, ZAP_ENDPOINT) != 0)
        result = network_errno();
    if (result < 0) {
        zmq_close(door);
        return error_set_errno(error, result, "%s", ZAP_ENDPOINT);
    }
    network->door = door;
    network->guard = *guard;
    memcpy(network->secret_key, secret_key, CURVE_KEY_BYTES);
    return 0;
}

bool network_has_curve(void)
{
    return zmq_has("curve") != 0;
}

int network_make_keys(uint8_t ret_public_key[CURVE_KEY_BYTES],
                      uint8_t ret_secret_key[CURVE_KEY_BYTES])
{
    char public_text[CURVE_KEY_TEXT_BYTES + 1];
    char secret_text[CURVE_KEY_TEXT_BYTES + 1];
    if (!network_has_curve() || zmq_curve_keypair(public_text, secret_text) != 0)
        return -ENOTSUP;
    bool is_good = curve_key_decode(public_text, strlen(public_text), ret_public_key) &&
                   curve_key_decode(secret_text, strlen(secret_text), ret_secret_key);
    explicit_bzero(secret_text, sizeof secret_text);
    return is_good ? 0 : -EIO;
}
