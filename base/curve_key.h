/* curve_key.h - keys of CURVE (Curve25519): 32 bytes, or 40 characters of Z85 (ZeroMQ RFC 32). */
#ifndef INGEST_CURVE_KEY_H
#define INGEST_CURVE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CURVE_KEY_BYTES      32
#define CURVE_KEY_TEXT_BYTES 40

/* False when `text` is not exactly 40 characters of Z85 that stand for 32 bytes; then ret_key is
 * untouched. */
bool curve_key_decode(const char *text, size_t text_bytes, uint8_t ret_key[CURVE_KEY_BYTES]);

/* Terminated. */
void curve_key_encode(const uint8_t key[CURVE_KEY_BYTES], char ret_text[CURVE_KEY_TEXT_BYTES + 1]);

#endif
