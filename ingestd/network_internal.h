/* network_internal.h - what network.c and network_guard.c share. The one file that includes zmq.h,
 * and nobody else includes it. */
#ifndef INGEST_NETWORK_INTERNAL_H
#define INGEST_NETWORK_INTERNAL_H

#include "network.h"
#include "peer_addresses.h"

#include <zmq.h>

/* One endpoint. */
struct network_socket {
    void *handle;
    void *monitor; /* NULL without CURVE */
    enum network_kind kind;
    enum network_fault fault; /* of the connection whose end is the next event of the monitor */
    char endpoint[256];
};

struct network {
    void *context;
    uint64_t frame_bytes_max;
    struct network_socket *sockets;
    size_t socket_count;
    zmq_pollitem_t *items; /* the watched descriptors, the sockets, the door, the monitors */
    size_t watch_count;
    zmq_msg_t message; /* of the frame that was given out last */
    void *door;        /* where libzmq asks who may connect; NULL without CURVE */
    struct network_guard guard;
    uint8_t secret_key[CURVE_KEY_BYTES];
    struct peer_addresses addresses;
};

/* zmq_errno(), negative; a code of ZeroMQ's own kind becomes the nearest one that the system knows.
 */
int network_errno(void);

int network_set_int(void *handle, int option, int value);

/* network_guard.c: who may connect. Options of a socket that wants CURVE; before it is bound. */
int network_guard_set_options(const struct network *network, void *handle);

/* Begins, and ends, to watch the handshakes of a socket; `number` is its own. */
int network_guard_open(struct network *network, struct network_socket *socket, size_t number);
void network_guard_close(struct network_socket *socket);

/* Answers all questions that wait at the door, and takes all that the monitors tell. */
void network_guard_serve(struct network *network);

#endif
