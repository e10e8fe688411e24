#include "curve_key.h"

#include <string.h>

#define GROUP_BYTES      4 /* become */
#define GROUP_CHARACTERS 5 /* digits of base 85, the most significant first */

static const char z85_digits[] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

bool curve_key_decode(const char *text, size_t text_bytes, uint8_t ret_key[CURVE_KEY_BYTES])
{
    uint8_t key[CURVE_KEY_BYTES];
    if (text_bytes != CURVE_KEY_TEXT_BYTES)
        return false;
    for (size_t group = 0; group < CURVE_KEY_BYTES / GROUP_BYTES; group++) {
        uint64_t value = 0;
        for (size_t i = 0; i < GROUP_CHARACTERS; i++) {
            char c = text[group * GROUP_CHARACTERS + i];
            const char *digit = c != '\0' ? strchr(z85_digits, c) : NULL;
            if (digit == NULL)
                return false;
            value = value * 85 + (uint64_t)(digit - z85_digits);
        }
        if (value > UINT32_MAX)
            return false;
        for (size_t i = 0; i < GROUP_BYTES; i++)
            key[group * GROUP_BYTES + i] = (uint8_t)(value >> (8 * (GROUP_BYTES - 1 - i)));
    }
    memcpy(ret_key, key, sizeof key);
    return true;
}

void curve_key_encode(const uint8_t key[CURVE_KEY_BYTES], char ret_text[CURVE_KEY_TEXT_BYTES + 1])
{
    for (size_t group = 0; group < CURVE_KEY_BYTES / GROUP_BYTES; group++) {
        uint32_t value = 0;
        for (size_t i = 0; i < GROUP_BYTES; i++)
            value = value << 8 | key[group * GROUP_BYTES + i];
        for (size_t i = GROUP_CHARACTERS; i > 0; i--) {
            ret_text[group * GROUP_CHARACTERS + i - 1] = z85_digits[value % 85];
            value /= 85;
        }
    }
    ret_text[CURVE_KEY_TEXT_BYTES] = '\0';
}
