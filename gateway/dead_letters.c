#include "dead_letters.h"

#include "clock_ns.h"
#include "crc32.h"
#include "queue_file.h"
#include "wire_format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES  48
#define NAME_LENGTH ((size_t)8 + 16 + 1 + 16)
/* Others may take letters away: a folder that is full is looked at again, but not for each one. */
#define COUNT_AGAIN_NS NS_PER_S
/* What no letter is longer than: a frame, which is 32-bit, would have to be a whole map besides. */
#define SECTION_BYTES_MAX ((uint32_t)1 << 20)

static void letter_name(uint64_t session, uint64_t sequence, char ret_name[NAME_BYTES])
{
    snprintf(ret_name, NAME_BYTES, "refused-%016" PRIx64 "-%016" PRIx64, session, sequence);
}

static bool parse_name(const char *name, uint64_t *ret_session, uint64_t *ret_sequence)
{
    const char *const digits = "0123456789abcdef";
    if (strlen(name) != NAME_LENGTH || strncmp(name, "refused-", 8) != 0 ||
        strspn(name + 8, digits) != 16 || name[24] != '-' || strspn(name + 25, digits) != 16)
        return false;
    *ret_session = strtoull(name + 8, NULL, 16);
    *ret_sequence = strtoull(name + 25, NULL, 16);
    return true;
}

static size_t padded(uint32_t bytes)
{
    return ((size_t)bytes + 7) & ~(size_t)7;
}

struct survey {
    struct dead_letters *letters;
    uint64_t session; /* whose unfinished files go; 0 = nobody's */
    struct dead_letter_name *names;
    size_t count, capacity;
    bool wants_names;
};

static int add_name(struct survey *survey, uint64_t session, uint64_t sequence, int fd)
{
    if (survey->count == survey->capacity) {
        size_t capacity = survey->capacity == 0 ? 16 : 2 * survey->capacity;
        struct dead_letter_name *names = realloc(survey->names, capacity * sizeof *names);
        if (names == NULL)
            return -ENOMEM;
        survey->names = names;
        survey->capacity = capacity;
    }
    struct dead_letter_header header = {0};
    (void)queue_file_read(fd, 0, &header, sizeof header);
    survey->names[survey->count++] = (struct dead_letter_name){
        .queued_ns = header.queued_ns, .session = session, .sequence = sequence};
    return 0;
}

static int visit(const char *name, void *context)
{
    struct survey *survey = context;
    uint64_t session, sequence, bytes = 0;
    if (survey->session != 0) {
        char ours[NAME_BYTES];
        letter_name(survey->session, 0, ours);
        const char *end = name + strlen(name) - strlen(QUEUE_UNFINISHED);
        if (strlen(name) == NAME_LENGTH + strlen(QUEUE_UNFINISHED) &&
            strncmp(name, ours, 25) == 0 && strcmp(end, QUEUE_UNFINISHED) == 0)
            return queue_file_remove(survey->letters->folder_fd, name);
    }
    if (!parse_name(name, &session, &sequence))
        return 0;
    int fd = -1;
    int result = queue_file_open(survey->letters->folder_fd, name, false, &fd);
    if (result == -ENOENT || result == -EBADMSG || result == -ELOOP)
        return 0;
    if (result < 0)
        return result;
    result = queue_file_length(fd, &bytes);
    if (result == 0 && survey->wants_names)
        result = add_name(survey, session, sequence, fd);
    queue_close(&fd);
    survey->letters->used_bytes += bytes;
    return result;
}

static int count_bytes(struct dead_letters *letters, uint64_t session)
{
    struct survey survey = {.letters = letters, .session = session};
    letters->used_bytes = 0;
    letters->counted_ns = (uint64_t)clock_monotonic_ns();
    return queue_folder_list(letters->folder_fd, visit, &survey);
}

int dead_letters_open(const char *path, uint64_t limit_bytes, uint64_t session,
                      struct dead_letters *ret_letters)
{
    struct dead_letters letters = {.folder_fd = -1, .limit_bytes = limit_bytes};
    int result = queue_folder_open(path, &letters.folder_fd);
    if (result == 0)
        result = count_bytes(&letters, session);
    if (result < 0)
        queue_close(&letters.folder_fd);
    *ret_letters = letters;
    return result;
}

void dead_letters_close(struct dead_letters *letters)
{
    queue_close(&letters->folder_fd);
}

static uint32_t letter_crc32(const struct dead_letter_header *header, const uint8_t *rest,
                             size_t rest_bytes)
{
    const size_t from = offsetof(struct dead_letter_header, version);
    return crc32_update(crc32_update(0, (const uint8_t *)header + from, sizeof *header - from),
                        rest, rest_bytes);
}

static bool has_room(struct dead_letters *letters, uint64_t bytes)
{
    if (letters->used_bytes + bytes <= letters->limit_bytes)
        return true;
    if ((uint64_t)clock_monotonic_ns() - letters->counted_ns < (uint64_t)COUNT_AGAIN_NS)
        return false;
    return count_bytes(letters, 0) == 0 && letters->used_bytes + bytes <= letters->limit_bytes;
}

int dead_letters_put(struct dead_letters *letters, const struct dead_letter *letter)
{
    struct dead_letter_header header = letter->header;
    const size_t text_bytes = padded(header.text_bytes), map_bytes = padded(header.map_bytes);
    if (header.text_bytes > SECTION_BYTES_MAX || header.map_bytes > SECTION_BYTES_MAX ||
        letter->frame_bytes > SIZE_MAX - (size_t)4 * SECTION_BYTES_MAX)
        return -EMSGSIZE;
    const size_t rest_bytes = text_bytes + map_bytes + letter->frame_bytes;
    if (!has_room(letters, sizeof header + rest_bytes))
        return -EDQUOT;
    uint8_t *rest = calloc(1, rest_bytes);
    if (rest == NULL)
        return -ENOMEM;
    if (header.text_bytes > 0)
        memcpy(rest, letter->text, header.text_bytes);
    if (header.map_bytes > 0)
        memcpy(rest + text_bytes, letter->map, header.map_bytes);
    memcpy(rest + text_bytes + map_bytes, letter->frame, letter->frame_bytes);
    memcpy(header.magic, dead_letter_magic, sizeof header.magic);
    header.version = QUEUE_VERSION;
    header.crc32 = letter_crc32(&header, rest, rest_bytes);

    char name[NAME_BYTES];
    letter_name(header.session, header.sequence, name);
    int result =
        queue_file_create(letters->folder_fd, name, &header, sizeof header, rest, rest_bytes, NULL);
    free(rest);
    if (result == 0)
        letters->used_bytes += sizeof header + rest_bytes;
    return result;
}

/* Whether the sections lie within the file and what they say of each other holds. */
static int check(const struct dead_letter_header *header, const uint8_t *rest, size_t rest_bytes,
                 struct dead_letter *ret_letter)
{
    if (memcmp(header->magic, dead_letter_magic, sizeof header->magic) != 0 ||
        header->crc32 != letter_crc32(header, rest, rest_bytes))
        return -EBADMSG;
    if (header->version != QUEUE_VERSION)
        return -EPROTONOSUPPORT;
    if (header->text_bytes > SECTION_BYTES_MAX || header->map_bytes > SECTION_BYTES_MAX)
        return -EBADMSG;
    const size_t before = padded(header->text_bytes) + padded(header->map_bytes);
    if (before > rest_bytes || rest_bytes - before < sizeof(struct wire_batch_header))
        return -EBADMSG;
    struct wire_batch_header batch;
    memcpy(&batch, rest + before, sizeof batch);
    if (header->map_bytes > 0 && header->map_bytes < ((uint32_t)batch.block_count + 7) / 8)
        return -EBADMSG;
    ret_letter->header = *header;
    ret_letter->text = (const char *)rest;
    ret_letter->map = header->map_bytes > 0 ? rest + padded(header->text_bytes) : NULL;
    ret_letter->frame = rest + before;
    ret_letter->frame_bytes = rest_bytes - before;
    return 0;
}

int dead_letters_read(const struct dead_letters *letters, uint64_t session, uint64_t sequence,
                      struct dead_letter *ret_letter)
{
    char name[NAME_BYTES];
    struct dead_letter_header header;
    uint64_t length = 0;
    uint8_t *rest = NULL;
    int fd = -1;
    letter_name(session, sequence, name);
    int result = queue_file_open(letters->folder_fd, name, false, &fd);
    if (result == 0)
        result = queue_file_length(fd, &length);
    if (result < 0)
        goto out;
    result = -EBADMSG;
    if (length <= sizeof header || length > SIZE_MAX / 2)
        goto out;
    const size_t rest_bytes = (size_t)length - sizeof header;
    rest = malloc(rest_bytes);
    if (rest == NULL) {
        result = -ENOMEM;
        goto out;
    }
    result = queue_file_read(fd, 0, &header, sizeof header);
    if (result == 0)
        result = queue_file_read(fd, sizeof header, rest, rest_bytes);
    if (result == 0)
        result = check(&header, rest, rest_bytes, ret_letter);
    else if (result == -ENODATA)
        result = -EBADMSG;
out:
    queue_close(&fd);
    if (result < 0)
        free(rest);
    else
        ret_letter->bytes = rest;
    return result;
}

void dead_letter_free(struct dead_letter *letter)
{
    free(letter->bytes);
    letter->bytes = NULL;
}

int dead_letters_remove(struct dead_letters *letters, uint64_t session, uint64_t sequence)
{
    char name[NAME_BYTES];
    letter_name(session, sequence, name);
    int result = queue_file_remove(letters->folder_fd, name);
    return result < 0 ? result : queue_folder_sync(letters->folder_fd);
}

static int compare_names(const void *a, const void *b)
{
    const struct dead_letter_name *left = a, *right = b;
    if (left->queued_ns != right->queued_ns)
        return left->queued_ns < right->queued_ns ? -1 : 1;
    if (left->session != right->session)
        return left->session < right->session ? -1 : 1;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

int dead_letters_list(const struct dead_letters *letters, struct dead_letter_name **ret_names,
                      size_t *ret_count)
{
    struct dead_letters counted = *letters;
    struct survey survey = {.letters = &counted, .wants_names = true};
    int result = queue_folder_list(letters->folder_fd, visit, &survey);
    if (result < 0) {
        free(survey.names);
        return result;
    }
    if (survey.count > 0)
        qsort(survey.names, survey.count, sizeof *survey.names, compare_names);
    *ret_names = survey.names;
    *ret_count = survey.count;
    return 0;
}
