/* Any bytes as a certificate: no crash, no leak, a sentence of one line for each refusal; and what
 * was taken says the same when it is written again. */
#include "certificate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)2 * CERTIFICATE_FILE_BYTES_MAX)

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t *used,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text + *used, TEXT_BYTES_MAX - *used, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= TEXT_BYTES_MAX - *used)
        abort();
    *used += (size_t)length;
}

/* False when a value can stand in neither kind of quotes. */
static bool write_again(const struct certificate *certificate, char *text, size_t *ret_text_bytes)
{
    char key[CURVE_KEY_TEXT_BYTES + 1];
    size_t used = 0;
    append(text, &used, "metadata\n");
    for (size_t i = 0; i < certificate->metadata_count; i++) {
        const struct certificate_entry *entry = &certificate->metadata[i];
        char quote = strchr(entry->value, '"') != NULL ? '\'' : '"';
        if (strchr(entry->value, quote) != NULL)
            return false;
        append(text, &used, "    %s = %c%s%c\n", entry->name, quote, entry->value, quote);
    }
    curve_key_encode(certificate->public_key, key);
    append(text, &used, "curve\n    public-key = \"%s\"\n", key);
    curve_key_encode(certificate->secret_key, key);
    if (certificate->has_secret_key)
        append(text, &used, "    secret-key = \"%s\"\n", key);
    *ret_text_bytes = used;
    return true;
}

static void expect_equal(const struct certificate *a, const struct certificate *b)
{
    if (memcmp(a->public_key, b->public_key, CURVE_KEY_BYTES) != 0 ||
        memcmp(a->secret_key, b->secret_key, CURVE_KEY_BYTES) != 0 ||
        a->has_secret_key != b->has_secret_key || a->metadata_count != b->metadata_count)
        abort();
    for (size_t i = 0; i < a->metadata_count; i++)
        if (strcmp(a->metadata[i].name, b->metadata[i].name) != 0 ||
            strcmp(a->metadata[i].value, b->metadata[i].value) != 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static char again_text[TEXT_BYTES_MAX];
    struct certificate certificate;
    struct certificate again;
    struct error_text error = {.text = ""};
    if (data_bytes > CERTIFICATE_FILE_BYTES_MAX)
        return 0;
    int result = certificate_parse("x", (const char *)data, data_bytes, &certificate, &error);
    if (result != 0) {
        if (result != -EINVAL || error.text[0] == '\0' || strchr(error.text, '\n') != NULL)
            abort();
        return 0;
    }
    if (certificate.metadata_count > CERTIFICATE_METADATA_MAX ||
        certificate.has_secret_key != (certificate.secret_line != 0))
        abort();
    size_t again_bytes;
    if (write_again(&certificate, again_text, &again_bytes)) {
        if (certificate_parse("x", again_text, again_bytes, &again, &error) != 0)
            abort();
        expect_equal(&certificate, &again);
        certificate_clear(&again);
    }
    certificate_clear(&certificate);
    return 0;
}
