#include "endpoint.h"

#include "units.h"

#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"
#define IPV6_CHARACTERS "ABCDEFabcdef0123456789:."
#define HOST_BYTES_MAX  253
#define PORT_MAX        65535

static bool only_of(const char *text, size_t text_bytes, const char *characters)
{
    return strspn(text, characters) >= text_bytes;
}

/* "[::1]", "[fe80::1%eth0]": the zone may hold what a name may. */
static bool is_ipv6(const char *host, size_t host_bytes)
{
    if (host_bytes < 4 || host[0] != '[' || host[host_bytes - 1] != ']')
        return false;
    const char *inside = host + 1;
    size_t inside_bytes = host_bytes - 2;
    const char *zone = memchr(inside, '%', inside_bytes);
    if (zone != NULL) {
        size_t address_bytes = (size_t)(zone - inside);
        size_t zone_bytes = inside_bytes - address_bytes - 1;
        if (zone_bytes == 0 || !only_of(zone + 1, zone_bytes, NAME_CHARACTERS))
            return false;
        inside_bytes = address_bytes;
    }
    return memchr(inside, ':', inside_bytes) != NULL &&
           only_of(inside, inside_bytes, IPV6_CHARACTERS);
}

static const char *tcp_fault(const char *address)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || strchr(colon, ']') != NULL)
        return "has no port";
    size_t host_bytes = (size_t)(colon - address);
    if (host_bytes == 0)
        return "has no host ('*' is every interface)";
    if (host_bytes > HOST_BYTES_MAX)
        return "has too long a host";
    bool every_interface = host_bytes == 1 && address[0] == '*';
    if (!every_interface && !is_ipv6(address, host_bytes)) {
        if (memchr(address, ':', host_bytes) != NULL)
            return "has an IPv6 address without brackets, or two ports";
        if (!only_of(address, host_bytes, NAME_CHARACTERS))
            return "has a character that no host may hold";
    }
    uint64_t port;
    if (!units_parse_u64(colon + 1, PORT_MAX, &port) || port == 0)
        return "has a port that is not a number from 1 to 65535";
    return NULL;
}

static const char *ipc_fault(const char *path)
{
    if (path[0] != '/')
        return "has no absolute path";
    if (path[strlen(path) - 1] == '/')
        return "names a folder, not a socket";
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return "has a path above the 107 bytes of a socket's name";
    return NULL;
}

const char *endpoint_fault(const char *endpoint)
{
    if (strncmp(endpoint, "tcp://", 6) == 0)
        return tcp_fault(endpoint + 6);
    if (strncmp(endpoint, "ipc://", 6) == 0)
        return ipc_fault(endpoint + 6);
    if (strstr(endpoint, "://") == NULL)
        return "has no transport";
    return "has a transport other than tcp and ipc";
}

/* "127.0.0.1", but not the name "127.example.org". */
static bool is_loopback_ipv4(const char *host, size_t host_bytes)
{
    return host_bytes > 4 && strncmp(host, "127.", 4) == 0 &&
           only_of(host, host_bytes, "0123456789.");
}

bool endpoint_is_local(const char *endpoint)
{
    static const char *const names[] = {"localhost", "lo", "[::1]"};
    if (strncmp(endpoint, "tcp://", 6) != 0)
        return true;
    const char *host = endpoint + 6;
    const char *colon = strrchr(host, ':');
    size_t host_bytes = colon != NULL ? (size_t)(colon - host) : strlen(host);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == host_bytes && strncmp(host, names[i], host_bytes) == 0)
            return true;
    return is_loopback_ipv4(host, host_bytes);
}
