#include "certificate.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum place { PLACE_OUTSIDE, PLACE_METADATA, PLACE_CURVE };

struct parser {
    const char *path;
    struct error_text *error;
    struct certificate *certificate;
    enum place place;
    unsigned line;
    unsigned public_line; /* where it was given, 0 = not */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t blank_bytes(const char *text, size_t text_bytes)
{
    size_t count = 0;
    while (count < text_bytes && is_blank(text[count]))
        count++;
    return count;
}

/* What stands at the end of a line when everything else was read. */
static bool is_rest_empty(const char *text, size_t text_bytes)
{
    size_t blanks = blank_bytes(text, text_bytes);
    return blanks == text_bytes || text[blanks] == '#';
}

static int refuse(const struct parser *parser, const char *what)
{
    return error_set(parser->error, -EINVAL, "%s:%u: %s", parser->path, parser->line, what);
}

static int out_of_memory(const struct parser *parser)
{
    return error_set_errno(parser->error, -ENOMEM, "%s", parser->path);
}

const struct certificate_entry *certificate_find(const struct certificate *certificate,
                                                 const char *name)
{
    for (size_t i = 0; i < certificate->metadata_count; i++)
        if (strcmp(certificate->metadata[i].name, name) == 0)
            return &certificate->metadata[i];
    return NULL;
}

static int take_metadata(struct parser *parser, const char *name, size_t name_bytes,
                         const char *value, size_t value_bytes)
{
    struct certificate *certificate = parser->certificate;
    if (certificate->metadata_count == CERTIFICATE_METADATA_MAX)
        return refuse(parser, "more than 64 entries of metadata; leave some out");
    if (certificate->metadata == NULL) {
        assert(certificate->metadata_count == 0);
        certificate->metadata = calloc(CERTIFICATE_METADATA_MAX, sizeof(struct certificate_entry));
        if (certificate->metadata == NULL)
            return out_of_memory(parser);
    }
    char *name_copy = strndup(name, name_bytes);
    if (name_copy == NULL)
        return out_of_memory(parser);
    if (certificate_find(certificate, name_copy) != NULL) {
        free(name_copy);
        return refuse(parser, "an entry of metadata that was given before; join the two");
    }
    char *value_copy = strndup(value, value_bytes);
    if (value_copy == NULL) {
        free(name_copy);
        return out_of_memory(parser);
    }
    certificate->metadata[certificate->metadata_count++] =
        (struct certificate_entry){.name = name_copy, .value = value_copy, .line = parser->line};
    return 0;
}

static int take_key(struct parser *parser, const char *name, size_t name_bytes, const char *value,
                    size_t value_bytes)
{
    bool is_public = name_bytes == 10 && memcmp(name, "public-key", 10) == 0;
    bool is_secret = name_bytes == 10 && memcmp(name, "secret-key", 10) == 0;
    if (!is_public && !is_secret)
        return refuse(parser, "an entry of curve that is neither public-key nor secret-key");
    struct certificate *certificate = parser->certificate;
    unsigned *line = is_public ? &parser->public_line : &certificate->secret_line;
    if (*line != 0)
        return refuse(parser, "a key that was given before; leave one out");
    *line = parser->line;
    if (!curve_key_decode(value, value_bytes,
                          is_public ? certificate->public_key : certificate->secret_key))
        return refuse(parser, "a key that is not 40 characters of Z85; copy it whole, in quotes");
    certificate->has_secret_key = certificate->has_secret_key || is_secret;
    return 0;
}

/* name = value, behind the indentation. */
static int take_entry(struct parser *parser, const char *text, size_t text_bytes)
{
    size_t name_bytes = 0;
    while (name_bytes < text_bytes && strchr(CERTIFICATE_NAME_CHARACTERS, text[name_bytes]) != NULL)
        name_bytes++;
    size_t at = name_bytes + blank_bytes(text + name_bytes, text_bytes - name_bytes);
    if (name_bytes == 0 || at == text_bytes || text[at] != '=')
        return refuse(parser, "not of the form: name = \"value\"");
    at++;
    at += blank_bytes(text + at, text_bytes - at);

    const char *value = text + at;
    size_t value_bytes = text_bytes - at;
    if (value_bytes > 0 && (value[0] == '"' || value[0] == '\'')) {
        const char *end = memchr(value + 1, value[0], value_bytes - 1);
        if (end == NULL)
            return refuse(parser, "a quote that is not closed");
        size_t quoted_bytes = (size_t)(end - value) + 1;
        if (!is_rest_empty(end + 1, value_bytes - quoted_bytes))
            return refuse(parser, "something behind the closing quote; leave it out");
        value++;
        value_bytes = quoted_bytes - 2;
    } else {
        const char *comment = memchr(value, '#', value_bytes);
        if (comment != NULL)
            value_bytes = (size_t)(comment - value);
        while (value_bytes > 0 && is_blank(value[value_bytes - 1]))
            value_bytes--;
    }
    switch (parser->place) {
    case PLACE_METADATA:
        return take_metadata(parser, text, name_bytes, value, value_bytes);
    case PLACE_CURVE:
        return take_key(parser, text, name_bytes, value, value_bytes);
    case PLACE_OUTSIDE:
        break;
    }
    return refuse(parser, "an entry before the first section; begin with metadata or curve");
}

static bool is_word(const char *text, size_t text_bytes, const char *word)
{
    size_t word_bytes = strlen(word);
    return text_bytes >= word_bytes && memcmp(text, word, word_bytes) == 0 &&
           is_rest_empty(text + word_bytes, text_bytes - word_bytes);
}

static int take_line(struct parser *parser, const char *text, size_t text_bytes)
{
    if (text_bytes > 0 && text[text_bytes - 1] == '\r')
        text_bytes--;
    for (size_t i = 0; i < text_bytes; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7F)
            return refuse(parser, "a control character; a certificate is plain text");
    size_t blanks = blank_bytes(text, text_bytes);
    if (blanks == text_bytes || text[blanks] == '#')
        return 0;
    if (blanks > 0)
        return take_entry(parser, text + blanks, text_bytes - blanks);
    if (is_word(text, text_bytes, "metadata"))
        parser->place = PLACE_METADATA;
    else if (is_word(text, text_bytes, "curve"))
        parser->place = PLACE_CURVE;
    else
        return refuse(parser, "no section of a certificate: there are metadata and curve, and "
                              "entries are indented by four blanks");
    return 0;
}

int certificate_parse(const char *path, const char *text, size_t text_bytes,
                      struct certificate *ret_certificate, struct error_text *error)
{
    struct certificate certificate = {.has_secret_key = false};
    struct parser parser = {.path = path, .error = error, .certificate = &certificate};
    int result = 0;
    for (size_t at = 0; at < text_bytes && result == 0;) {
        const char *end = memchr(text + at, '\n', text_bytes - at);
        size_t line_bytes = end != NULL ? (size_t)(end - text) - at : text_bytes - at;
        parser.line++;
        result = take_line(&parser, text + at, line_bytes);
        at += line_bytes + 1;
    }
    if (result == 0 && parser.public_line == 0)
        result = error_set(error, -EINVAL,
                           "%s: has no public key: a certificate has a section curve with "
                           "public-key = \"...\"; ingestd --keygen makes one",
                           path);
    if (result < 0)
        certificate_clear(&certificate);
    else
        *ret_certificate = certificate;
    return result;
}

void certificate_clear(struct certificate *certificate)
{
    for (size_t i = 0; i < certificate->metadata_count; i++) {
        free(certificate->metadata[i].name);
        free(certificate->metadata[i].value);
    }
    free(certificate->metadata);
    explicit_bzero(certificate, sizeof *certificate);
}
