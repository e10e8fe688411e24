#include "peer_addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ROOM_FIRST 64
#define ROOM_MAX   (1 << 20) /* more descriptors than a process may have */

struct peer_address {
    bool is_known;
    bool is_shut;
    int64_t doom_ns;               /* when it is to be shut down; 0 = it is not */
    char text[PEER_ADDRESS_BYTES]; /* "" for a unix socket */
};

/* The address at the other end; false when there is none. */
static bool peer_address_ask(int fd, char text[PEER_ADDRESS_BYTES])
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t address_bytes = sizeof address;
    text[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&address, &address_bytes) != 0)
        return false;
    switch (address.ss_family) {
    case AF_INET: {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, &address, sizeof ipv4);
        return inet_ntop(AF_INET, &ipv4.sin_addr, text, PEER_ADDRESS_BYTES) != NULL;
    }
    case AF_INET6: {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, &address, sizeof ipv6);
        return inet_ntop(AF_INET6, &ipv6.sin6_addr, text, PEER_ADDRESS_BYTES) != NULL;
    }
    case AF_UNIX:
        return true;
    default:
        return false;
    }
}

static struct peer_address *peer_address_find(const struct peer_addresses *addresses, int fd)
{
    return fd >= 0 && (size_t)fd < addresses->room ? &addresses->peers[fd] : NULL;
}

static void peer_addresses_grow(struct peer_addresses *addresses, int fd)
{
    size_t room = addresses->room == 0 ? ROOM_FIRST : addresses->room;
    if (fd < 0 || fd >= ROOM_MAX)
        return;
    while (room <= (size_t)fd)
        room *= 2;
    if (room == addresses->room)
        return;
    struct peer_address *peers = realloc(addresses->peers, room * sizeof *peers);
    if (peers == NULL)
        return;
    memset(peers + addresses->room, 0, (room - addresses->room) * sizeof *peers);
    addresses->peers = peers;
    addresses->room = room;
}

/* The descriptor is no longer what was noted of it. */
static void peer_address_forget(struct peer_addresses *addresses, struct peer_address *peer)
{
    addresses->doomed_count -= peer->doom_ns != 0;
    peer->doom_ns = 0;
    peer->is_shut = false;
    peer->is_known = false;
}

void peer_addresses_add(struct peer_addresses *addresses, int fd)
{
    peer_addresses_grow(addresses, fd);
    struct peer_address *peer = peer_address_find(addresses, fd);
    if (peer == NULL)
        return;
    peer_address_forget(addresses, peer);
    peer->is_known = peer_address_ask(fd, peer->text);
}

const char *peer_addresses_remove(struct peer_addresses *addresses, int fd, const char *otherwise,
                                  char buffer[PEER_ADDRESS_BYTES])
{
    struct peer_address *peer = peer_address_find(addresses, fd);
    if (peer == NULL || !peer->is_known)
        return otherwise;
    peer_address_forget(addresses, peer);
    if (peer->text[0] == '\0')
        return otherwise;
    snprintf(buffer, PEER_ADDRESS_BYTES, "%s", peer->text);
    return buffer;
}

void peer_addresses_doom(struct peer_addresses *addresses, int fd, int64_t at_ns)
{
    struct peer_address *peer = peer_address_find(addresses, fd);
    if (peer == NULL || !peer->is_known || peer->is_shut || peer->doom_ns != 0)
        return;
    peer->doom_ns = at_ns;
    addresses->doomed_count++;
}

void peer_addresses_shut_doomed(struct peer_addresses *addresses, int64_t now_ns)
{
    for (size_t fd = 0; addresses->doomed_count > 0 && fd < addresses->room; fd++) {
        struct peer_address *peer = &addresses->peers[fd];
        char text[PEER_ADDRESS_BYTES];
        if (peer->doom_ns == 0 || peer->doom_ns > now_ns)
            continue;
        if (peer_address_ask((int)fd, text) && strcmp(text, peer->text) == 0)
            shutdown((int)fd, SHUT_RDWR);
        peer->doom_ns = 0;
        peer->is_shut = true;
        addresses->doomed_count--;
    }
}

void peer_addresses_free(struct peer_addresses *addresses)
{
    free(addresses->peers);
    *addresses = (struct peer_addresses){.peers = NULL};
}
