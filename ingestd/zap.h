/* zap.h - messages of ZAP, by which libzmq asks who may connect (ZeroMQ RFC 27). Bytes only:
 * network.c receives and sends them. */
#ifndef INGEST_ZAP_H
#define INGEST_ZAP_H

#include "curve_key.h"

#include <stddef.h>

#define ZAP_ENDPOINT      "inproc://zeromq.zap.01"
#define ZAP_DOMAIN        "ingestd"
#define ZAP_REQUEST_PARTS 7 /* version, id, domain, address, routing id, mechanism, key */
#define ZAP_ANSWER_PARTS  6 /* version, id, code, text, user id, metadata */

struct zap_part {
    const void *bytes;
    size_t byte_count;
};

struct zap_request {
    struct zap_part id;                 /* returned in the answer; points into the request */
    char key[CURVE_KEY_TEXT_BYTES + 1]; /* of the client, Z85 */
    char address[64];                   /* of the client, printable; "" where there is none */
};

enum zap_code {
    ZAP_ADMIT,     /* 200; the key becomes the connection's User-Id */
    ZAP_TRY_LATER, /* 300: the client is left without an answer, and tries again by itself */
    ZAP_REFUSE,    /* 400: the client is told, and gives up */
    ZAP_ERROR      /* 500: the request was no good */
};

/* Reads a request. False: it is not one of CURVE in our domain; then ret_request->id is what there
 * was of it. */
bool zap_request_read(const struct zap_part *parts, size_t part_count,
                      struct zap_request *ret_request);

/* The parts of the answer; they point into the request and into static texts. */
void zap_answer_make(const struct zap_request *request, enum zap_code code,
                     struct zap_part ret_parts[ZAP_ANSWER_PARTS]);

#endif
