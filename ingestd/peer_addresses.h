/* peer_addresses.h - which address is behind each descriptor of libzmq's: what it tells of a
 * connection that failed is the descriptor alone, and that is closed by then.
 *
 * Descriptors are libzmq's, and may be closed and given out again at any moment; nothing here
 * closes one. One thread. */
#ifndef INGEST_PEER_ADDRESSES_H
#define INGEST_PEER_ADDRESSES_H

#include <stddef.h>
#include <stdint.h>

#define PEER_ADDRESS_BYTES 48

struct peer_address;

struct peer_addresses {
    struct peer_address *peers; /* by descriptor */
    size_t room;
    size_t doomed_count;
};

/* A connection was accepted. Without memory it has no address. */
void peer_addresses_add(struct peer_addresses *addresses, int fd);

/* It has ended. Its address, "10.0.0.9" or "fe80::1", or `otherwise` where that is not known; in
 * `buffer`. */
const char *peer_addresses_remove(struct peer_addresses *addresses, int fd, const char *otherwise,
                                  char buffer[PEER_ADDRESS_BYTES]);

/* The connection shall end, at a time of the caller's clock (above 0): until then an answer that is
 * on its way gets out. */
void peer_addresses_doom(struct peer_addresses *addresses, int fd, int64_t at_ns);

/* Shuts down the connections whose time has come; libzmq sees their end. One whose descriptor has
 * become another's meanwhile is left alone. */
void peer_addresses_shut_doomed(struct peer_addresses *addresses, int64_t now_ns);

void peer_addresses_free(struct peer_addresses *addresses);

#endif
