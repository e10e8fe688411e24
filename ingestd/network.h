/* network.h - the daemon's sockets. Only network.c and network_guard.c know ZeroMQ.
 *
 * Each endpoint has a socket of its own, numbered from 0 in the order of binding. Everything is for
 * one thread. */
#ifndef INGEST_NETWORK_H
#define INGEST_NETWORK_H

#include "curve_key.h"
#include "error_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network;

enum network_kind {
    NETWORK_ROUTER, /* clients are DEALER or REQ and are answered */
    NETWORK_PULL    /* clients are PUSH and are never answered */
};

/* Where an answer goes: the connection that a frame came from. */
struct network_route {
    uint16_t socket;
    uint8_t id_bytes; /* 0 = nowhere */
    bool delimiter;   /* an empty frame came first, as REQ sends it: it is returned, and one request
                         has one answer */
    uint8_t id[255];
};

/* A message of one frame. The bytes live until network_frame_done(). */
struct network_frame {
    const void *bytes;
    size_t byte_count;
    enum network_kind kind;
    bool junk; /* more parts than a message may have: all were taken, none is given */
    const char
        *key; /* CURVE: the public key that its connection has proved to hold, Z85; else NULL */
    struct network_route route; /* id_bytes = 0 for PULL */
};

enum network_answer {
    NETWORK_ADMITTED,
    NETWORK_UNKNOWN, /* the client is not told, and goes on trying */
    NETWORK_REVOKED  /* the client is told; one of libzmq's never tries again by itself */
};

/* Why a handshake failed. */
enum network_fault {
    NETWORK_FAULT_NONE,
    NETWORK_FAULT_ENDED,     /* the client ended it, or did not speak in time */
    NETWORK_FAULT_NO_CURVE,  /* the client does not use CURVE */
    NETWORK_FAULT_WRONG_KEY, /* the client has another public key of ours */
    NETWORK_FAULT_NONSENSE,
    NETWORK_FAULTS
};

/* Who decides about connections. Both are called inside network_wait(). */
struct network_guard {
    /* Who holds this public key (Z85) wants to connect. */
    enum network_answer (*ask)(const char *key, const char *address, void *context);
    /* A handshake failed before it came to a question. */
    void (*failed)(const char *address, enum network_fault fault, void *context);
    void *context;
};

/* Frames above `frame_bytes_max` end the connection they came from. -ENOMEM, -EMFILE. */
int network_open(uint64_t frame_bytes_max, struct network **ret_network, struct error_text *error);

/* Closes everything; answers under way have up to linger_ms to get out. NULL is allowed. */
void network_close(struct network *network, int linger_ms);

/* From now on every socket that is bound wants CURVE, and the guard says who may connect. Before
 * the first network_bind(). -ENOTSUP: libzmq was built without CURVE; -EINVAL: the two keys are not
 * a pair. */
int network_require_curve(struct network *network, const uint8_t public_key[CURVE_KEY_BYTES],
                          const uint8_t secret_key[CURVE_KEY_BYTES],
                          const struct network_guard *guard, struct error_text *error);

#define NETWORK_NO_CURVE                                                                           \
    "this libzmq was built without CURVE; install one with libsodium, as Debian's libzmq5"
bool network_has_curve(void);

/* A new pair of keys. -ENOTSUP: libzmq was built without CURVE. */
int network_make_keys(uint8_t ret_public_key[CURVE_KEY_BYTES],
                      uint8_t ret_secret_key[CURVE_KEY_BYTES]);

/* Binds one more socket. -EADDRINUSE: somebody listens there (also on an ipc path, which ZeroMQ
 * itself would take away from a living process); other errors as zmq_bind(3) has them, with a
 * sentence. */
int network_bind(struct network *network, enum network_kind kind, const char *endpoint,
                 struct error_text *error);

size_t network_socket_count(const struct network *network);
/* As bound: a wildcard port is resolved. */
const char *network_endpoint(const struct network *network, size_t socket);
enum network_kind network_socket_kind(const struct network *network, size_t socket);

/* One more descriptor for network_wait() to watch for input; returns its number, at most
 * NETWORK_WATCHES_MAX of them. */
#define NETWORK_WATCHES_MAX 4
size_t network_watch(struct network *network, int fd);

/* Waits until a socket or a watched descriptor has input, at most timeout_ms (-1 = for ever). 0 or
 * -errno. */
int network_wait(struct network *network, int timeout_ms);
bool network_watch_is_ready(const struct network *network, size_t watch);

/* Takes the next message if there is one. -EAGAIN: none. After 0 call network_frame_done(). */
int network_receive(struct network *network, size_t socket, struct network_frame *ret_frame);
void network_frame_done(struct network *network);

/* The address of the frame's sender, or the endpoint where ZeroMQ does not tell; valid until
 * network_frame_done(). */
const char *network_frame_peer(struct network *network, const struct network_frame *frame);

/* CURVE: the connection that the frame came from ends, when an answer has had the time to get out.
 */
void network_frame_cut(struct network *network);

/* Sends without waiting. -EHOSTUNREACH: the peer is gone; -EAGAIN: it does not read. */
int network_send(struct network *network, const struct network_route *route, const void *bytes,
                 size_t byte_count);

/* "4.3.4"; returns `buffer`. */
const char *network_library_version(char *buffer, size_t buffer_bytes);

#endif
