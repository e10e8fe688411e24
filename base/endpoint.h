/* endpoint.h - addresses to listen on and to connect to, as libzmq takes them. Judged here because
 * libzmq says only "invalid argument", and binds some mistakes without a word. */
#ifndef INGEST_ENDPOINT_H
#define INGEST_ENDPOINT_H

#include <stdbool.h>

/* NULL when `endpoint` is tcp://HOST:PORT (HOST is an address, a name, an interface or '*'; an IPv6
 * address stands in brackets; PORT is 1 to 65535) or ipc:///PATH (absolute, at most 107 bytes).
 * Else a static phrase that says what is wrong, to be put behind the endpoint. */
const char *endpoint_fault(const char *endpoint);

/* True when only this machine can reach an endpoint without a fault: ipc, or tcp on 127.0.0.0/8,
 * [::1], localhost or the interface lo. */
bool endpoint_is_local(const char *endpoint);

#endif
