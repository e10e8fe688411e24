/* gateway_connection.h - the socket of a gateway: one DEALER, opened and closed as a whole.
 *
 * A connection that was lost is never continued: what ZeroMQ still holds for the old one would
 * reach the daemon out of order, so the socket is closed, with all that is in it, and a new one is
 * opened. A monitor socket tells at once when a connection was lost, also when ZeroMQ would
 * reconnect by itself. There are no ZMTP heartbeats: on the side that connects they abort the
 * process when the receive queue is full. */
#ifndef INGEST_GATEWAY_CONNECTION_H
#define INGEST_GATEWAY_CONNECTION_H

#include "gateway_keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gateway_connection {
    void *context;  /* of ZeroMQ */
    void *socket;   /* NULL while closed */
    void *monitor;  /* the events of the socket */
    int epoll_fd;   /* holds the descriptors of both, so that the application sees one that stays */
    bool is_linked; /* the handshake with a daemon is done */
    bool is_blocked;          /* the socket did not take the last frame */
    const char *trouble;      /* why there was no connection last; static, NULL = nothing known */
    uint32_t monitors_opened; /* each has an address of its own */
    const char *endpoint;     /* borrowed */
    int reconnect_min_ms;     /* first pause of ZeroMQ's own attempts while nobody listens */
    int reconnect_max_ms;
    int queue_frames; /* frames that ZeroMQ may queue for sending */
    struct gateway_keys keys;
};

/* Makes the context; opens no socket. `connection` holds endpoint, numbers and keys already.
 * -ENOTSUP: this libzmq has no CURVE; -EBADMSG: the keys are not a pair. */
int gateway_connection_init(struct gateway_connection *connection);

/* Closes everything. A connection of which init failed, or that is zeroed, is allowed. */
void gateway_connection_destroy(struct gateway_connection *connection);

/* Opens the socket and begins to connect. -EINVAL: the endpoint. */
int gateway_connection_open(struct gateway_connection *connection);

/* Drops the socket and all frames in it. */
void gateway_connection_close(struct gateway_connection *connection);

/* Takes a copy of one frame. -EAGAIN: not now. */
int gateway_connection_send(struct gateway_connection *connection, const void *frame,
                            size_t length);

/* The next frame, cut at `capacity`. -EAGAIN: there is none. */
int gateway_connection_receive(struct gateway_connection *connection, void *buffer, size_t capacity,
                               size_t *ret_length);

/* Reads what the monitor has to say; true when an established connection was lost, or none came of
 * it: of some failed handshakes ZeroMQ makes no second attempt. */
bool gateway_connection_is_lost(struct gateway_connection *connection);

/* Waits until there is something to read (or, when blocked, room to send), for at most timeout_ms.
 * Signals end it. */
void gateway_connection_wait(struct gateway_connection *connection, int timeout_ms);

#endif
